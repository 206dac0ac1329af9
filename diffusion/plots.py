"""Plots: tables of numbers as curves and as heat maps, drawn with Pillow in the style of the sheets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from diffusion.drawing import (
    LINE,
    LONGEST,
    SLANT,
    SMALL,
    Canvas,
    Colour,
    Point,
    Scale,
    Ticks,
    caption,
    even_ticks,
    make_scale,
    mark,
    written,
)
from diffusion.heat import Colours, Span, painted, span_of
from diffusion.image import Image
from diffusion.measures import Table, is_number
from diffusion.sheets import FAINT, INK, MARGIN, PAPER, TEXT, fitted, legible, width_of

GRID, AXIS, BLANK = (232, 234, 238), (150, 156, 166), (240, 241, 243)
PALETTE: tuple[Colour, ...] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (60, 60, 60),
)  # fmt: skip
"""Okabe and Ito's colours, which colour-blind people can tell apart; without yellow, which white paper swallows."""
DASHES: tuple[tuple[int, ...], ...] = ((), (7, 4), (2, 3), (9, 3, 2, 3))
"""Pixels drawn and left out by turns; for the curves after those that have used up the colours."""
LARGEST = 1e100
"""Numbers beyond it are no longer drawn, nor on a logarithmic scale those below its inverse: reckoning with them would
leave the range of floats."""


# ── what the plots have in common ─────────────────────────────────────────────────────────────────────────────────────


def small_width(text: str) -> int:
    """The width of a text in small letters."""
    return width_of(text, SMALL)


