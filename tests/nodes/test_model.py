"""Opening a checkpoint as a node: four handles, keys that follow from the content of the files that count."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from diffusion.checkpoint import CaptionerHandle, TextEncoderHandle, TokenizerHandle, UNetHandle, VAEHandle
from engine import load_node_packages, parse_workflow
from engine.check import check
from engine.expand import expand
from engine.keys import build_graph
from nodes.model import load_captioner, load_checkpoint
from nodes.paths import find_captioner

REGISTRY = load_node_packages()


def key_of(folder: Path, path: str | None = None, type: str = "load_checkpoint") -> str:
    """The key of the call that opens a checkpoint."""
    node = {"type": type, "params": {"path": path or str(folder)}}
    workflow = parse_workflow({"diffuscope": 1, "nodes": {"model": node}})
    assert check(workflow, REGISTRY) == []
    return build_graph(expand(workflow, REGISTRY)).keys[0]


def test_a_checkpoint_is_four_handles(tiny_model: Path) -> None:
    model = load_checkpoint(str(tiny_model))
    kinds = (UNetHandle, VAEHandle, TextEncoderHandle, TokenizerHandle)
    assert tuple(map(type, model)) == kinds
    assert model._fields == ("unet", "vae", "text_encoder", "tokenizer")


def test_the_key_follows_the_content_not_the_name(tiny_model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "renamed")
    assert key_of(copy) == key_of(tiny_model)
    (copy / "README.md").write_text("about it")
    (copy / "safety_checker").mkdir()
    (copy / "safety_checker" / "model.safetensors").write_text("not read")
    assert key_of(copy) == key_of(tiny_model)


@pytest.mark.parametrize(
    "file",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "unet/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "scheduler/scheduler_config.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
    ],
)
def test_every_file_that_decides_what_is_computed_changes_the_key(tiny_model: Path, tmp_path: Path, file: str) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "changed")
    (copy / file).write_bytes((copy / file).read_bytes() + b" ")
    assert key_of(copy) != key_of(tiny_model)


def test_a_name_in_the_model_folders_is_the_same_as_its_path(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFUSCOPE_MODELS", str(tiny_model.parent))
    assert key_of(tiny_model, tiny_model.name) == key_of(tiny_model)
    assert json.loads((tiny_model / "model_index.json").read_text())["_class_name"] == "StableDiffusionPipeline"


def test_a_captioner_is_a_handle_whose_key_follows_the_files_that_count(tmp_path: Path) -> None:
    shipped = find_captioner("default", tmp_path)
    assert isinstance(load_captioner(str(shipped)), CaptionerHandle)
    copy = shutil.copytree(shipped, tmp_path / "copy")
    (copy / "README.md").write_text("about it")
    first = key_of(shipped, type="load_captioner")
    assert key_of(copy, type="load_captioner") == key_of(shipped, "default", "load_captioner") == first
    for name in ("config.json", "preprocessor_config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"):
        before = (copy / name).read_bytes()
        (copy / name).write_bytes(before + b" ")
        assert key_of(copy, type="load_captioner") != first
        (copy / name).write_bytes(before)
