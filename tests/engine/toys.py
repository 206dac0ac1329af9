"""Toy nodes: arithmetic on a number that travels as a value, on a grid with an array, and on plain JSON.

Every function notes its name in `LOG`, so that a test can say what was really computed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from engine import Collected, File, Registry, Workflow, node, parse_workflow, report, saved, value_type, warn
from engine.context import current
from engine.types import Encoded

TOYS = Registry()
LOG: list[str] = []
SWITCHES: set[str] = set()
"""What a test turns on: `stop` makes `stopping` raise KeyboardInterrupt, `mended` makes `brittle` work."""


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Num:
    """A number: no arrays, so it is kept in the index itself."""

    value: float


@dataclass(frozen=True, eq=False)
class Grid:
    """An array with a name."""

    cells: np.ndarray
    name: str = ""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Grid)
            and self.name == other.name
            and self.cells.dtype == other.cells.dtype
            and self.cells.shape == other.cells.shape
            and bool(np.array_equal(self.cells, other.cells, equal_nan=True))
        )


@dataclass(frozen=True)
class Handle:
    """Cheap to make, never stored."""

    name: str


class NumCodec:
    def encode(self, value: Num) -> Encoded:
        return Encoded(meta=value.value)

    def decode(self, encoded: Encoded) -> Num:
        return Num(encoded.meta)

    def nbytes(self, value: Num) -> int:
        return 64

    def describe(self, value: Num) -> dict[str, Any]:
        return {"value": value.value}


class GridCodec:
    def encode(self, value: Grid) -> Encoded:
        return Encoded({"cells": value.cells}, {"name": value.name})

    def decode(self, encoded: Encoded) -> Grid:
        return Grid(encoded.arrays["cells"], encoded.meta["name"])

    def nbytes(self, value: Grid) -> int:
        return value.cells.nbytes

    def describe(self, value: Grid) -> dict[str, Any]:
        return {"shape": list(value.cells.shape)}


NUM_CODEC, GRID_CODEC = NumCodec(), GridCodec()
value_type("Num", "toys:NUM_CODEC", "A number.")
value_type("Grid", "toys:GRID_CODEC", "An array.")
value_type("Handle", None, "Stands for something big.")


# ── plain nodes: evaluated while expanding ────────────────────────────────────────────────────────────────────────────


class Bounds(NamedTuple):
    first: int
    last: int


@node(registry=TOYS)
def double(x: float) -> float:
    """Twice the number."""
    LOG.append("double")
    return 2 * x


@node(registry=TOYS)
def first_of(steps: int, strength: Annotated[float, Field(ge=0, le=1)] = 1.0) -> int:
    """The step at which image to image begins."""
    LOG.append("first_of")
    return steps - int(steps * strength)


@node(registry=TOYS)
def bounds(steps: int) -> Bounds:
    """Both ends."""
    return Bounds(1, steps)


@node(registry=TOYS)
def divide(a: float, b: float) -> float:
    """A quotient; fails for b = 0."""
    return a / b


SHARED = [1, 2]


@node(registry=TOYS)
def shared() -> list[int]:
    """A list that its author goes on using."""
    return SHARED


# ── nodes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Parts(NamedTuple):
    whole: Num
    rest: Num


@node(registry=TOYS)
def make(value: float = 1.0) -> Num:
    """A number from nothing.

    Args:
        value: the number.
    """
    LOG.append("make")
    return Num(value)


@node(registry=TOYS)
def step(
    num: Num,
    index: int = 0,
    gain: Annotated[float, Field(ge=0, le=10)] = 1.0,
    mode: Literal["add", "times"] = "add",
) -> Num:
    """One step of a loop."""
    LOG.append(f"step {index}")
    return Num(num.value + gain * (index + 1) if mode == "add" else num.value * gain)


@node(registry=TOYS)
def combine(left: Num, right: Num | None = None) -> Num:
    """The sum of one or two."""
    LOG.append("combine")
    return Num(left.value + (right.value if right else 0.0))


@node(registry=TOYS)
def parts(num: Num) -> Parts:
    """What is before and after the point."""
    LOG.append("parts")
    return Parts(Num(num.value // 1), Num(num.value % 1))


@node(registry=TOYS)
def grid(num: Num, side: Annotated[int, Field(ge=0, le=4096)] = 2) -> Grid:
    """A square of the number."""
    LOG.append("grid")
    return Grid(np.full((side, side), num.value, dtype=np.float32), "square")


@node(registry=TOYS)
def mean(grid: Grid) -> float:
    """The mean of a grid, as plain JSON."""
    LOG.append("mean")
    return float(grid.cells.mean())


@node(registry=TOYS)
def strip(nums: list[Num]) -> Num:
    """The values of a loop as the digits of a number."""
    LOG.append("strip")
    return Num(float("".join(str(int(num.value)) for num in nums)))


@node(registry=TOYS)
def sheet(nums: Collected[Num], note: str = "") -> dict[str, Any]:
    """All values of a sweep, with the names of rows and columns."""
    LOG.append("sheet")
    return {"axes": [[name, list(values)] for name, values in nums.axes], "values": [n.value for n in nums.values]}


@node(registry=TOYS)
def numbers(values: Collected[float]) -> dict[str, Any]:
    """Numbers of a sweep or of a loop, with the names of rows and columns."""
    LOG.append("numbers")
    return {"axes": [[name, list(at)] for name, at in values.axes], "items": [[list(c), v] for c, v in values.items]}


@node(registry=TOYS)
def echo(data: Any = None, words: list[str] | None = None) -> Num:
    """Anything goes in."""
    LOG.append("echo")
    return Num(0.0)


@node(registry=TOYS)
def handle(name: str = "model") -> Handle:
    """Stands for something big."""
    LOG.append("handle")
    return Handle(name)


@node(registry=TOYS)
def use(handle: Handle) -> Num:
    """The length of a handle's name."""
    LOG.append("use")
    return Num(float(len(handle.name)))


