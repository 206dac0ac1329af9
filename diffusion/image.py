"""Pictures and masks as values: eight bits a channel, as a file holds them and a screen shows them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter, ImageOps, UnidentifiedImageError

MAX_PIXELS = 16384 * 16384
"""Larger pictures are refused before they are unpacked."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "TGA", "ICO")
"""What is read: kinds of files that hold pixels, and none that is a program, as EPS is."""

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
        with Pillow.open(io.BytesIO(path.read_bytes()), formats=readable()) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{path.name}: expected at most {MAX_PIXELS} pixels, found {picture.size}")
            return Image.from_pillow(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError:
        raise ValueError(f"{path.name}: expected a picture (PNG, JPEG, WebP …), found another kind of file") from None
    except (OSError, SyntaxError, Pillow.DecompressionBombError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{path.name}: the picture cannot be read: {error}") from None


@cache
def readable() -> list[str]:
    """The formats that are read and that this Pillow was built with."""
    Pillow.init()
    return [format for format in FORMATS if format in Pillow.OPEN]


def to_png(image: Image) -> bytes:
    """The picture as a PNG file that is quick to make, if not the smallest."""
    file = io.BytesIO()
    image.to_pillow().save(file, format="PNG", compress_level=1)
    return file.getvalue()


def enlarge(image: Image, factor: int) -> Image:
    """The picture with each pixel as a square of `factor` pixels a side."""
    return image if factor == 1 else Image(image.pixels.repeat(factor, axis=0).repeat(factor, axis=1))


def at_least(image: Image, side: int) -> Image:
    """The picture, with each pixel as so large a square that its longer side has at least `side` pixels."""
    return enlarge(image, -(-side // max(image.size)))


def at_most(image: Image, side: int) -> Image:
    """The picture, scaled down if its longer side has more pixels than `side`; 0 leaves every picture as it is."""
    width, height = image.size
    longer = max(width, height)
    if side == 0 or longer <= side:
        return image
    return resize(image, max(round(width * side / longer), 1), max(round(height * side / longer), 1), "stretch")


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


def crop(image: Image, left: int, top: int, width: int, height: int) -> Image:
    """A rectangle cut out of a picture, in pixels; alpha is kept.

    Raises:
        ValueError: it does not lie inside the picture, or is empty.
    """
    for side, start, length, whole in (("width", left, width, image.size[0]), ("height", top, height, image.size[1])):
        name = "left" if side == "width" else "top"
        if not 0 <= start < whole:
            raise ValueError(f"{name}: expected 0 to {whole - 1}, inside the picture, found {start}")
        if not 1 <= length <= whole - start:
            raise ValueError(f"{side}: expected 1 to {whole - start}, as {name} is {start} of {whole}, found {length}")
    return Image(image.pixels[top : top + height, left : left + width])


def pad_for_outpaint(
    image: Image, left: int, top: int, right: int, bottom: int, overlap: int = 0
) -> tuple[Image, Mask]:
    """A larger picture with room to paint on, and the mask of that room.

    The border goes on from the picture's edge and grows softer with the distance: the VAE is shown colours that are
    plausible there, without streaks. The picture itself stays as it is.

    Args:
        image: alpha is laid on white.
        left: how many pixels wide the border is on this side, ≥ 0.
        top: likewise.
        right: likewise.
        bottom: likewise.
        overlap: the mask reaches so many pixels into the picture where there is a border, ≥ 0, so that the seam is
            repainted too.

    Returns:
        The picture, and the mask: 255 on the border and the overlap, 0 elsewhere.
    """
    opaque, (width, height) = image.on().pixels, image.size
    padded = np.pad(opaque, ((top, bottom), (left, right), (0, 0)), mode="edge")
    away = np.hypot(outside(top, height, bottom)[:, None], outside(left, width, right))[..., None]  # (H, W, 1)

    # blurs of radius 1, 2, 4 …: each takes over where the picture is once to twice its radius away
    soft, radius = padded.astype(np.float32), 1
    while radius < away.max():
        softer = Pillow.fromarray(padded).filter(ImageFilter.GaussianBlur(radius))
        soft += (np.asarray(softer) - soft) * (away / radius - 1).clip(0, 1)
        radius *= 2

    free = np.full(padded.shape[:2], 255, dtype=np.uint8)
    rows = slice(top + overlap * (top > 0), max(top + height - overlap * (bottom > 0), 0))
    columns = slice(left + overlap * (left > 0), max(left + width - overlap * (right > 0), 0))
    free[rows, columns] = 0
    return Image(np.rint(soft).astype(np.uint8)), Mask(free)


def outside(before: int, length: int, after: int) -> np.ndarray:
    """For each of before + length + after pixels in a row, how far it lies outside those in the middle; 0 for them."""
    return np.concatenate([np.arange(before, 0, -1), np.zeros(length), np.arange(1, after + 1)]).astype(np.float32)
