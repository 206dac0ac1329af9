"""Plots: what is drawn where, names and ticks that can be read, and no surprise from odd tables."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion import plots
from diffusion.drawing import MARKS, Canvas, Scale, caption, dashed, even_ticks, log_ticks, written
from diffusion.heat import ANCHORS, painted
from diffusion.image import Image
from diffusion.measures import Table
from diffusion.plots import BLANK, PALETTE, default_x, heat_plot, line_plot, spread_out


def made(numbers: Any, **axes: list[Any]) -> Table:
    """A table of "score" over some axes."""
    return Table("score", tuple((name, tuple(values)) for name, values in axes.items()), np.array(numbers, dtype=float))


def where(image: Image, colour: tuple[int, ...], near: int = 12) -> np.ndarray:
    """The (x, y) of the pixels of a colour."""
    close = (np.abs(image.pixels.astype(int) - np.array(colour)) <= near).all(axis=2)
    return np.argwhere(close)[:, ::-1]


def height_at(image: Image, colour: tuple[int, ...], side: str) -> float:
    """How high above the lower edge a curve is at its left or right end, seen by its marks, in pixels."""
    found = where(image, colour)
    edge = found[:, 0].min() + 6 if side == "left" else found[:, 0].max() - 6
    there = found[found[:, 0] <= edge] if side == "left" else found[found[:, 0] >= edge]
    return float(image.size[1] - there[:, 1].mean())


def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The list that every text that is drawn from now on is added to."""
    seen: list[str] = []
    plain = Canvas.text
    monkeypatch.setattr(Canvas, "text", lambda self, at, text, *args: seen.append(text) or plain(self, at, text, *args))
    return seen


# ── curves ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("log_x", [False, True])
def test_a_curve_that_rises_ends_higher_and_one_that_falls_lower(log_x: bool, log_y: bool) -> None:
    for numbers, sign in (([1, 2, 4, 9], 1), ([9, 4, 2, 1], -1)):
        image = line_plot(made(numbers, step=[1, 2, 4, 8]), log_x=log_x, log_y=log_y)
        rise = height_at(image, PALETTE[0], "right") - height_at(image, PALETTE[0], "left")
        assert rise * sign > 200


def test_points_lie_where_their_numbers_say() -> None:
    image = line_plot(made([0, 0, 10, 0, 0], step=[0, 1, 5, 9, 10]))
    found = where(image, PALETTE[0])
    top = found[found[:, 1] < found[:, 1].min() + 6]
    middle = (found[:, 0].min() + found[:, 0].max()) / 2
    assert abs(top[:, 0].mean() - middle) < 1.5


def test_a_logarithmic_scale_makes_powers_a_straight_line() -> None:
    at = where(line_plot(made([1, 10, 100], step=[0, 1, 2]), log_y=True), PALETTE[0])
    left, right = at[:, 0].min(), at[:, 0].max()
    middle = at[abs(at[:, 0] - (left + right) / 2) <= 2][:, 1].mean()
    assert abs(middle - (at[:, 1].min() + at[:, 1].max()) / 2) < 2


def test_each_combination_of_the_other_axes_is_a_curve_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = texts(monkeypatch)
    numbers = np.arange(12).reshape(2, 2, 3)
    image = line_plot(made(numbers, sampler=["ddim", "euler"], steps=[4, 20], seed=[1, 2, 3]), x="seed")
    assert all(len(where(image, colour)) > 50 for colour in PALETTE[:4])
    assert {"ddim · 4", "ddim · 20", "euler · 4", "euler · 20", "sampler · steps", "seed", "score"} <= set(seen)
    heights = [height_at(image, colour, "left") for colour in PALETTE[:4]]
    assert heights == sorted(heights)


def test_gaps_stay_open_and_a_lonely_number_is_marked() -> None:
    whole = line_plot(made([1] * 5, step=[0, 1, 2, 3, 4]), marks=False)
    gap = line_plot(made([1, 1, np.nan, 1, np.nan], step=[0, 1, 2, 3, 4]), marks=False)
    columns = {int(x) for x, _ in where(whole, PALETTE[0])}
    covered = {int(x) for x, _ in where(gap, PALETTE[0])}
    width = max(columns) - min(columns)
    start = min(columns)
    assert covered < columns
    assert not {x for x in covered if start + width * 0.3 < x < start + width * 0.7}
    assert {x for x in covered if start + width * 0.73 < x < start + width * 0.77}


