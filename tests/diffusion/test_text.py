"""Text: what the tokenizer keeps and cuts off, and the encoder's states against transformers itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTextModel, CLIPTokenizer

from diffusion.checkpoint import open_checkpoint
from diffusion.text import Tokens, encode, tokenize

BEGIN, END = "<|startoftext|>", "<|endoftext|>"


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> CLIPTokenizer:
    """A tokenizer to which every letter is a piece."""
    return open_checkpoint(tiny_model).tokenizer.load()


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> CLIPTextModel:
    """Two layers, 16 wide."""
    return open_checkpoint(tiny_model).text_encoder.load()


def words_of(tokens: Tokens) -> str:
    """What is left of a prompt, put together again."""
    return "".join(tokens.pieces[1 : tokens.pieces.index(END)]).replace("</w>", " ").strip()


def test_a_prompt_becomes_77_tokens(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "A cat")
    assert tokens.pieces[:6] == (BEGIN, "a</w>", "c", "a", "t</w>", END)
    assert set(tokens.pieces[5:]) == {END}
    assert len(tokens.ids) == len(tokens.pieces) == len(tokens.weights) == 77
    assert set(tokens.weights) == {1.0}
    assert (tokens.text, tokens.cut) == ("A cat", "")


def test_the_empty_prompt_is_begin_and_end(tokenizer: CLIPTokenizer) -> None:
    assert tokenize(tokenizer, "").pieces == (BEGIN, *[END] * 76)


def test_a_long_word_is_split_into_pieces(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "bozuman")
    assert tokens.pieces[1:8] == ("b", "o", "z", "u", "m", "a", "n</w>")


@pytest.mark.parametrize(
    "text", ["", "a cat face", "Füchse, 12 of them!", "🦊 on ice", " spaces \n and\tlines ", "it's"]
)
def test_ids_are_those_of_transformers(tokenizer: CLIPTokenizer, text: str) -> None:
    padded = tokenizer(text, padding="max_length", truncation=True, max_length=77)
    assert tokenize(tokenizer, text).ids == tuple(padded["input_ids"])


def test_what_does_not_fit_is_left_off_as_transformers_does(tokenizer: CLIPTokenizer) -> None:
    text = "elephant " * 20
    assert tokenize(tokenizer, text).ids == tuple(tokenizer(text, truncation=True, max_length=77)["input_ids"])


def test_exactly_75_pieces_fit(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, " ".join("a" * 75))
    assert tokens.cut == ""
    assert tokens.pieces[75:] == ("a</w>", END)


def test_the_76th_piece_is_named(tokenizer: CLIPTokenizer) -> None:
    assert tokenize(tokenizer, " ".join("a" * 75) + " Zebra").cut == "Zebra"


def test_kept_and_cut_make_the_whole_prompt(tokenizer: CLIPTokenizer) -> None:
    text = " ".join(f"word{i}" for i in range(30))
    tokens = tokenize(tokenizer, text)
    assert tokens.cut.endswith("word28 word29")
    assert (words_of(tokens) + tokens.cut).replace(" ", "") == text.replace(" ", "")


def test_a_character_of_several_pieces_at_the_edge_is_named_whole(tokenizer: CLIPTokenizer) -> None:
    assert tokenize(tokenizer, "a " * 73 + "🦊 tail").cut == "🦊 tail"


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_becomes_77_tokens(tokenizer: CLIPTokenizer, text: str) -> None:
    tokens = tokenize(tokenizer, text)
    assert len(tokens.ids) == 77 and tokens.cut in text
    assert tokens.ids[0] == tokenizer.bos_token_id and tokenizer.eos_token_id in tokens.ids


def test_encode_gives_the_states_of_transformers(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "a cat")
    with torch.no_grad():
        expected = encoder(torch.tensor([tokens.ids]))
    conditioning = encode(encoder, tokens)
    assert conditioning.states.shape == (1, 77, 16) and conditioning.states.dtype == torch.float32
    assert torch.equal(conditioning.states, expected.last_hidden_state)
    assert torch.equal(conditioning.pooled, expected.pooler_output)


def test_clip_skip_leaves_out_the_last_layers(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "a cat")
    with torch.no_grad():
        hidden = encoder(torch.tensor([tokens.ids]), output_hidden_states=True).hidden_states
        expected = getattr(encoder, "text_model", encoder).final_layer_norm(hidden[-2])
    skipped = encode(encoder, tokens, clip_skip=1)
    assert torch.equal(skipped.states, expected)
    assert not torch.allclose(skipped.states, encode(encoder, tokens).states)


def test_a_clip_skip_beyond_the_layers_is_refused(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    with pytest.raises(ValueError, match="clip_skip: expected 0 to 1, found 2"):
        encode(encoder, tokenize(tokenizer, "a"), clip_skip=2)


def test_tokens_of_another_vocabulary_are_refused(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "a")
    other = Tokens("a", (*tokens.ids[:-1], 49407), tokens.pieces, tokens.weights)
    with pytest.raises(ValueError, match="expected ids below 514, found 49407; tokenizer of another model"):
        encode(encoder, other)
