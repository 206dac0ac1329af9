"""From words to vectors, and arithmetic on the way: whole prompts, or one word among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine import Collected, node, warn
from nodes.stages import algebra, tokens_picture
from nodes.stages import text as stage

if TYPE_CHECKING:
    from diffusion.checkpoint import TextEncoderHandle as TextEncoder
    from diffusion.checkpoint import TokenizerHandle as Tokenizer
    from diffusion.image import Image
    from diffusion.text import Conditioning, Embeddings, Tokens

ClipSkip = Annotated[int, Field(ge=0, le=23)]
Way = Annotated[float, Field(ge=-1, le=2, json_schema_extra={"step": 0.05})]
"""From one (0) to the other (1), or somewhat beyond."""
Factor = Annotated[float, Field(ge=-10, le=10, json_schema_extra={"step": 0.1})]
LONGEST = 1_000_000
"""Characters of a text that is made of others."""


# ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def fill_text(text: str, word: str) -> str:
    """Put a word into a text, wherever it has `{}`: "a {}, flat style" becomes "a fox, flat style".

    Args:
        text: with a `{}` at least.
        word: or several; an axis of them makes as many prompts.
    """
    if "{}" not in text:
        raise ValueError(f'text: expected {{}} where the word is to stand, found "{text}"')
    if (length := len(text) + text.count("{}") * len(word)) > LONGEST:
        raise ValueError(f"text: expected at most {LONGEST} characters, found {length}")
    return text.replace("{}", word)


# ── text → vectors ────────────────────────────────────────────────────────────────────────────────────────────────────


@node(version=2)
def tokenize(tokenizer: Tokenizer, text: str, long: Literal["cut", "chunk"] = "cut", weighted: bool = True) -> Tokens:
    r"""Cut a prompt into 77 tokens: begin, at most 75 pieces of words, end, padding.

    Args:
        tokenizer: of the checkpoint.
        text: the prompt; `(word)` counts 1.1 times, `(word:1.3)` 1.3 times, `[word]` 1 / 1.1 times, `\(` is a bracket.
        long: of a prompt that is too long, `cut` leaves off the end, with a warning that names it; `chunk` makes
            several groups of 77, broken after commas or words.
        weighted: without this, brackets are text like any other.
    """
    tokens = stage.tokenize(tokenizer.load(), text, weighted, long, tokenizer.new_words)
    if tokens.cut:
        warn(f'the prompt is longer than {len(tokens.ids)} tokens; cut off: "{tokens.cut}"')
    return tokens


@node
def encode(
    text_encoder: TextEncoder,
    tokens: Tokens,
    clip_skip: ClipSkip = 0,
    weighting: Literal["rescale", "from_empty"] = "rescale",
) -> Conditioning:
    """Turn each token into a vector that knows its neighbours: what cross attention reads at every step.

    Args:
        text_encoder: of the checkpoint.
        tokens: of the same checkpoint's tokenizer.
        clip_skip: leave out this many of the encoder's last layers.
        weighting: how a weight makes a token count more: `rescale` multiplies its state and restores the mean of all
            (AUTOMATIC1111's way), `from_empty` moves it away from the empty prompt's (ComfyUI's way).
    """
    return stage.encode(text_encoder.load(), tokens, clip_skip, weighting)


@node
def embed(text_encoder: TextEncoder, tokens: Tokens) -> Embeddings:
    """Look up each token's vector, before the encoder lets them know of each other: the space where words can be mixed.

    Args:
        text_encoder: of the checkpoint.
        tokens: of the same checkpoint's tokenizer.
    """
    return stage.embed(text_encoder.load(), tokens)


@node
def encode_embeddings(
    text_encoder: TextEncoder,
    embeddings: Embeddings,
    clip_skip: ClipSkip = 0,
    weighting: Literal["rescale", "from_empty"] = "rescale",
) -> Conditioning:
    """Do the rest of `encode` for vectors that were looked up, and perhaps changed.

    Args:
        text_encoder: of the checkpoint.
        embeddings: of the same checkpoint.
        clip_skip: leave out this many of the encoder's last layers.
        weighting: how a weight makes a token count more: `rescale` multiplies its state and restores the mean of all
            (AUTOMATIC1111's way), `from_empty` moves it away from the empty prompt's (ComfyUI's way).
    """
    return stage.encode_embeddings(text_encoder.load(), embeddings, clip_skip, weighting)


@node
def token_table(tokens: Tokens) -> Image:
    """Show how a prompt is cut up: its pieces, their ids and weights, and what did not fit.

    Args:
        tokens: of a prompt.
    """
    return tokens_picture.token_table(tokens)


# ── whole prompts ─────────────────────────────────────────────────────────────────────────────────────────────────────


@node
def add_conditioning(a: Conditioning, b: Conditioning, scale: Factor = 1.0) -> Conditioning:
    """Add one prompt's states to another's: a + scale · b.

    Args:
        a: a prompt.
        b: another of as many tokens.
        scale: how much of b.
    """
    return algebra.add(a, b, scale)


@node
def subtract_conditioning(a: Conditioning, b: Conditioning, scale: Factor = 1.0) -> Conditioning:
    """Take one prompt's states from another's: a - scale · b.

    Args:
        a: a prompt.
        b: another of as many tokens.
        scale: how much of b.
    """
    return algebra.subtract(a, b, scale)


@node
def scale_conditioning(conditioning: Conditioning, factor: Factor) -> Conditioning:
    """Multiply a prompt's states by a number.

    Args:
        conditioning: a prompt.
        factor: 1 leaves it as it is.
    """
    return algebra.scale(conditioning, factor)


@node
def lerp_conditioning(a: Conditioning, b: Conditioning, t: Way = 0.5) -> Conditioning:
    """Go straight from one prompt to another.

    Args:
        a: where t is 0.
        b: where t is 1; of as many tokens.
        t: how far; below 0 and above 1 lies what is beyond.
    """
    return algebra.lerp(a, b, t)


@node
def slerp_conditioning(a: Conditioning, b: Conditioning, t: Way = 0.5) -> Conditioning:
    """Go from one prompt to another along an arc, so that vectors keep their length on the way.

    Args:
        a: where t is 0.
        b: where t is 1; of as many tokens.
        t: how far; below 0 and above 1 lies what is beyond.
    """
    return algebra.slerp(a, b, t)


@node
def average_conditioning(conditionings: Collected[Conditioning], weights: list[float] | None = None) -> Conditioning:
    """Take the mean of all prompts of a sweep.

    Args:
        conditionings: every prompt, of as many tokens each.
        weights: how much each counts, in the order of the sweep; all the same by default.
    """
    return algebra.average(conditionings.values, weights or ())


@node
def concat_conditioning(a: Conditioning, b: Conditioning) -> Conditioning:
    """Put two prompts side by side, so that the picture attends to the words of both.

    Args:
        a: a prompt.
        b: another, of any number of tokens.
    """
    return algebra.concat(a, b)


# ── one word among others ─────────────────────────────────────────────────────────────────────────────────────────────


@node
def replace_word(
    embeddings: Embeddings, other: Embeddings, word: str, other_word: str = "", t: Way = 1.0
) -> Embeddings:
    """Move one word's vectors toward another's before the encoder: from cat to kitten, all else unchanged.

    Args:
        embeddings: the prompt that the word stands in.
        other: the prompt that the other word stands in.
        word: every occurrence of it is moved.
        other_word: its first occurrence is the goal; empty for all words of the other prompt.
        t: 0 leaves the word as it is, 1 puts the other's vectors in its place; words of different numbers of pieces
            move toward the mean of the other's pieces.
    """
    return algebra.replace_word(embeddings, word, other, other_word, t)


@node
def replace_state(
    conditioning: Conditioning,
    tokens: Tokens,
    other: Conditioning,
    other_tokens: Tokens,
    word: str,
    other_word: str = "",
    t: Way = 1.0,
) -> Conditioning:
    """Move one word's states toward another's after the encoder; what its neighbours heard of it stays with them.

    Args:
        conditioning: the prompt that the word stands in.
        tokens: what it was encoded from.
        other: the prompt that the other word stands in.
        other_tokens: what that was encoded from.
        word: every occurrence of it is moved.
        other_word: its first occurrence is the goal; empty for all words of the other prompt.
        t: 0 leaves the word as it is, 1 puts the other's states in its place; words of different numbers of pieces
            move toward the mean of the other's pieces.
    """
    return algebra.replace_state(conditioning, tokens, word, other, other_tokens, other_word, t)


@node
def pick_conditioning(
    name: str,
    names: list[str],
    first: Conditioning,
    second: Conditioning | None = None,
    third: Conditioning | None = None,
    fourth: Conditioning | None = None,
    fifth: Conditioning | None = None,
    sixth: Conditioning | None = None,
    seventh: Conditioning | None = None,
    eighth: Conditioning | None = None,
) -> Conditioning:
    """Take one of several by its name, so that an axis of names may run through results of prompt algebra.

    Args:
        name: which.
        names: a name for each.
        first: the conditioning of the first name.
        second: another.
        third: another.
        fourth: another.
        fifth: another.
        sixth: another.
        seventh: another.
        eighth: another.
    """
    given = [one for one in (first, second, third, fourth, fifth, sixth, seventh, eighth) if one is not None]
    if len(names) != len(given):
        raise ValueError(f"names: expected {len(given)}, one for each conditioning, found {len(names)}")
    if name not in names:
        raise ValueError(f'name: expected one of {", ".join(names)}, found "{name}"')
    return given[names.index(name)]
