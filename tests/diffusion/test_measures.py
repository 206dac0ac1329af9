"""Measures: numbers at their places, distances and densities against those worked out by hand."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffusion import measures
from diffusion.measures import Table, distance, divergence, histogram, neighbours, noise_levels, rms, table, to_csv


def test_numbers_stand_at_their_coordinates() -> None:
    made = table("q", [("a", [1, 2]), ("b", ["x", "y", "z"])], [((0, 2), 5.0), ((1, 0), 7.0)])
    assert made.axes == (("a", (1, 2)), ("b", ("x", "y", "z")))
    assert np.array_equal(made.numbers, [[np.nan, np.nan, 5], [7, np.nan, np.nan]], equal_nan=True)
    assert float(table("q", [], [((), 3)]).numbers) == 3


def test_a_table_is_checked_and_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match=r"Table.numbers: expected shape \(2,\), that of its axes, found \(3,\)"):
        Table("q", (("a", (1, 2)),), np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        Table("q", (("a", (1, 2)),), np.zeros(2)).numbers[0] = 1


@given(
    quantity=st.text(max_size=20),
    values=st.lists(st.one_of(st.integers(), st.text(), st.booleans()), min_size=1, max_size=5),
    data=st.data(),
)
def test_a_table_as_csv_is_read_back_without_loss(quantity: str, values: list[Any], data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.floats(allow_nan=False), min_size=len(values), max_size=len(values)))
    made = table(quantity, [("a", values)], [((i,), number) for i, number in enumerate(numbers)])
    lines = list(csv.reader(io.StringIO(to_csv(made), newline="")))
    assert lines[0] == ["a", quantity]
    assert [float(number) for _, number in lines[1:]] == numbers
    written = [value if isinstance(value, str) else json.dumps(value) for value in values]
    assert [coordinate for coordinate, _ in lines[1:]] == written


def test_csv_is_long_and_leaves_out_what_is_missing() -> None:
    made = table("q, in levels", [("a", [0.5, None]), ("b", ["1", 'y "z"'])], [((0, 1), 0.1), ((1, 0), 1e-9)])
    assert to_csv(made) == '"a","b","q, in levels"\n0.5,"y ""z""",0.1\n"null","1",1e-09\n'


# ── distances ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_distance_is_the_root_mean_square() -> None:
    assert rms(np.array([3.0, -4.0])) == pytest.approx((25 / 2) ** 0.5)
    assert distance(np.array([1.0, 2.0]), np.array([4.0, 6.0])) == pytest.approx((25 / 2) ** 0.5)
    assert distance(np.array([250], dtype=np.uint8), np.array([255], dtype=np.uint8)) == 5
    with pytest.raises(ValueError, match=r"distance: expected two of one size, found \(2,\) and \(3,\)"):
        distance(np.zeros(2), np.zeros(3))


def test_divergence_goes_step_by_step() -> None:
    still, moving = [np.zeros(4)] * 3, [np.full(4, i) for i in range(3)]
    made = divergence(still, moving)
    assert made.axes == (("step", (0, 1, 2)),)
    assert made.numbers.tolist() == [0, 1, 2]
    for a, b in (([], []), (still, moving[:2])):
        with pytest.raises(ValueError, match=f"expected two runs of as many steps, found {len(a)} and {len(b)}"):
            divergence(a, b)


def places(numbers: Any) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """An array of four of the same number at each place, nothing where it is nan."""
    return [
        (at, np.full(4, number)) for at, number in np.ndenumerate(np.array(numbers, dtype=float)) if number == number
    ]


def test_neighbours_along_an_axis_of_numbers_have_the_middles() -> None:
    made = neighbours([("seed", [1, 2]), ("strength", [0.25, 0.75, 1])], places([[0, 1, 3], [5, 5, 9]]), "strength")
    assert made.quantity == "RMS distance"
    assert made.axes == (("seed", (1, 2)), ("strength", (0.5, 0.875)))
    assert made.numbers.tolist() == [[1, 2], [0, 4]]


def test_neighbours_along_names_are_named() -> None:
    made = neighbours([("word", ["cat", "kitten", True])], places([0, 1, 4]), "word")
    assert made.axes == (("word", ("cat → kitten", "kitten → true")),)
    assert made.numbers.tolist() == [1, 3]


