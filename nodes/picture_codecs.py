"""How pictures and masks are stored and described. Imports numpy, never torch: a cached picture is quick to save."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffusion.heat import Heat
from diffusion.image import Image, Mask
from diffusion.measures import Table
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


class HeatCodec:
    """Heat is its values."""

    def encode(self, value: Heat) -> Encoded:
        """Values, (h, w)."""
        return Encoded({"values": value.values})

    def decode(self, encoded: Encoded) -> Heat:
        """The heat."""
        return Heat(encoded.arrays["values"])

    def nbytes(self, value: Heat) -> int:
        """The bytes of its values."""
        return int(value.values.nbytes)

    def describe(self, value: Heat) -> dict[str, Any]:
        """Size and range."""
        height, width = value.values.shape
        return {"width": width, "height": height, **spread(value.values)}


class TableCodec:
    """A table is its numbers, with its axes as JSON."""

    def encode(self, value: Table) -> Encoded:
        """Numbers, an axis for each of the table's."""
        return Encoded({"numbers": value.numbers}, {"quantity": value.quantity, "axes": value.axes})

    def decode(self, encoded: Encoded) -> Table:
        """The table."""
        axes = tuple((name, tuple(values)) for name, values in encoded.meta["axes"])
        return Table(encoded.meta["quantity"], axes, encoded.arrays["numbers"])

    def nbytes(self, value: Table) -> int:
        """The bytes of its numbers."""
        return int(value.numbers.nbytes)

    def describe(self, value: Table) -> dict[str, Any]:
        """What was measured, how many values each axis has, and the range; how many numbers are missing."""
        axes = {name: len(values) for name, values in value.axes}
        missing = int(np.isnan(value.numbers).sum())
        return {"quantity": value.quantity, "axes": axes, **spread(value.numbers), "missing": missing}


def spread(numbers: np.ndarray) -> dict[str, Any]:
    """Least, greatest and mean of the finite numbers, as JSON; null where there are none."""
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return {"min": None, "max": None, "mean": None}
    found = {"min": finite.min(), "max": finite.max(), "mean": finite.mean()}
    return {name: round(float(number), 5) for name, number in found.items()}


IMAGE, MASK = ImageCodec(), MaskCodec()
HEAT, TABLE = HeatCodec(), TableCodec()
