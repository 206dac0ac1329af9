"""Text: what the tokenizer keeps and cuts off, and the encoder's states against transformers itself."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTextModel, CLIPTokenizer

from diffusion.checkpoint import open_checkpoint
from diffusion.text import (
    Embeddings,
    Tokens,
    breaks,
    embed,
    encode,
    encode_embeddings,
    occurrences,
    spans,
    tokenize,
    words_of,
)

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
EMOJI = Path(__file__).resolve().parents[2] / "models" / "emoji"


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> CLIPTokenizer:
    """A tokenizer to which every letter is a piece."""
    return open_checkpoint(tiny_model).tokenizer.load()


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> CLIPTextModel:
    """Two layers, 16 wide."""
    return open_checkpoint(tiny_model).text_encoder.load()


@pytest.fixture(scope="module")
def leaning(encoder: CLIPTextModel) -> CLIPTextModel:
    """The encoder with states whose mean is not about zero, as Stable Diffusion's."""
    encoder = copy.deepcopy(encoder)
    getattr(encoder, "text_model", encoder).final_layer_norm.bias.data -= 0.3
    return encoder


@pytest.fixture(scope="module")
def shipped_tokenizer() -> CLIPTokenizer:
    """The tokenizer of the model that ships."""
    return open_checkpoint(EMOJI).tokenizer.load()


@pytest.fixture(scope="module")
def shipped_encoder() -> CLIPTextModel:
    """The encoder of the model that ships."""
    return open_checkpoint(EMOJI).text_encoder.load()


def joined(tokens: Tokens) -> str:
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
    assert (joined(tokens) + tokens.cut).replace(" ", "") == text.replace(" ", "")


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


# ── weights ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_brackets_go_and_leave_weights(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "a (red:1.5) [cat]")
    assert tokens.pieces == tokenize(tokenizer, "a red cat").pieces
    assert tokens.weights[:9] == (1, 1, 1.5, 1.5, 1.5, *[1 / 1.1] * 3, 1)
    assert set(tokens.weights[8:]) == {1.0}
    assert tokens.text == "a (red:1.5) [cat]"


def test_without_weights_brackets_are_text(tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "a (cat:1.5)", weighted=False)
    assert "(</w>" in tokens.pieces and set(tokens.weights) == {1.0}


def test_weights_do_not_change_how_words_are_cut(shipped_tokenizer: CLIPTokenizer) -> None:
    for text, plain in (
        ("(bozu:1.2)man", "bozuman"),
        ("a(b:2)ove, [[12]]!", "above, 12!"),
        ("(Füch)se 🦊", "Füchse 🦊"),
    ):
        assert tokenize(shipped_tokenizer, text).ids == tokenize(shipped_tokenizer, plain).ids


def test_a_piece_has_the_weight_of_its_first_character(shipped_tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(shipped_tokenizer, "c(at:3) (c:2)at")
    assert tokens.pieces[1:3] == ("cat</w>", "cat</w>")
    assert tokens.weights[:4] == (1, 1, 2, 1)


def test_every_piece_of_one_character_has_its_weight(shipped_tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(shipped_tokenizer, "a (🦊:1.5) b")
    assert tokens.weights[:7] == (1, 1, 1.5, 1.5, 1.5, 1.5, 1)


def test_what_is_cut_is_named_without_brackets_of_weights(tokenizer: CLIPTokenizer) -> None:
    long = "a " * 74 + "b "
    assert tokenize(tokenizer, "(" + long + "(striped:1.2) Zebra)").cut == "striped Zebra"
    assert tokenize(tokenizer, long + r"striped \[bold\]zebra").cut == "striped [bold]zebra"
    assert tokenize(tokenizer, long + "[bold]zebra", weighted=False).cut == "[bold]zebra"


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="()[]"), max_size=120))
def test_a_prompt_without_brackets_is_the_same_with_and_without_weights(tokenizer: CLIPTokenizer, text: str) -> None:
    assert tokenize(tokenizer, text) == tokenize(tokenizer, text, weighted=False)


