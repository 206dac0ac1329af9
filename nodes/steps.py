"""The step, taken apart: what is predicted, how it is guided or bent, and the step it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from engine import node
from nodes.sampling import Index, Sampler, Scale, Share, Steps, denoiser, states_for, stepped
from nodes.stages import guidance, inpaint, samplers
from nodes.stages import latent as latents
from nodes.stages import prediction as predictions

if TYPE_CHECKING:
    from torch import Tensor

    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.image import Mask
    from diffusion.inpaint import Channels
    from diffusion.latent import Latent
    from diffusion.noise import Noise
    from diffusion.prediction import Prediction
    from diffusion.schedules import Schedule
    from diffusion.text import Conditioning


@node
def predict_noise(
    unet: UNet, latent: Latent, conditioning: Conditioning, channels: Channels | None = None
) -> Prediction:
    """Ask the UNet once what in a latent is noise, with one prompt and without guidance.

    `predict_noise` for each prompt, `guide`, `take_step`: together they are what `denoise_step` does.

    Args:
        unet: predicts the noise in the latent.
        latent: still noisy.
        conditioning: a prompt, the empty prompt, or a negative one.
        channels: for inpainting UNets, what they are shown beside the latent.
    """
    denoised = denoiser(unet, latent, channels)(latent.samples, latent.sigma, states_for(unet, conditioning))
    return predictions.Prediction(latent.samples, latent.sigma, denoised)


@node
def guide(uncond: Prediction, cond: Prediction, guidance_scale: Scale = 7.5) -> Prediction:
    """Classifier-free guidance: uncond + scale · (cond - uncond).

    Args:
        uncond: the prediction with the empty prompt, or with a negative one.
        cond: the prediction with the prompt, for the same latent.
        guidance_scale: how far to go; 0 is uncond, 1 is cond, more goes past it.
    """
    return guidance.guide_predictions(uncond, cond, guidance_scale)


@node
def blend_predictions(inside: Prediction, outside: Prediction, mask: Mask) -> Prediction:
    """Different words for different places: one prediction where the mask is white, the other where it is black.

    Args:
        inside: for the white part.
        outside: for the rest, about the same latent.
        mask: of any resolution.
    """
    return guidance.regional(inside, outside, inpaint.mask_for(latents.Latent(inside.samples, inside.sigma), mask))


@node
def take_step(
    latent: Latent,
    prediction: Prediction,
    schedule: Schedule,
    index: Index,
    noise: Noise | None = None,
    sampler: Sampler = "ddim",
    eta: Share = 0.0,
) -> Latent:
    """Move the latent one noise level down, by a prediction that was made, guided or bent beforehand.

    Args:
        latent: at the noise level where this step begins.
        prediction: for this latent.
        schedule: the noise levels.
        index: which step, from 0.
        noise: fresh noise for samplers that add some; draw index + 1 is used.
        sampler: one that asks the model once a step, so not heun, dpm_2, dpmpp_sde, nor plms.
        eta: for ddim, the share of fresh noise.
    """
    asked = 0

    def denoise(x: Tensor, sigma: float) -> Tensor:
        nonlocal asked
        asked += 1
        if asked > 1:
            once = ", ".join(name for name, one in samplers.SAMPLERS.items() if one.asks_once)
            raise ValueError(f"sampler: expected one that asks the model once a step ({once}), found {sampler}")
        return prediction.denoised

    if prediction.sigma != latent.sigma:
        found = f"sigma {latent.sigma:.4g} and {prediction.sigma:.4g}"
        raise ValueError(f"prediction: expected one for this latent, found another's ({found})")
    return stepped(denoise, latent, schedule.step(index, eta=eta, noise=noise), sampler)


class Parts(NamedTuple):
    """What a prediction takes a latent to consist of."""

    eps: Latent
    clean: Latent


@node
def split_prediction(prediction: Prediction) -> Parts:
    """What a prediction takes a latent to consist of: noise, and a clean latent. Both can be looked at like a latent.

    Args:
        prediction: guided or not.
    """
    return Parts(latents.Latent(prediction.eps, 0.0), latents.Latent(prediction.denoised, 0.0))


@node
def step_noise(before: Latent, after: Latent) -> Latent:
    """The noise (eps) that a step took to be in the latent, to be looked at like a latent.

    Args:
        before: the latent that the step read.
        after: what the step gave.
    """
    if after.denoised is None:
        raise ValueError("after: expected a latent that a step has made, found one before any step")
    return latents.Latent((before.samples - after.denoised) / before.sigma, 0.0)


@node
def guidance_direction(uncond: Prediction, cond: Prediction) -> Latent:
    """Where guidance pushes: the noise predicted with the prompt less that without, to be looked at like a latent.

    Args:
        uncond: the prediction with the empty or the negative prompt.
        cond: the prediction with the prompt, for the same latent.
    """
    uncond.expect_same_latent(cond, "cond")
    return latents.Latent(cond.eps - uncond.eps, 0.0)


@node
def guidance_size(uncond: Prediction, cond: Prediction, guidance_scale: Scale = 1.0) -> float:
    """How much guidance changes the predicted noise: scale · the root mean square of cond - uncond.

    The noise itself has size 1.

    Args:
        uncond: the prediction with the empty or the negative prompt.
        cond: the prediction with the prompt, for the same latent.
        guidance_scale: 1 gives the size of the difference itself.
    """
    uncond.expect_same_latent(cond, "cond")
    return guidance_scale * float((cond.eps - uncond.eps).square().mean().sqrt())


@node
def guidance_at(
    index: Index,
    steps: Steps,
    first: Scale = 7.5,
    last: Scale = 1.0,
    shape: Literal["linear", "cosine"] = "linear",
    begin: Share = 0.0,
    end: Share = 1.0,
    outside: Scale = 1.0,
) -> float:
    """A guidance scale for each step: from one value to another, or only in a part of the way.

    Args:
        index: which step, from 0.
        steps: how many there are.
        first: the scale where the interval begins.
        last: the scale where it ends; the same as `first` for a constant.
        shape: how it goes from one to the other.
        begin: where the interval begins, as a share of the steps.
        end: where it ends.
        outside: the scale before and after the interval; 1 is no guidance.
    """
    return guidance.scale_at(index / max(steps - 1, 1), first, last, shape, begin, end, outside)
