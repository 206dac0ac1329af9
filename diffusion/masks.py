"""Masks: read from pictures, drawn, grown, feathered, made hard, combined. White (255) = repaint, black (0) = keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image as Pillow

from diffusion.image import Image, Mask

MaskSource = Literal["luminance", "alpha", "red", "green", "blue"]
Shape = Literal["rectangle", "ellipse", "polygon"]
Operation = Literal["union", "intersection", "difference"]

SAMPLES = 16
"""Lines on which each row of pixels is sampled when a shape is filled; along a line, coverage is exact."""

CORNERS = 720
"""Corners of the polygon that stands for an ellipse: at 8192 pixels across it is 0.04 pixels off."""


def mask_from(image: Image, source: MaskSource = "luminance") -> Mask:
    """A mask read from a picture: its brightness, its transparency (transparent = repaint), or one colour channel.

    Raises:
        ValueError: alpha is asked of a picture without it.
    """
    pixels = image.pixels
    if source == "alpha":
        if pixels.shape[2] != 4:
            raise ValueError("mask from alpha: expected a picture with an alpha channel, found one without")
        return Mask(255 - pixels[..., 3])
    if source == "luminance":
        return Mask(np.array(image.on().to_pillow().convert("L")))
    return Mask(pixels[..., ("red", "green", "blue").index(source)])


def draw(
    size: tuple[int, int],
    shape: Shape,
    left: float = 0.25,
    top: float = 0.25,
    width: float = 0.5,
    height: float = 0.5,
    points: Sequence[Sequence[float]] = (),
) -> Mask:
    """A white shape on black, with smooth edges, so placed that it fits a picture of any size.

    Places are shares of the picture: (0, 0) is its top left, (1, 1) its bottom right.

    Args:
        size: width and height of the mask in pixels.
        shape: a rectangle, the ellipse inside it, or a polygon.
        left: of the rectangle, a share of the picture's width; what stands over the edge of the picture is cut.
        top: likewise, of its height.
        width: likewise.
        height: likewise.
        points: the corners [x, y] of a polygon, which closes itself; where it overlaps itself it has holes. Other
            shapes do not read them, and a polygon reads nothing else.

    Raises:
        ValueError: a polygon has fewer than three corners.
    """
    if shape == "polygon":
        if len(points) < 3:
            raise ValueError(f"points: expected at least 3 corners [x, y] of a polygon, found {len(points)}")
        corners = [(x, y) for x, y in points]
    elif shape == "rectangle":
        corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    else:
        turns = [2 * math.pi * i / CORNERS for i in range(CORNERS)]
        corners = [(left + width * (1 + math.cos(t)) / 2, top + height * (1 + math.sin(t)) / 2) for t in turns]
    inside = coverage(size, [(x * size[0], y * size[1]) for x, y in corners])
    return Mask(np.rint(inside * 255).astype(np.uint8))


def coverage(size: tuple[int, int], corners: Sequence[tuple[float, float]]) -> np.ndarray:
    """The share of each pixel that lies inside a polygon by the even-odd rule: (H, W) float64 in [0, 1].

    Args:
        size: width and height in pixels.
        corners: (x, y) in pixels; the last is joined to the first. Pixel (0, 0) spans 0 … 1.
    """
    width, height = size
    heights = (np.arange(height * SAMPLES) + 0.5) / SAMPLES
    lines, crossings = [], []
    for one, other in zip(corners, [*corners[1:], corners[0]], strict=True):
        (x_0, y_0), (x_1, y_1) = sorted((one, other), key=lambda corner: corner[1])
        first, last = np.searchsorted(heights, (y_0, y_1))  # half open, so a corner between two edges counts once
        lines.append(np.arange(first, last))
        crossings.append(np.interp(heights[first:last], (y_0, y_1), (x_0, x_1)))
    line, x = np.concatenate(lines), np.concatenate(crossings).clip(0, width)
    order = np.lexsort((x, line))
    line, x = line[order], x[order]

    # On each line the crossings pair up: what lies left of the second of a pair, less what lies left of the first.
    # `steps` holds the differences between neighbours, so that one running sum fills everything between the two.
    sign = np.where(np.arange(len(x)) % 2, 1.0, -1.0)
    pixel = np.floor(x).astype(int)
    steps = np.zeros((height, width + 2))
    np.add.at(steps, (line // SAMPLES, pixel), sign * (x - pixel - 1))
    np.add.at(steps, (line // SAMPLES, pixel + 1), sign * (pixel - x))
    return (steps.cumsum(axis=1)[:, :width] / SAMPLES).clip(0, 1)


def invert(mask: Mask) -> Mask:
    """White becomes black, black white."""
    return Mask(255 - mask.values)


def threshold(mask: Mask, level: float = 0.5) -> Mask:
    """White where at least this share (0 … 1) is white, black elsewhere; 0 makes all white."""
    return Mask(np.where(mask.values >= level * 255, 255, 0).astype(np.uint8))


def grow(mask: Mask, pixels: int) -> Mask:
    """Each pixel becomes the whitest within so many pixels of it, by a disc; a negative number makes the white shrink.

    Beyond the edge of the picture a mask goes on as it is: white that reaches the edge does not shrink from there.
    """
    if pixels < 0:
        return invert(grow(invert(mask), -pixels))
    return Mask(dilated(mask.values, pixels))


def feather(mask: Mask, radius: int) -> Mask:
    """A soft edge that lies outside: white stays white, and fades to black over so many pixels around it.

    No pixel farther than `radius` from all that is not black changes: it stays 0. To have the soft edge inside, shrink
    the mask by the radius first. (The mask is grown by half the radius, then averaged over a disc of that size. A
    radius of 1 is too narrow for anything between white and black.)
    """
    half = radius / 2
    return Mask(averaged(dilated(mask.values, half), half))


def disc(radius: float) -> list[tuple[int, int]]:
    """The disc x² + y² ≤ radius² as rows: (y, the largest x), from the bottom up to the middle, y ≥ 0."""
    return [(y, int(math.sqrt(radius * radius - y * y))) for y in range(int(radius), -1, -1)]


def dilated(values: np.ndarray, radius: float) -> np.ndarray:
    """The largest value within a disc around each pixel, exactly; (H, W) → (H, W)."""
    height, width = values.shape
    grown, widest, reach = values.copy(), values.copy(), 0
    for y, x in disc(radius):  # the disc's rows widen towards its middle, so each running maximum extends the last
        for step in range(reach + 1, min(x, width - 1) + 1):
            np.maximum(widest[:, step:], values[:, :-step], out=widest[:, step:])
            np.maximum(widest[:, :-step], values[:, step:], out=widest[:, :-step])
        reach = max(reach, x)
        if y < height:
            np.maximum(grown[y:], widest[: height - y], out=grown[y:])
            np.maximum(grown[: height - y], widest[y:], out=grown[: height - y])
    return grown


def averaged(values: np.ndarray, radius: float) -> np.ndarray:
    """The mean over a disc around each pixel, rounded; beyond the picture its edge goes on; (H, W) uint8 → the same."""
    height, width = values.shape
    edge = int(radius)
    padded = np.pad(values.astype(np.int64), edge, mode="edge")
    sums = np.pad(padded.cumsum(axis=1), ((0, 0), (1, 0)))  # sums[:, b] - sums[:, a] is the sum over a … b - 1
    total, count = np.zeros((height, width), dtype=np.int64), 0
    for y, x in disc(radius):
        runs = sums[:, edge + x + 1 : edge + x + 1 + width] - sums[:, edge - x : edge - x + width]
        for row in {edge + y, edge - y}:
            total += runs[row : row + height]
            count += 2 * x + 1
    return ((2 * total + count) // (2 * count)).astype(np.uint8)


def combine(a: Mask, b: Mask, operation: Operation = "union") -> Mask:
    """Two masks as one: white in either (union), in both (intersection), or in the first alone (difference).

    Raises:
        ValueError: the sizes differ.
    """
    if a.size != b.size:
        (w, h), (width, height) = a.size, b.size
        raise ValueError(f"b: expected the size of a, {w} × {h}, found {width} × {height}; make both of one picture")
    if operation == "union":
        return Mask(np.maximum(a.values, b.values))
    return Mask(np.minimum(a.values, b.values if operation == "intersection" else 255 - b.values))


def stretch(mask: Mask, size: tuple[int, int]) -> Mask:
    """The mask at another size (width, height), smooth where it is enlarged."""
    if mask.size == size:
        return mask
    return Mask(np.array(Pillow.fromarray(mask.values).resize(size, Pillow.Resampling.BILINEAR)))


def to_image(mask: Mask) -> Image:
    """The mask as a grey picture."""
    return Image(np.repeat(mask.values[..., None], 3, axis=2))
