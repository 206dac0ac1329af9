"""The editor in Japanese: no English is left, and input methods and emoji do no harm anywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from room import PATIENCE, bar, card, dialog, enter, field, look, pictured, run, title, write

if TYPE_CHECKING:
    from playwright.sync_api import APIRequestContext, Locator, Page

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parents[2] / "web" / "editor" / "src"
WORD = re.compile(r"[A-Za-z][A-Za-z'’]{2,}")
CODE = re.compile(r"\S*[_./×=#{}]\S*|[0-9a-f]{8,}|\S*\d\S*")
"""Names of files and nodes, keys of values, numbers."""

SAID = """() => {
    const found = []
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walk.nextNode()) {
        const { parentElement: parent, data } = walk.currentNode
        if (data.trim() && parent.checkVisibility() && !parent.closest('pre, [lang=en], [lang=ja], textarea, .mono')) found.push(data.trim())
    }
    for (const element of document.querySelectorAll('[aria-label], [placeholder], [title]'))
        if (element.checkVisibility())
            for (const name of ['aria-label', 'placeholder', 'title']) if (!element.closest('[lang=en]')) found.push(element.getAttribute(name) ?? '')
    return [...new Set(found.filter(Boolean))]
}"""  # noqa: E501
"""Whatever a page says, to the eye or to the ear."""


def japanese() -> set[str]:
    """The words in Latin letters that belong to the Japanese texts: JSON, Ctrl."""
    sources = "".join(path.read_text() for path in SOURCES.glob("*/texts.ts"))
    return {
        word for text in re.findall(r",\s*'([^'\n]*[ぁ-んァ-ヶ一-龠][^'\n]*)'", sources) for word in WORD.findall(text)
    }


def texts(value: object) -> set[str]:
    """All texts in JSON."""
    if isinstance(value, dict):
        return {text for part in value.values() for text in texts(part)}
    if isinstance(value, list):
        return {text for part in value for text in texts(part)}
    return {value} if isinstance(value, str) else set()


def helps(request: APIRequestContext) -> set[str]:
    """What nodes say of their params and sockets: they say it in one language only."""
    nodes = request.get("/api/nodes").json()
    return texts([[type.get(part) for part in ("params", "ports", "outputs")] for type in nodes["nodes"]])


def allowed(request: APIRequestContext, template: str) -> set[str]:
    """Words that are no English of the editor's: names, and what workflows say of themselves."""
    found = japanese() | {"Diffuscope", "Shift", "Alt", "Enter", "Tab", "Delete", "Space", "str", "bool", "float"}
    nodes = request.get("/api/nodes").json()

    def add(value: object) -> None:
        found.update(WORD.findall(json.dumps(value, ensure_ascii=False).replace("_", " ").replace("\\n", " ")))

    for type in [*nodes["nodes"], *nodes["builtins"]]:
        params = type.get("params") or {}
        add(
            [
                type["name"],
                type["labels"]["ja"],
                *(list(type.get(part) or ()) for part in ("params", "ports", "outputs")),
            ]
        )
        add([[schema.get("enum"), schema.get("default")] for schema in params.values() if isinstance(schema, dict)])
    for kind, about in nodes["types"].items():
        add([kind, [view["name"] for view in about["views"]], [list(view["params"]) for view in about["views"]]])
    add([about["ja"] for about in nodes["categories"].values()])
    workflows = request.get("/api/workflows").json()
    add([[one["title"], one["description"], one["name"]] for one in (*workflows["templates"], *workflows["saved"])])
    add(request.get(f"/api/templates/{template}").json())
    return found


def english(page: Page, words: set[str], helped: set[str]) -> list[str]:
    """What the page says that is English and nobody's name."""
    found = []
    for text in set(page.evaluate(SAID)) - helped:
        left = [word for word in WORD.findall(CODE.sub(" ", text)) if word not in words]
        if left and not re.search(r"[ぁ-んァ-ヶ一-龠]", text):
            found.append(text)
    return found


def compose(at: Locator) -> None:
    """Enter, while an input method composes."""
    at.dispatch_event(
        "keydown", {"key": "Enter", "code": "Enter", "isComposing": True, "bubbles": True, "cancelable": True}
    )