def wrapped(text: str, width: int, size: int) -> list[str]:
    """A text in lines of some width; a word that is wider stands alone."""
    lines: list[str] = []
    for word in text.split():
        if lines and width_of(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [fitted(line, width, size) for line in lines]


def headed(title: str, note: str, width: int) -> tuple[str, list[str], int]:
    """Title and note as they fit into a width, and where what follows begins."""
    title, lines = fitted(legible(title), width), wrapped(legible(note), width, SMALL)
    return title, lines, MARGIN + (TEXT + 9 if title else 0) + len(lines) * LINE + (5 if lines else 0)


def draw_head(canvas: Canvas, title: str, lines: Sequence[str]) -> None:
    """Title, and note below it."""
    canvas.text((MARGIN, MARGIN - 2), title, INK, TEXT)
    top = MARGIN + (TEXT + 9 if title else 0)
    for i, line in enumerate(lines):
        canvas.text((MARGIN, top - 2 + i * LINE), line, FAINT)


@dataclass(frozen=True)
class Names:
    """What is written below an axis: pixels and texts, level or slanted, and the height they take."""

    places: Sequence[tuple[float, str]]
    slanted: bool
    height: int


def overhang(values: Sequence[Any], slot: float) -> int:
    """Where the first of some slots must begin, so that names that must be slanted stay in sight."""
    widths = [min(small_width(caption(value)), LONGEST) for value in values]
    if max(widths) + 8 <= slot:
        return 0
    return math.ceil(max(w * math.cos(math.radians(SLANT)) - (i + 0.5) * slot for i, w in enumerate(widths))) + 8


def names_below(places: Sequence[tuple[float, str]], words: bool) -> Names:
    """Texts that do not overlap: words are slanted where they must be, and what still overlaps is thinned out."""
    places = [(x, fitted(text, LONGEST, SMALL)) for x, text in places]
    wide = max((small_width(text) for _, text in places), default=0)
    gap = min((b - a for (a, _), (b, _) in pairwise(places)), default=1e9)
    slanted = words and wide + 8 > gap
    every = max(math.ceil((LINE * 1.5 if slanted else wide + 10) / gap), 1)
    height = round(wide * math.sin(math.radians(SLANT))) + LINE if slanted else LINE
    return Names(places[::every], slanted, height)


def draw_names(canvas: Canvas, names: Names, y: float) -> None:
    """Texts below an axis that lies at `y`."""
    for x, text in names.places:
        canvas.text((x, y + 5), text, INK, SMALL, "ma", names.slanted)


def fixed_axes(table: Table, shown: Sequence[str]) -> str:
    """The axes of one value, which tell curves apart no more, as a remark."""
    return " · ".join(
        f"{name} {caption(values[0])}" for name, values in table.axes if name not in shown and len(values) == 1
    )


def joined(*remarks: str) -> str:
    """Remarks on one line, those that say nothing left out."""
    return " · ".join(remark for remark in remarks if remark)


def axis_number(table: Table, name: str, where: str) -> int:
    """Which axis of a table has a name; `ValueError` with those there are."""
    names = [axis for axis, _ in table.axes]
    if name not in names:
        raise ValueError(f"{where}: expected one of the table's axes, {', '.join(names) or 'of none'}, found {name!r}")
    return names.index(name)


def drawable(numbers: np.ndarray, log: bool) -> np.ndarray:
    """Numbers as they can be drawn: nan for what is not finite, too large, or not above 0 on a logarithmic scale."""
    fits = (np.abs(numbers) < LARGEST) & ((numbers > 1 / LARGEST) if log else True)
    return np.where(fits, numbers, np.nan)


def colour_bar(canvas: Canvas, left: float, top: float, bottom: float, span: Span, colours: Colours) -> None:
    """A bar of all colours, with ticks: what they stand for."""
    low, high = span
    steps = round(bottom - top)
    bar = painted(np.linspace(high, low, steps), span, colours)
    for i, colour in enumerate(bar.tolist()):
        canvas.box(left, top + i, left + 12, top + i + 1, tuple(colour))
    if high <= low:
        canvas.text((left + 18, (top + bottom) / 2), caption(low), INK, SMALL, "lm")
        return
    for value, text in bar_ticks(span, steps):
        y = bottom - (value - low) / (high - low) * (bottom - top)
        canvas.box(left + 12, round(y), left + 15, round(y) + 1, AXIS)
        canvas.text((left + 18, y), text, INK, SMALL, "lm")


def bar_ticks(span: Span, height: int) -> Ticks:
    """The ticks of a colour bar, two or more where it has two ends."""
    if span[0] >= span[1]:
        return [(span[0], caption(span[0]))]
    count = max(height // 40, 3)
    ticks = even_ticks(*span, count)
    return ticks if len(ticks) > 1 else even_ticks(*span, 2 * count)


# ── curves ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Frame:
    """The area that curves are drawn in, in pixels, and the numbers along its sides."""

    left: int
    top: int
    right: int
    bottom: int
    sx: Scale
    sy: Scale

    def x(self, value: float) -> float:
        """The pixel of a coordinate."""
        return self.left + self.sx.place(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        """The pixel of a number."""
        return self.bottom - self.sy.place(value) * (self.bottom - self.top)


@dataclass(frozen=True)
class Curve:
    """One line of a plot.

    name: the values of the axes that tell it from others.
    colour: of its line and marks.
    which: how many curves come before it; decides its mark and its dashes.
    points: coordinate and number, from left to right; nan where there is none.
    ends: whether it reaches the right end of the axis.
    marked: whether its numbers are marked.
    """

    name: str
    colour: Colour
    which: int
    points: list[Point]
    ends: bool
    marked: bool

    @property
    def dash(self) -> tuple[int, ...]:
        """Whole for the first curves, dashed for those that share a colour with one of them."""
        return DASHES[self.which // len(PALETTE) % len(DASHES)]

    @property
    def shape(self) -> int:
        """The number of its mark: another one for those that share a colour."""
        return self.which + self.which // len(PALETTE)


SIDE_LABEL, MANY = 190, 8
"""Pixels that labels beside the curves may be wide, and the number of curves above which an axis of numbers is shown by
a colour bar."""


def line_plot(
    table: Table,
    x: str = "",
    title: str = "",
    note: str = "",
    log_x: bool = False,
    log_y: bool = False,
    marks: bool = True,
    width: int = 720,
    height: int = 440,
) -> Image:
    """Curves over one axis of a table, one for each combination of the others.

    Curves are named at their right ends; in a legend below where they are too many for that; and by a colour bar where
    more than MANY belong to one axis of numbers.

    Args:
        table: nan leaves a gap; so does what is not above 0 on a logarithmic scale.
        x: the axis that goes to the right; by default the last one of several numbers.
        title: above all.
        note: a small line below the title.
        log_x: powers of ten at even distances; needs an axis of numbers.
        log_y: likewise.
        marks: marks on the numbers, where they lie apart.
        width: in pixels.
        height: in pixels; a legend below is added to it.

    Raises:
        ValueError: there is no such axis, it has no numbers for `log_x`, or nothing can be drawn.
    """
    if not table.axes:
        raise ValueError("table: expected at least one axis, found none; collect numbers over a sweep or a loop")
    along = axis_number(table, x or default_x(table), "x")
    x, values = table.axes[along]
    numeric = all(map(is_number, values))
    if log_x and not numeric:
        raise ValueError(f"log_x: expected an axis of numbers, found {caption(values[0])!r} on {x!r}")
    coordinates = drawable(np.array(values if numeric else range(len(values)), dtype=np.float64), log_x)
    order = np.argsort(coordinates, kind="stable")  # nan comes last
    order = order[np.isfinite(coordinates[order])]
    numbers = drawable(np.moveaxis(table.numbers, along, -1)[..., order], log_y)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        raise ValueError("table: expected a number that can be drawn, found none; all missing, or not above 0 on log?")
    others = [(name, axis) for i, (name, axis) in enumerate(table.axes) if i != along and len(axis) > 1]
    by_colour = len(others) == 1 and len(others[0][1]) > MANY and all(map(is_number, others[0][1]))
    curves = make_curves(others, coordinates[order], numbers, by_colour, marks)

    left_out = int((~np.isnan(table.numbers)).sum()) - finite.size
    remark = f"{left_out} not drawn: not above 0, or not finite" if left_out else ""
    head, lines, top = headed(title, joined(note, fixed_axes(table, [x]), remark), width - 2 * MARGIN)
    top += LINE + 8  # the quantity stands above its axis
    tall = height - top - 3 * LINE - (0 if numeric else 100)  # at least, should the names below be slanted
    sx = make_scale(coordinates[order], log_x, 0.02) if numeric else Scale(-0.5, len(values) - 0.5)
    sy = make_scale(finite, log_y, 0.05, zero=True)
    up = sy.ticks(max((height - top) // 60, 2))
    beside = bool(others) and not by_colour and fits_beside(curves, tall)
    bar = span_of([np.array(others[0][1], dtype=np.float64)]) if by_colour else (0.0, 0.0)
    margin = MARGIN + 4
    if by_colour:
        margin += 24 + max(small_width(text) for _, text in bar_ticks(bar, tall))
    elif beside:
        margin += 46 + max(small_width(curve.name) for curve in curves)
    left = MARGIN + max(small_width(text) for _, text in up) + 8
    if not numeric:
        left = max(left, overhang(values, (width - margin - left) / len(values)))
    right = max(width - margin, left + 60)
    places = x_places(values, sx, right - left)
    names = names_below([(left + sx.place(at) * (right - left), text) for at, text in places], words=not numeric)
    frame = Frame(left, top, right, max(height - MARGIN - LINE - 3 - names.height, top + 40), sx, sy)
    keys = legend(curves, others, width) if others and not (beside or by_colour) else []

    canvas = Canvas(right + margin, frame.bottom + MARGIN + LINE + 3 + names.height + legend_height(keys))
    draw_head(canvas, head, lines)
    draw_frame(canvas, frame, up, names, x)
    heading = ""
    if beside or by_colour:
        heading = fitted(legible(joined(*(name for name, _ in others))), canvas.width // 2, SMALL)
    canvas.text((canvas.width - MARGIN, top - LINE - 7), heading, FAINT, SMALL, "ra")
    room = canvas.width - 2 * MARGIN - (small_width(heading) + 12 if heading else 0)
    canvas.text((MARGIN, top - LINE - 7), fitted(legible(table.quantity), room, SMALL))
    thickness = (1.4 if by_colour else 2.0) if numeric else 1.0  # thin between names, where there is nothing
    for curve in curves:
        draw_curve(canvas, frame, curve, thickness)
    if by_colour:
        colour_bar(canvas, right + 12, top, frame.bottom, bar, "viridis")
    if beside:
        draw_labels(canvas, frame, curves)
    draw_legend(canvas, keys, frame.bottom + names.height + LINE + 16)
    return canvas.image()


def default_x(table: Table) -> str:
    """The last axis of several numbers, else the last of numbers, else the last."""
    numeric = [(name, values) for name, values in table.axes if all(map(is_number, values))]
    several = [(name, values) for name, values in numeric if len(values) > 1]
    return (several or numeric or table.axes)[-1][0]


def make_curves(
    others: Sequence[tuple[str, Sequence[Any]]], xs: np.ndarray, numbers: np.ndarray, by_colour: bool, marks: bool
) -> list[Curve]:
    """The curves that have a number.

    Args:
        others: the axes that tell curves apart, in order.
        xs: (n,), where the numbers lie.
        numbers: (…, n), an axis for each of the table's but the last, those of one value included.
        by_colour: colours stand for the values of the one axis; nothing is marked.
        marks: whether numbers are marked otherwise.
    """
    rows = numbers.reshape(*(len(values) for _, values in others), numbers.shape[-1])
    scaled = np.array(others[0][1] if by_colour else [0], dtype=np.float64)
    shades = painted(scaled, span_of([scaled]), "viridis").tolist()
    curves: list[Curve] = []
    for at in np.ndindex(rows.shape[:-1]):
        has = np.isfinite(rows[at])
        if not has.any():
            continue
        which = 0 if by_colour else len(curves)
        name = " · ".join(caption(values[i]) for (_, values), i in zip(others, at, strict=True))
        colour = tuple(shades[at[0]]) if by_colour else PALETTE[which % len(PALETTE)]
        points = list(zip(xs.tolist(), rows[at].tolist(), strict=True))
        curves.append(Curve(name, colour, which, points, bool(has[-1]), marks and not by_colour))
    return curves


def x_places(values: Sequence[Any], scale: Scale, across: float) -> Ticks:
    """What stands below the x axis: every name; of numbers, every one where few lie apart, else even ticks."""
    if not all(map(is_number, values)):
        return [(i, caption(value)) for i, value in enumerate(values)]
    few = sorted({float(value) for value in values if not scale.log or value > 0})
    ticks = [(value, caption(value)) for value in few]
    if len(few) <= 12 and all(
        (scale.place(b) - scale.place(a)) * across >= (small_width(s) + small_width(t)) / 2 + 10
        for (a, s), (b, t) in pairwise(ticks)
    ):
        return ticks
    return scale.ticks(max(round(across / 80), 2), whole=all(isinstance(value, int) for value in values))


def draw_frame(canvas: Canvas, frame: Frame, up: Ticks, names: Names, x: str) -> None:
    """The axes with their ticks, a faint grid, and the name of the x axis."""
    for value, text in up:
        y = round(frame.y(value))
        canvas.box(frame.left, y, frame.right, y + 1, GRID)
        canvas.text((frame.left - 7, y), text, INK, SMALL, "rm")
    for place, _ in names.places:
        canvas.box(round(place), frame.top, round(place) + 1, frame.bottom, GRID)
        canvas.box(round(place), frame.bottom, round(place) + 1, frame.bottom + 4, AXIS)
    canvas.box(frame.left, frame.bottom, frame.right, frame.bottom + 1, AXIS)
    draw_names(canvas, names, frame.bottom)
    below = ((frame.left + frame.right) / 2, frame.bottom + names.height + 5)
    canvas.text(below, fitted(legible(x), frame.right - frame.left, SMALL), FAINT, SMALL, "ma")


def draw_curve(canvas: Canvas, frame: Frame, curve: Curve, thickness: float) -> None:
    """A line for each run of numbers, marks where they lie apart, and a mark on each number that is alone."""
    runs: list[list[Point]] = [[]]
    for x, y in curve.points:
        if math.isnan(y):
            runs.append([])
        else:
            runs[-1].append((frame.x(x), frame.y(y)))
    for run in runs:
        if len(run) > 1:
            canvas.line(run, curve.colour, thickness, curve.dash)
    points = [point for run in runs for point in run]
    apart = (points[-1][0] - points[0][0]) / max(len(points) - 1, 1)
    # on a dense curve marks only tell it from others: few, and elsewhere than those of the next
    every = 1 if apart >= 14 or len(points) == 1 else max(round(45 / max(apart, 0.01)), 1)
    alone = {run[0] for run in runs if len(run) == 1}
    for i, point in enumerate(points):
        if point in alone or (curve.marked and i % every == curve.which * every // len(PALETTE) % every):
            mark(canvas, point, curve.shape, curve.colour)


def fits_beside(curves: Sequence[Curve], height: float) -> bool:
    """Whether the curves' names have room at their right ends."""
    return len(curves) * LINE <= height and max(small_width(curve.name) for curve in curves) <= SIDE_LABEL


def spread_out(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart, in the order of those wanted and as near to them as can be, from low to high.

    Neighbours that are too near become a block around their mean: isotonic regression, by pooling adjacent violators.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    blocks: list[tuple[float, int]] = []  # mean of what is wanted, less what the gaps above take; and how many
    for rank, i in enumerate(order):
        blocks.append((wanted[i] - rank * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, count), (before, more) = blocks.pop(), blocks.pop()
            blocks.append(((before * more + mean * count) / (more + count), more + count))
    settled = [mean for mean, count in blocks for _ in range(count)]
    last = max(high - (len(wanted) - 1) * gap, low)
    places = [0.0] * len(wanted)
    for rank, i in enumerate(order):
        places[i] = min(max(settled[rank], low), last) + rank * gap
    return places


def draw_labels(canvas: Canvas, frame: Frame, curves: Sequence[Curve]) -> None:
    """The curves' names at their right ends, each with its key, and led to from where its curve ends."""
    ends = [next(point for point in reversed(curve.points) if math.isfinite(point[1])) for curve in curves]
    wanted = [frame.y(y) for _, y in ends]
    places = spread_out(wanted, LINE, frame.top + LINE / 2, frame.bottom - LINE / 2)
    for curve, (x, _), y, place in zip(curves, ends, wanted, places, strict=True):
        if curve.ends:  # a leader from further left would cross other curves
            red, green, blue = ((channel + 255) // 2 for channel in curve.colour)
            leader = [(frame.x(x) + 5, y), (frame.right + 4, y), (frame.right + 16, place)]
            canvas.line(leader, (red, green, blue), 1)
        draw_key(canvas, curve, frame.right + 16, place)
        canvas.text((frame.right + 44, place), curve.name, INK, SMALL, "lm")


def draw_key(canvas: Canvas, curve: Curve, x: float, y: float) -> None:
    """A short piece of a curve with its mark, if it has some."""
    canvas.line([(x, y), (x + 22, y)], curve.colour, 2, curve.dash)
    if curve.marked:
        mark(canvas, (x + 11, y), curve.shape, curve.colour)


Keys = list[tuple[Point, Curve | None, str]]
"""Where the entries of a legend stand, from its upper left corner; its heading has no curve."""


def legend(curves: Sequence[Curve], others: Sequence[tuple[str, Sequence[Any]]], width: int) -> Keys:
    """The curves' names in as many columns as fit."""
    room = width - 2 * MARGIN
    wide = min(max(small_width(curve.name) for curve in curves) + 50, room)
    columns = max(min(room // wide, len(curves)), 1)
    rows = math.ceil(len(curves) / columns)
    heading = joined(*(name for name, _ in others))
    keys: Keys = [((0, 0), None, fitted(legible(heading), room, SMALL))]
    for i, curve in enumerate(curves):
        at = (i // rows * wide, (i % rows + 1) * LINE)
        keys.append((at, curve, fitted(curve.name, wide - 36, SMALL)))
    return keys


def legend_height(keys: Keys) -> int:
    """The height of a legend with the room above it; 0 without one."""
    return round(max(y for (_, y), _, _ in keys)) + LINE + 12 if keys else 0


def draw_legend(canvas: Canvas, keys: Keys, top: float) -> None:
    """A legend."""
    for (x, y), curve, text in keys:
        if curve is not None:
            draw_key(canvas, curve, MARGIN + x, top + y + LINE / 2)
        canvas.text((MARGIN + x + (28 if curve else 0), top + y + LINE / 2), text, INK if curve else FAINT, SMALL, "lm")


# ── heat maps ─────────────────────────────────────────────────────────────────────────────────────────────────────────

WIDEST_CELL, HIGHEST_CELL = 110, 44
"""Pixels that one rectangle of a small map may take."""


def heat_plot(
    table: Table,
    x: str = "",
    y: str = "",
    title: str = "",
    note: str = "",
    colours: Colours | None = None,
    width: int = 720,
    height: int = 440,
) -> Image:
    """Two axes of a table as a map, a rectangle for each number, with the number in it where there is room.

    Args:
        table: other axes must have one value; nan stays blank.
        x: the axis that goes to the right; by default the last one of several values.
        y: the axis that goes down; by default the last one left.
        title: above all.
        note: a small line below the title.
        colours: by default diverging where there are numbers below and above zero, else viridis.
        width: in pixels, about; rectangles are whole pixels wide.
        height: likewise.

    Raises:
        ValueError: the table has fewer than two axes or more than two of several values, or nothing can be drawn.
    """
    x, y = chosen_axes(table, x, y)
    over, down = axis_number(table, x, "x"), axis_number(table, y, "y")
    numbers = drawable(np.moveaxis(table.numbers, (down, over), (-2, -1)), log=False)
    numbers = numbers.reshape(numbers.shape[-2:])
    if not np.isfinite(numbers).any():
        raise ValueError("table: expected a number that can be drawn, found none; all are missing")
    rows, columns = len(numbers), len(numbers[0])
    low, high = span_of([numbers])
    colours = colours or ("diverging" if low < 0 < high else "viridis")
    span = span_of([numbers], centred=colours == "diverging")

    head, lines, top = headed(title, joined(note, fixed_axes(table, [x, y])), width - 2 * MARGIN)
    top += 2 * LINE + 8  # the quantity, then the name of the axis that goes down
    tall = max(min((height - top - MARGIN - 2 * LINE) // rows, HIGHEST_CELL), 2)
    side = [(at, fitted(text, LONGEST, SMALL)) for at, text in cell_places(table.axes[down][1], tall, 40)]
    margin = 38 + MARGIN + max(small_width(text) for _, text in bar_ticks(span, height - top))
    left = MARGIN + max(*(small_width(text) for _, text in side), min(small_width(legible(y)), LONGEST)) + 8
    over_values = table.axes[over][1]
    words = not all(map(is_number, over_values))
    if words:
        left = max(left, overhang(over_values, min((width - left - margin) / columns, WIDEST_CELL)))
    across = max(min((width - left - margin) // columns, WIDEST_CELL), 2)
    right, bottom = left + across * columns, top + tall * rows
    names = names_below([(left + at, text) for at, text in cell_places(over_values, across, 70)], words)
    quantity = legible(table.quantity)
    texts = 2 * MARGIN + max(width_of(head), *map(small_width, [*lines, quantity]))
    end = max(bottom, top + 40)  # of the colour bar, which wants some room
    canvas = Canvas(max(right + margin, min(texts, width)), end + names.height + LINE + 3 + MARGIN)

    draw_head(canvas, head, lines)
    canvas.text((MARGIN, top - 2 * LINE - 7), fitted(quantity, canvas.width - 2 * MARGIN, SMALL))
    canvas.text((left - 8, top - LINE - 4), fitted(legible(y), left - 8 - MARGIN, SMALL), FAINT, SMALL, "ra")
    draw_cells(canvas, numbers, painted(np.nan_to_num(numbers), span, colours), (left, top), (across, tall))
    for at, text in side[:: math.ceil(LINE / (side[1][0] - side[0][0])) if len(side) > 1 else 1]:
        canvas.text((left - 8, top + at), text, INK, SMALL, "rm")
    draw_names(canvas, names, bottom)
    canvas.text(((left + right) / 2, bottom + names.height + 5), fitted(legible(x), right, SMALL), FAINT, SMALL, "ma")
    colour_bar(canvas, right + 20, top, end, span, colours)
    return canvas.image()


def cell_places(values: Sequence[Any], size: int, room: int) -> Ticks:
    """Where names stand along cells of a size, in pixels: in the middle of each.

    Where there are many numbers at even distances, even ticks about `room` pixels apart take their place.
    """
    if len(values) > 12 and all(is_number(value) and abs(value) < LARGEST for value in values):
        steps = np.diff(np.array(values, dtype=np.float64))
        if abs(steps[0]) > 1e-9 * max(abs(values[0]), abs(values[-1])) and np.allclose(steps, steps[0], rtol=1e-3):
            low, high = sorted((float(values[0]), float(values[-1])))
            whole = all(isinstance(value, int) for value in values)
            ticks = even_ticks(low, high, max(len(values) * size // room, 2), whole)
            places = [((value - values[0]) / float(steps[0]) * size + size / 2, text) for value, text in ticks]
            return sorted(places)
    return [((i + 0.5) * size, caption(value)) for i, value in enumerate(values)]


def draw_cells(
    canvas: Canvas, numbers: np.ndarray, filled: np.ndarray, at: tuple[int, int], size: tuple[int, int]
) -> None:
    """A rectangle of a size for each number, in its colour, with the number in it if all numbers have room."""
    across, tall = size
    texts = cell_texts(numbers)
    fits = across >= max(small_width(text) for row in texts for text in row) + 6 and tall >= LINE
    gap = 1 if min(size) >= 16 else 0
    for (row, column), number in np.ndenumerate(numbers):
        left, top = at[0] + column * across, at[1] + row * tall
        red, green, blue = BLANK if math.isnan(number) else filled[row, column].tolist()
        canvas.box(left, top, left + across - gap, top + tall - gap, (red, green, blue))
        if fits:
            light = 0.299 * red + 0.587 * green + 0.114 * blue > 140  # luma, ITU-R BT.601
            middle = (left + across / 2, top + tall / 2)
            canvas.text(middle, texts[row][column], INK if light else PAPER, SMALL, "mm")


def chosen_axes(table: Table, x: str, y: str) -> tuple[str, str]:
    """The two axes of a map; `ValueError` where there are not two, or where others are left."""
    for name, where in ((x, "x"), (y, "y")):
        if name:
            axis_number(table, name, where)
    several = [name for name, values in table.axes if len(values) > 1]
    free = [name for name, _ in table.axes if name not in (x, y)]
    if not x and free:
        x = next((name for name in reversed(free) if name in several), free[-1])
        free.remove(x)
    if not y and free:
        y = next((name for name in reversed(free) if name in several), free[-1])
    if not (x and y) or x == y or set(several) - {x, y}:
        found = ", ".join(f"{name} ({len(values)})" for name, values in table.axes) or "none"
        raise ValueError(f"table: expected two axes, and one value on any other, found {found}; line_plot takes more")
    return x, y


def cell_texts(numbers: np.ndarray) -> list[list[str]]:
    """The numbers of a map with as many digits as tell them apart, nothing for nan."""
    low, high = span_of([numbers])
    step = (high - low or abs(high) or 1.0) / 100
    return [["" if math.isnan(number) else written(number, step) for number in row] for row in numbers.tolist()]
