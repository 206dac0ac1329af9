"""From noise to a clean latent, one step a node."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine import node
from nodes.stages import guidance, inpaint, prediction, samplers, schedules
from nodes.stages import noise as noises

if TYPE_CHECKING:
    from torch import Tensor

    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.checkpoint import VAEHandle as VAE
    from diffusion.image import Mask
    from diffusion.inpaint import Channels
    from diffusion.latent import Latent
    from diffusion.noise import Noise
    from diffusion.prediction import Denoise, Denoiser
    from diffusion.schedules import Schedule, Step
    from diffusion.text import Conditioning

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Steps = Annotated[int, Field(ge=1, le=1000)]
Index = Annotated[int, Field(ge=0)]
Scale = Annotated[float, Field(ge=0, le=50)]
Share = Annotated[float, Field(ge=0, le=1)]
Sampler = Literal[
    "ddim",
    "plms",
    "ddpm",
    "euler",
    "euler_ancestral",
    "heun",
    "dpmpp_2m",
    "lms",
    "dpm_2",
    "dpmpp_sde",
    "dpmpp_2m_sde",
    "unipc",
    "lcm",
]
Spacing = Literal[
    "default",
    "leading",
    "trailing",
    "linspace",
    "karras",
    "exponential",
    "beta",
    "simple",
    "sgm_uniform",
    "ddim_uniform",
]


@node
def noise(
    unet: UNet,
    vae: VAE,
    seed: Seed = 42,
    width: Annotated[int, Field(ge=0, le=8192)] = 0,
    height: Annotated[int, Field(ge=0, le=8192)] = 0,
) -> Noise:
    """Noise for a picture of some size: a seed and a shape, from which every draw follows.

    Args:
        unet: whose size is taken where none is given.
        vae: tells how many pixels one latent pixel stands for.
        seed: the same seed gives the same noise on any device and in any batch.
        width: of the picture in pixels, a multiple of the VAE's factor (8 in Stable Diffusion); 0 is the model's own.
        height: likewise.
    """
    factor, native = vae.config.factor, unet.config.sample_size
    own = (native, native) if isinstance(native, int) else (native[1], native[0])
    size = []
    for name, pixels, latent in (("width", width, own[0]), ("height", height, own[1])):
        if pixels % factor:
            near = " or ".join(str(n * factor) for n in (pixels // factor, pixels // factor + 1) if n)
            raise ValueError(
                f"{name}: expected a multiple of {factor}, which the VAE needs, found {pixels}; try {near}"
            )
        size.append(pixels // factor or latent)
    return noises.Noise(seed, (vae.config.latent_channels, size[1], size[0]))


@node
def noise_like(latent: Latent, seed: Seed = 42) -> Noise:
    """Noise of the size of a latent, for starting from a picture.

    Args:
        latent: whose shape is taken.
        seed: the same seed gives the same noise on any device and in any batch.
    """
    channels, height, width = latent.samples.shape[1:]
    return noises.Noise(seed, (channels, height, width))


@node
def schedule(unet: UNet, steps: Steps = 20, sampler: Sampler = "ddim", spacing: Spacing = "default") -> Schedule:
    """The noise levels that a sampler visits: steps + 1 sigmas, from much noise to none.

    Args:
        unet: knows the noise levels it was trained on.
        steps: how many steps there are.
        sampler: samplers differ in where they begin and end.
        spacing: how the levels are spread over those of training; by default as the sampler's authors do.
    """
    return schedules.make_schedule(unet.training, steps, spacing, sampler)


@node
def first_step(steps: Steps, strength: Share = 0.75) -> int:
    """The step at which image to image begins: the last int(steps · strength) steps are run.

    Args:
        steps: of the whole schedule.
        strength: 0 leaves the picture as it is, 1 begins with noise alone.
    """
    return steps - min(int(steps * strength), steps)


@node
def start(noise: Noise, schedule: Schedule, clean: Latent | None = None, first: Index = 0) -> Latent:
    """The latent to begin with: noise alone, or a picture's latent with noise on it.

    Args:
        noise: its first draw is used.
        schedule: tells how much noise.
        clean: the latent of a picture, for image to image.
        first: the step that comes next.
    """
    return samplers.start(noise.draw(0), schedule, None if clean is None else clean.samples, first)


@node
def denoise_step(
    unet: UNet,
    latent: Latent,
    schedule: Schedule,
    index: Index,
    positive: Conditioning,
    negative: Conditioning | None = None,
    noise: Noise | None = None,
    channels: Channels | None = None,
    guidance_scale: Scale = 7.5,
    sampler: Sampler = "ddim",
    eta: Share = 0.0,
) -> Latent:
    """Move the latent one noise level down the schedule.

    Args:
        unet: predicts the noise in the latent.
        latent: at the noise level where this step begins.
        schedule: the noise levels.
        index: which step, from 0.
        positive: what the picture should show.
        negative: what it should not; with the empty prompt, plain guidance. Not needed at guidance_scale 1.
        noise: fresh noise for samplers that add some (ddpm, lcm, those on SDEs, ddim with eta); draw index + 1 is used.
        channels: for inpainting UNets, what they are shown beside the latent.
        guidance_scale: how far to go from the negative's prediction past the positive's; 1 is no guidance.
        sampler: the rule by which the step is taken.
        eta: for ddim, the share of fresh noise: 0 none, 1 as much as ddpm.
    """
    against = None if negative is None else states_for(unet, negative)
    steered = guidance.guided(denoiser(unet, latent, channels), states_for(unet, positive), against, guidance_scale)
    return stepped(steered, latent, schedule.step(index, eta=eta, noise=noise), sampler)


def states_for(unet: UNet, conditioning: Conditioning) -> Tensor:
    """A prompt's states on the device and in the type of the UNet's weights, where the denoiser then runs."""
    return conditioning.states.to(next(unet.load().parameters()))


def denoiser(unet: UNet, latent: Latent, channels: Channels | None) -> Denoiser:
    """The UNet as a denoiser of this latent."""
    inpaint.expect_channels(unet.config, latent, channels)
    beside = channels.tensor if channels is not None and channels.tensor.shape[1] else None
    return prediction.Denoiser(unet.load(), unet.training, beside)


def stepped(denoise: Denoise, latent: Latent, step: Step, sampler: str) -> Latent:
    """The latent one step further, with the first estimate it went by."""
    estimates: list[Tensor] = []

    def noted(x: Tensor, sigma: float) -> Tensor:
        denoised = denoise(x, sigma)
        estimates.append(denoised)
        return denoised

    after = samplers.SAMPLERS[sampler](noted, latent, step)
    return replace(after, denoised=estimates[0])


@node
def denoised(latent: Latent) -> Latent:
    """The clean latent that the last step went by, to be looked at; before the first step, the latent itself.

    Args:
        latent: as `denoise_step` gave it.
    """
    if latent.denoised is None:
        return replace(latent, history=())
    return replace(latent, samples=latent.denoised, sigma=0.0, history=(), denoised=None)


@node
def blend_mask(latent: Latent, known: Latent, mask: Mask, noise: Noise) -> Latent:
    """Keep a picture where the mask is black: put its latent back, noised to the level of this step.

    Args:
        latent: as a step left it.
        known: the clean latent of the picture to keep.
        mask: white = repaint freely, black = keep.
        noise: its first draw is used, the same at every step.
    """
    return inpaint.blend(latent, known, mask, noise.draw(0))