def test_neighbours_along_the_first_axis_and_by_default_the_last_of_several() -> None:
    axes, items = [("a", [0, 2]), ("b", [0, 2]), ("c", [7])], places([[[0], [1]], [[10], [13]]])
    first, last = neighbours(axes, items, "a"), neighbours(axes, items)
    assert first.axes == (("a", (1,)), ("b", (0, 2)), ("c", (7,))) and first.numbers.ravel().tolist() == [10, 12]
    assert last.axes == (("a", (0, 2)), ("b", (1,)), ("c", (7,))) and last.numbers.ravel().tolist() == [1, 3]


def test_where_a_neighbour_is_missing_there_is_no_number() -> None:
    made = neighbours([("a", [1, 2, 3, 4])], places([0, 1, np.nan, 5]), "a")
    assert np.array_equal(made.numbers, [1, np.nan, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("axes", "along", "message"),
    [
        ([("a", [1, 2])], "b", "along: expected one of a, found 'b'"),
        ([], "", "along: expected one of no axis at all"),
        ([("a", [1])], "a", "along: expected an axis of two or more values, found 1 on 'a'"),
    ],
)
def test_an_axis_without_neighbours_is_refused(axes: Any, along: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        neighbours(axes, [], along)


# ── densities ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_histogram_counts_and_its_area_is_one() -> None:
    made = histogram([("seed", [1, 2])], [((0,), np.array([[0.0, 1.0], [1.0, 4.0]])), ((1,), np.array([3.0]))], bins=4)
    assert made.axes == (("seed", (1, 2)), ("value", (0.5, 1.5, 2.5, 3.5)))
    assert made.numbers.tolist() == [[0.25, 0.5, 0, 0.25], [0, 0, 0, 1]]


def test_what_lies_outside_the_span_is_counted_but_not_shown() -> None:
    made = histogram([], [((), np.array([0.5, 1.5, 9.0, 9.0]))], bins=2, span=(0, 2), name="x")
    assert made.axes == (("x", (0.5, 1.5)),) and made.numbers.tolist() == [0.25, 0.25]


def test_a_histogram_leaves_out_what_is_not_finite() -> None:
    made = histogram([("a", [1, 2])], [((0,), np.array([1.0, np.inf, np.nan])), ((1,), np.array([np.nan]))], bins=1)
    assert made.axes[1] == ("value", (1.0,))
    assert made.numbers[0].tolist() == [1] and np.isnan(made.numbers[1]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 0}, "bins: expected 1 or more, found 0"),
        ({"span": (2, 1)}, "span: expected two numbers, the lower first, found 2 and 1"),
        ({"name": "a"}, "axis: expected none called 'a'"),
    ],
)
def test_a_histogram_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        histogram([("a", [1])], [((0,), np.arange(3.0))], **options)
    with pytest.raises(ValueError, match="histogram: expected at least one finite number, found none"):
        histogram([("a", [1])], [((0,), np.array([np.nan]))])


# ── noise levels ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("sigma", [[3, 1, 0], [1, 0.5, np.nan]]),
        ("log sigma", [[np.log(3), 0, np.nan], [0, np.log(0.5), np.nan]]),
        ("signal to noise", [[1 / 9, 1, np.nan], [1, 4, np.nan]]),
        ("signal share", [[0.1, 0.5, 1], [0.5, 0.8, np.nan]]),
    ],
)
def test_noise_levels_of_schedules(what: str, expected: list[list[float]]) -> None:
    made = noise_levels([("steps", [2, 1])], [((0,), (3.0, 1.0, 0.0)), ((1,), (1.0, 0.5))], what)
    assert (made.quantity, made.axes) == (what, (("steps", (2, 1)), ("step", (0, 1, 2))))
    assert np.allclose(made.numbers, expected, equal_nan=True)


def test_an_axis_is_not_added_twice() -> None:
    with pytest.raises(ValueError, match="axis: expected none called 'step', for this adds one"):
        noise_levels([("step", [1])], [((0,), (1.0, 0.0))], "sigma")
    assert set(measures.LEVELS) == {"sigma", "log sigma", "signal to noise", "signal share"}
