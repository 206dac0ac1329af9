"""Heat: colours that mean numbers, and heat that is seen where it is."""

from __future__ import annotations

import numpy as np
import pytest

from diffusion.heat import ANCHORS, Heat, chosen_span, colour, enlarged, overlay, painted, span_of
from diffusion.image import Image, enlarge

RAMP = Heat(np.array([[0.0, 0.5, 1.0]]))
WHITE = Image(np.full((40, 60, 3), 255, dtype=np.uint8))


def luma(pixels: np.ndarray) -> np.ndarray:
    """How light colours are, (…, 3) → (…)."""
    return pixels @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((2, 0)), np.array([[np.nan]]), np.array([[np.inf]])])
def test_what_is_no_heat_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Heat.values: expected finite numbers of shape \(h, w\)"):
        Heat(values)


def test_heat_keeps_its_own_numbers() -> None:
    values = np.ones((2, 2))
    heat = Heat(values)
    values[:] = 5
    assert (heat.values == 1).all() and heat.values.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        heat.values[0, 0] = 2


@pytest.mark.parametrize("name", ANCHORS)
def test_the_ends_and_the_middle_have_their_colours(name: str) -> None:
    codes = [[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in ANCHORS[name]]
    low, middle, high = painted(np.array([-1.0, 0.0, 1.0]), (-1, 1), name).tolist()
    assert (low, high) == (codes[0], codes[-1])
    between = [(codes[(len(codes) - 1) // 2][c] + codes[len(codes) // 2][c]) / 2 for c in range(3)]
    assert np.abs(np.array(middle) - between).max() <= 1
    assert painted(np.array([-9.0, 9.0]), (-1, 1), name).tolist() == [codes[0], codes[-1]]


@pytest.mark.parametrize("name", ["viridis", "magma", "grey"])
def test_more_is_lighter(name: str) -> None:
    assert (np.diff(luma(painted(np.linspace(0, 1, 50), (0, 1), name).astype(float))) > 0).all()


def test_diverging_colours_are_white_at_zero_and_as_far_to_both_sides() -> None:
    image = colour(Heat(np.array([[-1.0, 0.0, 2.0, -2.0]])), colours="diverging").pixels[0].astype(int)
    assert image[1].tolist() == [247, 247, 247]
    assert image[0, 2] > image[0, 0] and image[2, 0] > image[2, 2]
    assert image[2].tolist() == [103, 0, 31] and image[3].tolist() == [5, 48, 97]


def test_heats_may_share_a_range() -> None:
    weak = Heat(RAMP.values / 2)
    low, high = span_of([RAMP.values, weak.values])
    assert (low, high) == (0, 1)
    assert colour(weak, low, high).pixels[0, 2].tolist() == colour(RAMP).pixels[0, 1].tolist()
    assert colour(weak).pixels.tolist() == colour(RAMP).pixels.tolist()
    assert span_of([RAMP.values, np.array([-3, np.nan])], centred=True) == (-3, 3)


def test_heat_that_is_the_same_everywhere_is_painted() -> None:
    assert len(np.unique(colour(Heat(np.full((2, 2), 7.0))).pixels.reshape(-1, 3), axis=0)) == 1


def test_ranges_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="range: expected low ≤ high, found 2 and 1; give both or neither"):
        chosen_span(RAMP, 2, None, "grey")
    with pytest.raises(ValueError, match="range: expected at least one number, found none"):
        span_of([np.array([np.nan])])


def test_enlarged_pixels_are_squares() -> None:
    pixels = enlarge(colour(RAMP), 3).pixels
    assert pixels.shape == (3, 9, 3)
    assert (pixels == colour(RAMP).pixels.repeat(3, axis=0).repeat(3, axis=1)).all()


def test_enlarged_heat_is_smooth_and_stays_in_its_range() -> None:
    values = np.zeros((4, 6), dtype=np.float32)
    values[1, 4] = 1
    large = enlarged(Heat(values), (60, 40)).values
    assert large.shape == (40, 60)
    assert large.min() == 0 and 0.9 <= large.max() <= 1
    y, x = np.unravel_index(large.argmax(), large.shape)
    assert (y // 10, x // 10) == (1, 4)
    assert np.abs(np.diff(large, axis=1)).max() < 0.2


@pytest.mark.parametrize("place", [(0, 0), (1, 4), (3, 5)])
def test_a_picture_is_hottest_where_the_heat_is(place: tuple[int, int]) -> None:
    values = np.zeros((4, 6))
    values[place] = 1
    light = luma(overlay(Heat(values), WHITE).pixels.astype(float))
    y, x = np.unravel_index(light.argmax(), light.shape)
    assert (y // 10, x // 10) == place


def test_opacity_runs_from_the_picture_to_the_heat() -> None:
    red = Image(np.broadcast_to(np.array([200, 0, 0], dtype=np.uint8), (40, 60, 3)).copy())
    none, half, full = (overlay(RAMP, red, opacity).pixels.astype(int) for opacity in (0, 0.5, 1))
    assert len(np.unique(none.reshape(-1, 3), axis=0)) == 1
    assert 0 < none[0, 0, 0] - none[0, 0, 1] <= 50, "the picture's colour should give way, not be gone"
    assert np.abs(half - (none + full) / 2).max() <= 1
    assert (full == colour(enlarged(RAMP, (60, 40)), 0, 1, "magma").pixels).all()


def test_transparent_parts_count_as_white() -> None:
    clear = Image(np.zeros((40, 60, 4), dtype=np.uint8))
    assert (overlay(RAMP, clear).pixels == overlay(RAMP, WHITE).pixels).all()
