"""The main views as pictures: with DIFFUSCOPE_SCREENSHOTS=1 (`make screenshots`) those in docs/ are drawn anew."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from room import bar, card, dialog, enter, field, look, pictured, run, toast, write

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs" / "pictures"
MOST = 900_000
"""Bytes of all together."""
SEEN = """() => [...document.images].every((one) => {
    const { top, bottom } = one.getBoundingClientRect()
    return one.complete || bottom < 0 || top > innerHeight
})"""
"""Whether all pictures are there; those that are out of sight may be asked for later."""


def test_the_main_views(page: Page, tmp_path: Path) -> None:
    folder = DOCS if os.environ.get("DIFFUSCOPE_SCREENSHOTS") else tmp_path
    taken: list[Path] = []

    def take(name: str) -> None:
        page.mouse.move(600, 798)
        page.wait_for_load_state("networkidle")
        page.wait_for_function(SEEN)
        taken.append(folder / f"editor-{name}.png")
        taken[-1].write_bytes(quantised(page.screenshot(animations="disabled")))

    enter(page)
    write(page, "prompt", "a fox face")
    run(page)
    quiet(page)
    pictured(page, "image")
    close(page)
    take("light")
    theme = bar(page).get_by_role("button", name="Light or dark")
    theme.click()
    look(page, "image")
    expect(page.locator(".app-dock .look-frame img")).to_be_visible()
    fit(page)
    take("dark")
    bar(page).get_by_role("button", name="日本語で表示").click()
    near(page, "sample")
    take("japanese")
    fit(page)
    bar(page).get_by_role("button", name="Show in English").click()
    theme.click()

    look(page, "sample.denoise")
    page.get_by_role("complementary").get_by_role("button", name="All steps").click()
    expect(page.locator(".look-still img").first).to_be_visible()
    page.locator(".graph-inspect input").fill("13")
    near(page, "sample")
    take("loop")

    fit(page)
    close(page)
    for name, values in {"guidance_scale": "1,3,6", "seed": "1:4:1"}.items():
        card(page, "#inputs").get_by_role("button", name=f"What can be done with {name}").click()
        page.get_by_role("menuitem", name="Many values").click()
        box = page.get_by_label(f"{name}: Many values")
        box.fill(values)
        box.press("Enter")
    write(page, "steps", 8)
    run(page)
    quiet(page)
    look(page, "image")
    page.get_by_role("complementary").get_by_role("button", name="All values of the sweep").click()
    page.get_by_role("complementary").get_by_label("Size").fill("72")
    expect(page.locator(".look-cell img")).to_have_count(12)
    fit(page)
    near(page, "image")
    take("sweep")
    fit(page)

    page.keyboard.press("Control+o")
    expect(dialog(page).locator(".files-card img").first).to_be_visible()
    take("gallery")
    dialog(page).locator(".files-card").filter(has=page.get_by_text("Inpaint", exact=True)).first.click()
    expect(field(page, "mask_picture")).to_be_visible()
    write(page, "steps", 8)
    run(page)
    quiet(page)
    page.locator(".react-flow__controls-fitview").click()
    look(page, "file")
    page.get_by_role("complementary").get_by_role("button", name="Paint a mask").click()
    dialog(page).get_by_role("spinbutton", name="Size of the brush").fill("13")
    stage = dialog(page).locator(".paint-picture").bounding_box()
    assert stage
    for step, (x, y) in enumerate([(0.62, 0.56), (0.72, 0.54), (0.7, 0.7), (0.66, 0.82), (0.76, 0.8)]):
        page.mouse.move(stage["x"] + x * stage["width"], stage["y"] + y * stage["height"], steps=6)
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    take("mask")

    assert sum(path.stat().st_size for path in taken) <= MOST


def quiet(page: Page) -> None:
    """Close the notices."""
    expect(toast(page, "Done")).to_be_visible()
    while page.locator(".fields-toast").count():
        page.locator(".fields-toast button").last.click()


def fit(page: Page) -> None:
    """Show the whole graph."""
    page.locator(".react-flow__controls-fitview").click()


def close(page: Page) -> None:
    """Close the panel at the right, if it is open."""
    if page.locator(".app-dock").count():
        page.locator(".app-dock-head > button").click()
    fit(page)


def near(page: Page, path: str) -> None:
    """Zoom in on a card until it can be read."""
    box = card(page, path).bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    scale = "() => new DOMMatrix(getComputedStyle(document.querySelector('.react-flow__viewport')).transform).a"
    while page.evaluate(scale) < 0.75:
        page.mouse.wheel(0, -100)


def quantised(png: bytes) -> bytes:
    """A picture with a palette, which takes a third of the bytes."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    data = io.BytesIO()
    image.quantize(256, Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
    return data.getvalue()
