"""A model folder in the diffusers layout, in which all that was changed after loading is part of the weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file

from diffusion.checkpoint import TextEncoderHandle, TokenizerHandle, UNetHandle, VAEHandle, open_tokenizer, read_json
from diffusion.lora import merged
from diffusion.patches import TEXT_ROOT, token_table
from diffusion.text import NewWord

Precision = Literal["float32", "float16", "bfloat16"]

COMPONENTS = {
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
    "requires_safety_checker": False,
}
"""What model_index.json says, beside the kind of the whole and of the scheduler."""


def write_model(
    folder: Path,
    unet: UNetHandle,
    vae: VAEHandle,
    text_encoder: TextEncoderHandle,
    tokenizer: TokenizerHandle,
    precision: Precision = "float32",
) -> None:
    """Write a whole model, which `open_checkpoint` and diffusers read, and which does what the handles do.

    Args:
        folder: is there, and empty.
        unet: of a checkpoint, whose scheduler is taken too.
        vae: of the same, or another that fits; likewise the others.
        text_encoder: with the words that were added.
        tokenizer: with the same.
        precision: of the numbers in the files; they are no better than those of the runtime.

    Raises:
        ValueError: a word was added that the files of a tokenizer have no place for.
    """
    write_tokenizer(folder / "tokenizer", tokenizer)
    origin = unet.folder.parent
    shutil.copytree(origin / "scheduler", folder / "scheduler")
    index = read_json(origin / "model_index.json")
    scheduler = read_json(origin / "scheduler" / "scheduler_config.json")["_class_name"]
    kind = {"_class_name": index["_class_name"], "scheduler": ["diffusers", scheduler]}
    write_json(folder / "model_index.json", kind | COMPONENTS)

    for part, handle, file in (
        ("unet", unet, "diffusion_pytorch_model.safetensors"),
        ("vae", vae, "diffusion_pytorch_model.safetensors"),
        ("text_encoder", text_encoder, "model.safetensors"),
    ):
        network, config = merged(handle.load()), read_json(handle.folder / "config.json")
        weights = {
            path: t.to("cpu", getattr(torch, precision)).contiguous() for path, t in network.state_dict().items()
        }
        if part == "text_encoder":
            config["vocab_size"] = len(token_table(network)[1].weight)
            weights = {TEXT_ROOT + path.removeprefix(TEXT_ROOT): tensor for path, tensor in weights.items()}
        (folder / part).mkdir()
        write_json(folder / part / "config.json", config)
        save_file(weights, folder / part / file, metadata={"format": "pt"})


def write_tokenizer(folder: Path, tokenizer: TokenizerHandle) -> None:
    """Write a tokenizer's files, with the words that were added; ValueError if that cannot be."""
    shutil.copytree(tokenizer.folder, folder)
    if not tokenizer.new_words:
        return
    added = folder / "added_tokens.json"
    known = read_json(added) if added.is_file() else {}
    write_json(added, known | {word.placeholder: word.ids[0] for word in tokenizer.new_words})
    live = open_tokenizer(folder).load()
    for word in tokenizer.new_words:
        expect_same_ids(word, live.convert_tokens_to_ids(live.tokenize(word.placeholder)))


def expect_same_ids(word: NewWord, ids: Sequence[int]) -> None:
    """Raise ValueError if the tokenizer that was written does not cut a word as the one that was given."""
    if tuple(ids) != word.ids:
        many = len(word.ids) > 1
        why = f"one vector, found {len(word.ids)}" if many else "a place after all others, found it is a word already"
        raise ValueError(f'tokenizer: "{word.placeholder}": expected a word with {why}; save the word by itself')


def write_json(path: Path, data: object) -> None:
    """Write a JSON file as people read it."""
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
