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
class Denoiser:
    """A UNet as a denoiser: the one place where sigma becomes a timestep.

    unet: (sample (B, C, h, w), timestep (B,) float32, states (B, tokens, D)) → (B, C, h, w), called on the device and
        in the dtype of the states; `sample` is variance preserving.
    training: the noise levels it was trained on and what its output means.
    """

    unet: Callable[[Tensor, Tensor, Tensor], Tensor]
    training: Training

    def __call__(self, x: Tensor, sigma: float, states: Tensor) -> Tensor:
        """The estimate of the clean sample, like x; x (B, C, h, w), states (B, tokens, D), sigma > 0."""
        timestep = torch.full((len(x),), self.training.sigma_to_t(sigma), dtype=torch.float32, device=states.device)
        output = self.unet((x / math.sqrt(1 + sigma**2)).to(states), timestep, states)
        return to_denoised(output.to(x), x, sigma, self.training.prediction_type)
