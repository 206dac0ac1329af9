"""The nodes from words to vectors: warnings name what was cut off, the values are those of the stage, sweeps work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from diffusion import algebra, text
from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.text import Conditioning
from diffusion.tokens_picture import token_table as picture_of
from engine import REGISTRY, Collected, Engine, load_node_packages, parse_workflow
from engine.context import Context, entered
from nodes import words
from nodes.words import embed, encode, encode_embeddings, tokenize


def warnings_for(model: Checkpoint, prompt: str) -> list[str]:
    """What `tokenize` warns of."""
    warned: list[str] = []
    with entered(Context(on_warning=warned.append)):
        tokenize(model.tokenizer, prompt)
    return warned


def test_a_prompt_that_fits_warns_of_nothing(model: Checkpoint) -> None:
    assert warnings_for(model, "a cat face") == []
    assert warnings_for(model, "a " * 75) == []


def test_a_prompt_that_is_too_long_runs_and_names_the_words_cut_off(model: Checkpoint) -> None:
    assert warnings_for(model, "a " * 75 + "striped Zebra") == [
        'the prompt is longer than 77 tokens; cut off: "striped Zebra"'
    ]


def test_states_are_those_of_the_stage(model: Checkpoint) -> None:
    tokens = tokenize(model.tokenizer, "a cat")
    for skip in (0, 1):
        expected = text.encode(model.text_encoder.load(), tokens, skip)
        assert torch.equal(encode(model.text_encoder, tokens, skip).states, expected.states)


def test_the_same_prompt_gives_the_same_states_and_another_gives_others(model: Checkpoint) -> None:
    a, again, b = (encode(model.text_encoder, tokenize(model.tokenizer, t)).states for t in ("a cat", "a cat", "a dog"))
    assert torch.equal(a, again)
    assert not torch.allclose(a, b)


def test_a_prompt_in_groups_is_not_cut_and_warns_of_nothing(model: Checkpoint) -> None:
    warned: list[str] = []
    with entered(Context(on_warning=warned.append)):
        tokens = tokenize(model.tokenizer, "a " * 75 + "striped Zebra", long="chunk")
    assert warned == [] and len(tokens.ids) == 154 and tokens.cut == ""


def test_brackets_are_weights_unless_they_are_not_to_be(model: Checkpoint) -> None:
    assert tokenize(model.tokenizer, "(a:1.5)").weights[1] == 1.5
    assert set(tokenize(model.tokenizer, "(a:1.5)", weighted=False).weights) == {1.0}


def test_prompts_with_brackets_mean_something_else_than_in_version_1() -> None:
    load_node_packages()
    assert REGISTRY["tokenize"].version == 2


@pytest.mark.parametrize("weighting", ["rescale", "from_empty"])
def test_looking_up_and_encoding_is_encoding(model: Checkpoint, weighting: str) -> None:
    tokens = tokenize(model.tokenizer, "a (cat:1.3)")
    whole = encode(model.text_encoder, tokens, 1, weighting)
    assert torch.equal(
        encode_embeddings(model.text_encoder, embed(model.text_encoder, tokens), 1, weighting).states, whole.states
    )
    expected = text.encode(model.text_encoder.load(), tokens, 1, weighting)
    assert torch.equal(whole.states, expected.states)


def test_the_two_weightings_differ(model: Checkpoint) -> None:
    tokens = tokenize(model.tokenizer, "a (cat:1.3)")
    ways = [encode(model.text_encoder, tokens, weighting=way).states for way in ("rescale", "from_empty")]
    assert not torch.allclose(*ways)


def test_the_table_is_that_of_the_stage(model: Checkpoint) -> None:
    tokens = tokenize(model.tokenizer, "a (cat:1.3)")
    assert np.array_equal(words.token_table(tokens).pixels, picture_of(tokens).pixels)


def test_arithmetic_is_that_of_the_stage(model: Checkpoint) -> None:
    a, b = (encode(model.text_encoder, tokenize(model.tokenizer, prompt)) for prompt in ("a cat", "a dog"))
    both = Collected([("prompt", ["a cat", "a dog"])], [((0,), a), ((1,), b)])
    for made, expected in (
        (words.add_conditioning(a, b, 0.5), algebra.add(a, b, 0.5)),
        (words.subtract_conditioning(a, b, 0.5), algebra.subtract(a, b, 0.5)),
        (words.scale_conditioning(a, 2.0), algebra.scale(a, 2.0)),
        (words.lerp_conditioning(a, b, 0.3), algebra.lerp(a, b, 0.3)),
        (words.slerp_conditioning(a, b, 0.3), algebra.slerp(a, b, 0.3)),
        (words.average_conditioning(both), algebra.average([a, b])),
        (words.average_conditioning(both, [1.0, 3.0]), algebra.average([a, b], [1, 3])),
        (words.concat_conditioning(a, b), algebra.concat(a, b)),
    ):
        assert torch.equal(made.states, expected.states) and torch.equal(made.pooled, expected.pooled)


def test_one_word_moves_in_either_space(model: Checkpoint) -> None:
    cat, dog = (tokenize(model.tokenizer, prompt) for prompt in ("a cat", "the dog"))
    vectors = [embed(model.text_encoder, tokens) for tokens in (cat, dog)]
    states = [encode(model.text_encoder, tokens) for tokens in (cat, dog)]
    moved = words.replace_word(*vectors, "cat", "dog", 0.5)
    assert torch.equal(moved.vectors, algebra.replace_word(vectors[0], "cat", vectors[1], "dog", 0.5).vectors)
    moved = words.replace_state(states[0], cat, states[1], dog, "cat", "dog", 0.5)
    assert torch.equal(moved.states, algebra.replace_state(states[0], cat, "cat", states[1], dog, "dog", 0.5).states)


def test_from_one_word_to_another_as_a_sweep(tiny_model: Path) -> None:
    """The axis goes through both spaces, and the ends are the two prompts themselves."""
    load_node_packages()
    nodes = {
        "model": {"type": "load_checkpoint", "params": {"path": str(tiny_model)}},
        "t": {"type": "axis", "params": {"name": "t", "values": [0, 0.5, 1]}},
        "way": {
            "type": "replace_word",
            "in": {"embeddings": "a_vectors", "other": "b_vectors", "t": "t"},
            "params": {"word": "cat"},
        },
        "made": {"type": "encode_embeddings", "in": {"text_encoder": "model.text_encoder", "embeddings": "way"}},
        "mean": {"type": "average_conditioning", "in": {"conditionings": "made"}, "params": {"weights": [1, 0, 1]}},
    }
    for name, prompt in (("a", "a cat"), ("b", "dog")):
        nodes[name] = {"type": "tokenize", "in": {"tokenizer": "model.tokenizer"}, "params": {"text": prompt}}
        nodes[f"{name}_vectors"] = {"type": "embed", "in": {"text_encoder": "model.text_encoder", "tokens": name}}
    workflow = parse_workflow({"diffuscope": 1, "title": "Cat to dog", "nodes": nodes})
    result = Engine().run(workflow)
    model = open_checkpoint(tiny_model)
    ends = [encode(model.text_encoder, tokenize(model.tokenizer, prompt)).states for prompt in ("a cat", "a dog")]
    first, half, last = (made.states for made in result["made"].values)
    assert torch.equal(first, ends[0]) and torch.equal(last, ends[1])
    assert not torch.allclose(half, first) and not torch.allclose(half, last)
    assert torch.allclose(result["mean"].states, (first + last) / 2, atol=1e-6)


def test_one_of_several_is_picked_by_its_name(conditionings: tuple[Conditioning, Conditioning]) -> None:
    cat, empty = conditionings
    assert words.pick_conditioning("b", ["a", "b"], cat, empty) is empty
    assert words.pick_conditioning("a", ["a", "b"], cat, empty) is cat
    with pytest.raises(ValueError, match='name: expected one of a, b, found "c"'):
        words.pick_conditioning("c", ["a", "b"], cat, empty)
    with pytest.raises(ValueError, match="names: expected 2, one for each conditioning, found 1"):
        words.pick_conditioning("a", ["a"], cat, empty)


# ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_word_is_put_into_a_text() -> None:
    assert words.fill_text("a {}, {} style", "fox") == "a fox, fox style"
    assert words.fill_text("{}", "") == ""
    with pytest.raises(ValueError, match=r'text: expected \{\} where the word is to stand, found "a fox"'):
        words.fill_text("a fox", "cat")
