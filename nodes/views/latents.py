"""How noise, its levels and latents are seen: in channels, in quick colours, as a spread of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine import Seen, view
from engine.view import numbers
from engine.view import table as as_table
from nodes.stages import latent as latents
from nodes.stages import maps, measures
from nodes.stages import preview as previews
from nodes.views.parts import Bins, OneOrAll, channels_of, colours_of, curves, expect_one, nothing, picture, spread_of

if TYPE_CHECKING:
    from diffusion.image import Image
    from diffusion.inpaint import Channels
    from diffusion.latent import Latent
    from diffusion.noise import Noise
    from diffusion.prediction import Prediction
    from diffusion.preview import Preview
    from diffusion.schedules import Schedule


@view(name="channels")
def noise_channels(noise: Noise, channel: OneOrAll = -1, draw: Annotated[int, Field(ge=0, le=1000)] = 0) -> Seen:
    """Each channel of one draw.

    Args:
        noise: of any seed.
        channel: which, from 0; -1 shows all.
        draw: 0 is the noise that sampling starts from; step i uses draw i + 1.
    """
    return channels_of(noise.draw(draw), channel, f"draw {draw} of seed {noise.seed}")


@view(name="plot")
def schedule_plot(
    schedule: Schedule, what: Literal["sigma", "log sigma", "signal to noise", "signal share"] = "sigma"
) -> Seen:
    """The noise level at the beginning of each step, and at the end of the last.

    Args:
        schedule: of any length.
        what: sigma; its logarithm; the signal's variance over the noise's; or the signal's share of both.
    """
    columns = ["step", "sigma", *(["timestep"] if schedule.timesteps else [])]
    ends = (*schedule.timesteps, None) if schedule.timesteps else ()
    rows = [[step, sigma, *ends[step : step + 1]] for step, sigma in enumerate(schedule.sigmas)]
    table = measures.noise_levels([], [((), schedule.sigmas)], what)
    return curves(table, lambda: as_table(columns, rows))


def named_part(latent: Latent, of: str) -> Latent:
    """A latent as it is, or the clean one that the step that led to it went by."""
    if of == "samples":
        return latent
    if latent.denoised is None:
        raise ValueError("of: expected samples, found denoised; no step has led to this latent yet")
    return latents.Latent(latent.denoised, 0.0)


LatentPart = Literal["samples", "denoised"]


@view(name="rgb", given={"preview": "fit_preview"})
def latent_rgb(latent: Latent, of: LatentPart = "samples", preview: Preview | None = None) -> Seen:
    """A quick look in colours: about those that the VAE would give, or false ones where no preview is there.

    Args:
        latent: at any noise level.
        of: the latent itself, or the clean one that its last step went by.
        preview: of the VAE that would decode it.
    """
    return colours_of(named_part(latent, of), preview)


@view(name="channels")
def latent_channels(latent: Latent, channel: OneOrAll = -1, of: LatentPart = "samples") -> Seen:
    """Each channel.

    Args:
        latent: at any noise level.
        channel: which, from 0; -1 shows all.
        of: the latent itself, or the clean one that its last step went by.
    """
    shown = named_part(latent, of)
    return channels_of(shown.samples, channel, f"{of}, sigma {shown.sigma:.4g}")


@view(name="histogram")
def latent_histogram(latent: Latent, of: LatentPart = "samples", bins: Bins = 60) -> Seen:
    """How the numbers of each channel are spread.

    Args:
        latent: at any noise level.
        of: the latent itself, or the clean one that its last step went by.
        bins: how many equal parts their range is cut into.
    """
    return spread_of(named_part(latent, of).samples, bins)


@view(name="rgb", given={"preview": "fit_preview"})
def prediction_rgb(
    prediction: Prediction, of: Literal["denoised", "samples"] = "denoised", preview: Preview | None = None
) -> Seen:
    """A quick look in colours: about those that the VAE would give, or false ones where no preview is there.

    Args:
        prediction: for one latent.
        of: the clean latent that is predicted, or the noisy one that it is seen in.
        preview: of the VAE that would decode it.
    """
    noisy = of == "samples"
    shown = (prediction.samples, prediction.sigma) if noisy else (prediction.denoised, 0.0)
    return colours_of(latents.Latent(*shown), preview)


@view(name="channels")
def prediction_channels(
    prediction: Prediction, channel: OneOrAll = -1, of: Literal["eps", "denoised", "samples"] = "eps"
) -> Seen:
    """Each channel.

    Args:
        prediction: for one latent.
        channel: which, from 0; -1 shows all.
        of: the noise that is predicted, the clean latent, or the noisy one that both are seen in.
    """
    return channels_of(getattr(prediction, of), channel, f"{of}, sigma {prediction.sigma:.4g}")


@view(name="channels")
def inpaint_channels(channels: Channels, channel: OneOrAll = -1) -> Seen:
    """Each channel: first the mask, 1 where it is repainted, then the latent of the picture without what is masked.

    Args:
        channels: for an inpainting UNet, or none.
        channel: which, from 0; -1 shows all.
    """
    if not channels.tensor.shape[1]:
        expect_one("channel", channel, 0)
        return nothing("No channels: the UNet reads the latent alone.")
    return channels_of(channels.tensor, channel, "beside the latent")


@view(name="colours")
def preview_colours(preview: Preview) -> Seen:
    """The colour that each channel adds to that of a latent of zeros, for amounts from -3 to 3."""
    amounts = [step / 2 for step in range(-6, 7)]
    channels = range(len(preview.weights))
    columns = ("channel", "red", "green", "blue")
    colours = [*numbers(preview.weights), numbers(preview.bias)]
    rows = [[i, *colour] for i, colour in zip([*channels, "bias"], colours, strict=True)]

    def draw() -> Image:
        swatches = previews.swatches(preview, amounts)
        return maps.framed(swatches, channels, [f"{amount:g}" for amount in amounts], ("channel", "amount"))

    return picture(draw, lambda: as_table(columns, rows))
