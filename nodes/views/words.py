"""How prompts are seen: pieces, vectors, and how alike they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import Seen, view
from engine.view import table as as_table
from nodes.stages import text, tokens_picture
from nodes.views.parts import Count, From, OneOrAll, cosines_of, picture, vectors_of

if TYPE_CHECKING:
    from diffusion.text import Conditioning, Embeddings, Tokens


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
