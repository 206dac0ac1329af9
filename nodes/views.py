"""How values are looked at: a view or more for each type, the first the default. Of training: `training_views`.

Helpers → words → noise and latents → attention → pictures → tables and plain data → CLIP → handles. Pictures are drawn
in `diffusion/`, and only when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from engine import Seen, view
from engine.view import numbers
from engine.view import table as as_table
from nodes.stages import attention as heads
from nodes.stages import heat as heats
from nodes.stages import image as pixels
from nodes.stages import interrogate, maps, measures, plots, sheets, text, tokens_picture
from nodes.stages import latent as latents
from nodes.stages import preview as previews

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from diffusion.attention import Attention
    from diffusion.checkpoint import CaptionerHandle as Captioner
    from diffusion.checkpoint import CLIPHandle as CLIP
    from diffusion.checkpoint import Handle
    from diffusion.checkpoint import TextEncoderHandle as TextEncoder
    from diffusion.checkpoint import TokenizerHandle as Tokenizer
    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.checkpoint import VAEHandle as VAE
    from diffusion.clip import ClipVector
    from diffusion.heat import Heat
    from diffusion.image import Image, Mask
    from diffusion.inpaint import Channels
    from diffusion.interrogate import Description
    from diffusion.latent import Latent
    from diffusion.measures import Table
    from diffusion.noise import Noise
    from diffusion.prediction import Prediction
    from diffusion.preview import Preview
    from diffusion.schedules import Schedule
    from diffusion.terms import TermVectors
    from diffusion.text import Conditioning, Embeddings, Tokens

LARGEST, SMALLEST, LATENT, TILE = 1024, 128, 256, 176
"""Pixels that the longer side of a picture has at most and at least, that of a latent at least, that of one of many."""

OneOrAll = Annotated[int, Field(ge=-1)]
From = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Bins = Annotated[int, Field(ge=2, le=1000)]
Side = Annotated[int, Field(ge=1, le=LARGEST)]
Colours = Literal["viridis", "magma", "diverging", "grey"]


# ── what views are made of ────────────────────────────────────────────────────────────────────────────────────────────


def picture(draw: Callable[[], Image], data: Callable[[], Any], least: int = SMALLEST) -> Seen:
    """A picture of a size that can be seen, and the numbers behind it."""
    return Seen(data, lambda: pixels.to_png(pixels.at_most(pixels.at_least(draw(), least), LARGEST)))


def tiles(images: Sequence[Image], captions: Sequence[str]) -> Image:
    """Pictures side by side, all of about one size, with their captions."""
    small = [pixels.at_most(image.on(), TILE) for image in images]
    alike = [pixels.enlarge(image, max(round(TILE / max(image.size)), 1)) for image in small]
    return sheets.wrap(alike, captions, min(len(alike), 5), scale=1)


def nothing(why: str) -> Seen:
    """Where there is nothing to see: a table without rows, and words."""
    return picture(lambda: maps.notice(why), lambda: as_table([], []))


def expect_one(param: str, value: int, count: int, first: int = -1) -> None:
    """Raise ValueError unless a value has what a param asks for; -1 stands for all."""
    if not first <= value < count:
        every = " (all)" if first < 0 else ""
        raise ValueError(f"{param}: expected {first}{every} to {count - 1}, found {value}")


def part(first: int, count: int, of: int) -> range:
    """The places from one on, at most so many, 0 for all that are left; `ValueError` where there is none."""
    expect_one("first", first, of, 0)
    return range(first, min(first + count, of) if count else of)


def grid(values: Any, hint: str = "", **axes: Sequence[Any]) -> dict[str, Any]:
    """Numbers as nested lists, outermost first, with the coordinates along each axis by its name."""
    return {"axes": {name: list(along) for name, along in axes.items()}, "values": numbers(values, hint)}


def long_form(table: Table, places: range | None = None) -> dict[str, Any]:
    """A table of a sweep as rows: the coordinates of each number, then the number; no nan."""
    found = measures.listed(table)
    chosen = found if places is None else [found[i] for i in places]
    hint = "the view rows has first and count"
    return as_table([*(name for name, _ in table.axes), table.quantity], chosen, hint)


def curves(table: Table, data: Callable[[], Any], asked: bool = False, **options: Any) -> Seen:
    """Curves over the last axis of a table; words where nothing can be drawn, unless for what was `asked`."""

    def draw() -> Image:
        try:
            return plots.line_plot(table, **options)
        except ValueError as error:
            if asked:
                raise
            return maps.notice(str(error))

    return picture(draw, data)


def channels_of(tensor: Tensor, channel: int, title: str) -> Seen:
    """The channels of a tensor (1, C, h, w) as maps side by side, or one of them."""
    field = tensor[0].numpy()
    count, rows, columns = len(field), *map(range, field.shape[1:])
    expect_one("channel", channel, count)
    if channel < 0:
        names = [f"channel {i}" for i in range(count)]
        return picture(
            lambda: maps.map_sheet(list(field), names, title),
            lambda: grid(field, "channel takes one", channel=range(count), row=rows, column=columns),
        )
    one, heading = field[channel], f"channel {channel}, {title}"
    return picture(
        lambda: maps.heat_map(one, rows, columns, title=heading, square=True),
        lambda: grid(one, row=rows, column=columns),
    )


def colours_of(latent: Latent, preview: Preview | None) -> Seen:
    """A latent in colours, a square for each of its places."""
    image = previews.look(latent, preview)
    return picture(lambda: image, lambda: pixels_of(image, "look at its channels"), LATENT)


def pixels_of(image: Image, hint: str) -> dict[str, Any]:
    """The pixels of a picture, rows of (red, green, blue) or with alpha, 0 … 255."""
    width, height = image.size
    return {"width": width, "height": height, "pixels": numbers(image.pixels, hint)}


def spread_of(tensor: Tensor, bins: int) -> Seen:
    """How the numbers of each channel of a tensor (1, C, h, w) are spread."""
    items = [((i,), channel) for i, channel in enumerate(tensor[0].numpy())]
    try:
        table = measures.histogram([("channel", range(len(items)))], items, bins)
    except ValueError as error:
        return nothing(str(error))
    return curves(table, lambda: long_form(table), marks=False)


VECTORS = "the one row, or first and count, choose some"


def vectors_of(
    field: np.ndarray, names: Sequence[str] | range, row: int, first: int, count: int, what: str, places: Sequence[int]
) -> Seen:
    """Vectors, a row each, as a map of their numbers; or one of them as a curve.

    Args:
        field: (n, D).
        names: of the rows.
        row: which, an index into places; -1 for all.
        first: the first dimension.
        count: how many dimensions; 0 for all.
        what: a row is.
        places: the rows that are shown if all are.
    """
    expect_one(what, row, len(field))
    dimensions = part(first, count, field.shape[1])
    shown = field[:, dimensions.start : dimensions.stop]
    if row >= 0:
        name = f"{what} {names[row]}"
        table = measures.Table(name, (("dimension", tuple(dimensions)),), shown[row])
        return curves(table, lambda: grid(shown[row], VECTORS, dimension=dimensions), marks=False)
    shown = shown[list(places)]
    along = names if isinstance(names, range) else [names[i] for i in places]

    def draw() -> Image:
        most, all_ = (maps.shared_span([shown], "diverging", within) for within in (0.999, 1.0))
        few = all_[1] > 1.5 * most[1]  # numbers far out would leave no colour to the others
        note = f"the colours end at ±{most[1]:.3g}, the numbers at ±{all_[1]:.3g}" if few else ""
        return maps.heat_map(shown, along, dimensions, (what, "dimension"), note=note, span=most if few else all_)

    return picture(draw, lambda: grid(shown, VECTORS, **{what: places, "dimension": dimensions}))


def cosines_of(field: np.ndarray, names: Sequence[str] | range, what: str, places: Sequence[int]) -> Seen:
    """How nearly each two of some vectors (n, D) point the same way, -1 to 1."""
    cosines = measures.cosines(field[list(places)])
    along = names if isinstance(names, range) else [names[i] for i in places]
    span = (-1.0, 1.0)
    return picture(
        lambda: maps.heat_map(cosines, along, along, (what, what), "cosine of each two", span=span, square=True),
        lambda: grid(cosines, "count takes fewer", **{what: places, f"other {what}": places}),
    )


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def kinds(tokens: Tokens) -> list[str]:
    """What each token is: begin, word, end or padding."""
    found = ["padding"] * len(tokens.ids)
    for span in text.spans(tokens):
        for at, kind in ((span.start - 1, "begin"), (span.stop, "end"), *((at, "word") for at in span)):
            found[at] = kind
    return found


def labels(tokens: Tokens) -> list[str]:
    """A name for each token: its place, and its text or what it is."""
    texts = (text.plain_text(piece.removesuffix(text.WORD_END)) for piece in tokens.pieces)
    named = zip(texts, kinds(tokens), strict=True)
    return [f"{at} {word if kind == 'word' else f'({kind})'}" for at, (word, kind) in enumerate(named)]


def unpadded(tokens: Tokens, padding: bool) -> list[int]:
    """The places of the tokens that are shown."""
    return [at for at, kind in enumerate(kinds(tokens)) if padding or kind != "padding"]


@view(shows="table")
def tokens(tokens: Tokens) -> Seen:
    """Every token of the prompt: its piece as the vocabulary writes it, the text that stands for, id and weight."""
    columns = ("position", "piece", "text", "id", "weight", "kind")
    texts = [text.plain_text(piece.removesuffix(text.WORD_END)) for piece in tokens.pieces]
    places = range(len(tokens.ids))
    rows = list(zip(places, tokens.pieces, texts, tokens.ids, tokens.weights, kinds(tokens), strict=True))
    return picture(lambda: tokens_picture.token_table(tokens), lambda: as_table(columns, rows))


@view(name="heat")
def embeddings_heat(
    embeddings: Embeddings, token: OneOrAll = -1, first: From = 0, count: Count = 0, padding: bool = False
) -> Seen:
    """The vector of each token as a row of colours, or that of one token as a curve.

    Args:
        embeddings: of a prompt.
        token: which, by its position; -1 shows all.
        first: the first dimension.
        count: how many dimensions; 0 is all.
        padding: show what follows the end of the prompt too.
    """
    prompt = embeddings.tokens
    field = embeddings.vectors[0].numpy()
    return vectors_of(field, labels(prompt), token, first, count, "token", unpadded(prompt, padding))


@view(name="similarity")
def embeddings_similarity(embeddings: Embeddings, padding: bool = False) -> Seen:
    """How alike the vectors of each two tokens are: the cosine of the angle between them.

    Args:
        embeddings: of a prompt.
        padding: show what follows the end of the prompt too.
    """
    prompt = embeddings.tokens
    return cosines_of(embeddings.vectors[0].numpy(), labels(prompt), "token", unpadded(prompt, padding))


@view(name="heat")
def conditioning_heat(conditioning: Conditioning, token: OneOrAll = -1, first: From = 0, count: Count = 0) -> Seen:
    """The state of each token as a row of colours, or that of one token as a curve.

    Args:
        conditioning: of a prompt.
        token: which, by its position; -1 shows all.
        first: the first dimension.
        count: how many dimensions; 0 is all.
    """
    field = conditioning.states[0].numpy()
    places = range(len(field))
    return vectors_of(field, places, token, first, count, "token", places)


@view(name="similarity")
def conditioning_similarity(conditioning: Conditioning) -> Seen:
    """How alike the states of each two tokens are: the cosine of the angle between them."""
    field = conditioning.states[0].numpy()
    return cosines_of(field, range(len(field)), "token", range(len(field)))


# ── noise and latents ─────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── attention ─────────────────────────────────────────────────────────────────────────────────────────────────────────


NO_LAYERS = "No cross-attention layers: nothing was caught."


def token_count(attention: Attention) -> int:
    """How many tokens every layer looks at."""
    return min(layer.weights.shape[3] for layer in attention.layers)


def looked_for(attention: Attention, token: int) -> list[int]:
    """The positions of one token; -1 stands for all but the first, which is where attention rests."""
    count = token_count(attention)
    if not -1 <= token < count:
        raise ValueError(f"token: expected -1 (all but the first) to {count - 1}, found {token}")
    return [token] if token >= 0 else list(range(1, count)) or [0]


def share_maps(found: Sequence[Heat], names: Sequence[str], what: str) -> Seen:
    """Shares of attention side by side, each in its own range, which stands below it."""

    def draw() -> Image:
        images = [heats.colour(heat, colours="magma") for heat in found]
        short = (name.replace("_blocks", "").replace("_block", "").replace(".attentions", "") for name in names)
        captions = [f"{name}: {heads.percent(heat)}" for name, heat in zip(short, found, strict=True)]
        return tiles(images, captions)

    return picture(draw, lambda: {what: list(names), "values": [numbers(heat.values) for heat in found]})


@view(name="tokens")
def attention_tokens(
    attention: Attention, layer: str = "", head: OneOrAll = -1, first: From = 0, count: Annotated[int, Field(ge=1)] = 20
) -> Seen:
    """Where each of some tokens is looked for, a map each with its share of the attention below.

    Args:
        attention: of one pass, or an average.
        layer: a part of a layer's name, such as `up` or `mid_block`; empty averages all.
        head: which, from 0; -1 averages all.
        first: the first token, by its position.
        count: how many tokens.
    """
    if not attention.layers:
        return nothing(NO_LAYERS)
    places = part(first, count, token_count(attention))
    found = [heads.select(attention, [at], layer, head) for at in places]
    return share_maps(found, [str(at) for at in places], "token")


@view(name="layers")
def attention_layers(attention: Attention, token: OneOrAll = -1, head: OneOrAll = -1) -> Seen:
    """Where each layer looks for a token, a map each with its share of the attention below.

    Args:
        attention: of one pass, or an average.
        token: which, by its position; -1 adds up all but the first, which is where attention rests.
        head: which, from 0; -1 averages all.
    """
    if not attention.layers:
        return nothing(NO_LAYERS)
    places = looked_for(attention, token)
    names = [layer.name for layer in attention.layers]
    found = [heads.select(heads.Attention((layer,)), places, "", head) for layer in attention.layers]
    return share_maps(found, names, "layer")


@view(name="heat")
def attention_heat(attention: Attention, token: OneOrAll = -1, layer: str = "", head: OneOrAll = -1) -> Seen:
    """Where a token is looked for, as one map: the share of each place's attention, 0 to 1.

    Args:
        attention: of one pass, or an average.
        token: which, by its position; -1 adds up all but the first, which is where attention rests.
        layer: a part of a layer's name, such as `up` or `mid_block`; empty averages all.
        head: which, from 0; -1 averages all.
    """
    if not attention.layers:
        return nothing(NO_LAYERS)
    found = heads.select(attention, looked_for(attention, token), layer, head)
    what = "all tokens but the first" if token < 0 else f"token {token}"
    averaged = f"layers {layer}" if layer else "all layers"
    return one_map(found, "magma", title=f"{what}, {averaged}, {'all heads' if head < 0 else f'head {head}'}")


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def one_map(heat: Heat, colours: Colours, span: tuple[float, float] | None = None, title: str = "") -> Seen:
    """Heat as a map with its rows and columns."""
    rows, columns = map(range, heat.values.shape)
    return picture(
        lambda: maps.heat_map(heat.values, rows, columns, title=title, colours=colours, span=span, square=True),
        lambda: grid(heat.values, row=rows, column=columns),
    )


@view(name="picture")
def image_picture(image: Image, side: Side = LARGEST) -> Seen:
    """The picture itself.

    Args:
        image: of any size.
        side: pixels that its longer side has at most.
    """
    shown = pixels.at_most(image, side)
    return picture(lambda: shown, lambda: pixels_of(shown, "side takes a smaller picture"), min(side, SMALLEST))


@view(name="picture")
def mask_picture(mask: Mask) -> Seen:
    """The mask itself: white is repainted, black is kept."""
    rows, columns = map(range, mask.values.shape)
    return picture(
        lambda: pixels.Image(mask.values[..., None].repeat(3, axis=2)),
        lambda: grid(mask.values, row=rows, column=columns),
    )


@view(name="heat")
def heat_picture(heat: Heat, colours: Colours = "viridis", low: float | None = None, high: float | None = None) -> Seen:
    """A square for each number.

    Args:
        heat: of any size.
        colours: `diverging` is white at zero, blue below, red above, equally far.
        low: the number at the lower end of the colours; by default the least.
        high: the number at the upper end; by default the greatest.
    """
    return one_map(heat, colours, heats.chosen_span(heat, low, high, colours))


# ── tables and plain data ─────────────────────────────────────────────────────────────────────────────────────────────


def expect_axis(table: Table, name: str, where: str) -> None:
    """Raise ValueError where a table has no axis of a name; an empty one is none."""
    if name:
        plots.axis_number(table, name, where)


@view(name="plot")
def table_plot(table: Table, x: str = "", log_x: bool = False, log_y: bool = False) -> Seen:
    """Curves over one axis, one for each combination of the others.

    Args:
        table: over any axes.
        x: the axis that goes to the right; by default the last one of several numbers.
        log_x: powers of ten at even distances; the axis must have numbers.
        log_y: likewise.
    """
    expect_axis(table, x, "x")
    return curves(table, lambda: long_form(table), bool(x or log_x or log_y), x=x, log_x=log_x, log_y=log_y)


@view(name="map")
def table_map(table: Table, x: str = "", y: str = "") -> Seen:
    """Two axes as a map, a rectangle for each number.

    Args:
        table: over any axes.
        x: the axis that goes to the right; by default the last one of several values.
        y: the axis that goes down; by default the last one left.
    """
    expect_axis(table, x, "x")
    expect_axis(table, y, "y")

    def draw() -> Image:
        try:
            return plots.heat_plot(table, x, y)
        except ValueError as error:
            if x or y:
                raise
            return maps.notice(str(error))

    return picture(draw, lambda: long_form(table))


@view(name="rows", shows="table")
def table_rows(table: Table, first: From = 0, count: Count = 0) -> Seen:
    """The numbers one by one, each with its coordinates; those that are missing are left out.

    Args:
        table: over any axes.
        first: the first of them.
        count: how many; 0 is all.
    """
    found = len(measures.listed(table))
    places = part(first, count, found) if found or first else range(0)
    return Seen(lambda: long_form(table, places))


@view(name="value", shows="table")
def json_value(value: Any) -> Seen:
    """The data as a table: an object by its names, a list by its places, a list of like objects by theirs."""
    return Seen(lambda: as_table(*tabular(value)))


def tabular(value: Any) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Columns and rows of plain JSON data."""
    if isinstance(value, dict):
        return ("name", "value"), list(value.items())
    if not isinstance(value, list):
        return ("value",), [[value]]
    if value and all(isinstance(one, dict) and one.keys() == value[0].keys() for one in value):
        return list(value[0]), [[one[name] for name in value[0]] for one in value]
    return ("place", "value"), list(enumerate(value))


