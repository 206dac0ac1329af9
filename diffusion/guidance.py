"""Classifier-free guidance: away from what a model would draw anyway, towards the prompt."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from diffusion.prediction import Denoise


def guide(uncond: Tensor, cond: Tensor, scale: float) -> Tensor:
    """Give uncond + scale · (cond - uncond): eq. (6) of arXiv 2207.12598, its scale 1 + w, as Stable Diffusion has it.

    Holds for eps, v and denoised alike, since at one x and sigma each is an affine function of the others.
    """
    return uncond + scale * (cond - uncond)


def guided(
    denoise: Callable[[Tensor, float, Tensor], Tensor],
    positive: Tensor,
    negative: Tensor | None = None,
    scale: float = 7.5,
) -> Denoise:
    """A denoiser for samplers, steered by a prompt.

    denoise: (x (B, C, h, w), sigma, states (B, tokens, D)) → denoised, such as a `Denoiser`.
    positive: states of the prompt, (1, tokens, D).
    negative: states of the negative prompt, of the same shape; it takes the place of the unconditional, for which pass
        the states of the empty prompt. Not used at scale 1.
    scale: 0 … 50. At 1 one pass is made, of the prompt alone; else both run as one batch, the negative first.

    Raises ValueError if scale is not 1 and there is no negative, or if the two differ in shape.
    """
    if scale == 1:
        return lambda x, sigma: denoise(x, sigma, positive.expand(len(x), -1, -1))
    if negative is None:
        raise ValueError(
            f"negative: expected conditioning, got none, with guidance_scale {scale:g}; "
            "encode the negative prompt (it may be empty), or set guidance_scale to 1"
        )
    if negative.shape != positive.shape:
        raise ValueError(
            f"negative: expected the positive's shape {tuple(positive.shape)}, got {tuple(negative.shape)}"
        )

    def denoise_guided(x: Tensor, sigma: float) -> Tensor:
        # (B, …) → (2·B, …): the negative half, then the positive half
        states = torch.cat([negative.expand(len(x), -1, -1), positive.expand(len(x), -1, -1)])
        uncond, cond = denoise(torch.cat([x, x]), sigma, states).chunk(2)
        return guide(uncond, cond, scale)

    return denoise_guided
