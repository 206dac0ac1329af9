"""A model folder that was written: it does what the handles did, here and in diffusers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from diffusion import finetune, text
from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.export import write_model
from diffusion.lora import Lora, with_lora
from diffusion.patches import NewRows
from diffusion.text import NewWord

EMOJI = Path(__file__).resolve().parents[2] / "models" / "emoji"


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    """The tiny checkpoint's handles."""
    return open_checkpoint(tiny_model)


def lora_for(model: Checkpoint) -> Lora:
    """A LoRA of both parts that changes much."""
    begun = finetune.begin(model.unet, model.text_encoder, layers="all", train_text_encoder=True)
    generator = torch.Generator().manual_seed(0)
    random = {name: 0.2 * torch.randn(t.shape, generator=generator) for name, t in begun.parameters.items()}
    return finetune.learnt_lora(finetune.Tuning(random, begun.alpha))


def written(folder: Path, model: Checkpoint, **options: Any) -> Checkpoint:
    """The model as it is read again."""
    folder.mkdir()
    write_model(folder, *model, **options)
    return open_checkpoint(folder)


def said(model: Checkpoint, prompt: str) -> tuple[Tensor, Tensor]:
    """The states of a prompt, and what the UNet says of noise, told these."""
    tokens = text.tokenize(model.tokenizer.load(), prompt, new_words=model.tokenizer.new_words)
    states = text.encode(model.text_encoder.load(), tokens).states
    size = model.unet.config.sample_size
    x = torch.randn(1, 4, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return states, model.unet.load()(x, torch.tensor([500.0]), states)


def test_an_untaught_model_is_written_bit_for_bit(model: Checkpoint, tmp_path: Path) -> None:
    again = written(tmp_path / "copy", model)
    for before, after in zip(model[:3], again[:3], strict=True):
        a, b = before.load().state_dict(), after.load().state_dict()
        assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    assert again.unet.config == model.unet.config and again.unet.training == model.unet.training


def test_a_lora_becomes_part_of_the_weights(model: Checkpoint, tmp_path: Path) -> None:
    unet, encoder = with_lora(model.unet, model.text_encoder, lora_for(model), 0.8)
    taught = model._replace(unet=unet, text_encoder=encoder)
    again = written(tmp_path / "taught", taught)
    assert not any(part.patches for part in again)
    for a, b in zip(said(taught, "a cat"), said(again, "a cat"), strict=True):
        assert torch.allclose(a, b, atol=1e-4 * float(a.abs().max()))
    assert not torch.allclose(said(again, "a cat")[1], said(model, "a cat")[1], atol=1e-2)


def test_all_weights_are_written(model: Checkpoint, tmp_path: Path) -> None:
    begun = finetune.begin(model.unet, model.text_encoder, "full", train_text_encoder=True)
    moved = replace(begun, parameters={name: t + 0.01 for name, t in begun.parameters.items()})
    unet, encoder = finetune.tuned(moved, model.unet, model.text_encoder)
    again = written(tmp_path / "taught", model._replace(unet=unet, text_encoder=encoder))
    assert torch.equal(again.unet.load().conv_in.weight, moved.parameters["unet.conv_in.weight"])
    name = "text_model.final_layer_norm.bias"
    assert torch.equal(
        load_file(tmp_path / "taught/text_encoder/model.safetensors")[name], moved.parameters[f"text_encoder.{name}"]
    )


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_files_have_the_precision_asked_for(model: Checkpoint, tmp_path: Path, precision: str) -> None:
    written(tmp_path / "half", model, precision=precision).unet.load()
    for file in tmp_path.rglob("*.safetensors"):
        with safe_open(file, framework="pt") as opened:
            assert {opened.get_tensor(name).dtype for name in opened.keys()} == {getattr(torch, precision)}  # noqa: SIM118


# ── new words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_words(model: Checkpoint, *words: NewWord) -> Checkpoint:
    """The model with new words of random vectors."""
    rows = torch.randn(sum(len(word.ids) for word in words), 16, generator=torch.Generator().manual_seed(2))
    return model._replace(
        tokenizer=replace(model.tokenizer, new_words=words), text_encoder=model.text_encoder.patched(NewRows(rows))
    )


def test_new_words_become_part_of_the_vocabulary(model: Checkpoint, tmp_path: Path) -> None:
    taught = with_words(model, NewWord("<cat>", (514,)), NewWord("qwz", (515,)))
    again = written(tmp_path / "taught", taught)
    assert again.tokenizer.new_words == () and again.text_encoder.rows == 516
    assert json.loads((tmp_path / "taught/text_encoder/config.json").read_text())["vocab_size"] == 516
    for prompt in ("a <cat>, a qwz", "<CAT>", "a cat", ""):
        assert torch.equal(said(taught, prompt)[0], said(again, prompt)[0])
    later = written(tmp_path / "later", with_words(again, NewWord("more", (516,))))
    assert later.tokenizer.load().tokenize("<cat> more") == ["<cat>", "more"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([NewWord("<cat>", (514, 515))], 'tokenizer: "<cat>": expected a word with one vector, found 2; save the word'),
        ([NewWord("a", (514,))], 'tokenizer: "a": expected a word with a place after all others, found it is a word'),
    ],
)
def test_a_word_that_files_have_no_place_for_is_refused(
    model: Checkpoint, tmp_path: Path, words: list[NewWord], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        written(tmp_path / "taught", with_words(model, *words))


# ── diffusers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_diffusers_opens_the_shipped_model_with_a_lora_in_it(tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    emoji = open_checkpoint(EMOJI)
    unet, encoder = with_lora(emoji.unet, emoji.text_encoder, lora_for(emoji))
    taught = emoji._replace(unet=unet, text_encoder=encoder)
    written(tmp_path / "taught", taught)
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "taught", local_files_only=True)
    states, answer = said(taught, "a cat face")
    ids = pipe.tokenizer("a cat face", padding="max_length", return_tensors="pt").input_ids
    x = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        theirs = pipe.text_encoder(ids).last_hidden_state
        assert torch.allclose(theirs, states, atol=1e-4 * float(states.abs().max()))
        assert torch.allclose(
            pipe.unet(x, torch.tensor([500.0]), states).sample, answer, atol=1e-4 * float(answer.abs().max())
        )
    assert type(pipe.scheduler).__name__ == "PNDMScheduler" and pipe.safety_checker is None