# ── CLIP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@view(name="curve")
def clip_vector_curve(vector: ClipVector, first: From = 0, count: Count = 0) -> Seen:
    """The numbers of the vector, one after the other.

    Args:
        vector: of a picture or a text.
        first: the first dimension.
        count: how many dimensions; 0 is all.
    """
    return vectors_of(vector.vector.numpy(), range(1), 0, first, count, "vector", range(1))


@view(name="terms", shows="table")
def term_list(terms: TermVectors, first: From = 0, count: Count = 0) -> Seen:
    """The terms in order.

    Args:
        terms: with their vectors.
        first: the first of them.
        count: how many; 0 is all.
    """
    places = part(first, count, len(terms.terms))
    return Seen(lambda: as_table(("place", "term"), [(i, terms.terms[i]) for i in places], "first and count take some"))


@view(name="similarity")
def term_similarity(terms: TermVectors, first: From = 0, count: Annotated[int, Field(ge=1, le=1000)] = 40) -> Seen:
    """How alike each two of some terms are: the cosine of the angle between their vectors.

    Args:
        terms: with their vectors.
        first: the first of them.
        count: how many.
    """
    places = part(first, count, len(terms.terms))
    return cosines_of(terms.vectors.numpy(), terms.terms, "term", places)


@view(name="steps", shows="table")
def description_steps(description: Description) -> Seen:
    """The caption and what was appended to it, each with the similarity to the picture that it led to."""
    added = (description.caption, *description.additions)
    before = (None, *description.similarities)
    rows = [
        [name, alike, None if last is None else round(alike - last, 6)]
        for name, alike, last in zip(added, description.similarities, before, strict=False)
    ]
    return picture(lambda: interrogate.trace(description), lambda: as_table(("words", "similarity", "gain"), rows))


