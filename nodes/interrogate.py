"""From pictures to words: captions of a picture and its parts, lists of terms, and the search for what to append.

The search raises similarity in CLIP's space. That is not the likelihood of the picture under the prompt: words that
CLIP likes may be words that draw something else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine import Collected, File, node, report
from nodes.paths import find_terms
from nodes.stages import captioner as captions
from nodes.stages import interrogate as stage
from nodes.stages import terms as lists

if TYPE_CHECKING:
    from diffusion.checkpoint import CaptionerHandle as Captioner
    from diffusion.checkpoint import CLIPHandle as CLIP
    from diffusion.clip import ClipVector
    from diffusion.image import Image
    from diffusion.interrogate import Description
    from diffusion.terms import TermVectors

Parts = Annotated[int, Field(ge=1, le=64)]
Mode = Literal["best", "fast", "negative"]


# ── captions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def caption(
    captioner: Captioner,
    image: Image,
    beginning: str = "",
    beams: Annotated[int, Field(ge=1, le=16)] = 3,
    longest: Annotated[int, Field(ge=1, le=512)] = 30,
) -> str:
    """What a picture shows, in words; the same each time.

    Args:
        captioner: from `load_captioner`.
        image: of any size; transparent parts are laid on white, and the whole is squashed to a square.
        beginning: words to begin with, such as `a picture of`; the caption goes on from there.
        beams: how many captions are followed at a time, of which the most likely is taken.
        longest: how many pieces of words are added, at most.
    """
    return captions.caption(captioner, image, beginning, beams, longest)


@node
def crop_tile(
    image: Image,
    tile: Annotated[int, Field(ge=0)],
    columns: Parts = 2,
    rows: Parts = 2,
    overlap: Annotated[float, Field(ge=0, le=0.5)] = 0.0,
) -> Image:
    """Cut one part out of a picture that is divided evenly; an axis over `tile` gives all of them.

    Args:
        image: of any size.
        tile: which part, from 0 at the upper left, in the order of reading.
        columns: how many parts a row.
        rows: how many rows.
        overlap: the share of its width and height that a part has in common with the next.
    """
    return captions.tile(image, tile, columns, rows, overlap)


@node
def join_captions(whole: str, parts: Collected[str]) -> str:
    """The caption of a picture and those of its parts as one text, without those that say nothing new.

    Args:
        whole: of the whole picture.
        parts: of each part; one whose words have all been said before is left out.
    """
    return captions.joined(whole, parts.values)


# ── terms ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def term_list(name: Annotated[str, File(find_terms)], before: str = "") -> list[str]:
    """Read terms from a text file, one a line; an axis over `name` reads several lists.

    Args:
        name: `styles`, `colours`, `subjects` or `backgrounds`, which ship; `clip-interrogator/artists` and its other
            lists, where that package is installed; or the path of a file in UTF-8.
        before: words to put before each, such as `by` for names of artists.
    """
    return [f"{before} {term}" if before else term for term in lists.read_terms(Path(name))]


@node
def embed_terms(clip: CLIP, terms: Annotated[list[str], Field(min_length=1)]) -> TermVectors:
    """Each term as a vector in CLIP's common space. Thousands take a while, once: they are kept on disk.

    Args:
        clip: both towers, from `load_clip`.
        terms: words or phrases, from `term_list`.
    """
    return lists.embed_terms(clip, terms, report)


@node
def rank_terms(
    picture: ClipVector,
    terms: Collected[TermVectors],
    mode: Mode = "best",
    top: Annotated[int, Field(ge=1)] = 32,
) -> list[str]:
    """The terms of one or more lists, by how alike each alone is to a picture: the candidates of a search.

    Args:
        picture: from `clip_image`.
        terms: embedded by the same CLIP.
        mode: `best` gives all, the most alike first; `fast` the `top` most alike alone; `negative` all, the least alike
            first.
        top: how many `fast` gives.
    """
    ranked = lists.ranked(picture, terms.values, least=mode == "negative")
    return ranked[:top] if mode == "fast" else ranked


# ── the search ────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def begin_description(clip: CLIP, picture: ClipVector, caption: str, mode: Mode = "best") -> Description:
    """Where a search for words begins: the caption, and how alike it is to the picture.

    Args:
        clip: both towers, from `load_clip`.
        picture: from `clip_image`, by the same CLIP.
        caption: what the picture shows.
        mode: `best` and `fast` look for what the picture is most like; `negative` begins without the caption, and looks
            for what it is least like: words for a negative prompt.
    """
    negative = mode == "negative"
    return stage.begin(clip, picture, "" if negative else caption, away=negative)


@node
def best_addition(clip: CLIP, picture: ClipVector, description: Description, candidates: list[str]) -> Description:
    """One round of the search: try every candidate, append the one that helps most. The loop's body.

    What helps is what raises the cosine similarity of CLIP's vectors of picture and text; for `negative`, lowers it.
    Where nothing helps, the description stays as it is. It says nothing of how likely the picture is when the text is
    the prompt: for that, a word is learnt from pictures (Textual Inversion).

    Args:
        clip: both towers, from `load_clip`.
        picture: from `clip_image`, by the same CLIP.
        description: so far, from `begin_description` or the round before.
        candidates: the terms to try, from `rank_terms`; what was appended already is not tried again.
    """
    return stage.best_addition(clip, picture, description, candidates, report)


@node
def description_text(description: Description) -> str:
    """The caption and what was appended, with commas between: a prompt.

    Args:
        description: at any round of the search.
    """
    return description.text


@node
def similarity_trace(
    description: Description, title: str = "", width: Annotated[int, Field(ge=320, le=4096)] = 720
) -> Image:
    """The way of a search as a plot: similarity of the caption alone, then with each addition, and the text it led to.

    Args:
        description: at the end of the search.
        title: above all.
        width: in pixels.
    """
    return stage.trace(description, title, width)
