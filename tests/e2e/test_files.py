"""Files: what is opened is kept as it is, what is saved is what was opened, and what cannot be opened says why."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from room import (
    JSON,
    bar,
    card,
    dialog,
    drop,
    enter,
    export,
    field,
    files,
    forgive,
    keys,
    save_as,
    saved,
    title,
    toast,
    write,
)

if TYPE_CHECKING:
    from playwright.sync_api import APIRequestContext, Page

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[2] / "workflows"
TEMPLATES = sorted(SHIPPED.glob("*.json"))

DIFFICULT = """{
 "diffuscope": 1,
 "title": "犬と猫 🐈‍⬛ \\"quoted\\"",
 "description": "Zeile 1\\nZeile 2 — ünïcödé",
 "inputs": {
  "seed": {"type": "int", "default": 18446744073709551615, "description": "beyond 2⁵³"},
  "scale": {"type": "float", "default": 7.0},
  "prompt": {"type": "string", "default": "虹の下の犬 🐕🌈"},
  "tiny": {"type": "float", "default": 1e-07}
 },
 "nodes": {
  "z_first": {"type": "load_checkpoint", "params": {"path": "default"}, "note": "日本語のメモ 📝"},
  "words": {"type": "tokenize", "in": {"tokenizer": "z_first.tokenizer", "text": "prompt"}},
  "mystery": {"type": "not_installed_node", "in": {"any": "words"}, "params": {"list": [1, 2.0, null, {"深い": true}], "big": 9007199254740993}},
  "loop": {
   "type": "repeat",
   "for": {"i": [0, 2]},
   "carry": {"x": "mystery.out"},
   "body": {"inside": {"type": "another_that_is_missing", "in": {"x": "x", "i": "i"}, "note": "in the loop"}},
   "next": {"x": "inside"}
  }
 },
 "layout": {"z_first": [0, 0], "#notes": [{"at": [9, -300, 200, 100], "text": "メモ 📝"}], "#sweeps": {"seed": "18446744073709551614,1"}}
}
"""  # noqa: E501


def same(text: str, other: str) -> bool:
    """Whether two files say the same: values, their types, and the order of everything; places on the canvas aside."""
    one, two = (dict(json.loads(text)) for text in (text, other))
    one.pop("layout", None)
    two.pop("layout", None)
    return json.dumps(one) == json.dumps(two)


def drawn(request: APIRequestContext, **inputs: Any) -> bytes:
    """A picture with its workflow inside, drawn by the server."""
    order = {"template": "text_to_image", "inputs": {"steps": 2, **inputs}}
    id = request.post("/api/jobs", data=order).json()["id"]
    request.get(f"/api/jobs/{id}/events", timeout=60_000)
    return request.get(request.get(f"/api/jobs/{id}").json()["pictures"][0]["url"]).body()


def flat(size: tuple[int, int], mode: str = "RGB") -> bytes:
    """A PNG of one colour, without a workflow."""
    from PIL import Image

    data = io.BytesIO()
    Image.new(mode, size).save(data, "PNG")
    return data.getvalue()


def given(folder: Path, name: str, data: bytes | str) -> Path:
    """A file on the desktop."""
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_a_picture_gives_its_workflow(page: Page, tmp_path: Path) -> None:
    enter(page, "How a prompt is cut up")
    drop(page, given(tmp_path, "fox.png", drawn(page.request, prompt="a fox face 🦊", seed=2**60 + 1)))
    expect(title(page)).to_have_value("Text to image")
    expect(field(page, "prompt")).to_have_value("a fox face 🦊")
    expect(field(page, "seed")).to_have_value(str(2**60 + 1))
    expect(field(page, "steps")).to_have_value("2")
    expect(card(page, "image")).to_be_visible()


def test_a_picture_without_a_workflow_says_so(page: Page, tmp_path: Path) -> None:
    enter(page)
    drop(page, given(tmp_path, "holiday.png", flat((32, 32))))
    expect(toast(page, "holiday.png carries no workflow")).to_be_visible()
    expect(title(page)).to_have_value("Text to image")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{\n "diffuscope": 1,\n "nodes": {,}\n}', "broken.json, line 3, column 12: the JSON is broken at “,}”."),
        ('{"diffuscope": 1, "nodes": {', "broken.json, line 1, column 29: the JSON is broken off: the file ends here."),
        ('{"diffuscope": 1,\n "nodes": {}, "nodes": {"a": {"type": "b"}}}', "the key “nodes” stands there twice."),
        ("[1, 2]", "broken.json is no workflow"),
        ('{"diffuscope": 1, "nodes": []}', "broken.json is no workflow: nodes"),
        ("", "broken.json, line 1, column 1"),
    ],
    ids=["comma", "end", "twice", "list", "misfit", "empty"],
)
def test_a_broken_file_says_where(page: Page, tmp_path: Path, text: str, line: str) -> None:
    enter(page)
    drop(page, given(tmp_path, "broken.json", text))
    expect(toast(page, line)).to_be_visible()
    expect(title(page)).to_have_value("Text to image")


def test_nodes_that_are_not_installed_are_kept(page: Page, tmp_path: Path, complaints: list[str]) -> None:
    enter(page)
    drop(page, given(tmp_path, "difficult.json", DIFFICULT))
    expect(card(page, "mystery")).to_contain_text("not installed")
    expect(card(page, "loop.inside")).to_contain_text("not installed")
    expect(bar(page)).to_contain_text("to mend")
    save_as(page, "difficult")
    assert same(saved(page.request, "difficult"), DIFFICULT)
    forgive(complaints, "422")


def test_save_load_save(page: Page, complaints: list[str]) -> None:
    page.goto("/")
    put = page.request.put("/api/workflows/twice", data=DIFFICULT.encode(), headers=JSON)
    assert put.ok, put.text()
    page.get_by_role("tab", name="Saved").click()
    for name in ("twice", "once more"):
        page.get_by_role("button", name=f"Open {name}").click()
        expect(bar(page)).to_contain_text(f"{name}.json")
        save_as(page, "once more" if name == "twice" else "and again")
        files(page, "Open…")
        page.get_by_role("tab", name="Saved").click()
    first, second = saved(page.request, "once more"), saved(page.request, "and again")
    assert first == second
    assert same(first, DIFFICULT)
    for exact in (
        "18446744073709551615",
        "7.0",
        "9007199254740993",
        "虹の下の犬 🐕🌈",
        "日本語のメモ 📝",
        "🐈‍⬛",
        "18446744073709551614,1",
    ):
        assert exact in first
    forgive(complaints, "422")  # it cannot be planned


def test_every_template_is_saved_as_it_was_opened(page: Page, tmp_path: Path) -> None:
    enter(page)
    for path in TEMPLATES:
        shipped = path.read_text()
        name = json.loads(shipped)["title"]
        texts = []
        for file in (path, tmp_path / path.name):
            title(page).fill("another")
            title(page).press("Enter")
            drop(page, file)
            expect(title(page)).to_have_value(name)
            data = export(page)
            given(tmp_path, path.name, data)
            texts.append(data.decode())
        assert texts[0] == texts[1], f"{path.name}: saved, loaded and saved it differs"
        assert same(texts[0], shipped), f"{path.name}: the editor changed it"


def test_the_file_has_the_name_of_the_workflow(page: Page) -> None:
    enter(page)
    with page.expect_download() as download:
        files(page, "Export as JSON")
    assert download.value.suggested_filename == "text_to_image.json"
    save_as(page, "虹の犬")
    with page.expect_download() as download:
        files(page, "Export as JSON")
    assert download.value.suggested_filename == "虹の犬.json"


def test_the_editor_and_a_hand_give_the_same_keys(page: Page) -> None:
    enter(page)
    for name, value in {"prompt": "a dog 🐕 と虹", "seed": 2**63 - 1, "guidance_scale": 4, "steps": 5}.items():
        write(page, name, value)
    by_hand = json.loads((SHIPPED / "text_to_image.json").read_text())
    for name, value in {"prompt": "a dog 🐕 と虹", "seed": 2**63 - 1, "guidance_scale": 4.0, "steps": 5}.items():
        by_hand["inputs"][name]["default"] = value
    found = keys(page.request, json.loads(export(page)))
    assert len(found) > 10
    assert found == keys(page.request, by_hand)


def test_a_picture_of_a_hundred_megapixels_is_refused(page: Page, tmp_path: Path, complaints: list[str]) -> None:
    huge = given(tmp_path, "huge.png", flat((10_000, 10_000), "1"))
    enter(page, "Image to image")
    drop(page, huge)
    line = page.locator(".fields-toast.fields-bad")
    expect(line).to_contain_text("pixels")
    expect(title(page)).to_have_value("Image to image")

    before = field(page, "picture").input_value()
    drop(page, huge, on='[id="#inputs.picture"]')
    reason = page.locator('[id="#inputs.picture-reason"]')
    expect(reason).to_contain_text("pixels")
    expect(field(page, "picture")).to_have_value(before)

    files(page, "Open…")
    page.get_by_role("tab", name="Uploads").click()
    page.locator("dialog[open] input[type=file][multiple]").set_input_files(huge)
    expect(dialog(page).locator(".files-said")).to_contain_text("pixels")
    forgive(complaints, "422")
