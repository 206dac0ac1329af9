"""Heat: one number for each place of a picture, and how it is coloured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image as Pillow

from diffusion.image import Image


@dataclass(frozen=True, eq=False)
class Heat:
    """Numbers over a picture: (h, w) float32, read-only. ValueError for another shape or what is no finite number."""

    values: np.ndarray

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float32)
        if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
            raise ValueError(f"Heat.values: expected finite numbers of shape (h, w), found shape {values.shape}")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)


Colours = Literal["viridis", "magma", "diverging", "grey"]

ANCHORS: dict[str, tuple[str, ...]] = {
    "viridis": ("440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"),
    "magma": ("000004", "180f3d", "440f76", "721f81", "9e2f7f", "cd4071", "f1605d", "fd9668", "feca8d", "fcfdbf"),
    "diverging": ("053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7",
                  "fddbc7", "f4a582", "d6604d", "b2182b", "67001f"),
    "grey": ("000000", "ffffff"),
}  # fmt: skip
"""Evenly spaced colours, low to high: viridis and magma by Smith and van der Walt (CC0), RdBu by ColorBrewer."""

Span = tuple[float, float]
"""The lowest and the highest number that colours stand for."""


def span_of(heats: Sequence[np.ndarray], centred: bool = False) -> Span:
    """The range that some numbers share, nan left out; `centred` makes it as wide below zero as above.

    Raises:
        ValueError: there is no number.
    """
    numbers = [heat[np.isfinite(heat)] for heat in heats]
    numbers = [some for some in numbers if some.size]
    if not numbers:
        raise ValueError("range: expected at least one number, found none")
    low, high = float(min(some.min() for some in numbers)), float(max(some.max() for some in numbers))
    return (-max(-low, high), max(-low, high)) if centred else (low, high)


def painted(values: np.ndarray, span: Span, colours: Colours = "viridis") -> np.ndarray:
    """Numbers of any shape → colours (…, 3) uint8, interpolated between anchors; what lies outside gets the end's."""
    anchors = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in ANCHORS[colours]], dtype=np.float64)
    low, high = span
    share = np.clip((values - low) / (high - low), 0, 1) if high > low else np.full(np.shape(values), 0.5)
    places = np.linspace(0, 1, len(anchors))
    return np.stack([np.interp(share, places, anchors[:, c]) for c in range(3)], axis=-1).round().astype(np.uint8)


def chosen_span(heat: Heat, low: float | None, high: float | None, colours: Colours) -> Span:
    """The range asked for, with its open ends closed by the numbers' own; centred on zero for diverging colours.

    Raises:
        ValueError: the ends are the wrong way round.
    """
    own = span_of([heat.values])
    first, last = own[0] if low is None else low, own[1] if high is None else high
    if first > last:
        raise ValueError(f"range: expected low ≤ high, found {first:g} and {last:g}; give both or neither")
    return span_of([np.array([first, last])], centred=True) if colours == "diverging" else (first, last)


def colour(heat: Heat, low: float | None = None, high: float | None = None, colours: Colours = "viridis") -> Image:
    """Heat as a picture, a pixel a number.

    Args:
        heat: any size.
        low: the number at the lower end of the colours; by default the least. Give the same to heats to be compared.
        high: the number at the upper end; by default the greatest.
        colours: `diverging` is white at zero, blue below and red above, equally far.
    """
    return Image(painted(heat.values, chosen_span(heat, low, high, colours), colours))


def enlarged(heat: Heat, size: tuple[int, int]) -> Heat:
    """Heat at another (width, height), smooth between its numbers and never beyond them."""
    values = heat.values
    smooth = Pillow.fromarray(values).resize(size, Pillow.Resampling.BICUBIC)
    return Heat(np.clip(np.asarray(smooth), values.min(), values.max()))  # bicubic overshoots at edges


SUBDUED = 0.75
"""The share of a picture's colour that gives way to grey under heat."""


def overlay(
    heat: Heat,
    image: Image,
    opacity: float = 0.7,
    low: float | None = None,
    high: float | None = None,
    colours: Colours = "magma",
) -> Image:
    """Heat laid over a picture, which becomes nearly grey, so that colour means heat alone.

    Args:
        heat: of any size; enlarged smoothly to the picture's.
        image: alpha is laid on white.
        opacity: 0 shows the picture alone (subdued), 1 the heat alone.
        low: as in `colour`.
        high: as in `colour`.
        colours: as in `colour`.
    """
    span = chosen_span(heat, low, high, colours)
    hot = painted(enlarged(heat, image.size).values, span, colours).astype(np.float64)
    picture = image.on().pixels.astype(np.float64)
    grey = picture @ np.array([0.299, 0.587, 0.114])  # luma, ITU-R BT.601
    below = picture + (grey[..., None] - picture) * SUBDUED
    return Image(((1 - opacity) * below + opacity * hot).round().astype(np.uint8))
