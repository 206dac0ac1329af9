"""Choosing: how alike pictures and words are, and which of many pictures fit best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from engine import Collected, node
from nodes.pictures import Largest, shown
from nodes.stages import clip as stage
from nodes.stages import image as pixels
from nodes.stages import sheets

if TYPE_CHECKING:
    from diffusion.checkpoint import CLIPHandle as CLIP
    from diffusion.clip import ClipVector
    from diffusion.image import Image


@node
def clip_image(clip: CLIP, image: Image) -> ClipVector:
    """A picture as one vector in CLIP's common space.

    Args:
        clip: both towers, from `load_clip`.
        image: of any size; its middle square is looked at.
    """
    return stage.embed_picture(clip, image)


@node(version=2)
def clip_text(clip: CLIP, text: str) -> ClipVector:
    """A text as one vector in CLIP's common space.

    Args:
        clip: both towers, from `load_clip`.
        text: at most 75 pieces of it are read.
    """
    return stage.embed_text(clip, text)


@node(version=2)
def similarity(a: ClipVector, b: ClipVector) -> float:
    """How alike two pictures, two texts, or a picture and a text are: the cosine of the angle, -1 to 1.

    It says how near they are for CLIP, not how likely the picture is when the text is the prompt.

    Args:
        a: one.
        b: the other, from the same CLIP.
    """
    return stage.similarity(a, b)


@node
def ranked_sheet(
    images: Collected[Image],
    scores: Collected[float],
    top: Annotated[int, Field(ge=0)] = 0,
    columns: Annotated[int, Field(ge=0, le=100)] = 0,
    title: str = "",
    scale: Annotated[int, Field(ge=0, le=16)] = 0,
    largest: Largest = 256,
) -> Image:
    """The pictures of a sweep, best score first.

    Args:
        images: every picture of the sweep.
        scores: a number for each, over the same axes.
        top: how many are shown; 0 shows all.
        columns: how many a row; 0 chooses.
        title: above all.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures.
        largest: pictures with a longer side are scaled down to this many pixels; 0 leaves them as they are.
    """
    ranked = ranking(images, scores)[: top or None]
    captions = [" ".join(part for part in (coordinates(images, at), f"{score:.3f}") if part) for score, at, _ in ranked]
    return sheets.wrap([pixels.at_most(image, largest) for _, _, image in ranked], captions, columns, title, scale)


@node
def best_image(images: Collected[Image], scores: Collected[float], place: Annotated[int, Field(ge=1)] = 1) -> Image:
    """The picture of a sweep with the best score.

    Args:
        images: every picture of the sweep.
        scores: a number for each, over the same axes.
        place: 1 is the best, 2 the next.
    """
    ranked = ranking(images, scores)
    if place > len(ranked):
        raise ValueError(f"place: expected 1 to {len(ranked)}, as many as there are pictures, found {place}")
    return ranked[place - 1][2]


def ranking(images: Collected[Image], scores: Collected[float]) -> list[tuple[float, tuple[int, ...], Image]]:
    """(score, coordinates, picture), best first; equals stay in the order of the sweep."""
    names = [name for name, _ in images.axes]
    if sorted(names) != sorted(name for name, _ in scores.axes):
        found = ", ".join(name for name, _ in scores.axes) or "none"
        raise ValueError(f"scores: expected a number for each picture, over the axes {', '.join(names)}; found {found}")
    order = [[name for name, _ in scores.axes].index(name) for name in names]
    given = {tuple(at[i] for i in order): score for at, score in scores.items}
    missing = [at for at, _ in images.items if at not in given]
    if missing:
        raise ValueError(f"scores: expected a number for each picture, found none at {coordinates(images, missing[0])}")
    return sorted(((given[at], at, image) for at, image in images.items), key=lambda entry: (-entry[0], entry[1]))


def coordinates(images: Collected[Image], at: tuple[int, ...]) -> str:
    """Where in a sweep a picture is, as a caption."""
    named = len(images.axes) > 1
    return ", ".join(
        f"{name} {shown(values[i])}" if named or isinstance(values[i], int | float) else shown(values[i])
        for (name, values), i in zip(images.axes, at, strict=True)
    )