def test_curves_are_told_apart_without_colour() -> None:
    numbers = np.arange(16)[:, None] + np.zeros((16, 3))
    kinds = {(curve.shape % len(MARKS), curve.dash) for curve in curves_of(numbers, list("abcdefghijklmnop"))}
    assert len(kinds) == 16


def curves_of(numbers: np.ndarray, names: list[Any]) -> list[plots.Curve]:
    """The curves of a table with one other axis."""
    return plots.make_curves([("name", names)], np.arange(numbers.shape[-1], dtype=float), numbers, False, True)


def test_many_values_of_one_axis_of_numbers_are_shown_by_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = texts(monkeypatch)
    strengths = [round(0.6 + 0.02 * i, 2) for i in range(20)]
    image = line_plot(made(np.arange(60).reshape(20, 3), strength=strengths, step=[0, 1, 2]), x="step")
    ends = [tuple(int(code[i : i + 2], 16) for i in (0, 2, 4)) for code in ANCHORS["viridis"]]
    low, high = (where(image, end)[:, 1] for end in (ends[0], ends[-1]))
    assert low.mean() > high.mean() and "strength" in seen and "0.74" not in seen


def test_names_that_are_too_many_or_too_long_go_below() -> None:
    few = line_plot(made(np.ones((3, 2)), name=list("abc"), step=[0, 1]))
    many = line_plot(made(np.ones((30, 2)), name=[f"n{i}" for i in range(30)], step=[0, 1]))
    long = line_plot(made(np.ones((2, 2)), name=["x" * 90, "y" * 90], step=[0, 1]))
    assert few.size == (720, 440)
    assert many.size[0] == long.size[0] == 720
    assert many.size[1] > 440 and long.size[1] > 440


def test_the_axis_to_the_right_is_the_last_one_of_several_numbers() -> None:
    assert default_x(made(np.ones((2, 3, 2)), step=[0, 1], seed=[1, 2, 3], name=["a", "b"])) == "seed"
    assert default_x(made(np.ones((2, 1)), step=[0, 1], seed=[1])) == "step"
    assert default_x(made(np.ones((1, 2)), seed=[1], on=[True, False])) == "seed"
    assert default_x(made(np.ones((2, 2)), a=["x", "y"], b=["x", "y"])) == "b"


def test_an_axis_of_one_value_is_a_remark(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = texts(monkeypatch)
    line_plot(made(np.ones((1, 2)), sampler=["ddim"], step=[0, 1]), note="all with seed 3")
    assert "all with seed 3 · sampler ddim" in seen and "ddim" not in seen


def test_what_a_logarithmic_scale_cannot_show_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = texts(monkeypatch)
    line_plot(made([0, 1e-4, np.nan, 1], step=[0, 1, 2, 3]), log_y=True)
    assert "1 not drawn: not above 0, or not finite" in seen


def test_values_out_of_order_are_put_in_order() -> None:
    image = line_plot(made([9, 1, 4], step=[9, 1, 4]))
    assert np.array_equal(image.pixels, line_plot(made([1, 4, 9], step=[1, 4, 9])).pixels)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (Table("q", (), np.array(1.0)), {}, "table: expected at least one axis, found none; collect numbers"),
        (made([1, 2], step=[0, 1]), {"x": "stp"}, "x: expected one of the table's axes, step, found 'stp'"),
        (made([1, 2], name=["a", "b"]), {"log_x": True}, "log_x: expected an axis of numbers, found 'a' on 'name'"),
        (made([np.nan] * 2, step=[0, 1]), {}, "table: expected a number that can be drawn, found none"),
        (made([0, -1], step=[0, 1]), {"log_y": True}, "found none; all missing, or not above 0 on log"),
        (made([1], step=[0]), {"log_x": True}, "found none; all missing, or not above 0 on log"),
    ],
)
def test_what_cannot_be_drawn_is_said(table: Table, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        line_plot(table, **options)


VALUE = st.one_of(
    st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9), st.text(max_size=30), st.booleans(), st.none(), st.just("é🦊")
)
NUMBER = st.floats(allow_nan=True, allow_infinity=True)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_table_is_drawn_or_refused_in_words(data: st.DataObject) -> None:
    axes = data.draw(st.lists(st.lists(VALUE, min_size=1, max_size=12), min_size=1, max_size=3))
    shape = [len(values) for values in axes]
    count = int(np.prod(shape))
    numbers = np.array(data.draw(st.lists(NUMBER, min_size=count, max_size=count))).reshape(shape)
    table = Table("q", tuple((f"axis {i}", tuple(values)) for i, values in enumerate(axes)), numbers)
    log_x, log_y, marks = data.draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    for plot, options in ((line_plot, {"log_x": log_x, "log_y": log_y, "marks": marks}), (heat_plot, {})):
        try:
            width, height = plot(table, title="t", **options).size
        except ValueError as error:
            assert ": expected " in str(error)
        else:
            assert 40 <= width <= 1500 and 40 <= height <= 5000


