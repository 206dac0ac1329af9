"""How tables and plain data are seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine import Seen, view
from engine.view import table as as_table
from nodes.stages import maps, measures, plots
from nodes.views.parts import Count, From, curves, long_form, part, picture

if TYPE_CHECKING:
    from diffusion.image import Image
    from diffusion.measures import Table


def expect_axis(table: Table, name: str, where: str) -> None:
    """Raise ValueError where a table has no axis of a name; an empty one is none."""
    if name:
        plots.axis_number(table, name, where)


@view(name="plot")
def table_plot(table: Table, x: str = "", log_x: bool = False, log_y: bool = False) -> Seen:
    """Curves over one axis, one for each combination of the others.

    Args:
        table: over any axes.
        x: the axis that goes to the right; by default the last one of several numbers.
        log_x: powers of ten at even distances; the axis must have numbers.
        log_y: likewise.
    """
    expect_axis(table, x, "x")
    return curves(table, lambda: long_form(table), bool(x or log_x or log_y), x=x, log_x=log_x, log_y=log_y)


@view(name="map")
def table_map(table: Table, x: str = "", y: str = "") -> Seen:
    """Two axes as a map, a rectangle for each number.

    Args:
        table: over any axes.
        x: the axis that goes to the right; by default the last one of several values.
        y: the axis that goes down; by default the last one left.
    """
    expect_axis(table, x, "x")
    expect_axis(table, y, "y")

    def draw() -> Image:
        try:
            return plots.heat_plot(table, x, y)
        except ValueError as error:
            if x or y:
                raise
            return maps.notice(str(error))

    return picture(draw, lambda: long_form(table))


@view(name="rows", shows="table")
def table_rows(table: Table, first: From = 0, count: Count = 0) -> Seen:
    """The numbers one by one, each with its coordinates; those that are missing are left out.

    Args:
        table: over any axes.
        first: the first of them.
        count: how many; 0 is all.
    """
    found = len(measures.listed(table))
    places = part(first, count, found) if found or first else range(0)
    return Seen(lambda: long_form(table, places))


@view(name="value", shows="table")
def json_value(value: Any) -> Seen:
    """The data as a table: an object by its names, a list by its places, a list of like objects by theirs."""
    return Seen(lambda: as_table(*tabular(value)))


def tabular(value: Any) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Columns and rows of plain JSON data."""
    if isinstance(value, dict):
        return ("name", "value"), list(value.items())
    if not isinstance(value, list):
        return ("value",), [[value]]
    if value and all(isinstance(one, dict) and one.keys() == value[0].keys() for one in value):
        return list(value[0]), [[one[name] for name in value[0]] for one in value]
    return ("place", "value"), list(enumerate(value))