def beside(written: str, folder: Path) -> Path:
    path = folder / written
    if not path.exists():
        raise FileNotFoundError(f"{written}: no such file")
    return path


@node(registry=TOYS)
def read(path: Annotated[str, File(beside)]) -> Num:
    """The length of a file."""
    LOG.append("read")
    return Num(float(len(Path(path).read_bytes())))


@node(registry=TOYS)
def brittle(num: Num, limit: float = 0.0) -> Num:
    """Fails from a limit on."""
    LOG.append("brittle")
    if num.value >= limit and "mended" not in SWITCHES:
        raise ZeroDivisionError(f"{num.value} is too much")
    return num


@node(registry=TOYS)
def stopping(num: Num) -> Num:
    """Somebody presses Ctrl-C."""
    LOG.append("stopping")
    if "stop" in SWITCHES:
        raise KeyboardInterrupt
    return num


@node(registry=TOYS)
def lie(num: Num) -> Num:
    """Returns something else than it says."""
    return 3  # type: ignore[return-value]


@node(registry=TOYS)
def lie_about_parts(num: Num) -> Parts:
    """Returns one value where two are promised."""
    return 3  # type: ignore[return-value]


@node(registry=TOYS)
def not_a_number(num: Num) -> float:
    """Returns NaN, which JSON does not know."""
    return float("nan")


@node(registry=TOYS)
def chatty(num: Num) -> Num:
    """Tells how far it is, and warns."""
    report(0.5, preview=num)
    warn("that was close")
    return num


@node(registry=TOYS)
def slow(num: Num, milliseconds: int = 20) -> Num:
    """Takes its time."""
    LOG.append("slow")
    time.sleep(milliseconds / 1000)
    return Num(num.value + 1)


@node(registry=TOYS, effect=True)
def store(num: Num, name: str = "number") -> str:
    """Write a number to a file in the folder of the run."""
    LOG.append("store")
    path = current().out / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(num.value))
    saved(path)
    return path.name


@node(registry=TOYS, effect=True)
def tell(num: Num) -> Num:
    """Tell everybody of a number, and hand it on."""
    LOG.append("tell")
    return num


# ── workflows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def workflow(nodes: dict[str, Any], inputs: dict[str, Any] | None = None, **rest: Any) -> Workflow:
    """A workflow from its nodes."""
    return parse_workflow({"diffuscope": 1, "inputs": inputs or {}, "nodes": nodes, **rest})


def loop(first: int | str, last: int | str, start: str, **params: Any) -> dict[str, Any]:
    """A repeat whose body is one `step`."""
    body = {"type": "step", "in": {"num": "x", "index": "i"}, "params": params}
    return {"type": "repeat", "for": {"i": [first, last]}, "carry": {"x": start}, "body": {"add": body},
            "next": {"x": "add"}}  # fmt: skip


def twenty(gain_of_the_last_five: float = 1.0) -> Workflow:
    """Fifteen steps and five more, as two repeats: 1 + 1 + 2 + … + 20."""
    return workflow({
        "start": {"type": "make"},
        "early": loop(0, 15, "start"),
        "late": loop(15, 20, "early.x", gain=gain_of_the_last_five),
        "end": {"type": "combine", "in": {"left": "late.x"}},
    })  # fmt: skip
