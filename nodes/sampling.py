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
    from diffusion.latent import Latent
    from diffusion.noise import Noise
    from diffusion.schedules import Schedule
    from diffusion.text import Conditioning

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Steps = Annotated[int, Field(ge=1, le=1000)]
Sampler = Literal["ddim", "plms", "ddpm", "euler", "euler_ancestral", "heun", "dpmpp_2m"]
Spacing = Literal["default", "leading", "trailing", "linspace", "karras"]


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
def first_step(steps: Steps, strength: Annotated[float, Field(ge=0, le=1)] = 0.75) -> int:
    """The step at which image to image begins: the last int(steps · strength) steps are run.

    Args:
        steps: of the whole schedule.
        strength: 0 leaves the picture as it is, 1 begins with noise alone.
    """
    return steps - min(int(steps * strength), steps)


@node
def start(
    noise: Noise, schedule: Schedule, clean: Latent | None = None, first: Annotated[int, Field(ge=0)] = 0
) -> Latent:
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
    index: Annotated[int, Field(ge=0)],
    positive: Conditioning,
    negative: Conditioning | None = None,
    noise: Noise | None = None,
    guidance_scale: Annotated[float, Field(ge=0, le=50)] = 7.5,
    sampler: Sampler = "ddim",
    eta: Annotated[float, Field(ge=0, le=1)] = 0.0,
) -> Latent:
    """Move the latent one noise level down the schedule.

    Args:
        unet: predicts the noise in the latent.
        latent: at the noise level where this step begins.
        schedule: the noise levels.
        index: which step, from 0.
        positive: what the picture should show.
        negative: what it should not; with the empty prompt, plain guidance. Not needed at guidance_scale 1.
        noise: fresh noise for samplers that add some (ddpm, euler_ancestral, ddim with eta); draw index + 1 is used.
        guidance_scale: how far to go from the negative's prediction past the positive's; 1 is no guidance.
        sampler: the rule by which the step is taken.
        eta: for ddim, the share of fresh noise: 0 none, 1 as much as ddpm.
    """
    network = unet.load()
    weight = next(network.parameters())  # the denoiser runs where the states are
    states, against = positive.states.to(weight), None if negative is None else negative.states.to(weight)
    steered = guidance.guided(prediction.Denoiser(network, unet.training), states, against, guidance_scale)
    estimates: list[Tensor] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        denoised = steered(x, sigma)
        estimates.append(denoised)
        return denoised

    step = schedule.step(index, eta=eta, noise=noise)
    after = samplers.SAMPLERS[sampler](denoise, latent, step)
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
