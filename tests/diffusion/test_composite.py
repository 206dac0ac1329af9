"""Composition: outside the soft edge every pixel is the original's, inside every pixel is the painted one's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion import masks
from diffusion.composite import change, composite, difference
from diffusion.image import Image, Mask, resize

RNG = np.random.default_rng(0)


def noise(width: int, height: int, channels: int = 3) -> Image:
    """A picture of random pixels."""
    return Image(RNG.integers(0, 256, (height, width, channels), dtype=np.uint8))


def flat(*colour: int, size: tuple[int, int] = (3, 2)) -> Image:
    """A picture of one colour."""
    return Image(np.full((size[1], size[0], len(colour)), colour, dtype=np.uint8))


def grey(value: int, size: tuple[int, int] = (3, 2)) -> Mask:
    """A mask of one value."""
    return Mask(np.full((size[1], size[0]), value, dtype=np.uint8))


@st.composite
def cases(draw: Any) -> tuple[Image, Image, Mask, int]:
    """An original, a painted picture of perhaps another size, a mask of perhaps another size, a feather."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sides = st.integers(1, 24)
    pictures = []
    size = (draw(sides), draw(sides))
    for _ in range(2):
        of = size if draw(st.booleans()) else (draw(sides), draw(sides))
        channels = draw(st.sampled_from([3, 4]))
        pixels = rng.integers(0, 256, (of[1], of[0], channels), dtype=np.uint8)
        if channels == 4:
            pixels[..., 3] = rng.choice([0, 1, 130, 255], pixels.shape[:2])
        pictures.append(Image(pixels))
    of = pictures[0].size if draw(st.booleans()) else (draw(sides), draw(sides))
    mask = Mask(rng.choice([0, 0, 0, 0, 0, 255, 255, 3, 250], (of[1], of[0])).astype(np.uint8))
    return pictures[0], pictures[1], mask, draw(st.integers(0, 12))


@given(cases())
@settings(max_examples=200, deadline=None)
def test_every_pixel_outside_is_the_originals_and_every_pixel_inside_the_painted_ones(
    case: tuple[Image, Image, Mask, int],
) -> None:
    original, painted, mask, feather = case
    made = composite(original, painted, mask, feather).pixels
    fitted = masks.stretch(mask, original.size)
    soft = masks.feather(fitted, feather).values
    assert made.shape == original.pixels.shape
    assert np.array_equal(made[soft == 0], original.pixels[soft == 0])
    assert np.array_equal(made[masks.grow(fitted, feather).values == 0], original.pixels[soft_reach(fitted, feather)])
    above = painted if painted.size == original.size else resize(painted, *original.size, "stretch")
    above = above.on() if original.pixels.shape[2] == 3 else above
    channels = min(made.shape[2], above.pixels.shape[2])
    assert np.array_equal(made[soft == 255][:, :channels], above.pixels[soft == 255][:, :channels])
    if channels < made.shape[2]:  # the painted picture is opaque
        assert (made[soft == 255][:, 3] == 255).all()


def soft_reach(mask: Mask, feather: int) -> np.ndarray:
    """Where no pixel within the feather is anything but black."""
    rows, columns = np.indices(mask.values.shape)
    near = [(rows - y) ** 2 + (columns - x) ** 2 <= feather**2 for y, x in np.argwhere(mask.values)]
    return ~np.any(near, axis=0) if near else np.ones(mask.values.shape, dtype=bool)


def test_between_the_two_it_blends() -> None:
    made = composite(flat(100, 0, 255), flat(200, 255, 0), grey(51))
    assert (made.pixels == [120, 51, 204]).all()


def test_a_soft_edge_shows_both_in_turn() -> None:
    mask = masks.draw((60, 20), "rectangle", 0, 0, 0.5, 1)
    row = composite(flat(0, 0, 0, size=(60, 20)), flat(255, 255, 255, size=(60, 20)), mask, 10).pixels[10, :, 0]
    assert np.array_equal(row, masks.feather(mask, 10).values[10])
    assert len(set(row.tolist())) > 5


