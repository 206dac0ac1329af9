"""What plots are drawn with: numbers as text, ticks and scales, a canvas with smooth edges, marks.

Numbers and words as text → ticks and scales → the canvas.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from diffusion.image import Image
from diffusion.measures import is_number
from diffusion.sheets import INK, PAPER, font, legible, width_of

Colour = tuple[int, int, int]
Point = tuple[float, float]

SMALL, LINE = 12, 17
"""Size of the letters of ticks and labels, and the height of one such line."""
SLANT, LONGEST = 35, 150
"""Degrees by which names rise that are too long to stand side by side, and the pixels after which they are cut."""
FINE = 3
"""How many times larger shapes are drawn, to be scaled down again with smooth edges."""


# ── numbers as text ───────────────────────────────────────────────────────────────────────────────────────────────────


def caption(value: Any) -> str:
    """A value of an axis as text; numbers with at most six digits."""
    if isinstance(value, str):
        return legible(value)
    return short(f"{value:.6g}") if is_number(value) else legible(json.dumps(value, ensure_ascii=False))


def short(text: str) -> str:
    """1e-05 as 1e-5, 1e+06 as 1e6."""
    mantissa, e, exponent = text.partition("e")
    return mantissa + (f"e{int(exponent)}" if e else "")


def written(value: float, step: float) -> str:
    """A tick with as many digits as the step between ticks asks for."""
    if abs(value) < step / 1e6:
        return "0"
    if abs(value) >= 1e6 or step < 1e-5:
        digits = max(math.floor(math.log10(abs(value))) - math.floor(math.log10(step)), 0)
        return short(f"{value:.{min(digits, 15)}e}")
    return f"{value:.{max(-math.floor(math.log10(step) + 1e-9), 0)}f}"


# ── ticks and scales ──────────────────────────────────────────────────────────────────────────────────────────────────

Ticks = list[tuple[float, str]]
"""Places on an axis, and what is written there."""


def even_ticks(low: float, high: float, count: int, whole: bool = False) -> Ticks:
    """About `count` ticks from low to high, 1, 2 or 5 times a power of ten apart; low < high."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    if whole:
        step = max(step, 1.0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(i * step, written(i * step, step)) for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> Ticks:
    """Decades from low to high, thinned to about `count`; twos and fives where decades are few; 0 < low < high."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    stride = max(math.ceil((last - first + 1) / max(count, 1)), 1)
    values = [10.0**exponent for exponent in range(first, last + 1, stride)]
    if len(values) < 3:
        values = [factor * 10.0**exponent for exponent in range(first - 1, last + 1) for factor in (1, 2, 5)]
        values = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    return [(value, short(f"{value:.6g}")) for value in values] if len(values) > 1 else even_ticks(low, high, count)


@dataclass(frozen=True)
class Scale:
    """Numbers of a range laid evenly, or by their logarithm, from 0 to 1."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a number lies, 0 … 1 within the range."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, count: int, whole: bool = False) -> Ticks:
        """About `count` ticks."""
        return log_ticks(self.low, self.high, count) if self.log else even_ticks(self.low, self.high, count, whole)


def make_scale(numbers: np.ndarray, log: bool, pad: float, zero: bool = False) -> Scale:
    """The scale that shows some numbers with room around them; `zero` takes in 0 where it is near."""
    low, high = float(numbers.min()), float(numbers.max())
    if log:
        room = max(math.log10(high / low) * pad, 0.02 if low < high else 0.5)
        return Scale(low / 10**room, high * 10**room, True)
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # all are one number
        around = abs(high) / 2 or 1.0
        return Scale(low - around, high + around)
    room = (high - low) * pad
    if zero and 0 <= low < 0.35 * high:
        return Scale(0.0, high + room)
    return Scale(low - room, high + room)


