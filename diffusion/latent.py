"""The value that travels from step to step: a noisy latent that knows its own noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

PredictionType = Literal["epsilon", "v_prediction", "sample"]
"""What a tensor of the samples' shape says: the noise, the velocity (arXiv 2202.00512), or the clean sample."""

EstimateKind = PredictionType | Literal["predictor"]
"""What an estimate says: one of these, or the clean sample by which a predictor went that is yet to be corrected."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a model said at an earlier noise level, kept for a multistep sampler.

    value: (1, C, h, w), the estimate.
    sigma: the noise level at which it was made, > 0.
    kind: what `value` says; a sampler leaves estimates of another kind alone.
    """

    value: Tensor
    sigma: float
    kind: EstimateKind


@dataclass(frozen=True, eq=False)
class Latent:
    """A latent at one noise level, variance exploding: samples = clean + sigma · noise.

    samples: (1, C, h, w) float32.
    sigma: standard deviation of the noise, ≥ 0, in units of the clean latent (whose variance is about one).
    history: past estimates, oldest first; empty unless a multistep sampler made this latent.
    denoised: the estimate of the clean latent that the last step went by, to be looked at; None before the first step.

    Raises ValueError if samples are not four-dimensional or sigma is not a finite number ≥ 0.
    """

    samples: Tensor
    sigma: float
    history: tuple[Estimate, ...] = ()
    denoised: Tensor | None = None

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        if self.samples.ndim != 4:
            raise ValueError(f"Latent.samples: expected shape (1, C, h, w), got {tuple(self.samples.shape)}")
        if not (math.isfinite(self.sigma) and self.sigma >= 0):
            raise ValueError(f"Latent.sigma: expected a finite number ≥ 0, got {self.sigma}")

    @property
    def vp(self) -> Tensor:
        """The variance-preserving view samples / √(1 + sigma²), as the UNet and the VAE see a latent: (1, C, h, w)."""
        return self.samples / math.sqrt(1 + self.sigma**2)
