"""Measures: numbers over named axes, and how runs are compared. Knows arrays, not tensors: plots need no torch."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Axes = Sequence[tuple[str, Sequence[Any]]]
"""Name and values of each axis, in order; the last varies fastest."""
Items = Sequence[tuple[Sequence[int], np.ndarray]]
"""Coordinates, an index an axis, and what is there."""


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers over named axes: what a sweep or a loop was measured to give.

    quantity: what the numbers are, with their unit if they have one.
    axes: name and values (plain JSON) of each axis, in order.
    numbers: float64, an axis for each of `axes`, read-only; nan where nothing was measured.

    Raises ValueError if the shape is not that of the axes.
    """

    quantity: str
    axes: tuple[tuple[str, tuple[Any, ...]], ...]
    numbers: np.ndarray

    def __post_init__(self) -> None:
        numbers = np.array(self.numbers, dtype=np.float64)
        expected = tuple(len(values) for _, values in self.axes)
        if numbers.shape != expected:
            raise ValueError(f"Table.numbers: expected shape {expected}, that of its axes, found {numbers.shape}")
        numbers.flags.writeable = False
        object.__setattr__(self, "numbers", numbers)


def table(quantity: str, axes: Axes, items: Sequence[tuple[Sequence[int], float]]) -> Table:
    """A table from single numbers and their coordinates; places without one are nan."""
    numbers = np.full([len(values) for _, values in axes], np.nan)
    for at, number in items:
        numbers[tuple(at)] = number
    return Table(quantity, tuple((name, tuple(values)) for name, values in axes), numbers)


def rows(quantity: str, axes: Axes, items: Items, name: str, values: Sequence[Any]) -> Table:
    """A table from rows of numbers, (n,) each: a last axis `name` is added, with the values along it.

    Rows that are shorter than the values end in nan. ValueError if an axis is called `name` already.
    """
    if name in [axis for axis, _ in axes]:
        raise ValueError(f"axis: expected none called {name!r}, for this adds one; call that of the sweep otherwise")
    numbers = np.full([*(len(axis) for _, axis in axes), len(values)], np.nan)
    for at, row in items:
        numbers[tuple(at)][: len(row)] = row
    return Table(quantity, tuple((axis, tuple(along)) for axis, along in (*axes, (name, values))), numbers)


def learning_curve(losses: Sequence[float], over: int = 50) -> Table:
    """The loss of every step of a training, and its mean over the last `over` steps.

    Raises:
        ValueError: there is no loss yet.
    """
    if not losses:
        raise ValueError("losses: expected at least one step, found none")
    raw = np.array(losses)
    sums = np.concatenate([[0.0], raw.cumsum()])
    ends = np.arange(1, len(raw) + 1)
    begins = np.maximum(ends - over, 0)
    smooth = (sums[ends] - sums[begins]) / (ends - begins)
    axes = (("loss of", ("each step", f"the last {over} steps")), ("step", tuple(ends.tolist())))
    return Table("loss", axes, np.stack([raw, smooth]))


def listed(table: Table) -> list[list[Any]]:
    """A table in long form: for each number its coordinates, then the number; no nan."""
    return [
        [*(values[i] for (_, values), i in zip(table.axes, at, strict=True)), float(number)]
        for at, number in np.ndenumerate(table.numbers)
        if not np.isnan(number)
    ]


def to_csv(table: Table) -> str:
    """A table in long form, as CSV: a column for each axis, the quantity last, a line for each number; no nan.

    Text stands in quotes, numbers without; any other coordinate is written as JSON, as text.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([*(name for name, _ in table.axes), table.quantity])
    for *found, number in listed(table):
        plain = [one if is_number(one) or isinstance(one, str) else json.dumps(one) for one in found]
        writer.writerow([*plain, number])
    return text.getvalue()


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square of a - b, both of one shape. ValueError for another shape."""
    if a.shape != b.shape:
        raise ValueError(f"distance: expected two of one size, found {a.shape} and {b.shape}")
    return rms(a.astype(np.float64) - b)


def rms(a: np.ndarray) -> float:
    """Root mean square: √(mean of a²)."""
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64))))


def cosines(vectors: np.ndarray) -> np.ndarray:
    """How nearly each two of some vectors (n, D) point the same way, (n, n) in -1 … 1; nan for what is not finite."""
    finite = np.where(np.isfinite(vectors), vectors, np.nan).astype(np.float64)
    directions = finite / np.linalg.norm(finite, axis=1, keepdims=True).clip(min=1e-30)
    return directions @ directions.T


