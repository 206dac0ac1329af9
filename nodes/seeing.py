"""Seeing: where the prompt is looked for, what latents hold, how runs compare; as heat, pictures, tables and plots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine import Collected, node
from nodes.files import save_file
from nodes.sampling import denoiser, states_for
from nodes.stages import attention as stage
from nodes.stages import heat as heats
from nodes.stages import image as pixels
from nodes.stages import measures, plots, sheets, text
from nodes.stages import preview as previews

if TYPE_CHECKING:
    from diffusion.attention import Attention
    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.checkpoint import VAEHandle as VAE
    from diffusion.heat import Heat
    from diffusion.image import Image
    from diffusion.inpaint import Channels
    from diffusion.latent import Latent
    from diffusion.measures import Table
    from diffusion.preview import Preview
    from diffusion.schedules import Schedule
    from diffusion.text import Conditioning, Tokens

Head = Annotated[int, Field(ge=-1, le=63)]
Count = Annotated[int, Field(ge=1, le=100)]
Opacity = Annotated[float, Field(ge=0, le=1)]
Colours = Literal["viridis", "magma", "diverging", "grey"]
PlotSize = Annotated[int, Field(ge=200, le=4096)]


# ── cross attention ───────────────────────────────────────────────────────────────────────────────────────────────────


@node
def attention(unet: UNet, latent: Latent, conditioning: Conditioning, channels: Channels | None = None) -> Attention:
    """Where each layer and head of the UNet looks for each token, in one pass over a latent as it is.

    Nothing is changed by looking: put the node into the loop's body beside `denoise_step`, and gather `.all` of it.
    What one pass of Stable Diffusion 1.5 gives at 512 × 512 pixels takes 66 MB.

    Args:
        unet: predicts the noise in the latent.
        latent: with noise in it; the one that a step begins with.
        conditioning: the prompt that is looked for; the step's positive, or its negative.
        channels: for inpainting UNets, what they are shown beside the latent.
    """
    if latent.sigma <= 0:
        raise ValueError("latent: expected noise in it (sigma > 0), found sigma 0; take the latent before a step")
    denoise, states = denoiser(unet, latent, channels), states_for(unet, conditioning)
    height, width = latent.samples.shape[2:]
    _, caught = stage.capture(unet.load(), (height, width), lambda: denoise(latent.samples, latent.sigma, states))
    return caught


@node
def attention_map(attention: Attention, tokens: Tokens, word: str, layer: str = "", head: Head = -1) -> Heat:
    """The share of its attention that each place gives to a word, 0 to 1.

    Args:
        attention: of one pass, or an average.
        tokens: of the prompt that was looked for.
        word: one of the prompt's words, or several in a row; all places where the prompt has it are added up.
        layer: a part of a layer's name, such as `up` or `mid_block`; empty averages all, each counting the same.
        head: which head, from 0; -1 averages all.
    """
    found = text.occurrences(text.words_of(tokens), word)
    return stage.select(attention, [at for positions in found for at in positions], layer, head)


@node
def average_attention(attentions: list[Attention]) -> Attention:
    """The average over the steps of a loop.

    Args:
        attentions: of the same UNet at the same size.
    """
    return stage.mean(attentions)


@node
def attention_sheet(
    attentions: list[Attention],
    tokens: Tokens,
    image: Image | None = None,
    rows: Literal["step", "layer", "head"] = "step",
    count: Count = 5,
    columns: Count = 12,
    layer: str = "",
    every_token: bool = False,
    shared_range: Literal["no", "word", "sheet"] = "no",
    opacity: Opacity = 0.7,
    colours: Colours = "magma",
    size: Annotated[int, Field(ge=32, le=1024)] = 128,
    title: str = "",
) -> Image:
    """Where each word is looked for: a column a word, under each map the range of its share of the attention.

    Begin, punctuation, end and padding have no column unless asked for, though begin gets most of the attention.

    Args:
        attentions: one for each step of a loop.
        tokens: of the prompt that was looked for.
        image: what the maps are laid over; without one they stand alone.
        rows: some steps, layers or heads, averaged over the two others; the last row averages all.
        count: at most so many rows besides the last, evenly chosen.
        columns: at most so many words, from the first.
        layer: a part of the names of the layers that count, such as `up`; empty for all.
        every_token: show begin, punctuation, end and padding too, so that each row adds up to all attention.
        shared_range: the same colour means the same share in no two maps, in all of a word, or on the whole sheet.
        opacity: 0 shows the picture alone, 1 the maps alone.
        colours: of the maps.
        size: pixels along the longer side of a map.
        title: above all.
    """
    return stage.attention_sheet(
        attentions, text.words_of(tokens), image, rows, count, columns, layer, every_token, shared_range, opacity,
        colours, size, title,
    )  # fmt: skip


# ── heat ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def heat_to_image(
    heat: Heat,
    colours: Colours = "viridis",
    low: float | None = None,
    high: float | None = None,
    scale: Annotated[int, Field(ge=1, le=64)] = 1,
) -> Image:
    """Heat as a picture, a square for each number.

    Args:
        heat: of any size.
        colours: `diverging` is white at zero, blue below, red above, equally far.
        low: the number at the lower end of the colours; by default the least. Give heats to be compared the same.
        high: the number at the upper end; by default the greatest.
        scale: pixels a side of each square.
    """
    return pixels.enlarge(heats.colour(heat, low, high, colours), scale)


@node
def overlay_heat(
    heat: Heat,
    image: Image,
    opacity: Opacity = 0.7,
    colours: Colours = "magma",
    low: float | None = None,
    high: float | None = None,
) -> Image:
    """Heat laid over a picture, which becomes nearly grey, so that colour means heat.

    Args:
        heat: of any size; enlarged smoothly to the picture's.
        image: what it is laid over.
        opacity: 0 shows the picture alone, 1 the heat alone.
        colours: of the heat.
        low: the number at the lower end of the colours; by default the least.
        high: the number at the upper end; by default the greatest.
    """
    return heats.overlay(heat, image, opacity, low, high, colours)


# ── latents ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def latent_channels(latent: Latent, colours: Colours = "diverging", title: str = "") -> Image:
    """Each channel of a latent, as the UNet sees it, side by side, in the same range of colours.

    Args:
        latent: at any noise level.
        colours: `diverging` is white at zero, blue below, red above, equally far.
        title: above all; by default the range of the colours.
    """
    found = previews.channels(latent)
    low, high = heats.span_of([heat.values for heat in found], centred=colours == "diverging")
    pictures = [heats.colour(heat, low, high, colours) for heat in found]
    names = [f"channel {i}" for i in range(len(pictures))]
    return sheets.wrap(pictures, names, min(len(pictures), 8), title or f"colours from {low:.2f} to {high:.2f}")


@node
def latent_heat(latent: Latent, channel: Annotated[int, Field(ge=-1, le=127)] = -1) -> Heat:
    """One channel of a latent, as the UNet sees it, or how far each place is from zero.

    Args:
        latent: at any noise level.
        channel: which, from 0; -1 is the norm over all channels.
    """
    if channel < 0:
        return previews.magnitude(latent)
    found = previews.channels(latent)
    if channel >= len(found):
        raise ValueError(f"channel: expected -1 (the norm) to {len(found) - 1}, found {channel}")
    return found[channel]


@node
def fit_preview(vae: VAE) -> Preview:
    """A linear map from latents to colours that comes closest to a VAE's decoder, for looking at many latents quickly.

    Args:
        vae: of the checkpoint; a few small latents are decoded, the same each time.
    """
    return previews.fit_preview(vae.load())


@node
def quick_look(latent: Latent, preview: Preview) -> Image:
    """A latent as a small picture, a pixel for each of its own, without the VAE; as the UNet sees it.

    Args:
        latent: at any noise level.
        preview: of the VAE that would decode it, from `fit_preview`.
    """
    return previews.quick_look(latent, preview)


@node
def latent_norm(latent: Latent) -> float:
    """How large the numbers of a latent are: their root mean square, about √(1 + sigma²).

    Args:
        latent: at any noise level.
    """
    return measures.rms(latent.samples.numpy())


@node
def latent_distance(a: Latent, b: Latent) -> float:
    """How far two latents are apart: the root mean square of their difference.

    Clean latents that have nothing to do with each other are about √2 apart.

    Args:
        a: at any noise level.
        b: of the same size.
    """
    return measures.distance(a.samples.numpy(), b.samples.numpy())


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def table(values: Collected[float], quantity: str = "value") -> Table:
    """Numbers of a sweep or a loop as a table over its axes.

    Args:
        values: one for each coordinate.
        quantity: what they are, with their unit if they have one; stands at the plot.
    """
    return measures.table(quantity, values.axes, values.items)


@node
def schedule_table(
    schedules: Collected[Schedule],
    what: Literal["sigma", "log sigma", "signal to noise", "signal share"] = "sigma",
) -> Table:
    """The noise levels that schedules visit, over the axes of the sweep and the step.

    Args:
        schedules: one for each coordinate; shorter ones leave places empty.
        what: sigma; its natural logarithm; the signal's variance over the noise's, 1 / sigma²; or the signal's share of
            both, 1 / (1 + sigma²), which DDPM calls ᾱ. What is infinite at the end is left out.
    """
    return measures.noise_levels(schedules.axes, [(at, one.sigmas) for at, one in schedules.items], what)


@node
def latent_histogram(latents: Collected[Latent], bins: Annotated[int, Field(ge=1, le=1000)] = 60) -> Table:
    """How the numbers in latents are spread, as the UNet sees them: density over the axes of the sweep and the value.

    Args:
        latents: one for each coordinate.
        bins: how many equal parts the range of all numbers is cut into.
    """
    return measures.histogram(latents.axes, [(at, one.vp.numpy()) for at, one in latents.items], bins)


@node
def divergence(a: list[Latent], b: list[Latent]) -> Table:
    """How two runs of as many steps part: the distance of their latents after each step.

    Args:
        a: the latents of one run, `.all` of its loop.
        b: those of the other.
    """
    return measures.divergence([one.samples.numpy() for one in a], [one.samples.numpy() for one in b])


@node
def neighbour_distance(latents: Collected[Latent], along: str = "") -> Table:
    """How far latents that follow each other along one axis of a sweep are apart: where it jumps, a watershed lies.

    Args:
        latents: one for each coordinate.
        along: the axis; by default the last of several values. In the table it has the middles between its values.
    """
    return measures.neighbours(latents.axes, [(at, one.samples.numpy()) for at, one in latents.items], along)


@node
def image_neighbours(images: Collected[Image], along: str = "") -> Table:
    """How far pictures that follow each other along one axis of a sweep are apart, in levels of 255, on white.

    Args:
        images: one for each coordinate, all of one size.
        along: the axis; by default the last of several values. In the table it has the middles between its values.
    """
    items = [(at, one.on().pixels) for at, one in images.items]
    return measures.neighbours(images.axes, items, along, "RMS distance in levels of 255")


@node
def attention_neighbours(attentions: Collected[Attention], along: str = "") -> Table:
    """What share of attention goes to other tokens from one place to the next along an axis of a sweep, 0 to 1.

    Args:
        attentions: one for each coordinate, of prompts of as many tokens.
        along: the axis; by default the last of several values. In the table it has the middles between its values.
    """
    return measures.neighbours(attentions.axes, attentions.items, along, "share of attention that moves", stage.moved)


@node(effect=True)
def save_table(table: Table, name: str = "") -> str:
    """Write a table as CSV, a line for each number: its coordinates, then the number.

    Args:
        table: what to save.
        name: the beginning of the file's name; by default that of the workflow. A number is added.
    """
    written = measures.to_csv(table)

    def write(path: Path) -> None:
        path.write_text(written, encoding="utf-8", newline="")

    return save_file(name, ".csv", write, otherwise="table")


# ── plots ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def line_plot(
    table: Table,
    x: str = "",
    title: str = "",
    note: str = "",
    log_x: bool = False,
    log_y: bool = False,
    marks: bool = True,
    width: PlotSize = 720,
    height: PlotSize = 440,
) -> Image:
    """Curves over one axis of a table, one for each combination of the others.

    Args:
        table: missing numbers leave gaps.
        x: the axis that goes to the right; by default the last one of several numbers.
        title: above all.
        note: a small line below the title.
        log_x: powers of ten at even distances; the axis must have numbers, and those not above 0 are left out.
        log_y: likewise.
        marks: marks on the numbers, where they lie apart.
        width: in pixels.
        height: in pixels; a legend below, where one is needed, is added.
    """
    return plots.line_plot(table, x, title, note, log_x, log_y, marks, width, height)


@node
def heat_plot(
    table: Table,
    x: str = "",
    y: str = "",
    title: str = "",
    note: str = "",
    colours: Literal["auto", "viridis", "magma", "diverging", "grey"] = "auto",
    width: PlotSize = 720,
    height: PlotSize = 440,
) -> Image:
    """Two axes of a table as a map, a rectangle for each number, with the number in it where there is room.

    Args:
        table: other axes must have one value; missing numbers stay blank.
        x: the axis that goes to the right; by default the last one of several values.
        y: the axis that goes down; by default the last one left.
        title: above all.
        note: a small line below the title.
        colours: `auto` is diverging where there are numbers below and above zero, else viridis.
        width: in pixels, at most about.
        height: likewise.
    """
    chosen = None if colours == "auto" else colours
    return plots.heat_plot(table, x, y, title, note, chosen, width, height)
