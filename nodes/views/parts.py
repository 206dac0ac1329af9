"""What views are made of: limits, pictures of a size that can be seen, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from engine import Seen
from engine.view import numbers
from engine.view import table as as_table
from nodes.stages import image as pixels
from nodes.stages import maps, measures, plots, sheets
from nodes.stages import preview as previews

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from diffusion.heat import Heat
    from diffusion.image import Image
    from diffusion.latent import Latent
    from diffusion.measures import Table
    from diffusion.preview import Preview


LARGEST, SMALLEST, LATENT, TILE = 1024, 128, 256, 176
"""Pixels that the longer side of a picture has at most and at least, that of a latent at least, that of one of many."""

OneOrAll = Annotated[int, Field(ge=-1)]
From = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Bins = Annotated[int, Field(ge=2, le=1000)]
Side = Annotated[int, Field(ge=0, le=LARGEST)]
Colours = Literal["viridis", "magma", "diverging", "grey"]


def picture(draw: Callable[[], Image], data: Callable[[], Any], least: int = SMALLEST) -> Seen:
    """A picture of a size that can be seen, and the numbers behind it."""
    return Seen(data, lambda: pixels.to_png(pixels.at_most(pixels.at_least(draw(), least), LARGEST)))


def tiles(images: Sequence[Image], captions: Sequence[str]) -> Image:
    """Pictures side by side, all of about one size, with their captions."""
    small = [pixels.at_most(image.on(), TILE) for image in images]
    alike = [pixels.enlarge(image, max(round(TILE / max(image.size)), 1)) for image in small]
    return sheets.wrap(alike, captions, min(len(alike), 5), scale=1)


def nothing(why: str) -> Seen:
    """Where there is nothing to see: a table without rows, and words."""
    return picture(lambda: maps.notice(why), lambda: as_table([], []))


def expect_one(param: str, value: int, count: int, first: int = -1) -> None:
    """Raise ValueError unless a value has what a param asks for; -1 stands for all."""
    if not first <= value < count:
        every = " (all)" if first < 0 else ""
        raise ValueError(f"{param}: expected {first}{every} to {count - 1}, found {value}")


def part(first: int, count: int, of: int) -> range:
    """The places from one on, at most so many, 0 for all that are left; `ValueError` where there is none."""
    expect_one("first", first, of, 0)
    return range(first, min(first + count, of) if count else of)


def grid(values: Any, hint: str = "", **axes: Sequence[Any]) -> dict[str, Any]:
    """Numbers as nested lists, outermost first, with the coordinates along each axis by its name."""
    return {"axes": {name: list(along) for name, along in axes.items()}, "values": numbers(values, hint)}


def long_form(table: Table, places: range | None = None) -> dict[str, Any]:
    """A table of a sweep as rows: the coordinates of each number, then the number; no nan."""
    found = measures.listed(table)
    chosen = found if places is None else [found[i] for i in places]
    hint = "the view rows has first and count"
    return as_table([*(name for name, _ in table.axes), table.quantity], chosen, hint)


def curves(table: Table, data: Callable[[], Any], asked: bool = False, **options: Any) -> Seen:
    """Curves over the last axis of a table; words where nothing can be drawn, unless for what was `asked`."""

    def draw() -> Image:
        try:
            return plots.line_plot(table, **options)
        except ValueError as error:
            if asked:
                raise
            return maps.notice(str(error))

    return picture(draw, data)


def channels_of(tensor: Tensor, channel: int, title: str) -> Seen:
    """The channels of a tensor (1, C, h, w) as maps side by side, or one of them."""
    field = tensor[0].numpy()
    count, rows, columns = len(field), *map(range, field.shape[1:])
    expect_one("channel", channel, count)
    if channel < 0:
        names = [f"channel {i}" for i in range(count)]
        return picture(
            lambda: maps.map_sheet(list(field), names, title),
            lambda: grid(field, "channel takes one", channel=range(count), row=rows, column=columns),
        )
    one, heading = field[channel], f"channel {channel}, {title}"
    return picture(
        lambda: maps.heat_map(one, rows, columns, title=heading, square=True),
        lambda: grid(one, row=rows, column=columns),
    )


def colours_of(latent: Latent, preview: Preview | None) -> Seen:
    """A latent in colours, a square for each of its places."""
    image = previews.look(latent, preview)
    return picture(lambda: image, lambda: pixels_of(image, "look at its channels"), LATENT)


def pixels_of(image: Image, hint: str) -> dict[str, Any]:
    """The pixels of a picture, rows of (red, green, blue) or with alpha, 0 … 255."""
    width, height = image.size
    return {"width": width, "height": height, "pixels": numbers(image.pixels, hint)}


def spread_of(tensor: Tensor, bins: int) -> Seen:
    """How the numbers of each channel of a tensor (1, C, h, w) are spread."""
    items = [((i,), channel) for i, channel in enumerate(tensor[0].numpy())]
    try:
        table = measures.histogram([("channel", range(len(items)))], items, bins)
    except ValueError as error:
        return nothing(str(error))
    return curves(table, lambda: long_form(table), marks=False)


VECTORS = "the one row, or first and count, choose some"


def vectors_of(
    field: np.ndarray, names: Sequence[str] | range, row: int, first: int, count: int, what: str, places: Sequence[int]
) -> Seen:
    """Vectors, a row each, as a map of their numbers; or one of them as a curve.

    Args:
        field: (n, D).
        names: of the rows.
        row: which, an index into places; -1 for all.
        first: the first dimension.
        count: how many dimensions; 0 for all.
        what: a row is.
        places: the rows that are shown if all are.
    """
    expect_one(what, row, len(field))
    dimensions = part(first, count, field.shape[1])
    shown = field[:, dimensions.start : dimensions.stop]
    if row >= 0:
        name = f"{what} {names[row]}"
        table = measures.Table(name, (("dimension", tuple(dimensions)),), shown[row])
        return curves(table, lambda: grid(shown[row], VECTORS, dimension=dimensions), marks=False)
    shown = shown[list(places)]
    along = names if isinstance(names, range) else [names[i] for i in places]

    def draw() -> Image:
        most, all_ = (maps.shared_span([shown], "diverging", within) for within in (0.999, 1.0))
        few = all_[1] > 1.5 * most[1]  # numbers far out would leave no colour to the others
        note = f"the colours end at ±{most[1]:.3g}, the numbers at ±{all_[1]:.3g}" if few else ""
        return maps.heat_map(shown, along, dimensions, (what, "dimension"), note=note, span=most if few else all_)

    return picture(draw, lambda: grid(shown, VECTORS, **{what: places, "dimension": dimensions}))


def cosines_of(field: np.ndarray, names: Sequence[str] | range, what: str, places: Sequence[int]) -> Seen:
    """How nearly each two of some vectors (n, D) point the same way, -1 to 1."""
    cosines = measures.cosines(field[list(places)])
    along = names if isinstance(names, range) else [names[i] for i in places]
    span = (-1.0, 1.0)
    return picture(
        lambda: maps.heat_map(cosines, along, along, (what, what), "cosine of each two", span=span, square=True),
        lambda: grid(cosines, "count takes fewer", **{what: places, f"other {what}": places}),
    )


def one_map(heat: Heat, colours: Colours, span: tuple[float, float] | None = None, title: str = "") -> Seen:
    """Heat as a map with its rows and columns."""
    rows, columns = map(range, heat.values.shape)
    return picture(
        lambda: maps.heat_map(heat.values, rows, columns, title=title, colours=colours, span=span, square=True),
        lambda: grid(heat.values, row=rows, column=columns),
    )