def test_what_is_transparent_lends_no_colour() -> None:
    made = composite(flat(0, 0, 0, 0), flat(250, 240, 230), grey(128)).pixels
    assert (made == [250, 240, 230, 128]).all()


def test_painted_alpha_is_laid_on_white_where_the_original_has_none() -> None:
    assert (composite(flat(9, 9, 9), flat(0, 0, 0, 51), grey(255)).pixels == [204, 204, 204]).all()
    assert (composite(flat(9, 9, 9, 9), flat(0, 0, 0, 51), grey(255)).pixels == [0, 0, 0, 51]).all()


def test_hidden_colours_stay() -> None:
    assert (composite(flat(1, 2, 3, 0), flat(4, 5, 6, 0), grey(0)).pixels == [1, 2, 3, 0]).all()
    assert (composite(flat(1, 2, 3, 0), flat(4, 5, 6, 0), grey(255)).pixels == [4, 5, 6, 0]).all()


def test_inputs_stay_as_they_are() -> None:
    original, painted, mask = noise(9, 7, 4), noise(5, 5), masks.draw((4, 4), "ellipse")
    before = [original.pixels.copy(), painted.pixels.copy(), mask.values.copy()]
    composite(original, painted, mask, 3)
    after = [original.pixels, painted.pixels, mask.values]
    assert all(map(np.array_equal, before, after))


# ── how much changed ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_difference_is_made_visible() -> None:
    a, b = flat(10, 200, 50), flat(13, 100, 50)
    assert (difference(a, b, 8).pixels == [24, 255, 0]).all()
    assert (difference(b, a, 1).pixels == [3, 100, 0]).all()
    assert (difference(a, b, 1.5).pixels == [4, 150, 0]).all()
    assert difference(a, a, 255).pixels.max() == 0


def test_a_difference_is_of_what_is_seen() -> None:
    assert difference(flat(1, 2, 3, 0), flat(9, 9, 9, 0), 255).pixels.max() == 0
    assert (difference(flat(0, 0, 0, 0), flat(0, 0, 0), 1).pixels == 255).all()


def test_change_as_a_number() -> None:
    a, b = flat(0, 0, 0, size=(4, 1)), Image(np.array([[[0, 0, 0], [3, 0, 0], [0, 6, 0], [0, 0, 255]]], dtype=np.uint8))
    assert change(a, b) == 264 / 12
    assert change(a, b, measure="largest") == 255
    mask = Mask(np.array([[255, 255, 255, 254]], dtype=np.uint8))
    assert change(a, b, mask) == 1
    assert change(a, b, mask, "largest") == 6
    assert change(a, a) == 0


def test_a_composite_has_not_changed_outside() -> None:
    original, painted, mask = noise(40, 30), noise(40, 30), masks.draw((40, 30), "ellipse", 0.3, 0.3, 0.3, 0.3)
    kept = masks.invert(masks.feather(mask, 6))
    assert change(original, painted, kept) > 50
    made = composite(original, painted, mask, 6)
    assert change(original, made, kept, "largest") == 0
    assert change(painted, made, mask, "largest") == 0
    assert change(original, made, mask) > 50


def test_a_mask_without_white_counts_nothing() -> None:
    with pytest.raises(ValueError, match=r"mask: expected some white \(255\), found none; threshold_mask"):
        change(flat(0, 0, 0), flat(1, 1, 1), grey(254))


@pytest.mark.parametrize("compare", [difference, change])
def test_pictures_of_two_sizes_are_not_compared(compare: Any) -> None:
    with pytest.raises(ValueError, match="b: expected the size of a, 3 × 2, found 4 × 2; resize one of them first"):
        compare(flat(0, 0, 0), flat(0, 0, 0, size=(4, 2)))