def test_weights_of_one_change_no_bit(shipped_encoder: CLIPTextModel, shipped_tokenizer: CLIPTokenizer) -> None:
    plain = encode(shipped_encoder, tokenize(shipped_tokenizer, "a red fox"))
    ones = tokenize(shipped_tokenizer, "a (red:1.0) (fox:1)")
    for weighting in ("rescale", "from_empty"):
        assert torch.equal(encode(shipped_encoder, ones, weighting=weighting).states, plain.states)


def test_rescale_multiplies_and_restores_the_mean(leaning: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    plain = encode(leaning, tokenize(tokenizer, "a red fox")).states
    made = encode(leaning, tokenize(tokenizer, "a (red:1.5) fox")).states
    assert made.mean() == pytest.approx(float(plain.mean()), rel=1e-5)
    ratio = made / plain
    assert torch.allclose(ratio[:, 2:5], 1.5 * ratio[:, :1].mean(), rtol=1e-3)
    assert torch.allclose(ratio[:, 5:], ratio[:, :1].mean(), rtol=1e-3) and abs(ratio[0, 0, 0] - 1) > 1e-3


def test_a_mean_of_about_nothing_is_not_restored(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    plain = encode(encoder, tokenize(tokenizer, "a red fox")).states
    assert plain.mean().abs() < 1e-6
    made = encode(encoder, tokenize(tokenizer, "a (red:1.5) fox")).states
    assert torch.equal(made[:, 2:5], 1.5 * plain[:, 2:5])
    assert torch.equal(made[:, 5:], plain[:, 5:])


def test_from_empty_moves_away_from_the_empty_prompt(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    plain, empty = (encode(encoder, tokenize(tokenizer, text)).states for text in ("a red fox", ""))
    made = encode(encoder, tokenize(tokenizer, "a (red:1.5) (fox:0)"), weighting="from_empty").states
    assert torch.allclose(made[:, 2:5], empty[:, 2:5] + 1.5 * (plain - empty)[:, 2:5], atol=1e-6)
    assert torch.allclose(made[:, 5:8], empty[:, 5:8], atol=1e-6) and not torch.allclose(plain[:, 5:8], empty[:, 5:8])
    assert torch.equal(made[:, :2], plain[:, :2]) and torch.equal(made[:, 8:], plain[:, 8:])


def test_the_empty_prompt_is_padded_as_the_prompt_is(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """Stable Diffusion 2 pads with an exclamation mark."""
    tokens = tokenize(tokenizer, "(cat:0)")
    bang = tokenizer.convert_tokens_to_ids("!")
    padded = replace(tokens, ids=(*tokens.ids[:5], *[bang] * 72), pieces=(*tokens.pieces[:5], *["!"] * 72))
    empty = replace(padded, ids=(tokens.ids[0], tokens.ids[-1], *[bang] * 75), weights=(1.0,) * 77)
    made = encode(encoder, padded, weighting="from_empty").states
    assert torch.allclose(made[:, 1:4], encode(encoder, empty).states[:, 1:4], atol=1e-6)


# ── long prompts ──────────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = " ".join(f"word{i}" for i in range(200))


def test_a_long_prompt_becomes_groups(shipped_encoder: CLIPTextModel, shipped_tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(shipped_tokenizer, WORDS, long="chunk")
    groups = len(tokens.ids) // 77
    assert tokens.cut == "" and len(tokens.ids) == len(tokens.pieces) == len(tokens.weights) == 77 * groups
    assert {tokens.pieces[at] for at in range(0, 77 * groups, 77)} == {BEGIN}
    assert {tokens.pieces[at] for at in range(76, 77 * groups, 77)} == {END}
    pieces = [tokens.pieces[at] for span in spans(tokens) for at in span]
    assert pieces == shipped_tokenizer.convert_ids_to_tokens(
        shipped_tokenizer(WORDS, add_special_tokens=False).input_ids
    )
    assert encode(shipped_encoder, tokens).states.shape == (1, 77 * groups, 160) and groups >= 4


def test_a_prompt_that_fits_is_one_group(tokenizer: CLIPTokenizer) -> None:
    for text in ("", "a (cat:1.2)", " ".join("a" * 75)):
        assert tokenize(tokenizer, text, long="chunk") == tokenize(tokenizer, text)


def test_each_group_is_encoded_by_itself(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, " ".join("a" * 75) + " (cat:1.5)", long="chunk")
    whole = encode(encoder, tokens)
    first = encode(encoder, tokenize(tokenizer, " ".join("a" * 75)))
    second = encode(encoder, tokenize(tokenizer, "(cat:1.5)"))
    assert torch.equal(whole.states, torch.cat([first.states, second.states], dim=1))
    assert torch.equal(whole.pooled, first.pooled)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["a</w>"] * 75, [0, 75]),
        (["a</w>"] * 151, [0, 75, 150, 151]),
        ([*["a</w>"] * 59, ",</w>", *["a</w>"] * 40], [0, 60, 100]),
        ([*["a</w>"] * 55, ",</w>", *["a</w>"] * 40], [0, 56, 96]),
        ([*["a</w>"] * 54, ",</w>", *["a</w>"] * 40], [0, 75, 95]),
        ([*["a</w>"] * 70, *["b"] * 9, "b</w>"], [0, 70, 80]),
        (["b"] * 80, [0, 75, 80]),
        ([*["a</w>", ",</w>"] * 40], [0, 74, 80]),
    ],
)
def test_a_break_is_after_a_comma_or_a_word(pieces: list[str], expected: list[int]) -> None:
    assert breaks(pieces) == expected


def test_only_a_tokenizer_of_77_makes_groups(tokenizer: CLIPTokenizer) -> None:
    short = copy.deepcopy(tokenizer)
    short.model_max_length = 32
    assert len(tokenize(short, WORDS).ids) == 32
    with pytest.raises(ValueError, match='expected a tokenizer 77 wide for "chunk", found 32'):
        tokenize(short, WORDS, long="chunk")


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_words_know_their_positions(shipped_tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(shipped_tokenizer, "A photo of Bozuman's 12 (Füchse:1.2), 🦊 !!!")
    assert words_of(tokens) == [
        ("a", (1,)), ("photo", (2,)), ("of", (3,)), ("bozuman", (4, 5, 6, 7)), ("'s", (8, 9)), ("1", (10,)),
        ("2", (11,)), ("füchse", (12, 13, 14, 15, 16)), (",", (17,)), ("🦊", (18, 19, 20, 21)), ("!!!", (22, 23, 24)),
    ]  # fmt: skip


def test_of_a_cut_word_there_is_what_is_left(tokenizer: CLIPTokenizer) -> None:
    words = words_of(tokenize(tokenizer, "a " * 72 + "zebra"))
    assert words[-1] == ("zeb", (73, 74, 75))
    assert words_of(tokenize(tokenizer, "a " * 73 + "🦊"))[-1] == (r"\xf0\x9f", (74, 75))


def test_no_word_is_lost_between_groups(tokenizer: CLIPTokenizer) -> None:
    words = words_of(tokenize(tokenizer, WORDS, long="chunk"))
    assert "".join(word for word, _ in words) == WORDS.replace(" ", "")
    long = words_of(tokenize(tokenizer, "z" * 100, long="chunk"))
    assert long == [("z" * 100, (*range(1, 76), *range(78, 103)))]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((BEGIN, *[END] * 76), [range(1, 1)]),
        ((BEGIN, *["a</w>"] * 75, END), [range(1, 76)]),
        ((BEGIN, "!</w>", END, *["!"] * 74), [range(1, 2)]),
        ((BEGIN, END, *["!"] * 75), [range(1, 1)]),
        ((BEGIN, *["a</w>"] * 75, END, BEGIN, "b</w>", *[END] * 75), [range(1, 76), range(78, 79)]),
        (("<s>", "a", "b", "<e>", "<e>"), [range(1, 3)]),
    ],
)
def test_words_stand_between_begin_and_end(pieces: tuple[str, ...], expected: list[range]) -> None:
    tokens = Tokens("", tuple(range(len(pieces))), pieces, (1.0,) * len(pieces))
    assert spans(tokens) == expected


# ── embeddings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_embeddings_are_rows_of_the_table(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    tokens = tokenize(tokenizer, "a cat")
    embeddings = embed(encoder, tokens)
    table = encoder.get_input_embeddings().weight
    assert torch.equal(embeddings.vectors, table[list(tokens.ids)][None])
    embeddings.vectors.zero_()
    assert table.abs().sum() > 0


@pytest.mark.parametrize("clip_skip", [0, 1, 3])
@pytest.mark.parametrize("text", ["", "a cat face", "bozuman, " * 40])
def test_the_shipped_encoder_gives_the_states_of_transformers(
    shipped_encoder: CLIPTextModel, shipped_tokenizer: CLIPTokenizer, text: str, clip_skip: int
) -> None:
    tokens = tokenize(shipped_tokenizer, text)
    with torch.no_grad():
        expected = shipped_encoder(torch.tensor([tokens.ids]), output_hidden_states=True)
        normed = getattr(shipped_encoder, "text_model", shipped_encoder).final_layer_norm
        states = normed(expected.hidden_states[-1 - clip_skip]) if clip_skip else expected.last_hidden_state
    made = encode_embeddings(shipped_encoder, embed(shipped_encoder, tokens), clip_skip)
    assert torch.equal(made.states, states)
    assert torch.equal(made.pooled, expected.pooler_output)


def test_other_vectors_give_the_states_of_other_words(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """The vectors decide, not the ids that they were looked up for."""
    cat, dog = (tokenize(tokenizer, text) for text in ("a cat", "a dog"))
    made = encode_embeddings(encoder, Embeddings(embed(encoder, dog).vectors, cat))
    assert torch.equal(made.states, encode(encoder, dog).states)


def test_the_encoder_is_left_as_it_was(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    def state() -> list[tuple[str, int, int]]:
        return [(name, id(module), len(module._forward_hooks)) for name, module in encoder.named_modules()]

    tokens = tokenize(tokenizer, "a cat")
    before, weights = state(), {name: weight.clone() for name, weight in encoder.state_dict().items()}
    encode_embeddings(encoder, Embeddings(torch.randn(1, 77, 16), tokens), clip_skip=1)
    assert state() == before
    assert all(torch.equal(weight, weights[name]) for name, weight in encoder.state_dict().items())


def test_threads_do_not_see_each_others_vectors(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    prompts = [tokenize(tokenizer, text) for text in ("a cat", "a dog", "a (fox:1.2)", "")] * 8
    alone = [encode(encoder, tokens).states for tokens in prompts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda tokens: encode(encoder, tokens).states, prompts))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_vectors_of_another_width_are_refused(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    with pytest.raises(
        ValueError, match=r"expected vectors \(1, 77, 16\), found \(1, 77, 8\); of another text encoder"
    ):
        encode_embeddings(encoder, Embeddings(torch.zeros(1, 77, 8), tokenize(tokenizer, "a")))


def test_bozuman_is_no_word_of_the_shipped_model(shipped_tokenizer: CLIPTokenizer) -> None:
    (word, places), *_ = words_of(tokenize(shipped_tokenizer, "bozuman"))
    assert word == "bozuman" and len(places) > 1


TABBY = [("a", (1,)), ("tabby", (2, 3)), ("cat", (4,)), (",", (5,)), ("a", (6,)), ("dog", (7,)), ("'s", (8,))]


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [("cat", [(4,)]), ("Tabby", [(2, 3)]), ("a", [(1,), (6,)]), ("tabby cat", [(2, 3, 4)]), ("dog's", [(7, 8)]),
     (" cat, a ", [(4, 5, 6)])],
)  # fmt: skip
def test_words_are_found_wherever_they_are(wanted: str, positions: list[tuple[int, ...]]) -> None:
    assert occurrences(TABBY, wanted) == positions


@pytest.mark.parametrize("wanted", ["ca", "cats", "cat dog", "", " "])
def test_a_word_that_is_not_there_is_refused_with_those_that_are(wanted: str) -> None:
    message = rf'word: expected one of the words a, tabby, cat, dog, \'s; found "{wanted}"'
    with pytest.raises(ValueError, match=message):
        occurrences(TABBY, wanted)
    with pytest.raises(ValueError, match="other: expected a prompt in which"):
        occurrences([], wanted, "other")
