"""From words to vectors: the tokenizer cuts a prompt into 77 tokens, CLIP's text encoder turns each into a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizerFast


@dataclass(frozen=True)
class Tokens:
    """A prompt as the text encoder reads it: begin, at most 75 pieces, end, padding.

    text: the prompt.
    ids: rows of the encoder's embedding table, 77 of them.
    pieces: the text each id stands for; `</w>` marks the end of a word.
    weights: how much each token counts, 1 as it is.
    cut: the end of the prompt that did not fit, or empty.
    """

    text: str
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    weights: tuple[float, ...]
    cut: str = ""


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What cross attention reads.

    states: the last hidden states, (1, 77, D) float32; D is 768 in Stable Diffusion 1.x.
    pooled: the state at the end token, (1, D) float32.
    """

    states: Tensor
    pooled: Tensor


def tokenize(tokenizer: CLIPTokenizerFast, text: str) -> Tokens:
    """Cut a prompt into tokens; what does not fit into 77 is left off and named in `cut`."""
    length = tokenizer.model_max_length if tokenizer.model_max_length < 10_000 else 77
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    room = length - 2
    kept, rest = found["input_ids"][:room], found["offset_mapping"][room:]
    ids = [tokenizer.bos_token_id, *kept, tokenizer.eos_token_id]
    ids += [tokenizer.pad_token_id] * (length - len(ids))
    return Tokens(
        text=text,
        ids=tuple(ids),
        pieces=tuple(tokenizer.convert_ids_to_tokens(ids)),
        weights=(1.0,) * length,
        cut=text[rest[0][0] :].strip() if rest else "",
    )


def encode(encoder: CLIPTextModel, tokens: Tokens, clip_skip: int = 0) -> Conditioning:
    """The text encoder's states for some tokens.

    Args:
        encoder: on its device.
        tokens: 77 of them.
        clip_skip: leave out this many of the last layers; the final layer norm is applied all the same, as is usual.

    Raises:
        ValueError: the encoder has fewer layers, or its table fewer rows, than asked for.
    """
    rows = encoder.config.vocab_size
    if max(tokens.ids) >= rows:
        raise ValueError(f"tokens: expected ids below {rows}, found {max(tokens.ids)}; tokenizer of another model?")
    layers = encoder.config.num_hidden_layers
    if not 0 <= clip_skip < layers:
        raise ValueError(f"clip_skip: expected 0 to {layers - 1}, found {clip_skip}")
    device = next(encoder.parameters()).device
    with torch.no_grad():
        out = encoder(torch.tensor([tokens.ids], device=device), output_hidden_states=clip_skip > 0)
        states = out.last_hidden_state
        if clip_skip:
            text_model = getattr(encoder, "text_model", encoder)
            states = text_model.final_layer_norm(out.hidden_states[-1 - clip_skip])
        pooled = out.pooler_output
    return Conditioning(states.float().cpu().clone(), pooled.float().cpu().clone())
