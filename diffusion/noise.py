"""Noise by seed: the only source of randomness."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Noise:
    """A stream of standard normal tensors that a seed and a shape determine.

    seed: 0 … 2⁶³ - 1.
    shape: (C, h, w) of one latent.

    Draws are made on the CPU, one sample at a time, so neither device nor batch changes them.
    Raises ValueError for a seed or a shape outside these ranges.
    """

    seed: int
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed <= MAX_SEED:
            raise ValueError(f"Noise.seed: expected a whole number from 0 to 2**63 - 1, got {self.seed!r}")
        if len(self.shape) != 3 or not all(isinstance(n, int) and n > 0 for n in self.shape):
            raise ValueError(f"Noise.shape: expected (channels, height, width), each at least 1, got {self.shape!r}")

    def draw(self, k: int = 0) -> Tensor:
        """Draw number k, (1, C, h, w) float32 on the CPU: the (k + 1)-th `torch.randn` of the seeded generator.

        Draw 0 is the starting noise and step i uses draw i + 1, the order in which diffusers' pipelines consume
        `torch.Generator().manual_seed(seed)`. Raises ValueError if k < 0.
        """
        if k < 0:
            raise ValueError(f"Noise.draw: expected k ≥ 0, got {k}")
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(k):
            torch.randn(1, *self.shape, generator=generator)
        return torch.randn(1, *self.shape, generator=generator)
