"""The nodes from words to vectors: warnings name what was cut off, and the states are those of the stage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from diffusion import text
from diffusion.checkpoint import Checkpoint, open_checkpoint
from engine.context import Context, entered
from nodes.words import encode, tokenize


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    """The tiny checkpoint's handles."""
    return open_checkpoint(tiny_model)


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
