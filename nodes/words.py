"""From words to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from engine import node, warn
from nodes.stages import text as stage

if TYPE_CHECKING:
    from diffusion.checkpoint import TextEncoderHandle as TextEncoder
    from diffusion.checkpoint import TokenizerHandle as Tokenizer
    from diffusion.text import Conditioning, Tokens


@node
def tokenize(tokenizer: Tokenizer, text: str) -> Tokens:
    """Cut a prompt into 77 tokens: begin, at most 75 pieces of words, end, padding.

    Args:
        tokenizer: of the checkpoint.
        text: the prompt; what does not fit is left off, with a warning that names it.
    """
    tokens = stage.tokenize(tokenizer.load(), text)
    if tokens.cut:
        warn(f'the prompt is longer than {len(tokens.ids)} tokens; cut off: "{tokens.cut}"')
    return tokens


@node
def encode(
    text_encoder: TextEncoder, tokens: Tokens, clip_skip: Annotated[int, Field(ge=0, le=23)] = 0
) -> Conditioning:
    """Turn each token into a vector that knows its neighbours: what cross attention reads at every step.

    Args:
        text_encoder: of the checkpoint.
        tokens: of the same checkpoint's tokenizer.
        clip_skip: leave out this many of the encoder's last layers.
    """
    return stage.encode(text_encoder.load(), tokens, clip_skip)
