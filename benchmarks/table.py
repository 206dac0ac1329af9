"""One table for all benchmarks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """A figure: what was measured, what came out, what is asked for, and whether it is reached."""

    what: str
    measured: str
    goal: str
    reached: bool | None


def seconds(function: Callable[[], object]) -> float:
    """The wall time of one call."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def best(function: Callable[[], object], times: int = 3) -> float:
    """The shortest of some runs: the one that other work on the machine disturbed least."""
    return min(seconds(function) for _ in range(times))


def side_by_side(
    ours: Callable[[], object], theirs: Callable[[], object], times: int = 7
) -> tuple[float, float, float]:
    """Turn by turn: median seconds of each, and the median of the ratios ours / theirs."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(times)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "measured", "asked for", "", box=None, pad_edge=False, header_style="dim", title=title,
                  title_justify="left")  # fmt: skip
    for row in rows:
        mark = {True: "[green]reached[/]", False: "[red]not reached[/]", None: ""}[row.reached]
        table.add_row(row.what, row.measured, row.goal, mark)
    Console(width=120, highlight=False).print(table, "")
