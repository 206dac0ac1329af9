"""How what is learnt, and what is learnt from, is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from engine import Seen, view
from engine.view import table as as_table
from nodes.stages import latent as latents
from nodes.stages import measures
from nodes.stages import preview as previews
from nodes.views.parts import (
    Count,
    From,
    OneOrAll,
    colours_of,
    curves,
    expect_one,
    nothing,
    part,
    picture,
    pixels_of,
    tiles,
    vectors_of,
)

if TYPE_CHECKING:
    from torch import Tensor

    from diffusion.dataset import Pictures
    from diffusion.finetune import Tuning
    from diffusion.image import Image
    from diffusion.inversion import Inversion
    from diffusion.learned import LearnedWord
    from diffusion.lora import Factors, Lora
    from diffusion.preview import Preview
    from diffusion.training import Examples

Shown = Annotated[int, Field(ge=1, le=100)]
Over = Annotated[int, Field(ge=1, le=10_000)]


# ── what is learnt from ───────────────────────────────────────────────────────────────────────────────────────────────


@view(name="sheet")
def pictures_sheet(pictures: Pictures, index: OneOrAll = -1, first: From = 0, count: Shown = 30) -> Seen:
    """Some of the pictures with their captions, or one of them.

    Args:
        pictures: to learn from.
        index: which, from 0; -1 shows some.
        first: the first of them.
        count: how many.
    """
    expect_one("index", index, len(pictures))
    if index >= 0:
        image = pictures.images[index]
        return picture(lambda: image, lambda: {"caption": pictures.captions[index], **pixels_of(image, "")})
    places = part(first, count, len(pictures))
    rows = [(i, pictures.names[i], pictures.captions[i], *pictures.images[i].size) for i in places]

    return picture(
        lambda: tiles([pictures.images[i] for i in places], [pictures.captions[i] for i in places]),
        lambda: as_table(("index", "name", "caption", "width", "height"), rows),
    )


@view(name="sheet", given={"preview": "fit_preview"})
def examples_sheet(
    examples: Examples, index: OneOrAll = -1, first: From = 0, count: Shown = 30, preview: Preview | None = None
) -> Seen:
    """Some of the latents in colours, with their captions, or one of them.

    Args:
        examples: to learn from.
        index: which, from 0; -1 shows some.
        first: the first of them.
        count: how many.
        preview: of the VAE that made them; false colours without one.
    """
    expect_one("index", index, len(examples))
    if index >= 0:
        return colours_of(latents.Latent(examples.latents[index : index + 1], 0.0), preview)
    places = part(first, count, len(examples))

    def draw() -> Image:
        found = [previews.look(latents.Latent(examples.latents[i : i + 1], 0.0), preview) for i in places]
        return tiles(found, [examples.captions[i] for i in places])

    return picture(draw, lambda: as_table(("index", "caption"), [(i, examples.captions[i]) for i in places]))


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def word_vectors(word: LearnedWord, vector: int, first: int, count: int) -> Seen:
    """The vectors of a word as rows of colours, or one of them as a curve."""
    places = range(len(word.vectors))
    return vectors_of(word.vectors.numpy(), places, vector, first, count, "vector", places)


@view(name="heat")
def word_heat(word: LearnedWord, vector: OneOrAll = -1, first: From = 0, count: Count = 0) -> Seen:
    """The vectors that the word stands for as rows of colours, or one of them as a curve.

    Args:
        word: that was learnt.
        vector: which, from 0; -1 shows all.
        first: the first dimension.
        count: how many dimensions; 0 is all.
    """
    return word_vectors(word, vector, first, count)


@view(name="losses")
def inversion_losses(inversion: Inversion, over: Over = 50) -> Seen:
    """The loss of every step so far, and its mean over the last of them.

    Args:
        inversion: at any step.
        over: how many steps the mean is taken over.
    """
    return losses_of(inversion.losses, over)


@view(name="heat")
def inversion_heat(inversion: Inversion, vector: OneOrAll = -1, first: From = 0, count: Count = 0) -> Seen:
    """The vectors of the word as it is now, as rows of colours, or one of them as a curve.

    Args:
        inversion: at any step.
        vector: which, from 0; -1 shows all.
        first: the first dimension.
        count: how many dimensions; 0 is all.
    """
    return word_vectors(inversion.word, vector, first, count)


def losses_of(losses: Sequence[float], over: int) -> Seen:
    """A learning curve."""
    if not losses:
        return nothing("No step was taken yet.")
    curve = measures.learning_curve(losses, over)
    rows = [(step, loss, mean) for step, (loss, mean) in enumerate(curve.numbers.T.tolist(), 1)]
    return curves(curve, lambda: as_table(("step", "loss", f"mean of the last {over}"), rows), marks=False)


# ── weights ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@view(name="layers", shows="table")
def lora_layers(lora: Lora) -> Seen:
    """Every layer that is changed: rank and alpha, the sides of its weight, and how large the change is."""
    columns = ("layer", "rank", "alpha", "inputs", "outputs", "norm of the change")
    rows = [
        (name, one.rank, one.alpha, one.down.shape[1], len(one.up), change_norm(one))
        for name, one in lora.factors.items()
    ]
    return Seen(lambda: as_table(columns, rows))


def change_norm(factors: Factors) -> float:
    """‖alpha / r · up · down‖, its root of squares added up, from products of rank r alone."""
    down, up = (factor.double().flatten(1) for factor in (factors.down, factors.up))
    squared = float(((up.T @ up) * (down @ down.T)).sum())
    return float(f"{abs(factors.alpha) / factors.rank * max(squared, 0) ** 0.5:.6g}")


@view(name="losses")
def tuning_losses(tuning: Tuning, over: Over = 50) -> Seen:
    """The loss of every step so far, and its mean over the last of them.

    Args:
        tuning: at any step.
        over: how many steps the mean is taken over.
    """
    return losses_of(tuning.losses, over)


@view(name="parameters", shows="table")
def tuning_parameters(tuning: Tuning) -> Seen:
    """All that is trained: the shape of each parameter, how many numbers it has, and their norm."""
    return Seen(lambda: as_table(("parameter", "shape", "numbers", "norm"), parameter_rows(tuning.result)))


def parameter_rows(parameters: Mapping[str, Tensor]) -> list[tuple[str, list[int], int, float]]:
    """A row for each of some named tensors."""
    return [
        (name, list(tensor.shape), tensor.numel(), float(f"{tensor.norm():.6g}")) for name, tensor in parameters.items()
    ]