# ── the canvas ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Canvas:
    """Paper to draw one plot on: shapes first, drawn FINE times larger; words last, at size, as sharp as on sheets."""

    width: int
    height: int
    words: list[tuple[Point, str, Colour, int, str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paper = Pillow.new("RGB", (self.width * FINE, self.height * FINE), PAPER)
        self.draw = ImageDraw.Draw(self.paper)

    def line(self, points: Sequence[Point], colour: Colour, width: float, dash: Sequence[int] = ()) -> None:
        """A line through some points, whole or dashed."""
        for part in dashed(points, dash) if dash else [points]:
            fine = [(x * FINE, y * FINE) for x, y in part]
            self.draw.line(fine, colour, round(width * FINE), joint="curve")

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled shape."""
        self.draw.polygon([(x * FINE, y * FINE) for x, y in points], colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle, whose edges lie between pixels: one from 3 to 4 is one pixel wide."""
        self.draw.rectangle((round(left * FINE), round(top * FINE), round(right * FINE) - 1, round(bottom * FINE) - 1),
                            colour)  # fmt: skip

    def text(
        self, at: Point, text: str, colour: Colour = INK, size: int = SMALL, anchor: str = "la", slanted: bool = False
    ) -> None:
        """A legible text; `slanted` rises to `at`, where it ends."""
        self.words.append((at, text, colour, size, anchor, slanted))

    def image(self) -> Image:
        """The finished picture."""
        paper = self.paper.reduce(FINE)
        draw = ImageDraw.Draw(paper)
        for (x, y), text, colour, size, anchor, slanted in self.words:
            if slanted:
                label = Pillow.new("L", (width_of(text, size) + 2, LINE), 0)
                ImageDraw.Draw(label).text((0, 1), text, 255, font(size))
                label = label.rotate(SLANT, Pillow.Resampling.BICUBIC, expand=True)
                paper.paste(Pillow.new("RGB", label.size, colour), (round(x) - label.width + 4, round(y)), label)
            else:
                draw.text((round(x), round(y)), text, colour, font(size), anchor=anchor)
        return Image(np.array(paper))


def dashed(points: Sequence[Point], dash: Sequence[int]) -> list[list[Point]]:
    """A line cut into dashes, whose lengths are drawn and left out by turns."""
    parts: list[list[Point]] = []
    part, which, left = [points[0]], 0, float(dash[0])
    for (x0, y0), (x1, y1) in pairwise(points):
        length, done = math.hypot(x1 - x0, y1 - y0), 0.0
        while length - done > left:
            done += left
            at = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length)
            if which % 2 == 0:
                parts.append([*part, at])
            part, which = [at], which + 1
            left = float(dash[which % len(dash)])
        left -= length - done
        part.append((x1, y1))
    return [*parts, part] if which % 2 == 0 and len(part) > 1 else parts


def ring(corners: int, radius: float, turn: float) -> tuple[Point, ...]:
    """The corners of a regular polygon, the first at `turn` degrees."""
    angles = [math.radians(turn + 360 * i / corners) for i in range(corners)]
    return tuple((radius * math.cos(angle), radius * math.sin(angle)) for angle in angles)


def cross(radius: float, turn: float) -> tuple[Point, ...]:
    """The corners of a cross with broad arms."""
    arm = radius * 0.36
    outline = [(arm, radius), (arm, arm), (radius, arm)]
    quarters = [math.radians(turn + 90 * i) for i in range(4)]
    return tuple(
        (x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle))
        for angle in quarters
        for x, y in outline
    )


MARKS: tuple[tuple[Point, ...], ...] = (
    ring(24, 3.8, 0), ring(4, 4.8, 45), ring(3, 5.2, -90), ring(4, 5.0, 0), ring(3, 5.2, 90), cross(4.8, 45),
    cross(5.0, 0),
)  # fmt: skip
"""Disc, square, triangle, diamond, triangle on its head, two crosses: one to a colour, so that grey prints can be read.
"""


def mark(canvas: Canvas, at: Point, which: int, colour: Colour) -> None:
    """A mark on a white rim."""
    shape = MARKS[which % len(MARKS)]
    for grown, filled in ((1.35, PAPER), (1.0, colour)):
        canvas.polygon([(at[0] + x * grown, at[1] + y * grown) for x, y in shape], filled)