@pytest.mark.parametrize("plot", [line_plot, heat_plot])
def test_small_plots_of_large_tables_are_drawn(plot: Any) -> None:
    table = made(np.random.default_rng(0).random((60, 300)), name=[f"name {i}" * 5 for i in range(60)], t=[*range(300)])
    assert plot(table, width=200, height=200, title="a long title " * 9, note="a long note " * 9).size[0] < 1000


# ── ticks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-3, 3, ["-2", "0", "2"]),
        (0, 0.003, ["0", "0.001", "0.002", "0.003"]),
        (1000, 1004, ["1000", "1001", "1002", "1003", "1004"]),
        (0, 4e6, ["0", "1e6", "2e6", "3e6", "4e6"]),
        (0, 3e-7, ["0", "1e-7", "2e-7", "3e-7"]),
    ],
)
def test_ticks_are_ones_twos_and_fives(low: float, high: float, expected: list[str]) -> None:
    assert [text for _, text in even_ticks(low, high, 5)] == expected


def test_ticks_between_whole_numbers_are_whole() -> None:
    assert [text for _, text in even_ticks(0, 3, 8, whole=True)] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.5, 2000, ["1", "10", "100", "1000"]),
        (1e-9, 1, ["1e-9", "1e-7", "1e-5", "0.001", "0.1"]),
        (3, 60, ["5", "10", "20", "50"]),
        (3.1, 3.4, ["3.10", "3.15", "3.20", "3.25", "3.30", "3.35", "3.40"]),
    ],
)
def test_ticks_of_logarithms_are_decades_or_between(low: float, high: float, expected: list[str]) -> None:
    assert [text for _, text in log_ticks(low, high, 6)] == expected


@given(low=st.floats(-1e12, 1e12), span=st.floats(1e-6, 1e12), count=st.integers(1, 12))
@settings(deadline=None)
def test_ticks_lie_in_their_range_evenly_and_are_told_apart(low: float, span: float, count: int) -> None:
    high = low + span
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    ticks = even_ticks(low, high, count)
    slack = (high - low) * 1e-6
    assert all(low - slack <= value <= high + slack for value, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks) <= count + 1


def test_captions_are_short() -> None:
    assert [caption(value) for value in (0.1 + 0.2, 5, 1e-5, 2.5e7, True, None, "a\nb", [1, 2])] == [
        "0.3", "5", "1e-5", "2.5e7", "true", "null", "a b", "[1, 2]",
    ]  # fmt: skip
    assert written(-0.0, 0.5) == "0"


def test_scales_run_from_nought_to_one() -> None:
    assert [Scale(1, 100, True).place(x) for x in (1, 10, 100)] == pytest.approx([0, 0.5, 1])
    assert [Scale(-1, 3).place(x) for x in (-1, 1, 3)] == pytest.approx([0, 0.5, 1])


# ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(wanted=st.lists(st.floats(0, 300), min_size=1, max_size=15))
def test_labels_keep_their_distance_their_order_and_their_place(wanted: list[float]) -> None:
    places = spread_out(wanted, 17, 0, 300)
    ordered = [places[i] for i in sorted(range(len(wanted)), key=lambda i: wanted[i])]
    assert all(b - a >= 17 - 1e-6 for a, b in pairwise(ordered))
    assert min(places) >= -1e-6 and max(places) <= 300 + 1e-6


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert spread_out([200, 10, 100], 17, 0, 300) == [200, 10, 100]
    assert spread_out([100, 100], 20, 0, 300) == [90, 110]


