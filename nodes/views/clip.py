"""How CLIP's vectors, terms and descriptions are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from engine import Seen, view
from engine.view import table as as_table
from nodes.stages import interrogate
from nodes.views.parts import Count, From, cosines_of, part, picture, vectors_of

if TYPE_CHECKING:
    from diffusion.clip import ClipVector
    from diffusion.interrogate import Description
    from diffusion.terms import TermVectors


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
