"""From a picture to words that CLIP finds more and more like it: a caption, and terms appended by brute force.

Each round tries every term that is left and keeps the one that helps most, as in CLIP Interrogator by pharmapsychotic.
What rises is similarity in CLIP's space, not the likelihood of the picture under the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from diffusion.clip import ClipVector, Tell, embed_texts, similarities, unheard
from diffusion.drawing import LINE, SMALL, Canvas, make_scale, mark
from diffusion.image import Image
from diffusion.plots import AXIS, GRID, PALETTE, draw_head, headed, wrapped
from diffusion.sheets import FAINT, INK, MARGIN, TEXT, fitted, legible, width_of

if TYPE_CHECKING:
    from diffusion.checkpoint import CLIPHandle

DIGITS = 6
"""Of a similarity: further ones depend on which texts went through the tower together."""


@dataclass(frozen=True)
class Description:
    """A caption of a picture, and what a search has added to it.

    caption: where the search began; may be empty.
    additions: the terms that were appended, in this order.
    similarities: to the picture, of the caption alone and then with each addition; one more than additions.
    away: the search is for what the picture is least like, so that they fall and do not rise.
    finished: no term that was left has helped.
    """

    caption: str
    additions: tuple[str, ...]
    similarities: tuple[float, ...]
    away: bool = False
    finished: bool = False

    def __post_init__(self) -> None:
        if len(self.similarities) != len(self.additions) + 1:
            expected = f"expected {len(self.additions) + 1}, one more than additions"
            raise ValueError(f"Description.similarities: {expected}, found {len(self.similarities)}")

    @property
    def text(self) -> str:
        """The caption and what was added to it, with commas between."""
        return appended(self.caption, *self.additions)


def appended(*phrases: str) -> str:
    """Phrases with commas between; empty ones are left out."""
    return ", ".join(phrase for phrase in phrases if phrase)


# ── the search ────────────────────────────────────────────────────────────────────────────────────────────────────────


def begin(clip: CLIPHandle, picture: ClipVector, caption: str, away: bool = False) -> Description:
    """A description that nothing was added to yet.

    Args:
        clip: both towers; the same that the picture was embedded by.
        picture: in CLIP's common space.
        caption: of the picture, in words; may be empty.
        away: search for what the picture is least like.

    Raises:
        ValueError: the picture comes from a CLIP of another width.
    """
    return Description(caption, (), tuple(scores(picture, embed_texts(clip, [caption])).tolist()), away)


def best_addition(
    clip: CLIPHandle, picture: ClipVector, description: Description, candidates: Sequence[str], tell: Tell = unheard
) -> Description:
    """One round of the search: of all terms that are left, append the one that raises similarity most.

    Among equals the first is taken. Where none raises it (lowers it, if the search is `away`), the description comes
    back finished, and a finished one as it is.

    Args:
        clip: both towers; the same that the picture was embedded by.
        picture: in CLIP's common space.
        description: so far.
        candidates: the terms to try.
        tell: is told which share is done, 0 … 1.

    Raises:
        ValueError: the picture comes from a CLIP of another width.
    """
    left = [term for term in dict.fromkeys(candidates) if term not in description.additions]
    if description.finished or not left:
        return replace(description, finished=True)
    found = scores(picture, embed_texts(clip, [appended(description.text, term) for term in left], tell))
    best = int(found.argmin() if description.away else found.argmax())
    before, after = description.similarities[-1], float(found[best])
    if not (after < before if description.away else after > before):
        return replace(description, finished=True)
    return replace(
        description,
        additions=(*description.additions, left[best]),
        similarities=(*description.similarities, after),
    )


def scores(picture: ClipVector, vectors: Tensor) -> Tensor:
    """How alike a picture and each of some texts (N, D) are, to DIGITS digits: (N,) float64."""
    return similarities(picture, vectors).double().round(decimals=DIGITS)


# ── as a picture ──────────────────────────────────────────────────────────────────────────────────────────────────────

ROW = 28
"""Pixels from one addition to the next."""


def trace(description: Description, title: str = "", width: int = 720) -> Image:
    """The way of a search: similarity of the caption alone, then with each addition, one below the other.

    Args:
        description: at any stage.
        title: above all.
        width: in pixels, 320 or more.
    """
    values = description.similarities
    names = [description.caption or "(no words)", *(f"+ {term}" for term in description.additions)]
    first, last = values[0], values[-1]
    share = f" ({last / first - 1:+.0%})" if last > first > 0 else ""
    note = f"cosine similarity to the picture: {first:.3f} in the beginning, {last:.3f} in the end{share}"
    head, lines, top = headed(title, note, width - 2 * MARGIN)
    names = [fitted(legible(name), width * 2 // 5) for name in names]
    left, right = MARGIN + max(map(width_of, names)) + 18, width - MARGIN - width_of("-0.000  -0.000", SMALL) - 18
    bottom = top + ROW * len(values)
    prompt = wrapped(legible(description.text), width - 2 * MARGIN, TEXT)
    canvas = Canvas(width, bottom + 2 * LINE + (TEXT + 6) * len(prompt) + MARGIN)
    draw_head(canvas, head, lines)

    scale = make_scale(np.array(values), False, 0.08)
    colour = PALETTE[1] if description.away else PALETTE[0]
    for value, text in scale.ticks(max((right - left) // 80, 2)):
        at = left + round(scale.place(value) * (right - left))
        canvas.box(at, top, at + 1, bottom, GRID)
        canvas.text((at, bottom + 5), text, FAINT, SMALL, "ma")
    canvas.box(left, bottom, right, bottom + 1, AXIS)
    points = [(left + scale.place(value) * (right - left), top + ROW * (i + 0.5)) for i, value in enumerate(values)]
    for (x0, y0), (x1, y1) in pairwise(points):
        canvas.line([(x0, y0), (x0, y1)], AXIS, 1)
        canvas.line([(x0, y1), (x1, y1)], colour, 5)
    for i, (x, y) in enumerate(points):
        mark(canvas, (x, y), 0, colour)
        canvas.text((MARGIN, y), names[i], INK, TEXT, "lm")
        canvas.text((right + 18, y), f"{values[i]:.3f}", INK, SMALL, "lm")
        if i:
            canvas.text((width - MARGIN, y), f"{values[i] - values[i - 1]:+.3f}", FAINT, SMALL, "rm")
    for i, line in enumerate(prompt):
        canvas.text((MARGIN, bottom + 2 * LINE + i * (TEXT + 6)), line, INK, TEXT)
    return canvas.image()
