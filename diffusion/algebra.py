"""Arithmetic on prompts: vectors can be added, scaled and moved toward each other.

The first half works on whole prompts after the text encoder, the second on one word among others, before the encoder
(where a word means the same anywhere) or after it (where it has taken on its neighbours' meaning).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from diffusion.text import Conditioning, Embeddings, Tokens, occurrences, words_of

PARALLEL = 0.9995
"""Cosine from which on two vectors have no arc between them worth following; 1.8 degrees."""


# ── whole prompts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def add(a: Conditioning, b: Conditioning, scale: float = 1.0) -> Conditioning:
    """Return a + scale · b, token by token. ValueError if they differ in shape."""
    _expect_same("add", a, b)
    return Conditioning(a.states + scale * b.states, a.pooled + scale * b.pooled)


def subtract(a: Conditioning, b: Conditioning, scale: float = 1.0) -> Conditioning:
    """Return a - scale · b, token by token. ValueError if they differ in shape."""
    _expect_same("subtract", a, b)
    return Conditioning(a.states - scale * b.states, a.pooled - scale * b.pooled)


def scale(a: Conditioning, factor: float) -> Conditioning:
    """Return factor · a."""
    return Conditioning(factor * a.states, factor * a.pooled)


def lerp(a: Conditioning, b: Conditioning, t: float) -> Conditioning:
    """Straight from a (t = 0) to b (t = 1), and on beyond either; the ends are a and b themselves.

    ValueError if they differ in shape.
    """
    _expect_same("lerp", a, b)
    if t in (0, 1):
        return b if t else a
    return Conditioning(torch.lerp(a.states, b.states, t), torch.lerp(a.pooled, b.pooled, t))


def slerp(a: Conditioning, b: Conditioning, t: float) -> Conditioning:
    """From a (t = 0) to b (t = 1) along an arc, token by token; the ends are a and b themselves.

    Vectors of one length keep it on the way, which `lerp` cuts short. ValueError if a and b differ in shape.
    """
    _expect_same("slerp", a, b)
    if t in (0, 1):
        return b if t else a
    return Conditioning(_arc(a.states, b.states, t), _arc(a.pooled, b.pooled, t))


def _arc(x: Tensor, y: Tensor, t: float) -> Tensor:
    """(sin((1 - t) Ω) x + sin(t Ω) y) / sin Ω for each vector (…, D), with Ω the angle between x and y.

    Shoemake 1985, "Animating rotation with quaternion curves"; for latent spaces White 2016, arXiv 1609.04468. Where
    the two point nearly the same or opposite ways, or one is zero, there is no one arc, and it goes straight.
    """
    cosine = torch.nn.functional.cosine_similarity(x, y, dim=-1)[..., None]  # (…, 1)
    omega = cosine.clamp(-1, 1).acos()
    arc = (torch.sin((1 - t) * omega) * x + torch.sin(t * omega) * y) / torch.sin(omega)
    lengths = torch.minimum(x.norm(dim=-1), y.norm(dim=-1))[..., None]
    return torch.where((cosine.abs() > PARALLEL) | (lengths == 0), torch.lerp(x, y, t), arc)


def average(prompts: Sequence[Conditioning], weights: Sequence[float] = ()) -> Conditioning:
    """The mean of prompts.

    Args:
        prompts: one or more, of one shape.
        weights: how much each counts, in any unit; all the same by default.

    Raises:
        ValueError: there are no prompts, they differ in shape, weights are not as many, or add up to 0.
    """
    weights = weights or [1.0] * len(prompts)
    if not prompts:
        raise ValueError("average: expected at least one prompt, found none")
    if len(weights) != len(prompts):
        raise ValueError(f"average: expected a weight for each of {len(prompts)} prompts, found {len(weights)}")
    total = sum(weights)
    if total == 0:
        raise ValueError("average: expected weights that do not add up to 0, found such")
    mean = scale(prompts[0], weights[0] / total)
    for prompt, weight in zip(prompts[1:], weights[1:], strict=True):
        _expect_same("average", mean, prompt)
        mean = add(mean, prompt, weight / total)
    return mean


def concat(a: Conditioning, b: Conditioning) -> Conditioning:
    """The tokens of both, one after the other, (1, 77·n + 77·m, D); pooled is that of the first.

    ValueError if they differ in width.
    """
    if a.states.shape[2] != b.states.shape[2]:
        raise ValueError(f"concat: expected prompts of one text encoder, found {_widths(a.states, b.states)}")
    return Conditioning(torch.cat([a.states, b.states], dim=1), a.pooled)


def _expect_same(where: str, a: Conditioning, b: Conditioning) -> None:
    if a.states.shape[2] != b.states.shape[2]:
        raise ValueError(f"{where}: expected prompts of one text encoder, found {_widths(a.states, b.states)}")
    if a.states.shape[1] != b.states.shape[1]:
        raise ValueError(
            f"{where}: expected prompts of as many tokens, found {a.states.shape[1]} and {b.states.shape[1]}; "
            'tokenize both with long = "cut"'
        )


def _widths(x: Tensor, y: Tensor) -> str:
    return f"states {x.shape[2]} and {y.shape[2]} wide"


# ── one word among others ─────────────────────────────────────────────────────────────────────────────────────────────


def replace_word(
    embeddings: Embeddings, word: str, other: Embeddings, other_word: str = "", t: float = 1.0
) -> Embeddings:
    """Move a word's vectors toward another's before the encoder: from cat (t = 0) to kitten (t = 1).

    Args:
        embeddings: the prompt that the word stands in; every other vector stays as it is.
        word: in any case, every occurrence of it; several words in a row count as one.
        other: the prompt that the other word stands in.
        other_word: likewise, its first occurrence; empty for all words of the other prompt.
        t: 0 is the prompt as it was, 1 the other's vectors, exactly. Where the two words are cut into different
            numbers of pieces, all pieces of the one move toward the mean of the other's.

    Raises:
        ValueError: a prompt has no such word, or the two are of different text encoders.
    """
    vectors = _moved(embeddings.vectors, embeddings.tokens, word, other.vectors, other.tokens, other_word, t)
    return replace(embeddings, vectors=vectors)


def replace_state(
    conditioning: Conditioning,
    tokens: Tokens,
    word: str,
    other: Conditioning,
    other_tokens: Tokens,
    other_word: str = "",
    t: float = 1.0,
) -> Conditioning:
    """Move a word's states toward another's after the encoder; as `replace_word`, but on what cross attention reads.

    What the neighbours, the end and the padding have heard of the word stays with them, and so does the pooled state.

    Args:
        conditioning: the prompt that the word stands in.
        tokens: what it was encoded from.
        word: as in `replace_word`.
        other: the prompt that the other word stands in.
        other_tokens: what that was encoded from.
        other_word: as in `replace_word`.
        t: as in `replace_word`.

    Raises:
        ValueError: a prompt has no such word, tokens are not those of their states, or the two are of different text
            encoders.
    """
    states = _moved(conditioning.states, tokens, word, other.states, other_tokens, other_word, t)
    return replace(conditioning, states=states)


def _moved(
    vectors: Tensor, tokens: Tokens, word: str, others: Tensor, other_tokens: Tokens, other_word: str, t: float
) -> Tensor:
    """Vectors (1, T, D) of which a word's have moved toward another's in (1, U, D)."""
    for where, x, of in (("tokens", vectors, tokens), ("other_tokens", others, other_tokens)):
        if x.shape[1] != len(of.ids):
            raise ValueError(f"{where}: expected those of the {x.shape[1]} vectors, found {len(of.ids)}")
    if vectors.shape[2] != others.shape[2]:
        raise ValueError(f"other: expected prompts of one text encoder, found {_widths(vectors, others)}")
    places = occurrences(words_of(tokens), word)
    if other_word:
        target = occurrences(words_of(other_tokens), other_word, "other_word")[0]
    else:
        target = tuple(at for _, positions in words_of(other_tokens) for at in positions)
    if not target:
        raise ValueError("other: expected a prompt of at least one word, found an empty one")
    if t == 0:
        return vectors
    goals = others[:, list(target)]  # (1, pieces, D)
    moved = vectors.clone()
    for at in places:
        goal = goals if len(at) == len(target) else goals.mean(dim=1, keepdim=True).expand(1, len(at), -1)
        moved[:, list(at)] = goal if t == 1 else torch.lerp(vectors[:, list(at)], goal, t)
    return moved
