"""Pictures and masks as values: eight bits a channel, as a file holds them and a screen shows them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

MAX_PIXELS = 16384 * 16384
"""Larger pictures are refused before they are unpacked."""

Fit = Literal["stretch", "crop", "pad"]


def frozen(array: np.ndarray) -> np.ndarray:
    """The array as contiguous bytes that nobody can write to."""
    array = np.ascontiguousarray(array, dtype=np.uint8)
    if array.flags.writeable:
        array = array.copy() if array.base is not None else array
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Image:
    """A picture: pixels (H, W, 3) or, with alpha, (H, W, 4), uint8, sRGB, read-only. ValueError for another shape."""

    pixels: np.ndarray

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] not in (3, 4) or 0 in self.pixels.shape:
            raise ValueError(f"Image.pixels: expected shape (H, W, 3 or 4), found {self.pixels.shape}")
        object.__setattr__(self, "pixels", frozen(self.pixels))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def to_pillow(self) -> Pillow.Image:
        """A copy as a Pillow image, mode RGB or RGBA."""
        return Pillow.fromarray(self.pixels)

    @classmethod
    def from_pillow(cls, picture: Pillow.Image) -> Image:
        """From any Pillow image; alpha is kept where there is some, and sixteen bits of grey become eight."""
        if picture.mode.startswith("I;16"):
            picture = Pillow.fromarray((np.asarray(picture, dtype=np.uint16) // 257).astype(np.uint8))
        alpha = "A" in picture.getbands() or "transparency" in picture.info
        return cls(np.array(picture.convert("RGBA" if alpha else "RGB")))

    def on(self, background: tuple[int, int, int] = (255, 255, 255)) -> Image:
        """Without alpha: laid on a colour, white if nothing else is said."""
        if self.pixels.shape[2] == 3:
            return self
        canvas = Pillow.new("RGBA", self.size, (*background, 255))
        return Image.from_pillow(Pillow.alpha_composite(canvas, self.to_pillow()).convert("RGB"))


@dataclass(frozen=True, eq=False)
class Mask:
    """Where to repaint: 255 (white) freely, 0 (black) keep; (H, W) uint8, read-only. ValueError for another shape."""

    values: np.ndarray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or 0 in self.values.shape:
            raise ValueError(f"Mask.values: expected shape (H, W), found {self.values.shape}")
        object.__setattr__(self, "values", frozen(self.values))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.values.shape[1], self.values.shape[0]


def read_image(path: Path) -> Image:
    """Read a picture file, turned upright as its camera noted.

    Raises:
        ValueError: it is no picture, is broken, or is larger than `MAX_PIXELS`.
        FileNotFoundError: there is no such file.
    """
    try:
        with Pillow.open(io.BytesIO(path.read_bytes())) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{path.name}: expected at most {MAX_PIXELS} pixels, found {picture.size}")
            return Image.from_pillow(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError:
        raise ValueError(f"{path.name}: expected a picture (PNG, JPEG, WebP …), found another kind of file") from None
    except (OSError, SyntaxError, Pillow.DecompressionBombError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{path.name}: the picture cannot be read: {error}") from None


def resize(image: Image, width: int, height: int, fit: Fit = "crop") -> Image:
    """The picture at another size, by Lanczos resampling.

    Args:
        image: any size.
        width: in pixels.
        height: in pixels.
        fit: `stretch` changes the proportions; `crop` fills the size and cuts what stands over; `pad` shows the
            whole picture on white.
    """
    picture = image.to_pillow()
    if fit == "crop":
        return Image.from_pillow(ImageOps.fit(picture, (width, height), Pillow.Resampling.LANCZOS))
    if fit == "pad":
        white = (255,) * len(picture.getbands())
        return Image.from_pillow(ImageOps.pad(picture, (width, height), Pillow.Resampling.LANCZOS, color=white))
    return Image.from_pillow(picture.resize((width, height), Pillow.Resampling.LANCZOS))


MaskSource = Literal["luminance", "alpha", "red", "green", "blue"]


def mask_from(image: Image, source: MaskSource = "luminance", invert: bool = False) -> Mask:
    """A mask read from a picture: its brightness, its transparency (transparent = repaint), or one colour channel."""
    pixels = image.pixels
    if source == "alpha":
        if pixels.shape[2] != 4:
            raise ValueError("mask from alpha: expected a picture with an alpha channel, found one without")
        values = 255 - pixels[..., 3]
    elif source == "luminance":
        values = np.array(image.on().to_pillow().convert("L"))
    else:
        values = pixels[..., ("red", "green", "blue").index(source)]
    return Mask(255 - values if invert else values)