def divergence(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> Table:
    """How far two runs are apart at each step, along the axis "step".

    Raises:
        ValueError: one has more steps, or a size differs.
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"divergence: expected two runs of as many steps, found {len(a)} and {len(b)}")
    numbers = np.array([distance(one, other) for one, other in zip(a, b, strict=True)])
    return Table("RMS distance", (("step", tuple(range(len(a)))),), numbers)


def neighbours(
    axes: Axes,
    items: Sequence[tuple[Sequence[int], Any]],
    along: str = "",
    quantity: str = "RMS distance",
    measure: Callable[[Any, Any], float] | None = None,
) -> Table:
    """How far what lies next to each other along one axis, by default the last of several values, is apart.

    The axis `along` keeps its name and gets a value for each gap: the middle, where its values are numbers, else
    "a → b". Neighbours are neighbours in the order of the axis; where one of two is missing, the number is nan.

    Args:
        axes: of the places.
        items: what lies at each place.
        along: the axis.
        quantity: what is measured.
        measure: of two neighbours; by default the root mean square of the difference of arrays of one shape.

    Raises:
        ValueError: there is no such axis, it has fewer than two values, or a size differs.
    """
    measure = measure or distance
    names = [name for name, _ in axes]
    along = along or next((name for name, values in reversed(axes) if len(values) > 1), "")
    if along not in names:
        raise ValueError(f"along: expected one of {', '.join(names) or 'no axis at all'}, found {along!r}")
    which = names.index(along)
    values = axes[which][1]
    if len(values) < 2:
        raise ValueError(f"along: expected an axis of two or more values, found {len(values)} on {along!r}")
    gaps = tuple(between(a, b) for a, b in pairwise(values))
    places = {tuple(at): item for at, item in items}
    found = []
    for at, item in places.items():
        after = (*at[:which], at[which] + 1, *at[which + 1 :])
        if after in places:
            found.append((at, measure(item, places[after])))
    return table(quantity, [*axes[:which], (along, gaps), *axes[which + 1 :]], found)


def between(a: Any, b: Any) -> Any:
    """The place between two values of an axis: the middle of two numbers, else both, with an arrow."""
    if all(is_number(value) for value in (a, b)):
        return (a + b) / 2
    return " → ".join(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in (a, b))


def is_number(value: Any) -> bool:
    """Whether a value of an axis is a number (a truth value is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def histogram(
    axes: Axes, items: Items, bins: int = 60, span: tuple[float, float] | None = None, name: str = "value"
) -> Table:
    """How numbers are spread, at each place: density over the middles of equal bins, along a last axis `name`.

    Args:
        axes: of the places.
        items: the numbers at each place, of any shape; those that are not finite are left out.
        bins: how many.
        span: from where to where; what lies outside is counted but not shown, so that the area is the share inside.
            By default from the least to the greatest number of all.
        name: of the last axis.

    Raises:
        ValueError: fewer than one bin, no finite number at all, an empty span, or an axis that is called `name`.
    """
    if bins < 1:
        raise ValueError(f"bins: expected 1 or more, found {bins}")
    finite = [(tuple(at), item[np.isfinite(item)].astype(np.float64)) for at, item in items]
    if not any(some.size for _, some in finite):
        raise ValueError("histogram: expected at least one finite number, found none")
    if span is None:
        span = min(some.min() for _, some in finite if some.size), max(some.max() for _, some in finite if some.size)
        if span[0] == span[1]:  # all are one number: a bin of width 1 around it
            span = span[0] - 0.5, span[1] + 0.5
    if not span[0] < span[1]:
        raise ValueError(f"span: expected two numbers, the lower first, found {span[0]:g} and {span[1]:g}")
    edges = np.linspace(*span, bins + 1)
    middles = ((edges[:-1] + edges[1:]) / 2).tolist()
    counted = [(at, np.histogram(some, edges)[0] / (some.size * np.diff(edges))) for at, some in finite if some.size]
    return rows("density", axes, counted, name, middles)


LEVELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigma": lambda sigma: sigma,
    "log sigma": np.log,
    "signal to noise": lambda sigma: sigma**-2.0,
    "signal share": lambda sigma: 1 / (1 + sigma**2),
}
"""What may be said of noise levels, (n,) → (n,): as they are; their natural logarithm; the variance of signal over that
of noise, for clean latents of variance one; and the signal's share of both, ᾱ of DDPM (arXiv 2006.11239)."""


def noise_levels(axes: Axes, sigmas: Sequence[tuple[Sequence[int], Sequence[float]]], what: str) -> Table:
    """The noise levels that schedules visit, over a last axis "step"; nan after the end, and what is infinite at 0.

    Args:
        axes: of the places.
        sigmas: the levels of the schedule at each place, (steps + 1,).
        what: a name in LEVELS.
    """
    with np.errstate(divide="ignore"):
        levels = [(at, LEVELS[what](np.asarray(row, dtype=np.float64))) for at, row in sigmas]
    finite = [(at, np.where(np.isfinite(row), row, np.nan)) for at, row in levels]
    return rows(what, axes, finite, "step", range(max((len(row) for _, row in finite), default=0)))
