"""Sheets of pictures: sizes, headings that fit, letters that the typeface has, and no surprise from odd input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion import sheets
from diffusion.image import Image
from diffusion.sheets import GAP, MARGIN, WIDEST, auto_scale, fitted, font, legible, sheet, width_of, wrap

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


def flat(size: int, *colour: int) -> Image:
    """A square of one colour."""
    return Image(np.full((size, size, len(colour)), colour, dtype=np.uint8))


RED, CLEAR = flat(4, 255, 0, 0), flat(4, 0, 0, 0, 0)


def test_bare_pictures_stand_side_by_side() -> None:
    image = sheet([[RED, RED], [RED, RED]], scale=10)
    side = 2 * MARGIN + 2 * 40 + GAP
    assert image.size == (side, side)
    assert image.pixels[MARGIN, MARGIN].tolist() == [255, 0, 0]
    assert image.pixels[side // 2, side // 2].tolist() == [255, 255, 255]
    assert (image.pixels == [255, 0, 0]).all(axis=2).sum() == 4 * 40 * 40


def test_headings_title_and_captions_make_room() -> None:
    plain = sheet([[RED]], scale=30).size
    assert sheet([[RED]], columns=["a"], scale=30).size[1] > plain[1]
    assert sheet([[RED]], rows=["a"], scale=30).size[0] > plain[0]
    assert sheet([[RED]], title="a", scale=30).size[1] > plain[1]
    assert sheet([[RED]], captions=[["a"]], scale=30).size[1] > plain[1]


def test_a_wide_title_widens_the_sheet_and_a_very_wide_one_is_cut() -> None:
    title = "a prompt of several words that is wider than one picture"
    assert sheet([[RED]], title=title).size[0] == width_of(title) + 2 * MARGIN
    assert sheet([[RED]], title=title * 20).size[0] <= WIDEST + 2 * MARGIN


def test_small_pictures_are_enlarged_and_large_ones_stay() -> None:
    assert auto_scale([flat(16, 0, 0, 0)], 112) == 7
    assert auto_scale([flat(512, 0, 0, 0)], 112) == 1
    assert sheet([[flat(200, 0, 0, 0)]]).size == (200 + 2 * MARGIN, 200 + 2 * MARGIN)


def test_pictures_of_unequal_size_are_centred() -> None:
    image = sheet([[RED, flat(8, 0, 0, 255)]], scale=1)
    assert image.pixels[MARGIN + 2, MARGIN + 2].tolist() == [255, 0, 0]
    assert image.pixels[MARGIN, MARGIN].tolist() == [255, 255, 255]


def test_an_empty_place_stays_white_and_clear_pictures_are_seen_on_white() -> None:
    image = sheet([[None, CLEAR], [RED]], scale=10)
    assert (image.pixels[MARGIN : MARGIN + 40] == 255).all()


def test_no_pictures_at_all_is_an_error() -> None:
    for cells in ([], [[]], [[None]]):
        with pytest.raises(ValueError, match="expected at least one picture, found none"):
            sheet(cells)
    with pytest.raises(ValueError, match="expected at least one picture"):
        wrap([], [])


@pytest.mark.parametrize(
    ("count", "columns", "across", "down"), [(1, 0, 1, 1), (5, 0, 3, 2), (14, 0, 5, 3), (5, 2, 2, 3), (5, 9, 5, 1)]
)
def test_wrap_fills_rows(count: int, columns: int, across: int, down: int) -> None:
    image = wrap([RED] * count, [""] * count, columns, scale=10)
    caption = sheets.TEXT + 5
    assert image.size == (2 * MARGIN + across * (40 + GAP) - GAP, 2 * MARGIN + down * (40 + caption + GAP) - GAP)


@given(text=st.text(max_size=60), width=st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_fitted_text_fits(text: str, width: int) -> None:
    short = fitted(legible(text), width)
    assert width_of(short) <= width or short == ""
    if width_of(legible(text)) <= width:
        assert short == legible(text)


@given(text=st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_text_may_stand_anywhere(text: str) -> None:
    image = sheet([[RED, None]], [text] * 2, [text], text, text, [[text, text]], scale=2)
    assert image.size[0] >= 2 * MARGIN + 8


# ── letters ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def drawn(letter: str) -> bytes:
    """The pixels of a letter."""
    return bytes(font().getmask(letter))


def test_every_letter_of_the_shipped_workflows_is_in_the_typeface() -> None:
    spoken = "…·" + "noisy denoised after step".replace(" ", "")
    for file in WORKFLOWS.glob("*.json"):
        workflow = json.loads(file.read_text(encoding="utf-8"))
        texts = [spec.get("default") for spec in workflow["inputs"].values()]
        texts += [value for node in workflow["nodes"].values() for value in node.get("params", {}).values()]
        spoken += "".join(text for text in texts if isinstance(text, str))
    box = drawn("\uffff")
    assert [letter for letter in sorted({*spoken} - {" "}) if drawn(letter) == box] == []


def test_printable_ascii_is_drawn_as_it_is() -> None:
    text = "".join(map(chr, range(33, 127)))
    assert legible(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("naïve façade", "naive facade"),
        ("two\nlines\tand  more ", "two lines and more"),
        ("64 × 64 − 1", "64 x 64 - 1"),
        ("“it’s”", "“it’s”"),
        ("狐 🦊", "? ?"),
        ("strength 0.60 … 0.99 · seed", "strength 0.60 … 0.99 · seed"),
        ("a\u200db\x00", "ab"),
    ],
)
def test_what_the_typeface_lacks_is_drawn_as_what_is_like_it(text: str, plain: str) -> None:
    assert legible(text) == plain


@given(text=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_letter_becomes_a_box(text: str) -> None:
    box = drawn("\uffff")
    assert all(letter == " " or drawn(letter) != box for letter in legible(text))
