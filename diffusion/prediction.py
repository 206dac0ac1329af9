"""From what a UNet predicts to the one contract samplers know: (x, sigma) → denoised."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion.latent import PredictionType
from diffusion.schedules import Training

Denoise = Callable[[Tensor, float], Tensor]
"""(x, sigma) → the estimate of the clean sample, all of shape (B, C, h, w); x = clean + sigma · noise, sigma > 0."""


def to_denoised(output: Tensor, x: Tensor, sigma: float, prediction_type: PredictionType) -> Tensor:
    """The clean sample that a model's output implies, (B, C, h, w).

    epsilon: x = denoised + sigma · eps, eq. (15) of DDPM, arXiv 2006.11239.
    v_prediction: v = (eps - sigma · denoised) / √(1 + sigma²), appendix D of arXiv 2202.00512.
    sample: the output itself.
    """
    if prediction_type == "epsilon":
        return x - sigma * output
    if prediction_type == "v_prediction":
        return x / (1 + sigma**2) - output * (sigma / math.sqrt(1 + sigma**2))
    return output


def from_denoised(denoised: Tensor, x: Tensor, sigma: float, prediction_type: PredictionType) -> Tensor:
    """The inverse of `to_denoised`: what a model of that type would have said, (B, C, h, w); sigma > 0."""
    if prediction_type == "epsilon":
        return (x - denoised) / sigma
    if prediction_type == "v_prediction":
        return (x / (1 + sigma**2) - denoised) * (math.sqrt(1 + sigma**2) / sigma)
    return denoised


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one noisy latent: samples = denoised + sigma · eps.

    samples: (1, C, h, w), the latent that it was asked about, variance exploding.
    sigma: the latent's noise level, > 0.
    denoised: (1, C, h, w), the estimate of the clean latent.

    Raises ValueError if the shapes differ or sigma is not above 0.
    """

    samples: Tensor
    sigma: float
    denoised: Tensor

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        if self.samples.shape != self.denoised.shape:
            shapes = f"{tuple(self.samples.shape)}, found {tuple(self.denoised.shape)}"
            raise ValueError(f"Prediction.denoised: expected the samples' shape {shapes}")
        if not self.sigma > 0:
            raise ValueError(f"Prediction.sigma: expected more than 0, got {self.sigma}: there is no noise to predict")

    @property
    def eps(self) -> Tensor:
        """The noise that is said to be in the samples, (1, C, h, w), of unit variance."""
        return (self.samples - self.denoised) / self.sigma

    def expect_same_latent(self, other: Prediction, name: str) -> None:
        """Raise ValueError, naming `name`, unless the other speaks of the same latent."""
        if self.sigma != other.sigma or not torch.equal(self.samples, other.samples):
            found = f"sigma {self.sigma:.4g} and {other.sigma:.4g}"
            raise ValueError(f"{name}: expected predictions for one and the same latent, found two ({found})")


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A UNet as a denoiser: the one place where sigma becomes a timestep.

    unet: (sample (B, C, h, w), timestep (B,) float32, states (B, tokens, D)) → (B, C, h, w), called on the device and
        in the dtype of the states; `sample` is variance preserving.
    training: the noise levels it was trained on and what its output means.
    channels: (1, C', h, w), what an inpainting UNet is shown after `sample`, along dimension 1, at every noise level.
    """

    unet: Callable[[Tensor, Tensor, Tensor], Tensor]
    training: Training
    channels: Tensor | None = None

    def __call__(self, x: Tensor, sigma: float, states: Tensor) -> Tensor:
        """The estimate of the clean sample, like x; x (B, C, h, w), states (B, tokens, D), sigma > 0."""
        timestep = torch.full((len(x),), self.training.sigma_to_t(sigma), dtype=torch.float32, device=states.device)
        sample = (x / math.sqrt(1 + sigma**2)).to(states)
        if self.channels is not None:  # (B, C, h, w) → (B, C + C', h, w)
            sample = torch.cat([sample, self.channels.to(states).expand(len(x), -1, -1, -1)], dim=1)
        output = self.unet(sample, timestep, states)
        return to_denoised(output.to(x), x, sigma, self.training.prediction_type)
