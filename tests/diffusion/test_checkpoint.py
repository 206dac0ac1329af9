"""Checkpoints: opened without reading a weight, refused in one clear line, loaded within a budget."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from diffusion import checkpoint, runtime
from diffusion.checkpoint import CheckpointError, open_checkpoint
from diffusion.latent import Latent
from diffusion.runtime import Runtime, Weights, make_runtime, use
from diffusion.vae import decode_latent

UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
LATENT = Latent(torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), 0.0)


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be damaged."""
    return shutil.copytree(tiny_model, tmp_path / "copy")


def edit(file: Path, **changes: Any) -> None:
    """Change some keys of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def rewrite(file: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    """Change the tensors of a weight file."""
    tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}
    save_file({name: tensor.contiguous() for name, tensor in change(tensors).items()}, file)


# ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_opening_reads_configs_and_no_weights(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(checkpoint, "load_file", fail)
    monkeypatch.setattr("transformers.CLIPTextModel.from_pretrained", fail)
    monkeypatch.setattr("transformers.CLIPTokenizerFast.from_pretrained", fail)
    opened = open_checkpoint(tiny_model)
    assert opened.unet.config.block_out_channels == (16, 32)
    assert opened.unet.training.prediction_type == "epsilon" and len(opened.unet.training.sigmas) == 1000
    assert opened.vae.config.factor == 2
    with use(lambda: make_runtime("cpu")), pytest.raises(AssertionError, match="weights were read"):
        opened.unet.load()


def test_handles_are_equal_until_a_file_changes(model: Path) -> None:
    before = open_checkpoint(model)
    assert before == open_checkpoint(model)
    rewrite(model / UNET, lambda tensors: tensors | {"conv_in.bias": tensors["conv_in.bias"] + 1})
    after = open_checkpoint(model)
    assert after.vae == before.vae
    assert after.unet != before.unet
    assert not torch.equal(after.unet.load().conv_in.bias, before.vae.load().decoder.conv_in.bias)


def test_a_changed_file_is_loaded_anew(model: Path) -> None:
    with use(lambda: make_runtime("cpu")):
        bias = open_checkpoint(model).unet.load().conv_in.bias.clone()
        rewrite(model / UNET, lambda tensors: tensors | {"conv_in.bias": tensors["conv_in.bias"] + 1})
        assert torch.allclose(open_checkpoint(model).unet.load().conv_in.bias, bias + 1)


def test_v_prediction_comes_from_the_scheduler(model: Path) -> None:
    edit(model / "scheduler/scheduler_config.json", prediction_type="v_prediction")
    assert open_checkpoint(model).unet.training.prediction_type == "v_prediction"


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("model_index.json", r"copy: expected a folder with model_index.json \(diffusers layout\), found none"),
        ("scheduler/scheduler_config.json", "copy/scheduler/scheduler_config.json: expected a file, found none"),
        ("unet/config.json", "copy/unet/config.json: expected a file, found none"),
        ("vae/config.json", "copy/vae/config.json: expected a file, found none"),
        ("text_encoder/config.json", "copy/text_encoder/config.json: expected a file, found none"),
        ("tokenizer/vocab.json", "copy/tokenizer: expected vocab.json and merges.txt, found neither"),
        ("tokenizer/merges.txt", "copy/tokenizer: expected vocab.json and merges.txt, found no merges.txt"),
        (UNET, "copy/unet: expected diffusion_pytorch_model.safetensors .*, found neither; download it again?"),
        (VAE, "copy/vae: expected diffusion_pytorch_model.safetensors .*, found neither; download it again?"),
        (TEXT, "copy/text_encoder: expected .* model.safetensors, found neither; download it again?"),
    ],
)
def test_a_missing_file_is_named_before_anything_is_loaded(model: Path, gone: str, message: str) -> None:
    (model / gone).unlink()
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(model)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nope: expected a folder with model_index\.json"):
        open_checkpoint(tmp_path / "nope")


@pytest.mark.parametrize("part", [UNET, VAE, TEXT])
@pytest.mark.parametrize("keep", [0, 5, 200, -1], ids=["empty", "a few bytes", "half a header", "one byte short"])
def test_a_truncated_file_is_found_out_when_opening(model: Path, part: str, keep: int) -> None:
    (model / part).write_bytes((model / part).read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=f"copy/{part}: expected a whole safetensors file: .*download it again"):
        open_checkpoint(model)


def test_garbage_is_no_weight_file(model: Path) -> None:
    (model / UNET).write_bytes(b"<html>404 not found</html>" * 100)
    with pytest.raises(CheckpointError, match=f"copy/{UNET}: expected a whole safetensors file"):
        open_checkpoint(model)


def test_pickle_is_never_read(model: Path) -> None:
    (model / UNET).rename(model / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"only safetensors is read, never pickle \(\.bin, \.ckpt\)"):
        open_checkpoint(model)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("unet/config.json", "{", "copy/unet/config.json: expected JSON, found otherwise"),
        ("unet/config.json", "[1]", "copy/unet/config.json: expected a JSON object, found list"),
        ("vae/config.json", "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"), "expected JSON"),
    ],
)
def test_a_config_that_is_no_json_is_named(model: Path, file: str, content: str, message: str) -> None:
    (model / file).write_text(content, encoding="latin-1")
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(model)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("unet/config.json", {"class_embed_type": "timestep"}, "class_embed_type"),
        ("scheduler/scheduler_config.json", {"beta_schedule": "magic"}, "expected one of linear, .*, got 'magic'"),
        ("scheduler/scheduler_config.json", {"prediction_type": "flow"}, "got 'flow'"),
        ("scheduler/scheduler_config.json", {"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr"),
    ],
)
def test_a_model_of_another_kind_is_refused_when_opening(
    model: Path, file: str, changes: dict[str, Any], message: str
) -> None:
    edit(model / file, **changes)
    with pytest.raises(CheckpointError, match=f"copy: not a model that is supported: .*{message}"):
        open_checkpoint(model)


# ── loading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def fresh() -> Any:
    """Weights of one test are not those of another."""
    made = make_runtime("cpu")
    with use(lambda: made):
        yield


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers_per_block": 2}, rf"copy/{UNET}: does not fit its config.json: \d+ tensors missing, 0 unknown \(-"),
        ({"layers_per_block": 1, "block_out_channels": [8, 32]}, f"copy/{UNET}: .*: expected shape .*, found "),
        ({"cross_attention_dim": 24}, rf"{UNET}: .*attn2.to_.*: expected shape \(32, 24\), found \(32, 16\)"),
        ({"block_out_channels": "wide"}, "copy/unet/config.json: "),
    ],
)
def test_weights_that_do_not_fit_the_config_are_named(model: Path, changes: dict[str, Any], message: str) -> None:
    edit(model / "unet/config.json", **changes)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(model).unet.load()


def test_an_unknown_tensor_is_named(model: Path) -> None:
    rewrite(model / VAE, lambda tensors: tensors | {"decoder.magic": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"0 tensors missing, 1 unknown \(\+decoder\.magic"):
        open_checkpoint(model).vae.load()


@pytest.mark.parametrize("changes", [{"hidden_size": 24}, {"num_hidden_layers": 3}])
def test_a_text_encoder_is_never_filled_with_chance(
    model: Path, changes: dict[str, int], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(model / "text_encoder/config.json", **changes)
    with caplog.at_level(logging.INFO), pytest.raises(CheckpointError, match=f"copy/{TEXT}: does not fit its config"):
        open_checkpoint(model).text_encoder.load()
    assert (caplog.text, *capsys.readouterr()) == ("", "", "")


def test_loading_says_nothing(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    opened = open_checkpoint(tiny_model)
    for part in opened:
        part.load()
    assert tuple(capfd.readouterr()) == ("", "")


def test_a_broken_vocabulary_is_named(model: Path) -> None:
    (model / "tokenizer/vocab.json").write_text("{")
    with pytest.raises(CheckpointError, match="copy/tokenizer: cannot be read as CLIP's: "):
        open_checkpoint(model).tokenizer.load()


def test_a_vae_of_before_2023_gives_the_same_pictures(model: Path) -> None:
    expected = decode_latent(open_checkpoint(model).vae.load(), LATENT)
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def older(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        renamed = {}
        for name, tensor in tensors.items():
            new = name
            for today, then in names.items():
                new = new.replace(f"attentions.0.{today}.", f"attentions.0.{then}.")
            renamed[new] = tensor[..., None, None] if new != name and name.endswith("weight") else tensor
        assert any("proj_attn" in name for name in renamed)
        return renamed

    rewrite(model / VAE, older)
    assert (decode_latent(open_checkpoint(model).vae.load(), LATENT).pixels == expected.pixels).all()


def test_weights_of_half_precision_are_brought_to_the_runtimes_type(model: Path) -> None:
    for part, name in ((UNET, "diffusion_pytorch_model"), (TEXT, "model")):
        rewrite(model / part, lambda tensors: {name: tensor.half() for name, tensor in tensors.items()})
        (model / part).rename((model / part).with_name(f"{name}.fp16.safetensors"))
    opened = open_checkpoint(model)
    for module in (opened.unet.load(), opened.text_encoder.load()):
        assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def test_a_loaded_network_only_infers(tiny_model: Path) -> None:
    for module in (part.load() for part in open_checkpoint(tiny_model)[:3]):
        assert not module.training
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_weights_stay_within_the_budget(tiny_model: Path) -> None:
    opened = open_checkpoint(tiny_model)
    made = Runtime(torch.device("cpu"), torch.float32, Weights(budget=1))
    with use(lambda: made):
        unet = opened.unet.load()
        assert opened.unet.load() is unet
        opened.vae.load()
        assert opened.unet.load() is not unet
    assert runtime.current() is not made
    large = opened.unet.load()
    opened.vae.load()
    assert opened.unet.load() is large
