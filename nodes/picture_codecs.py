"""How pictures and masks are stored and described. Imports numpy, never torch: a cached picture is quick to save."""

from __future__ import annotations

from typing import Any

from diffusion.image import Image, Mask
from engine.types import Encoded


class ImageCodec:
    """A picture is its pixels."""

    def encode(self, value: Image) -> Encoded:
        """Pixels, (H, W, 3 or 4)."""
        return Encoded({"pixels": value.pixels})

    def decode(self, encoded: Encoded) -> Image:
        """The picture."""
        return Image(encoded.arrays["pixels"])

    def nbytes(self, value: Image) -> int:
        """The bytes of its pixels."""
        return int(value.pixels.nbytes)

    def describe(self, value: Image) -> dict[str, Any]:
        """Size, channels and mean colour."""
        width, height = value.size
        mean = [round(float(channel), 1) for channel in value.pixels.reshape(-1, value.pixels.shape[2]).mean(axis=0)]
        return {"width": width, "height": height, "channels": value.pixels.shape[2], "mean colour": mean}


class MaskCodec:
    """A mask is its values."""

    def encode(self, value: Mask) -> Encoded:
        """Values, (H, W)."""
        return Encoded({"values": value.values})

    def decode(self, encoded: Encoded) -> Mask:
        """The mask."""
        return Mask(encoded.arrays["values"])

    def nbytes(self, value: Mask) -> int:
        """The bytes of its values."""
        return int(value.values.nbytes)

    def describe(self, value: Mask) -> dict[str, Any]:
        """Size, and the share that is to be repainted."""
        width, height = value.size
        return {"width": width, "height": height, "share to repaint": round(float(value.values.mean()) / 255, 4)}


IMAGE, MASK = ImageCodec(), MaskCodec()
