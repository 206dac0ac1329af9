"""Text to image from an empty canvas, by mouse and by keyboard alone; undo; copy and paste."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from desk import (
    add,
    card,
    choose,
    document,
    done,
    drag,
    draw,
    expect,
    field,
    free_spot,
    fresh,
    from_menu,
    key,
    last_job,
    middle,
    option,
    parsed,
    pick,
    planned,
    run,
    settled,
    show_all,
    shown,
    socket,
    source,
    tab_to,
    template,
    tidy,
    type_add,
    type_into,
    type_pick,
    type_wire,
    wire,
    write,
)

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

pytestmark = pytest.mark.slow

WISH = {"prompt": "a fox face", "seed": 7, "steps": 4, "guidance_scale": 3.0}
WIRES = [
    ("load_checkpoint", "out:tokenizer", "tokenize_2", "in:tokenizer"),
    ("load_checkpoint", "out:text_encoder", "encode", "in:text_encoder"),
    ("load_checkpoint", "out:text_encoder", "encode_2", "in:text_encoder"),
    ("tokenize", "out:value", "encode", "in:tokens"),
    ("tokenize_2", "out:value", "encode_2", "in:tokens"),
    ("load_checkpoint", "out:unet", "noise", "in:unet"),
    ("load_checkpoint", "out:vae", "noise", "in:vae"),
    ("load_checkpoint", "out:unet", "schedule", "in:unet"),
    ("noise", "out:value", "start", "in:noise"),
    ("schedule", "out:value", "start", "in:schedule"),
    ("start", "out:value", "repeat", "in:+"),
    ("repeat", "item:latent", "repeat.denoise_step", "in:latent"),
    ("repeat", "item:#i", "repeat.denoise_step", "in:index"),
    ("load_checkpoint", "out:unet", "repeat.denoise_step", "in:unet"),
    ("schedule", "out:value", "repeat.denoise_step", "in:schedule"),
    ("encode", "out:value", "repeat.denoise_step", "in:positive"),
    ("encode_2", "out:value", "repeat.denoise_step", "in:negative"),
    ("noise", "out:value", "repeat.denoise_step", "in:noise"),
    ("repeat.denoise_step", "out:value", "repeat", "in:next.latent"),
    ("load_checkpoint", "out:vae", "vae_decode", "in:vae"),
    ("repeat", "out:latent", "vae_decode", "in:latent"),
]


def made_what_ships_makes(page: Page) -> None:
    """The workflow that was sent last gives the very value that the shipped one gives."""
    job = last_job(page)
    assert job["state"] == "done", job["errors"]
    assert len(job["pictures"]) == 1
    shipped = key(page, "image", template="text_to_image", inputs=WISH)
    assert key(page, "vae_decode", workflow=job["workflow"]) == shipped


def unfinished(page: Page, complaints: list[str]) -> None:
    """At a test's end, take out what the browser notes when the server says that a workflow is not finished yet.

    The pages are closed first, so that no answer comes later.
    """
    for each in page.context.pages:
        each.close()
    complaints[:] = [line for line in complaints if "422" not in line or not line.endswith("/api/plan")]


def test_by_mouse(page: Page, complaints: list[str]) -> None:
    fresh(page)
    add(page, "Load checkpoint")
    drag(page, middle(socket(page, "load_checkpoint", "out:tokenizer")), free_spot(page))
    expect(option(page, "Tokenize")).to_be_visible()
    expect(option(page, "VAE decode")).to_have_count(0)
    pick(page, "Tokenize")
    expect(wire(page, "tokenize", "tokenizer")).to_be_visible()

    for label in ("Encode tokens", "Tokenize", "Encode tokens", "Noise", "Schedule", "Start", "VAE decode", "Repeat"):
        add(page, label)
        if label in ("Encode tokens", "Start", "Repeat"):
            tidy(page)  # it is full
    add(page, "Denoise step")
    tidy(page)
    head, frame = card(page, "denoise_step").locator(".graph-title"), card(page, "repeat").locator(".graph-loop")
    drag(page, middle(head), middle(frame))
    expect(card(page, "repeat.denoise_step")).to_be_visible()
    tidy(page)

    draw(page, ("load_checkpoint", "out:vae"), ("encode", "in:tokens"))
    expect(page.locator(".fields-toast")).to_contain_text("This socket reads Tokens; that gives VAE.")
    page.locator(".fields-toast").get_by_role("button", name="Close").click()
    expect(wire(page, "encode", "tokens")).to_have_count(0)
    for begin, give, end, take in WIRES:
        draw(page, (begin, give), (end, take))
        name = take.removeprefix("in:").replace("+", "carry.latent")
        expect(wire(page, end, name)).to_have_attribute("aria-label", f"Wire from {begin} {give} to {end} in:{name}")
    tidy(page)
    drag(page, middle(socket(page, "vae_decode", "out:value")), free_spot(page))
    pick(page, "Save image")

    write(page, "tokenize.text", WISH["prompt"])
    write(page, "tokenize_2.text", "x")
    write(page, "tokenize_2.text", "")
    write(page, "noise.seed", WISH["seed"])
    write(page, "schedule.steps", WISH["steps"])
    write(page, "repeat.denoise_step.guidance_scale", WISH["guidance_scale"])
    card(page, "repeat").get_by_label("to", exact=True).fill(str(WISH["steps"]))
    page.keyboard.press("Tab")
    run(page)

    made_what_ships_makes(page)
    show_all(page)
    picture = card(page, "vae_decode").locator(".graph-window img")
    assert source(picture)[0] == key(page, "image", template="text_to_image", inputs=WISH)
    assert shown(page, picture)
    from_menu(page, "Open…")
    page.get_by_role("tab", name="Pictures").click()
    (saved,) = last_job(page)["pictures"]
    expect(page.get_by_role("dialog").locator(f'img[src^="{saved["url"]}"]')).to_be_visible()
    unfinished(page, complaints)


def test_by_keyboard(page: Page, complaints: list[str]) -> None:
    page.goto("/")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    for label in ("Load checkpoint", "Tokenize", "Encode tokens", "Tokenize", "Encode tokens", "Noise", "Schedule"):
        type_add(page, label)
    for label in ("Start", "VAE decode", "Save image", "Denoise step", "Repeat"):
        type_add(page, label)
    page.keyboard.press("f")
    settled(page.locator(".react-flow__viewport"))
    tab_to(page, "denoise_step")
    page.keyboard.press("Escape")
    page.keyboard.press(".")
    choose(page, "Move into the loop repeat")
    expect(card(page, "repeat.denoise_step")).to_be_visible()

    first = ("load_checkpoint", "out:tokenizer", "tokenize", "in:tokenizer")
    last = ("vae_decode", "out:value", "save_image", "in:image")
    wires = [first, *WIRES, last]
    for begin in dict.fromkeys(begin for begin, *_ in wires):
        tab_to(page, begin)
        for one in wires:
            if one[0] == begin and one != last:
                type_wire(page, *one)
    tab_to(page, "save_image")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+C")
    type_pick(page, "vae_decode · value")

    type_into(page, "tokenize", "e.id === 'tokenize.text'", WISH["prompt"])
    type_into(page, "tokenize_2", "e.id === 'tokenize_2.text'", "x", "Backspace")
    type_into(page, "noise", "e.id === 'noise.seed'", str(WISH["seed"]))
    type_into(page, "schedule", "e.id === 'schedule.steps'", str(WISH["steps"]))
    type_into(page, "repeat.denoise_step", "e.id === 'repeat.denoise_step.guidance_scale'", str(WISH["guidance_scale"]))
    type_into(page, "repeat", "e.ariaLabel === 'to'", str(WISH["steps"]))
    planned(page)
    page.keyboard.press("Control+Enter")
    done(page)
    made_what_ships_makes(page)
    unfinished(page, complaints)


def test_fifty_edits_are_undone_and_redone(page: Page, complaints: list[str]) -> None:
    template(page, "Text to image")
    begin = document(page)
    edits = fifty(page)
    for edit in edits:
        edit()
    assert len(edits) == 50
    end = document(page)
    assert parsed(end) != parsed(begin)
    undo, redo = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    for _ in edits:
        page.keyboard.press("Control+z")
    expect(undo).to_be_disabled()
    assert document(page) == begin
    for _ in edits:
        page.keyboard.press("Control+Shift+z")
    expect(redo).to_be_disabled()
    assert document(page) == end
    unfinished(page, complaints)


def fifty(page: Page) -> list[Callable[[], None]]:
    """Fifty edits of text to image, of every kind; each is one step of undo."""
    keys, inputs = page.keyboard.press, card(page, "#inputs")

    def chosen(path: str) -> None:
        keys("Escape")
        card(page, path).locator(".graph-title").first.click()
        expect(card(page, path)).to_have_class(re.compile(r"\bselected\b"))

    def on(path: str, press: str) -> Callable[[], None]:
        return lambda: (chosen(path), keys(press))[0]

    def menu(path: str, label: str) -> Callable[[], None]:
        def edit() -> None:
            keys("Escape")
            card(page, path).locator(".graph-more").first.click()
            page.get_by_role("menuitem", name=label, exact=True).click()

        return edit

    def of_input(name: str, label: str) -> Callable[[], None]:
        def edit() -> None:
            inputs.get_by_role("button", name=f"What can be done with {name}", exact=True).click()
            page.get_by_role("menuitem", name=label, exact=True).click()

        return edit

    def named(path: str, name: str) -> Callable[[], None]:
        def edit() -> None:
            chosen(path)
            keys("F2")
            page.get_by_label("Rename").fill(name)
            keys("Enter")
            expect(card(page, name)).to_be_visible()

        return edit

    def moved(path: str, by: int) -> Callable[[], None]:
        def edit() -> None:
            x, y = middle(card(page, path).locator(".graph-title").first)
            drag(page, (x, y), (x + by, y + by))

        return edit

    def said(place: Locator, text: str) -> Callable[[], None]:
        return lambda: (place.fill(text), keys("Tab"))[0]

    def canvas(label: str) -> Callable[[], None]:
        def edit() -> None:
            page.mouse.click(*free_spot(page), button="right")
            page.get_by_role("menuitem", name=label).click()

        return edit

    def wired(begin: tuple[str, str], end: tuple[str, str]) -> Callable[[], None]:
        return lambda: draw(page, begin, end)

    def cut(path: str, name: str) -> Callable[[], None]:
        def edit() -> None:
            keys("Escape")
            line = wire(page, path, name)
            line.focus()
            line.press("Enter")
            keys("Delete")
            expect(line).to_have_count(0)

        return edit

    loop = card(page, "sample")
    return [
        moved("model", 9), moved("image", 12), moved("sample", 7),
        on("words", "ArrowRight"), on("words", "ArrowDown"), on("save", "Shift+ArrowLeft"),
        on("image", "b"), on("image", "b"),
        lambda: write(page, "noise.seed", 5) if field(page, "noise.seed").count() else write(page, "#inputs.seed", 5),
        lambda: write(page, "#inputs.prompt", "狐 🦊"), lambda: write(page, "#inputs.steps", 4),
        lambda: write(page, "start.first", 1), lambda: write(page, "positive.clip_skip", 1),
        lambda: write(page, "save.name", "fox"),
        lambda: write(page, "sample.denoise.eta", 0.5),
        lambda: field(page, "words.long").select_option(index=1),
        lambda: field(page, "words.weighted").click(),
        named("words", "said"), named("negative", "never"), named("said", "spoken"),
        said(page.get_by_label("Title of the workflow"), "Foxes"),
        lambda: inputs.get_by_role("button", name="Add an input").click(),
        of_input("input", "Delete"), of_input("seed", "Many values"),
        said(inputs.get_by_label("seed: Many values"), "1,2"), of_input("seed", "✓ Many values"),
        of_input("height", "Delete"),
        menu("sample.denoise", "Make an input of eta"), menu("start", "Make an input of first"),
        said(loop.get_by_label("from", exact=True), "1"), cut("sample", "to"),
        said(loop.get_by_label("to", exact=True), "3"),
        said(loop.get_by_role("textbox", name="Loop variable"), "turn"), said(loop.get_by_label("carried"), "picture"),
        cut("image", "vae"), wired(("model", "out:vae"), ("image", "in:vae")), cut("start", "noise"),
        wired(("noise", "out:value"), ("start", "in:noise")),
        canvas("Add a note"), said(page.get_by_label("Write a note"), "Look here"),
        menu("image", "Frame the selection"), said(page.get_by_label("Title of the frame"), "The end"),
        menu("sample.denoise", "Move out of the loop"), menu("denoise", "Move into the loop sample"),
        on("image", "Control+l"), menu("repeat", "Take out of the loop frame"),
        on("save", "Control+d"), lambda: keys("Delete"),
        lambda: add(page, "Axis"), lambda: tidy(page),
    ]  # fmt: skip


def test_copy_and_paste_from_page_to_page(page: Page, context: BrowserContext, complaints: list[str]) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    template(page, "Text to image")
    for path in ("words", "positive", "sample"):
        card(page, path).locator(".graph-title").first.click(modifiers=["Control"])
    page.keyboard.press("Control+c")
    text = page.evaluate("navigator.clipboard.readText()")
    assert list(parsed(text)["nodes"]) == ["words", "positive", "sample"]

    other = context.new_page()
    fresh(other)
    other.keyboard.press("Control+v")
    expect(card(other, "sample.denoise")).to_be_visible()
    pasted = parsed(document(other))["nodes"]
    assert pasted["positive"] == {"type": "encode", "in": {"tokens": "words"}}, "what was not copied is not read"
    assert pasted["sample"]["body"]["denoise"]["in"] == {"latent": "latent", "index": "i", "positive": "positive"}
    other.keyboard.press("Control+v")
    expect(card(other, "words_2")).to_be_visible()
    assert parsed(document(other))["nodes"]["positive_2"]["in"] == {"tokens": "words_2"}
    other.keyboard.press("Control+x")
    expect(card(other, "words_2")).to_have_count(0)
    assert parsed(document(other))["nodes"] == pasted
    unfinished(page, complaints)
