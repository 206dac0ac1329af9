"""Masks: shapes cover what they should, growing is by a disc, feathers stay within their reach; and set algebra."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion import masks as stage
from diffusion.image import Image, Mask
from diffusion.masks import (
    combine,
    coverage,
    dilated,
    draw,
    feather,
    grow,
    invert,
    mask_from,
    stretch,
    threshold,
    to_image,
)

quick = settings(max_examples=50, deadline=None)


def flat(width: int, height: int, *colour: int) -> Image:
    """A picture of one colour."""
    return Image(np.full((height, width, len(colour)), colour, dtype=np.uint8))


@st.composite
def masks(draw: Any, values: tuple[int, ...] = (0, 0, 0, 255, 1, 128, 254)) -> Mask:
    """Small masks of some values, of any proportions."""
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    cells = draw(st.lists(st.sampled_from(values), min_size=height * width, max_size=height * width))
    return Mask(np.array(cells, dtype=np.uint8).reshape(height, width))


def same(a: Mask, b: Mask) -> bool:
    """Whether two masks are equal."""
    return np.array_equal(a.values, b.values)


def around(values: np.ndarray, radius: float) -> np.ndarray:
    """The largest value within a distance of each pixel, by looking at every pair."""
    rows, columns = np.indices(values.shape)
    found = np.zeros_like(values)
    for y, x in np.ndindex(*values.shape):
        found[y, x] = values[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2].max()
    return found


# ── from pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "expected"), [("luminance", 150), ("red", 255), ("green", 100), ("blue", 130), ("alpha", 0)]
)
def test_a_mask_from_a_picture(source: stage.MaskSource, expected: int) -> None:
    mask = mask_from(flat(3, 2, 255, 100, 130, 255), source)
    assert mask.size == (3, 2)
    assert (mask.values == expected).all()


def test_transparent_means_repaint() -> None:
    assert mask_from(flat(1, 1, 0, 0, 0, 55), "alpha").values.tolist() == [[200]]


def test_a_mask_from_alpha_needs_alpha() -> None:
    with pytest.raises(ValueError, match="expected a picture with an alpha channel, found one without"):
        mask_from(flat(1, 1, 0, 0, 0), "alpha")


def test_a_mask_can_be_looked_at() -> None:
    picture = to_image(Mask(np.array([[0, 7, 255]], dtype=np.uint8)))
    assert picture.pixels.tolist() == [[[0, 0, 0], [7, 7, 7], [255, 255, 255]]]


# ── drawn ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rectangle_on_whole_pixels_is_exact() -> None:
    expected = np.zeros((4, 8), dtype=np.uint8)
    expected[1:3, 2:6] = 255
    assert np.array_equal(draw((8, 4), "rectangle", 0.25, 0.25, 0.5, 0.5).values, expected)


def test_an_edge_inside_a_pixel_is_grey() -> None:
    values = draw((4, 4), "rectangle", 0.1, 0.125, 0.9, 1).values  # from 0.4 and from 0.5 pixels on
    assert values[2].tolist() == [153, 255, 255, 255]
    assert values[:, 2].tolist() == [128, 255, 255, 255]
    assert values[0, 0] == round(0.6 * 0.5 * 255)


def test_what_stands_over_the_edge_is_cut() -> None:
    assert (draw((5, 7), "rectangle", -1, -0.5, 3, 2).values == 255).all()
    assert (draw((5, 7), "rectangle", 1, 0, 0.5, 1).values == 0).all()
    assert (draw((5, 7), "rectangle", -0.6, 0, 0.6, 1).values == 0).all()
    assert draw((10, 10), "rectangle", -0.2, 0, 0.5, 1).values[0].tolist() == [255] * 3 + [0] * 7


def test_a_shape_without_extent_is_black() -> None:
    for shape in ("rectangle", "ellipse"):
        assert (draw((6, 6), shape, 0.2, 0.2, 0, 0.5).values == 0).all()
        assert (draw((6, 6), shape, 0.2, 0.2, 0.5, 0).values == 0).all()


@pytest.mark.parametrize("size", [(64, 64), (200, 90), (31, 57)])
def test_an_ellipse_fills_its_rectangle(size: tuple[int, int]) -> None:
    values = draw(size, "ellipse", 0.1, 0.2, 0.8, 0.6).values.astype(int)
    assert values.mean() / 255 == pytest.approx(math.pi / 4 * 0.8 * 0.6, rel=3e-3)
    assert np.abs(values - values[::-1]).max() <= 1 and np.abs(values - values[:, ::-1]).max() <= 1
    middle = values[size[1] // 2]
    assert middle[round(size[0] * 0.1) + 1] > 200 and middle[round(size[0] * 0.1) - 2] == 0
    assert ((values > 0) & (values < 255)).any()


def test_a_polygon_closes_itself_and_has_a_hole_where_it_overlaps() -> None:
    tips = [(0.5 + 0.5 * math.sin(2 * math.pi * i / 5), 0.5 - 0.5 * math.cos(2 * math.pi * i / 5)) for i in range(5)]
    star = draw((101, 101), "polygon", points=[tips[i * 2 % 5] for i in range(5)]).values
    assert star[50, 50] == 0
    assert star[12, 50] == 255 and star[90, 10] == 0
    assert star[50 - 21, 50] == 255  # between the hole and the upper tip


def test_a_polygon_of_rectangles_corners_is_the_rectangle() -> None:
    corners = [[0.2, 0.3], [0.2, 0.9], [0.7, 0.9], [0.7, 0.3]]
    assert same(draw((23, 19), "polygon", points=corners), draw((23, 19), "rectangle", 0.2, 0.3, 0.5, 0.6))


@pytest.mark.parametrize("count", [0, 2])
def test_a_polygon_needs_three_corners(count: int) -> None:
    with pytest.raises(ValueError, match=rf"points: expected at least 3 corners \[x, y\] of a polygon, found {count}"):
        draw((8, 8), "polygon", points=[[0, 0]] * count)


def inside(x: np.ndarray, y: np.ndarray, corners: list[tuple[float, float]]) -> np.ndarray:
    """Whether points lie in a polygon: a ray to the right crosses an odd number of edges."""
    odd = np.zeros(x.shape, dtype=bool)
    for (x_0, y_0), (x_1, y_1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y_0 != y_1:
            at = x_0 + (y - y_0) * (x_1 - x_0) / (y_1 - y_0)
            odd ^= ((y_0 <= y) != (y_1 <= y)) & (x < at)
    return odd


@given(st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 12)), min_size=3, max_size=8))
@quick
def test_coverage_is_the_share_of_points_inside(corners: list[tuple[float, float]]) -> None:
    fine = 64
    y, x = (np.indices((7 * fine, 9 * fine)) + 0.5) / fine
    expected = inside(x, y, corners).reshape(7, fine, 9, fine).mean(axis=(1, 3))
    assert np.abs(coverage((9, 7), corners) - expected).max() < 0.15  # an edge within a row is seen on 16 lines only
    assert np.abs(coverage((9, 7), corners) - expected).mean() < 0.02


@given(st.integers(1, 60), st.integers(1, 60), *[st.floats(0, 0.5)] * 4)
@quick
def test_the_same_shares_cover_the_same_share_of_any_picture(
    width: int, height: int, left: float, top: float, w: float, h: float
) -> None:
    mask = draw((width, height), "rectangle", left, top, w, h)
    assert mask.size == (width, height)
    assert mask.values.mean() / 255 == pytest.approx(w * h, abs=w / 16 / height + 0.5 / 255 + 1e-9)


# ── grown ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(masks(), st.one_of(st.integers(0, 20).map(float), st.integers(0, 12).map(lambda n: n / 2)))
@quick
def test_growing_is_by_a_disc(mask: Mask, radius: float) -> None:
    assert np.array_equal(dilated(mask.values, radius), around(mask.values, radius))


@given(masks(), st.integers(0, 8))
@quick
def test_what_is_grown_holds_what_was_there_and_what_is_shrunk_lies_in_it(mask: Mask, pixels: int) -> None:
    assert (grow(mask, pixels).values >= mask.values).all()
    assert (grow(mask, -pixels).values <= mask.values).all()
    assert same(grow(mask, -pixels), invert(grow(invert(mask), pixels)))
    assert same(grow(mask, 0), mask)


@given(masks(), st.integers(1, 5))
@quick
def test_closing_and_opening_do_what_they_are_known_for(mask: Mask, pixels: int) -> None:
    assert (grow(grow(mask, pixels), -pixels).values >= mask.values).all()
    assert (grow(grow(mask, -pixels), pixels).values <= mask.values).all()


def test_white_that_reaches_the_edge_does_not_shrink_from_there() -> None:
    mask = draw((20, 10), "rectangle", 0, 0, 0.5, 1)
    assert same(grow(mask, -3), draw((20, 10), "rectangle", 0, 0, 0.35, 1))
    assert (grow(Mask(np.full((4, 4), 255, np.uint8)), -100).values == 255).all()


# ── feathered ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(masks(), st.integers(0, 16))
@quick
def test_a_feather_keeps_white_white_and_reaches_no_farther_than_its_radius(mask: Mask, radius: int) -> None:
    soft = feather(mask, radius).values
    assert (soft[mask.values == 255] == 255).all()
    assert (soft[around(mask.values, radius) == 0] == 0).all()
    assert (soft <= around(mask.values, radius)).all()


@pytest.mark.parametrize("radius", [2, 3, 8, 16, 31])
def test_a_feather_falls_smoothly_from_white_to_black(radius: int) -> None:
    edge = Mask(np.repeat([[255] * 40 + [0] * 60], 90, axis=0).astype(np.uint8))
    row = feather(edge, radius).values[45].astype(int)
    ramp = row[39 : 41 + radius]
    assert row[:40].min() == 255 and row[40 + radius :].max() == 0
    assert (np.diff(ramp) <= 0).all() and 0 < ramp[1] < 255
    assert -np.diff(ramp).min() < 3 * 255 / radius  # no jump
    between = ramp[(ramp > 0) & (ramp < 255)]
    assert len(between) >= radius - 1 and np.abs(between + between[::-1] - 255).max() <= 1  # as much light as dark


@pytest.mark.parametrize("radius", [0, 1])
def test_a_feather_too_narrow_for_grey_changes_nothing(radius: int) -> None:
    mask = draw((20, 20), "ellipse")
    assert same(feather(mask, radius), mask)


@pytest.mark.parametrize("value", [0, 1, 127, 255])
def test_a_mask_of_one_value_has_no_edge(value: int) -> None:
    mask = Mask(np.full((5, 9), value, dtype=np.uint8))
    for radius in (2, 7, 40):
        assert same(feather(mask, radius), mask)


# ── hard, combined, of another size ───────────────────────────────────────────────────────────────────────────────────


@given(masks())
@quick
def test_inverting_twice_changes_nothing(mask: Mask) -> None:
    assert (invert(mask).values == 255 - mask.values.astype(int)).all()
    assert same(invert(invert(mask)), mask)


@pytest.mark.parametrize(
    ("level", "expected"),
    [(0, [255, 255, 255, 255]), (0.5, [0, 0, 255, 255]), (0.502, [0, 0, 0, 255]), (1, [0, 0, 0, 255])],
)
def test_a_threshold_makes_it_hard(level: float, expected: list[int]) -> None:
    assert threshold(Mask(np.array([[0, 127, 128, 255]], dtype=np.uint8)), level).values.tolist() == [expected]


A, B = (Mask(np.array([row], dtype=np.uint8)) for row in ([255, 255, 0, 0, 200], [255, 0, 255, 0, 100]))


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("union", [255, 255, 255, 0, 200]),
        ("intersection", [255, 0, 0, 0, 100]),
        ("difference", [0, 255, 0, 0, 155]),
    ],
)
def test_two_masks_become_one(operation: stage.Operation, expected: list[int]) -> None:
    assert combine(A, B, operation).values.tolist() == [expected]


@given(masks())
@quick
def test_a_mask_with_itself(mask: Mask) -> None:
    assert same(combine(mask, mask, "union"), mask)
    assert same(combine(mask, mask, "intersection"), mask)
    hard = threshold(mask)
    assert (combine(hard, hard, "difference").values == 0).all()


@pytest.mark.parametrize("operation", get_args(stage.Operation))
def test_masks_of_two_sizes_do_not_combine(operation: stage.Operation) -> None:
    with pytest.raises(ValueError, match="b: expected the size of a, 5 × 1, found 2 × 3; make both of one picture"):
        combine(A, Mask(np.zeros((3, 2), dtype=np.uint8)), operation)


def test_a_mask_is_stretched_to_another_size() -> None:
    halves = draw((20, 10), "rectangle", 0, 0, 0.5, 1)
    wide = stretch(halves, (40, 30))
    assert wide.size == (40, 30)
    assert (wide.values[:, :18] == 255).all() and (wide.values[:, 22:] == 0).all()
    assert stretch(halves, (20, 10)) is halves
