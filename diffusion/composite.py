"""Putting a repainted picture and the original together again.

What an inpainting loop keeps is kept in the latent. Through the VAE it comes back close to the original, not equal to
it, so the original's own pixels are laid over it at the end.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from diffusion import masks
from diffusion.image import Image, Mask, resize


def composite(original: Image, painted: Image, mask: Mask, feather: int = 0) -> Image:
    """The painted picture where the mask is white, the original elsewhere, in whole numbers.

    Where the feathered mask is 0 every pixel is exactly the original's, where it is 255 exactly the painted one's. The
    soft edge lies outside the white: there both pictures show about the same, so it hides the seam, while inside it
    would let what was to be replaced shine through.

    Args:
        original: its size is the result's, and the result has alpha if it has.
        painted: of another size it is stretched to the original's; alpha that the original lacks is laid on white.
        mask: 255 = painted, 0 = original; of another size it is stretched too.
        feather: how many pixels outside the white the painted picture fades into the original.
    """
    if painted.size != original.size:
        painted = resize(painted, *original.size, "stretch")
    if original.pixels.shape[2] == 3:
        painted = painted.on()
    new = masks.feather(masks.stretch(mask, original.size), feather).values[..., None].astype(np.int64)  # (H, W, 1)
    below, above = original.pixels, painted.pixels
    share_below, share_above = (255 - new) * opacity(original), new * opacity(painted)
    total = share_below + share_above
    mixed = (share_below * below[..., :3] + share_above * above[..., :3] + total // 2) // np.maximum(total, 1)
    # a colour behind full transparency is not seen, but it is the picture's
    colour = np.where(total > 0, mixed, np.where(new == 255, above[..., :3], below[..., :3]))
    pixels = colour if below.shape[2] == 3 else np.concatenate([colour, (total + 127) // 255], axis=2)
    return Image(pixels.astype(np.uint8))


def opacity(image: Image) -> np.ndarray:
    """Alpha, (H, W, 1) int64 in 0 … 255; 255 throughout where a picture has none."""
    if image.pixels.shape[2] == 4:
        return image.pixels[..., 3:].astype(np.int64)
    return np.full((*image.pixels.shape[:2], 1), 255, dtype=np.int64)


def distance(a: Image, b: Image) -> np.ndarray:
    """The absolute difference of pictures laid on white, (H, W, 3) int16 in 0 … 255; ValueError if the sizes differ."""
    if a.size != b.size:
        (w, h), (width, height) = a.size, b.size
        raise ValueError(f"b: expected the size of a, {w} × {h}, found {width} × {height}; resize one of them first")
    return np.abs(a.on().pixels.astype(np.int16) - b.on().pixels)


def difference(a: Image, b: Image, gain: float = 8.0) -> Image:
    """Where and how much two pictures of one size differ: each channel's absolute difference, times `gain`."""
    return Image(np.rint(distance(a, b) * gain).clip(0, 255).astype(np.uint8))


def change(a: Image, b: Image, mask: Mask | None = None, measure: Literal["mean", "largest"] = "mean") -> float:
    """How much two pictures of one size differ, in units of 8 bits: 0 … 255.

    Args:
        a: a picture.
        b: another.
        mask: only where it is wholly white (255); of another size it is stretched. All pixels if None.
        measure: the mean or the largest of the absolute differences of all channels.

    Raises:
        ValueError: the sizes differ, or the mask is white nowhere.
    """
    found = distance(a, b)
    if mask is not None:
        found = found[masks.stretch(mask, a.size).values == 255]
        if not found.size:
            raise ValueError("mask: expected some white (255), found none; threshold_mask turns light grey to white")
    return float(found.mean() if measure == "mean" else found.max())
