"""Arithmetic on prompts: its ends are exact, what lies between is where it should be, and nothing else moves."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from diffusion import algebra
from diffusion.checkpoint import open_checkpoint
from diffusion.text import (
    Conditioning,
    Embeddings,
    Tokens,
    embed,
    encode,
    encode_embeddings,
    occurrences,
    tokenize,
    words_of,
)

EMOJI = Path(__file__).resolve().parents[2] / "models" / "emoji"
G = torch.Generator().manual_seed(0)


def prompt(tokens: int = 77, width: int = 6) -> Conditioning:
    """Some states."""
    return Conditioning(torch.randn(1, tokens, width, generator=G), torch.randn(1, width, generator=G))


A, B, C = prompt(), prompt(), prompt()


def tensors(*prompts: Conditioning) -> list[tuple[Tensor, ...]]:
    """The states of all, and the pooled states of all."""
    return [tuple(p.states for p in prompts), tuple(p.pooled for p in prompts)]


# ── whole prompts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sums_differences_and_multiples() -> None:
    for a, b, added, taken, tripled in tensors(
        A, B, algebra.add(A, B, 0.5), algebra.subtract(A, B), algebra.scale(A, 3)
    ):
        assert torch.equal(added, a + 0.5 * b)
        assert torch.equal(taken, a - b)
        assert torch.equal(tripled, 3 * a)


def test_lerp_goes_straight() -> None:
    for a, b, between, beyond in tensors(A, B, algebra.lerp(A, B, 0.25), algebra.lerp(A, B, 1.5)):
        assert torch.allclose(between, 0.75 * a + 0.25 * b, atol=1e-6)
        assert torch.allclose(beyond, 1.5 * b - 0.5 * a, atol=1e-6)


@pytest.mark.parametrize("way", [algebra.lerp, algebra.slerp])
def test_the_ends_are_the_prompts_themselves(way: Callable[..., Conditioning]) -> None:
    assert way(A, B, 0) is A and way(A, B, 0.0) is A
    assert way(A, B, 1) is B and way(A, B, 1.0) is B


def test_slerp_turns_each_vector_by_its_share_of_the_angle() -> None:
    for a, b, third in tensors(A, B, algebra.slerp(A, B, 1 / 3)):
        unit_a, unit_b = (torch.nn.functional.normalize(x, dim=-1) for x in (a, b))
        angle = (unit_a * unit_b).sum(-1).acos()
        before, after = (torch.sin(share * angle) / torch.sin(angle) for share in (2 / 3, 1 / 3))
        assert torch.allclose(third, before[..., None] * a + after[..., None] * b, atol=1e-5)


def test_slerp_keeps_the_length_where_lerp_does_not() -> None:
    a, b = (Conditioning(*(torch.nn.functional.normalize(x, dim=-1) for x in (p.states, p.pooled))) for p in (A, B))
    half = algebra.slerp(a, b, 0.5)
    assert torch.allclose(half.states.norm(dim=-1), torch.ones(1, 77), atol=1e-5)
    assert algebra.lerp(a, b, 0.5).states.norm(dim=-1).max() < 1
    cosines = [(half.states * x.states).sum(-1) for x in (a, b)]
    assert torch.allclose(cosines[0], cosines[1], atol=1e-5)


def test_slerp_goes_straight_where_there_is_no_arc() -> None:
    rows = torch.tensor([[1.0, 0], [1, 1e-4], [1, 0], [0, 0], [3, 0]])
    others = torch.tensor([[1.0, 0], [1, -1e-4], [-1, 0], [2, 2], [0, 0]])
    a, b = (Conditioning(x[None], x[:1]) for x in (rows, others))
    assert torch.allclose(algebra.slerp(a, b, 0.25).states, torch.lerp(rows, others, 0.25)[None], atol=1e-6)


def test_slerp_takes_the_right_angle_in_halves() -> None:
    a, b = (Conditioning(torch.tensor([[x]]), torch.tensor([x])) for x in ([2.0, 0.0], [0.0, 2.0]))
    assert torch.allclose(algebra.slerp(a, b, 0.5).states, torch.full((1, 1, 2), math.sqrt(2)))


def test_the_mean_of_prompts() -> None:
    for a, b, c, mean, weighted in tensors(A, B, C, algebra.average([A, B, C]), algebra.average([A, B, C], [1, 0, 3])):
        assert torch.allclose(mean, (a + b + c) / 3, atol=1e-6)
        assert torch.allclose(weighted, (a + 3 * c) / 4, atol=1e-6)
    assert torch.equal(algebra.average([A]).states, A.states)


def test_a_mean_of_nothing_is_refused() -> None:
    for prompts, weights, found in (([], [], "none"), ([A, B], [1], "found 1"), ([A, B], [1, -1], "add up to 0")):
        with pytest.raises(ValueError, match=f"^average: expected .*{found}"):
            algebra.average(prompts, weights)


def test_prompts_side_by_side() -> None:
    both = algebra.concat(A, long := prompt(154))
    assert torch.equal(both.states[:, :77], A.states) and torch.equal(both.states[:, 77:], long.states)
    assert both.states.shape == (1, 231, 6) and torch.equal(both.pooled, A.pooled)


@pytest.mark.parametrize(
    ("where", "operation"),
    [
        ("add", algebra.add),
        ("subtract", algebra.subtract),
        ("lerp", lambda a, b: algebra.lerp(a, b, 0)),
        ("slerp", lambda a, b: algebra.slerp(a, b, 1)),
        ("average", lambda a, b: algebra.average([a, b])),
    ],
)
def test_prompts_of_other_lengths_or_widths_are_refused(where: str, operation: Callable[..., Conditioning]) -> None:
    hint = 'expected prompts of as many tokens, found 77 and 154; tokenize both with long = "cut"'
    with pytest.raises(ValueError, match=f"^{where}: {hint}"):
        operation(A, prompt(154))
    with pytest.raises(ValueError, match=f"^{where}: expected prompts of one text encoder, found states 6 and 8 wide"):
        operation(A, prompt(width=8))


def test_prompts_of_other_widths_are_not_put_side_by_side() -> None:
    with pytest.raises(ValueError, match="concat: expected prompts of one text encoder, found states 6 and 8 wide"):
        algebra.concat(A, prompt(width=8))


def test_inputs_stay_as_they_are() -> None:
    before = [x.clone() for x in (A.states, A.pooled, B.states, B.pooled)]
    for operation in (algebra.add, algebra.subtract, lambda a, b: algebra.slerp(a, b, 0.3), algebra.concat):
        operation(A, B).states.zero_()
    algebra.average([A, B]).states.zero_()
    assert all(torch.equal(x, y) for x, y in zip(before, (A.states, A.pooled, B.states, B.pooled), strict=True))


# ── one word among others ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    """That of the model that ships."""
    return open_checkpoint(EMOJI).tokenizer.load()


@pytest.fixture(scope="module")
def encoder() -> CLIPTextModel:
    """That of the model that ships."""
    return open_checkpoint(EMOJI).text_encoder.load()


@pytest.fixture(scope="module")
def words(tokenizer: CLIPTokenizer, encoder: CLIPTextModel) -> Callable[[str], Embeddings]:
    """A prompt as vectors."""
    return lambda text: embed(encoder, tokenize(tokenizer, text))


Words = Callable[[str], Embeddings]


def test_a_word_moves_and_all_else_stays(words: Words) -> None:
    fox, cat = words("a red fox, a red hat"), words("the cat")
    half = algebra.replace_word(fox, "fox", cat, "cat", 0.5)
    assert fox.tokens.pieces[3] == "fox</w>" and cat.tokens.pieces[2] == "cat</w>"
    others = [i for i in range(77) if i != 3]
    assert torch.equal(half.vectors[:, others], fox.vectors[:, others])
    assert torch.allclose(half.vectors[:, 3], (fox.vectors[:, 3] + cat.vectors[:, 2]) / 2, atol=1e-6)
    assert half.tokens == fox.tokens


def test_the_ends_of_a_words_way_are_exact(words: Words) -> None:
    fox, cat = words("a red fox"), words("a red cat")
    assert algebra.replace_word(fox, "fox", cat, "cat", 0).vectors is fox.vectors
    assert torch.equal(algebra.replace_word(fox, "fox", cat, "cat", 1).vectors, cat.vectors)


def test_every_occurrence_moves_toward_the_first_of_the_other(words: Words) -> None:
    fox, other = words("fox and Fox, foxes"), words("a cat, a cat")
    moved = algebra.replace_word(fox, "FOX", other, "cat").vectors
    changed = [i for i in range(77) if not torch.equal(moved[:, i], fox.vectors[:, i])]
    assert changed == [1, 3]
    assert torch.equal(moved[:, [1, 3]], other.vectors[:, [2, 2]])


def test_as_many_pieces_go_one_to_one(words: Words) -> None:
    bozuman, other = words("a bozuman face"), words("bozuman gozuman")
    assert occurrences(words_of(bozuman.tokens), "bozuman") == [(2, 3, 4, 5)]
    assert occurrences(words_of(other.tokens), "gozuman") == [(5, 6, 7, 8)]
    moved = algebra.replace_word(bozuman, "bozuman", other, "gozuman").vectors
    assert torch.equal(moved[:, 2:6], other.vectors[:, 5:9])


def test_other_numbers_of_pieces_go_to_the_mean(words: Words) -> None:
    cat, bozuman = words("a cat"), words("bozuman")
    mean = bozuman.vectors[:, 1:5].mean(dim=1)
    assert torch.equal(algebra.replace_word(cat, "cat", bozuman, "bozuman").vectors[:, 2], mean)
    moved = algebra.replace_word(bozuman, "bozuman", cat, "cat").vectors
    assert all(torch.equal(moved[:, i], cat.vectors[:, 2]) for i in range(1, 5))


def test_without_a_word_all_of_the_other_prompt_is_meant(words: Words) -> None:
    cat, other = words("a cat face"), words("red fox")
    moved = algebra.replace_word(cat, "cat", other).vectors
    assert torch.equal(moved[:, 2], other.vectors[:, 1:3].mean(dim=1))
    assert torch.equal(algebra.replace_word(cat, "cat", words("fox")).vectors[:, 2], words("fox").vectors[:, 1])
    with pytest.raises(ValueError, match="other: expected a prompt of at least one word, found an empty one"):
        algebra.replace_word(cat, "cat", words(""))


def test_several_words_in_a_row_are_one(words: Words) -> None:
    tokens = words("a red fox, red hat, red  Fox, it's 12").tokens
    assert occurrences(words_of(tokens), "Red fox") == [(2, 3), (8, 9)]
    assert occurrences(words_of(tokens), "it's") == [(11, 12, 13)]
    assert occurrences(words_of(tokens), "12") == [(14, 15)]


def test_an_unknown_word_is_answered_with_those_there_are(words: Words) -> None:
    fox, cat = words("a red fox, a red hat"), words("cat")
    complaint = 'word: expected one of the words a, red, fox, hat; found "foxx"; did you mean "fox"?'
    with pytest.raises(ValueError, match="^" + re.escape(complaint)):
        algebra.replace_word(fox, "foxx", cat, t=0)
    with pytest.raises(ValueError, match=r'other_word: expected one of the words cat; found "zebra"$'):
        algebra.replace_word(fox, "fox", cat, "zebra")
    with pytest.raises(ValueError, match='word: expected a prompt in which "fox" occurs, found an empty one'):
        algebra.replace_word(words(""), "fox", cat)
    for nothing in ("", " "):
        with pytest.raises(ValueError, match="word: expected one of the words a, red"):
            algebra.replace_word(fox, nothing, cat)


def test_a_word_put_in_before_the_encoder_is_that_words_prompt(words: Words, encoder: CLIPTextModel) -> None:
    fox, cat = words("a red fox, flat style"), words("a photo of a cat")
    made = encode_embeddings(encoder, algebra.replace_word(fox, "fox", cat, "cat"))
    assert torch.equal(made.states, encode(encoder, words("a red cat, flat style").tokens).states)


def test_states_move_as_vectors_do(words: Words, encoder: CLIPTextModel) -> None:
    tokens, other_tokens = words("a red fox").tokens, words("the cat").tokens
    fox, cat = encode(encoder, tokens), encode(encoder, other_tokens)
    moved = algebra.replace_state(fox, tokens, "fox", cat, other_tokens, "cat", 1)
    assert torch.equal(moved.states[:, 3], cat.states[:, 2]) and torch.equal(moved.pooled, fox.pooled)
    others = [i for i in range(77) if i != 3]
    assert torch.equal(moved.states[:, others], fox.states[:, others])
    assert algebra.replace_state(fox, tokens, "fox", cat, other_tokens, "cat", 0).states is fox.states


def test_tokens_must_be_those_of_the_states() -> None:
    tokens = Tokens("a", (1, 2, 0), ("<s>", "a</w>", "<e>"), (1.0,) * 3)
    fit = prompt(3)
    with pytest.raises(ValueError, match=r"^tokens: expected those of the 77 vectors, found 3"):
        algebra.replace_state(A, tokens, "a", fit, tokens)
    with pytest.raises(ValueError, match=r"^other_tokens: expected those of the 77 vectors, found 3"):
        algebra.replace_state(fit, tokens, "a", A, tokens)
    with pytest.raises(ValueError, match="other: expected prompts of one text encoder, found states 6 and 8 wide"):
        algebra.replace_state(fit, tokens, "a", prompt(3, width=8), tokens)