# ── handles ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def facts(handle: Handle) -> Seen:
    """What a handle knows: nothing is loaded, and no folder above the checkpoint's is named."""
    size, changed = handle.stamp
    rows = [
        ("kind", type(handle).__name__.removesuffix("Handle")),
        *fields_of(handle),
        ("bytes", size),
        ("changed", datetime.fromtimestamp(changed // 10**9, UTC).isoformat()),
        *((f"patch {i}", short_identity(patch.identity)) for i, patch in enumerate(handle.patches)),
    ]
    return Seen(lambda: as_table(("name", "value"), rows))


def short_identity(identity: str) -> str:
    """What a patch does, and the beginning of its digest."""
    what, _, digest = identity.rpartition(" ")
    return f"{what} {digest[:12]}"


def fields_of(thing: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass, and of those in it, as names with dots and JSON; of a path its last two names."""
    for field in fields(thing):
        name, value = f"{prefix}{field.name}", getattr(thing, field.name)
        if field.name in ("stamp", "patches"):
            continue
        if isinstance(value, Path):
            yield name, f"{value.parent.name}/{value.name}"
        elif is_dataclass(value):
            yield from fields_of(value, f"{name}.")
        elif isinstance(value, tuple) and len(value) > 16:
            yield name, f"{len(value)} numbers, {value[0]:.4g} … {value[-1]:.4g}"
        elif isinstance(value, tuple) and any(map(is_dataclass, value)):
            yield name, [dict(fields_of(one)) for one in value]
        else:
            yield name, list(value) if isinstance(value, tuple) else value


@view(name="facts", shows="table")
def unet_facts(unet: UNet) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(unet)


@view(name="facts", shows="table")
def vae_facts(vae: VAE) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(vae)


@view(name="facts", shows="table")
def text_encoder_facts(text_encoder: TextEncoder) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(text_encoder)


@view(name="facts", shows="table")
def tokenizer_facts(tokenizer: Tokenizer) -> Seen:
    """What is known of it before it is loaded."""
    return facts(tokenizer)


@view(name="facts", shows="table")
def clip_facts(clip: CLIP) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(clip)


@view(name="facts", shows="table")
def captioner_facts(captioner: Captioner) -> Seen:
    """What is known of it before its weights are loaded."""
    return facts(captioner)
