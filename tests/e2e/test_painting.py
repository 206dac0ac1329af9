"""A mask is painted on a picture, by hand, and what it leaves bare stays as it was."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect
from room import card, dialog, enter, field, look, pictured, run, write
from shipped import SIDE

if TYPE_CHECKING:
    from playwright.sync_api import APIRequestContext, Page

pytestmark = pytest.mark.slow

UNIT = SIDE // 64
"""Points are 64ths of the picture that the templates begin with, in its pixels."""


def paint(page: Page, tool: str, *path: tuple[float, float]) -> None:
    """Draw with a tool from one point of the picture to the next; points are 64ths of the picture, pixel centres."""
    dialog(page).get_by_role("button", name=tool, exact=True).click()
    box = dialog(page).locator(".paint-picture").bounding_box()
    assert box
    scale = box["width"] / SIDE
    for step, (x, y) in enumerate((UNIT * x + 0.5, UNIT * y + 0.5) for x, y in path):
        page.mouse.move(box["x"] + x * scale, box["y"] + y * scale, steps=1 if step == 0 else 8)
        if step == 0:
            page.mouse.down()
    page.mouse.up()


def begin(page: Page, template: str) -> None:
    """A template, run once with its own mask, and the painter open on the picture it repaints."""
    enter(page, template)
    write(page, "steps", 4)
    run(page)
    look(page, "file")
    page.get_by_role("complementary").get_by_role("button", name="Paint a mask").click()
    expect(dialog(page).get_by_role("heading", name="Paint a mask")).to_be_visible()
    expect(dialog(page)).to_contain_text(f"{SIDE} × {SIDE} pixels")


def keep(page: Page) -> None:
    """Let the mask be read by the workflow."""
    dialog(page).get_by_role("button", name="Done").click()
    dialog(page).get_by_role("button", name="mask_picture").click()
    expect(dialog(page)).to_have_count(0)


def pixels(data: bytes, mode: str) -> np.ndarray:
    """A picture as numbers."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert(mode), dtype=int)


def value(request: APIRequestContext, job: str, node: str) -> np.ndarray:
    """The picture that a node of a job gave."""
    calls = request.get(f"/api/jobs/{job}/calls").json()["calls"]
    (key,) = {call["key"] for call in calls if call["label"] == node}
    answer = request.get(f"/api/values/{key}/view?view=picture&side=0&form=png")
    assert answer.ok, answer.text()
    return pixels(answer.body(), "RGB")


def upload(page: Page) -> np.ndarray:
    """The mask that the workflow reads now, from the server."""
    answer = page.request.get(f"/api/{field(page, 'mask_picture').input_value()}")
    assert answer.headers["content-type"] == "image/png"
    return pixels(answer.body(), "L")


@pytest.mark.parametrize(
    ("template", "result", "reach", "closeness"),
    [("Inpaint and composite", "together", 8, 0), ("Inpaint", "image", 12, 4)],
)
def test_inpainting_with_a_painted_mask(page: Page, template: str, result: str, reach: int, closeness: int) -> None:
    begin(page, template)
    paint(page, "Rectangle", (8, 10), (27, 33))
    expect(dialog(page)).to_contain_text("painted")
    keep(page)

    mask = upload(page)
    assert mask.shape == (SIDE, SIDE)
    assert set(np.unique(mask)) == {0, 255}
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10 * UNIT, 33 * UNIT, 8 * UNIT, 27 * UNIT), (
        "exactly what was painted"
    )

    job = run(page)
    page.locator(".react-flow__controls-fitview").click()
    pictured(page, result)
    before, after = (value(page.request, job["id"], node) for node in ("source", result))
    outside = np.ones_like(mask, dtype=bool)
    outside[UNIT * (10 - reach) : UNIT * (34 + reach), UNIT * max(0, 8 - reach) : UNIT * (28 + reach)] = False
    changed = np.abs(before - after)
    assert np.median(changed[outside]) <= closeness
    if closeness == 0:
        assert changed[outside].max() == 0, "what is outside is the original, to the bit"
    assert np.median(changed[mask > 0]) > 5 * closeness + 5, "what is inside is new"


def test_a_mask_is_kept_without_loss(page: Page) -> None:
    begin(page, "Inpaint")
    paint(page, "Brush", (12, 12), (50, 40), (20, 55))
    paint(page, "Eraser", (30, 20), (30, 50))
    dialog(page).get_by_role("button", name="Feather").click()
    paint(page, "Rectangle", (50, 2), (60, 9))
    dialog(page).get_by_role("button", name="Undo").click()
    dialog(page).get_by_role("button", name="Redo").click()
    dialog(page).get_by_role("button", name="Mask only").click()
    shown = page.evaluate(
        """(side) => {
            const canvas = document.querySelector('.paint-overlay')
            const [box, picture] = ['.paint-overlay', '.paint-picture'].map((one) => document.querySelector(one).getBoundingClientRect())
            const scale = picture.width / side
            const at = (n, from) => Math.round((from + (n + 0.5) * scale) * devicePixelRatio)
            const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
            return Array.from({ length: side * side }, (_, i) => {
                const [x, y] = [at(i % side, picture.left - box.left), at(Math.floor(i / side), picture.top - box.top)]
                return data[4 * (y * width + x)]
            })
        }""",  # noqa: E501
        SIDE,
    )
    keep(page)
    mask = upload(page)
    assert len(np.unique(mask)) > 10, "its soft edge is kept"
    assert np.array_equal(mask, np.array(shown).reshape(SIDE, SIDE)), "each pixel as it was shown"

    look(page, "file")  # and one can go on with it
    page.get_by_role("complementary").get_by_role("button", name="Paint a mask").click()
    expect(dialog(page)).to_contain_text("painted")
    dialog(page).get_by_role("button", name="Done").click()
    dialog(page).get_by_role("button", name="mask_picture").click()
    assert np.array_equal(upload(page), mask)


def test_a_mask_can_be_read_by_a_new_node(page: Page) -> None:
    begin(page, "Inpaint")
    dialog(page).get_by_role("button", name="Fill").click()
    dialog(page).get_by_role("button", name="Done").click()
    dialog(page).get_by_role("button", name="A new node").first.click()
    expect(dialog(page)).to_have_count(0)
    expect(card(page, "load_image")).to_be_visible()
    path = field(page, "load_image.path").input_value()
    assert (pixels(page.request.get(f"/api/{path}").body(), "L") == 255).all()


def test_what_was_painted_is_not_thrown_away_unasked(page: Page) -> None:
    begin(page, "Inpaint")
    paint(page, "Brush", (20, 20), (40, 40))
    page.keyboard.press("Escape")
    expect(dialog(page).get_by_role("alert")).to_contain_text("Discard what you painted?")
    dialog(page).get_by_role("button", name="Keep painting").click()
    expect(dialog(page)).not_to_contain_text("0% painted", use_inner_text=True)
    page.keyboard.press("Escape")
    dialog(page).get_by_role("button", name="Discard").click()
    expect(dialog(page).locator(".paint-stage")).to_have_count(0)