def test_no_english_is_left(page: Page) -> None:
    enter(page)
    bar(page).get_by_role("button", name="日本語で表示").click()
    assert page.locator("html").get_attribute("lang") == "ja"
    words, helped = allowed(page.request, "text_to_image"), helps(page.request)
    left: dict[str, list[str]] = {}

    def read(place: str) -> None:
        if found := english(page, words, helped):
            left[place] = found

    def leave() -> None:
        page.keyboard.press("Escape")
        expect(dialog(page)).to_have_count(0)

    write(page, "steps", 2)
    read("canvas")
    run(page)
    expect(page.locator(".fields-toast")).to_contain_text("完了しました")
    read("after a run")
    look(page, "image")
    expect(page.get_by_role("complementary").locator("img").first).to_be_visible()
    read("look")
    page.get_by_role("complementary").get_by_role("tab", name="実行待ち").click()
    expect(page.locator(".queue-job").first).to_be_visible()
    read("queue")
    bar(page).get_by_role("button", name="ファイル").click()
    read("menu of files")
    leave()
    card(page, "image").click(button="right", position={"x": 60, "y": 12})
    read("menu of a node")
    leave()
    card(page, "#inputs").get_by_role("button", name="prompt の操作", exact=True).click()
    read("menu of an input")
    leave()
    page.locator(".react-flow__pane").click(button="right", position={"x": 20, "y": 400})
    read("menu of the canvas")
    leave()
    bar(page).get_by_role("button", name="ノードを追加").click()
    read("search")
    leave()
    bar(page).get_by_role("button", name="キーボードショートカット").click()
    read("shortcuts")
    leave()
    page.keyboard.press("Control+s")
    expect(dialog(page)).to_be_visible()
    read("save")
    leave()
    page.keyboard.press("Control+o")
    for tab in ("テンプレート", "保存済み", "生成した画像", "アップロード"):
        dialog(page).get_by_role("tab", name=tab).click()
        expect(dialog(page).get_by_text("読み込み中")).to_have_count(0)
        read(tab)
    assert not left, "\n".join(f"{place}: {one}" for place, found in left.items() for one in found)


def test_japanese_and_emoji_in_every_field(page: Page) -> None:
    enter(page)
    page.get_by_role("button", name="日本語で表示").click()
    text = "虹の下の犬 🐕‍🦺🌈 ｶﾅ"
    title(page).fill(text)
    title(page).press("Enter")
    write(page, "prompt", text)
    write(page, "negative_prompt", "雨 ☔")
    write(page, "steps", 2)
    page.locator(".react-flow__pane").click(button="right", position={"x": 20, "y": 400})
    dialog(page).get_by_role("menuitem", name="メモを追加").click()
    page.locator(".graph-note textarea").fill(text)
    job = run(page)
    pictured(page, "image")
    assert job["title"] == text
    assert job["workflow"]["inputs"]["prompt"]["default"] == text
    assert job["workflow"]["layout"]["#notes"][0]["text"] == text
    page.keyboard.press("Control+s")
    name = "虹の犬 2"
    dialog(page).get_by_label("名前").fill(name)
    dialog(page).get_by_role("button", name="保存", exact=True).click()
    expect(page.locator(".app-file")).to_have_text(f"{name}.json")
    page.reload()
    expect(title(page)).to_have_value(text)
    expect(field(page, "prompt")).to_have_value(text)
    expect(page.locator(".graph-note textarea")).to_have_value(text)
    page.keyboard.press("Control+o")
    dialog(page).get_by_role("searchbox").fill("🐕‍🦺")
    dialog(page).get_by_role("tab", name="保存済み").click()
    expect(dialog(page).get_by_role("button", name=f"{name} を開く")).to_be_visible(timeout=PATIENCE)


def test_enter_while_composing_does_nothing(page: Page) -> None:
    enter(page)
    jobs = page.request.get("/api/jobs").json()["total"]

    field(page, "prompt").fill("いぬ")
    compose(field(page, "prompt"))
    expect(field(page, "prompt")).to_be_focused()

    title(page).fill("たいとる")
    compose(title(page))
    expect(title(page)).to_be_focused()
    title(page).press("Escape")
    title(page).blur()

    before = page.locator(".react-flow__node").count()
    page.get_by_role("button", name="Add a node").click()
    box = dialog(page).get_by_role("combobox")
    box.fill("のいず")
    compose(box)
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    assert page.locator(".react-flow__node").count() == before

    card(page, "image").locator(".graph-name").dblclick()
    name = page.get_by_label("Rename")
    name.fill("えいが")
    compose(name)
    expect(name).to_be_focused()
    name.press("Escape")
    expect(card(page, "image")).to_be_visible()

    page.keyboard.press("Control+s")
    file = dialog(page).get_by_label("Name")
    file.fill("ほぞん")
    compose(file)
    expect(file).to_be_focused()
    page.keyboard.press("Escape")
    assert page.request.get("/api/jobs").json()["total"] == jobs
