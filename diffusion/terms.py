"""Terms: words and phrases from text files, one a line, and their vectors in CLIP's common space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from diffusion.clip import ClipVector, Tell, embed_texts, similarities, unheard

if TYPE_CHECKING:
    from diffusion.checkpoint import CLIPHandle


@dataclass(frozen=True, eq=False)
class TermVectors:
    """Terms, each with its vector in CLIP's common space.

    terms: words or phrases, at least one.
    vectors: (N, D) float32 of length 1. ValueError for another shape.
    """

    terms: tuple[str, ...]
    vectors: Tensor

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("terms: expected at least one, found none")
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.terms):
            shapes = f"expected shape ({len(self.terms)}, D), found {tuple(self.vectors.shape)}"
            raise ValueError(f"TermVectors.vectors: {shapes}")


def read_terms(path: Path) -> list[str]:
    """The terms in a text file, one a line: without repeats, without empty lines and spaces around them.

    Raises:
        ValueError: it is not UTF-8, or there is no term in it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path.name}: expected text in UTF-8, found other bytes in line {line}; save it so") from None
    terms = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not terms:
        raise ValueError(f"{path.name}: expected a term a line, found none")
    return terms


def embed_terms(clip: CLIPHandle, terms: Sequence[str], tell: Tell = unheard) -> TermVectors:
    """Each term as a vector. ValueError if there is none.

    Args:
        clip: both towers.
        terms: words or phrases.
        tell: is told which share is done, 0 … 1.
    """
    return TermVectors(tuple(terms), embed_texts(clip, terms, tell) if terms else torch.empty(0, 0))


def ranked(picture: ClipVector, lists: Sequence[TermVectors], least: bool = False) -> list[str]:
    """The terms of some lists by how alike they are to a picture, each once; equals stay in order.

    Args:
        picture: in CLIP's common space.
        lists: embedded by the same CLIP.
        least: the least alike first, not the most alike.

    Raises:
        ValueError: a list comes from a model of another width.
    """
    terms = [term for one in lists for term in one.terms]
    alike = torch.cat([similarities(picture, one.vectors) for one in lists])
    order = alike.sort(descending=not least, stable=True).indices
    return list(dict.fromkeys(terms[i] for i in order.tolist()))
