"""The tiny checkpoint as nodes are given it."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.text import Conditioning
from nodes import words


@pytest.fixture(scope="session")
def model(tiny_model: Path) -> Checkpoint:
    """The tiny checkpoint's handles."""
    return open_checkpoint(tiny_model)


@pytest.fixture(scope="session")
def conditionings(model: Checkpoint) -> tuple[Conditioning, Conditioning]:
    """Of a prompt and of the empty one."""
    positive, negative = (words.encode(model.text_encoder, words.tokenize(model.tokenizer, t)) for t in ("a cat", ""))
    return positive, negative
