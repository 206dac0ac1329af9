"""Fields of numbers as maps, with a number a pixel if need be, and a bar that says what the colours stand for.

Colours → one map with its rows and columns → many maps side by side → words where there is nothing to draw. Tables of a
sweep are drawn by `plots.heat_plot`, number by number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diffusion.drawing import LINE, LONGEST, SMALL, Canvas, Ticks, even_ticks
from diffusion.heat import Colours, Span, painted, span_of
from diffusion.image import Image
from diffusion.plots import (
    bar_ticks,
    colour_bar,
    draw_head,
    draw_names,
    headed,
    names_below,
    small_width,
    wrapped,
)
from diffusion.sheets import FAINT, INK, MARGIN, TEXT, fitted, legible, wrap

LARGEST = 1000
"""Pixels a side that a map takes at most with all that stands around it; neighbours are averaged where they must be."""
CELL, SQUARE = 44, 640
"""Pixels that a number takes at most, and that a map of places does, whose numbers are squares."""
BAR = 320
"""Pixels that a bar of colours is high at most."""

MISSING = (140, 140, 146)
"""The grey of a number that is not finite; no colours but grey ones come near it."""

Along = range | Sequence[str]
"""What the rows or the columns of a map are: numbers in a row, or names."""


# ── colours ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def shared_span(fields: Sequence[np.ndarray], colours: Colours, within: float = 1.0) -> Span:
    """The range of colours for some fields of any shape; zero is in its middle where the colours diverge.

    Args:
        fields: only their finite numbers count.
        colours: of the maps.
        within: the share of the numbers, the nearest to zero, that the range must hold; for a few are sometimes so far
            out that all others would have one colour.
    """
    numbers = np.concatenate([field[np.isfinite(field)].ravel() for field in fields]).astype(np.float64)
    if not numbers.size:
        return -1.0, 1.0
    if within < 1:
        edge = np.quantile(np.abs(numbers), within)
        numbers = numbers.clip(-edge, edge)
    return span_of([numbers], centred=colours == "diverging")


def tinted(field: np.ndarray, span: Span, colours: Colours) -> Image:
    """A field (h, w) as a picture, a pixel a number; grey where the number is not finite."""
    finite = np.isfinite(field)
    pixels = painted(np.where(finite, field, 0).astype(np.float64), span, colours)
    pixels[~finite] = MISSING
    return Image(pixels)


# ── one map ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def heat_map(
    field: np.ndarray,
    rows: Along,
    columns: Along,
    names: tuple[str, str] = ("row", "column"),
    title: str = "",
    note: str = "",
    colours: Colours = "diverging",
    span: Span | None = None,
    square: bool = False,
) -> Image:
    """A field with its rows and columns named, and a bar of its colours.

    Args:
        field: (rows, columns), not empty; what is not finite stays grey.
        rows: what the rows are.
        columns: what the columns are.
        names: what rows and columns are called.
        title: above all.
        note: a small line below the title.
        colours: of the map.
        span: the range of the colours; by default that of the numbers.
        square: whether a number is as high as it is wide.
    """
    span = span or shared_span([field], colours)
    small = averaged(averaged(field, 0), 1)
    return framed(tinted(small, span, colours), rows, columns, names, title, note, square, (span, colours))


def averaged(field: np.ndarray, axis: int, limit: int = LARGEST - 200) -> np.ndarray:
    """The means of neighbours along an axis, so that at most `limit` are left."""
    count = field.shape[axis]
    if count <= limit:
        return field
    edges = np.linspace(0, count, limit, endpoint=False).astype(int)
    shape = [-1 if i == axis else 1 for i in range(field.ndim)]
    counts = np.diff([*edges, count]).reshape(shape)
    return np.add.reduceat(field.astype(np.float64), edges, axis=axis) / counts


def framed(
    picture: Image,
    rows: Along,
    columns: Along,
    names: tuple[str, str],
    title: str = "",
    note: str = "",
    square: bool = False,
    bar: tuple[Span, Colours] | None = None,
) -> Image:
    """A picture of few pixels, each enlarged, with what its rows and columns are, and perhaps a bar of its colours."""
    (width, height), (y, x) = picture.size, names
    margin = MARGIN if bar is None else 38 + MARGIN + max(small_width(text) for _, text in bar_ticks(bar[0], BAR))
    left = MARGIN + 8 + max(small_width(fitted(legible(text), LONGEST, SMALL)) for text in (y, *named(rows)))
    head, lines, top = headed(title, note, max(LARGEST - left - margin, 0))
    top += LINE + 2  # the name of the rows stands above them
    across = max(min((LARGEST - left - margin) // width, CELL), 1)
    tall = max(min((LARGEST - top - 4 * LINE) // height, CELL), 1)
    if square:
        across = tall = max(min(across, tall, SQUARE // max(width, height)), 1)
    pixels = picture.pixels.repeat(tall, axis=0).repeat(across, axis=1)
    bottom, right = top + height * tall, left + width * across

    along = [(left + at, legible(text)) for at, text in places(columns, width * across, 70)]
    below = names_below(along, words=not isinstance(columns, range))
    end = min(max(bottom, top + 60), top + BAR)
    needed = MARGIN + max(small_width(text) for text in (head, *lines)) * 1.3
    canvas = Canvas(max(right + margin, round(needed)), max(end, bottom + below.height + LINE) + MARGIN)
    draw_head(canvas, head, lines)
    canvas.text((left - 8, top - LINE - 4), fitted(legible(y), left - 8, SMALL), FAINT, SMALL, "ra")
    side = places(rows, height * tall, 40)
    for at, text in side[:: math.ceil(LINE / (side[1][0] - side[0][0])) if len(side) > 1 else 1]:
        canvas.text((left - 8, top + at), fitted(legible(text), LONGEST, SMALL), INK, SMALL, "rm")
    draw_names(canvas, below, bottom)
    canvas.text(((left + right) / 2, bottom + below.height + 5), legible(x), FAINT, SMALL, "ma")
    if bar is not None:
        colour_bar(canvas, right + 20, top, end, *bar)
    drawn = canvas.image().pixels.copy()
    drawn[top:bottom, left:right] = pixels
    return Image(drawn)


def named(along: Along) -> Sequence[str]:
    """Names as they are; of numbers the first and the last."""
    return [str(along[0]), str(along[-1])] if isinstance(along, range) else along


def places(along: Along, pixels: int, room: int) -> Ticks:
    """Where rows or columns that take some pixels are named: each name, or round numbers about `room` pixels apart."""
    each = pixels / len(along)
    if isinstance(along, range) and len(along) > 1:
        ticks = even_ticks(along[0], along[-1], max(pixels // room, 2), whole=True)
        return [((number - along[0] + 0.5) * each, text) for number, text in ticks]
    return [((i + 0.5) * each, str(name)) for i, name in enumerate(along)]


# ── many maps ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def map_sheet(
    fields: Sequence[np.ndarray], names: Sequence[str], title: str = "", colours: Colours = "diverging"
) -> Image:
    """Fields side by side, each with its name, in the same colours, and a bar of them.

    Args:
        fields: (h, w) each, at least one.
        names: of the fields.
        title: above all.
        colours: of the maps.
    """
    span = shared_span(fields, colours)
    pictures = [tinted(averaged(averaged(field, 0), 1), span, colours) for field in fields]
    columns = len(fields) if len(fields) <= 5 else math.ceil(math.sqrt(len(fields) * 1.4))
    widest = max(picture.size[0] for picture in pictures)
    scale = max(min(LARGEST - 100, 280 * columns) // columns // widest, 1)
    sheet = wrap(pictures, names, columns, title, scale)
    top = MARGIN + (TEXT + 11 if title else 0)
    strip = Canvas(24 + MARGIN + max(small_width(text) for _, text in bar_ticks(span, BAR)), sheet.size[1])
    colour_bar(strip, 4, top, min(max(sheet.size[1] - MARGIN - TEXT - 5, top + 20), top + BAR), span, colours)
    return Image(np.hstack([sheet.pixels, strip.image().pixels]))


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def notice(text: str) -> Image:
    """A few words where there is nothing to draw."""
    lines = wrapped(legible(text), 480, TEXT)
    canvas = Canvas(520, 2 * MARGIN + len(lines) * (TEXT + 6))
    for i, line in enumerate(lines):
        canvas.text((MARGIN, MARGIN + i * (TEXT + 6)), line, FAINT, TEXT)
    return canvas.image()