def test_a_dashed_line_is_as_long_as_its_dashes() -> None:
    parts = dashed([(0, 0), (10, 0), (10, 20)], (4, 2))
    lengths = [sum(np.hypot(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise(p)) for p in parts]
    assert lengths == pytest.approx([4, 4, 4, 4, 4])
    assert [(part[0], part[-1]) for part in parts[:3]] == [((0, 0), (4, 0)), ((6, 0), (10, 0)), ((10, 2), (10, 6))]


# ── maps ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def cell_colours(image: Image) -> set[tuple[int, ...]]:
    """The colours of large areas of a picture."""
    colours, counts = np.unique(image.pixels.reshape(-1, 3), axis=0, return_counts=True)
    return {tuple(colour) for colour, count in zip(colours.tolist(), counts, strict=True) if count > 1000}


def test_a_map_has_the_colour_of_each_number_at_its_place() -> None:
    table = made([[0, 1], [2, 3]], y=["a", "b"], x=["c", "d"])
    image = heat_plot(table)
    for (row, column), number in np.ndenumerate(table.numbers):
        found = where(image, tuple(painted(np.array(number), (0, 3)).tolist()), near=0)
        found = found[found[:, 0] < image.size[0] - 60]  # without the colour bar
        others = where(image, tuple(painted(np.array(3 - number), (0, 3)).tolist()), near=0)
        others = others[others[:, 0] < image.size[0] - 60]
        assert (found[:, 0].mean() > others[:, 0].mean()) == (column == 1)
        assert (found[:, 1].mean() > others[:, 1].mean()) == (row == 1)


def test_a_map_names_its_axes_and_writes_numbers_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = texts(monkeypatch)
    heat_plot(made([[0.25, 1], [2, np.nan]], word=["cat", "dog"], other=["fox", "owl"]))
    assert {"word", "other", "cat", "dog", "fox", "owl", "score", "0.25", "1.00", "2.00"} <= set(seen)
    seen.clear()
    heat_plot(made(np.random.default_rng(0).random((40, 60)), y=[*range(40)], x=[*range(60)]))
    assert not [text for text in seen if text.startswith("0.") and len(text) > 4]


def test_numbers_on_both_sides_of_zero_are_white_at_zero() -> None:
    both = cell_colours(heat_plot(made([[-1, 0, 3]], y=[1], x=[1, 2, 3])))
    assert (247, 247, 247) in both
    one = cell_colours(heat_plot(made([[0, 1, 3]], y=[1], x=[1, 2, 3])))
    assert (68, 1, 84) in one


def test_many_even_numbers_along_a_map_have_even_ticks() -> None:
    middles = [-3.95 + 0.1 * i for i in range(80)]
    assert plots.cell_places(middles, 5, 70) == [
        (pytest.approx((value + 4) * 50), text) for value, text in ((-2, "-2"), (0, "0"), (2, "2"))
    ]
    assert plots.cell_places(middles[::-1], 5, 70)[0] == (pytest.approx(100), "2")
    assert [text for _, text in plots.cell_places([*range(20)], 20, 40)] == [*map(str, range(0, 20, 2))]
    assert [text for _, text in plots.cell_places([2**i for i in range(13)], 20, 40)] == [str(2**i) for i in range(13)]
    assert plots.cell_places([0.123, 0.456], 10, 40) == [(5, "0.123"), (15, "0.456")]


def test_a_missing_number_is_blank() -> None:
    image = heat_plot(made([[1, np.nan]], y=[1], x=[1, 2]))
    assert BLANK in cell_colours(image)


def test_the_axes_of_a_map_are_chosen() -> None:
    table = made(np.ones((2, 1, 3)), a=[1, 2], b=[1], c=[1, 2, 3])
    assert plots.chosen_axes(table, "", "") == ("c", "a")
    assert plots.chosen_axes(table, "a", "") == ("a", "c")
    assert plots.chosen_axes(table, "", "c") == ("a", "c")
    assert plots.chosen_axes(made([[1]], a=[1], b=[1]), "", "") == ("b", "a")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (made([1, 2], a=[1, 2]), {}, r"table: expected two axes, and one value on any other, found a \(2\); line_plot"),
        (made(np.ones((2, 2, 2)), a=[1, 2], b=[1, 2], c=[1, 2]), {}, r"found a \(2\), b \(2\), c \(2\)"),
        (made(np.ones((2, 2)), a=[1, 2], b=[1, 2]), {"x": "a", "y": "a"}, "expected two axes"),
        (made(np.ones((2, 2)), a=[1, 2], b=[1, 2]), {"y": "c"}, "y: expected one of the table's axes, a, b, found 'c'"),
        (made([[np.nan]], a=[1], b=[1]), {}, "expected a number that can be drawn"),
    ],
)
def test_what_is_no_map_is_said(table: Table, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        heat_plot(table, **options)
