"""Classifier-free guidance: away from what a model would draw anyway, towards the prompt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from diffusion.prediction import Denoise, Prediction


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
    negative: states of the negative prompt, of the same width; it takes the place of the unconditional, for which pass
        the states of the empty prompt. Not used at scale 1.
    scale: 0 … 50. At 1 one pass is made, of the prompt alone; else both run as one batch, the negative first, or one
        after the other if one prompt has more tokens.

    Raises ValueError if scale is not 1 and there is no negative, or if the two differ in width.
    """
    if scale == 1:
        return lambda x, sigma: denoise(x, sigma, positive.expand(len(x), -1, -1))
    if negative is None:
        raise ValueError(
            f"negative: expected conditioning, got none, with guidance_scale {scale:g}; "
            "encode the negative prompt (it may be empty), or set guidance_scale to 1"
        )
    if negative.shape[-1] != positive.shape[-1]:
        raise ValueError(
            f"negative: expected the positive's width {positive.shape[-1]}, got {negative.shape[-1]}; "
            "encode both with one text encoder"
        )
    if negative.shape != positive.shape:

        def denoise_twice(x: Tensor, sigma: float) -> Tensor:
            uncond = denoise(x, sigma, negative.expand(len(x), -1, -1))
            return guide(uncond, denoise(x, sigma, positive.expand(len(x), -1, -1)), scale)

        return denoise_twice

    def denoise_guided(x: Tensor, sigma: float) -> Tensor:
        # (B, …) → (2·B, …): the negative half, then the positive half
        states = torch.cat([negative.expand(len(x), -1, -1), positive.expand(len(x), -1, -1)])
        uncond, cond = denoise(torch.cat([x, x]), sigma, states).chunk(2)
        return guide(uncond, cond, scale)

    return denoise_guided


def guide_predictions(uncond: Prediction, cond: Prediction, scale: float) -> Prediction:
    """Guidance of predictions that were made one by one, as `guide` does it.

    Raises ValueError if they are not about the same latent.
    """
    uncond.expect_same_latent(cond, "cond")
    return replace(cond, denoised=guide(uncond.denoised, cond.denoised, scale))


SHAPES: dict[str, Callable[[float], float]] = {
    "linear": lambda share: share,
    "cosine": lambda share: (1 - math.cos(math.pi * share)) / 2,
}
"""Name → share of the way, 0 … 1, to share of the change, 0 … 1."""


def scale_at(
    share: float, first: float, last: float, shape: str, begin: float = 0.0, end: float = 1.0, outside: float = 1.0
) -> float:
    """A guidance scale that depends on how far sampling has come.

    share: of the steps that is done, 0 … 1.
    first, last: the scale where the interval begins and where it ends.
    shape: how it goes from one to the other, a name in SHAPES.
    begin, end: the interval, as shares of the steps; guidance in a limited interval is that of arXiv 2404.07724.
    outside: the scale before and after; 1 is no guidance, which saves a pass.
    """
    if not begin <= share <= end:
        return outside
    way = (share - begin) / (end - begin) if end > begin else 0.0
    return first + SHAPES[shape](way) * (last - first)


def regional(inside: Prediction, outside: Prediction, share: Tensor) -> Prediction:
    """One prediction where the share is 1, another where it is 0: different words for different places (2302.08113).

    share: (1, 1, h, w) in [0, 1]. Raises ValueError if the two are not about the same latent.
    """
    inside.expect_same_latent(outside, "outside")
    return replace(inside, denoised=share * inside.denoised + (1 - share) * outside.denoised)
