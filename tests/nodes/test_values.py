"""What all nodes and value types promise: light to declare, explained, stored and described without loss."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion.attention import Attention, Layer
from diffusion.clip import ClipVector
from diffusion.finetune import Tuning
from diffusion.heat import Heat
from diffusion.image import Image, Mask
from diffusion.inpaint import Channels
from diffusion.interrogate import Description
from diffusion.latent import Estimate, Latent
from diffusion.lora import Factors, Lora
from diffusion.measures import Table
from diffusion.noise import Noise
from diffusion.prediction import Prediction
from diffusion.preview import Preview
from diffusion.samplers import SAMPLERS
from diffusion.schedules import SPACINGS, Schedule
from diffusion.terms import TermVectors
from diffusion.text import Conditioning, Embeddings, Tokens
from engine import REGISTRY, load_node_packages
from engine.cache import decode, encode
from engine.types import VALUE_TYPES
from nodes import sampling

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
load_node_packages()
NODES = {name: type for name, type in REGISTRY.items() if type.function.__module__.startswith("nodes.")}

G = torch.Generator().manual_seed(0)
A, B, C = (torch.randn(1, 4, 3, 5, generator=G) for _ in range(3))
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)

VALUES = {
    "tokens": Tokens("a 🦊", (1, 2, 0), ("a", "b", "<end>"), (1.0, 0.1, 1.3), "cut \n off"),
    "embeddings": Embeddings(torch.randn(1, 2, 16, generator=G), Tokens("é", (1, 2), ("a", "b"), (1.0, 0.3), "x")),
    "conditioning": Conditioning(torch.randn(1, 77, 16, generator=G), torch.randn(1, 16, generator=G)),
    "noise": Noise(2**63 - 1, (4, 8, 16)),
    "schedule": Schedule((14.614641229, 0.1 + 0.2, 0.0291), "v_prediction"),
    "latent": Latent(A, 0.1 + 0.2),
    "latent of a multistep sampler": Latent(A, 3.0, (Estimate(B, 4.0, "epsilon"), Estimate(C, 3.5, "sample")), B),
    "latent in strange memory": Latent(A.transpose(2, 3)[..., ::2], 0.0),
    "latent gone wrong": Latent(torch.full((1, 4, 2, 2), float("nan")), 1.0),
    "prediction": Prediction(A, 0.1 + 0.2, B),
    "clip vector": ClipVector(torch.randn(1, 12, generator=G)),
    "term vectors": TermVectors(("a 🦊", "é"), torch.randn(2, 12, generator=G)),
    "description": Description("a fox", ("red", "é"), (0.1 + 0.2, 0.5, 0.6)),
    "description of a search away": Description("", (), (-0.25,), away=True, finished=True),
    "no channels": Channels(torch.empty(1, 0, 1, 1)),
    "channels": Channels(torch.cat([A, B[:, :1]], dim=1)),
    "image": Image(PIXELS[..., :3]),
    "image with alpha": Image(PIXELS),
    "mask": Mask(PIXELS[..., 0]),
    "attention": Attention((Layer("up.1", torch.rand(2, 3, 4, 77)), Layer("mid", torch.rand(4, 1, 2, 77)))),
    "preview": Preview(torch.randn(4, 3), torch.randn(3)),
    "heat": Heat(np.random.default_rng(1).normal(size=(3, 5))),
    "table": Table(
        "q", (("a", (0.1 + 0.2, "é", None)), ("b", (True, [1]))), np.array([[1, np.nan], [np.inf, 3], [0.1, -0.0]])
    ),
    "table of one number": Table("", (), np.array(1e-300)),
    "table of nothing": Table("q", (("a", (1, 2)),), np.full(2, np.nan)),
    "lora": Lora(
        {
            "unet.conv_in": Factors(
                torch.randn(2, 4, 3, 3, generator=G), torch.randn(16, 2, 1, 1, generator=G), 0.1 + 0.2
            ),
            "text_encoder.text_model.encoder.layers.0.mlp.fc1": Factors(A[0, :, :, 0], B[0, 0, :, :4], 1e-9),
        }
    ),
    "tuning": Tuning(
        {"unet.conv_in.down": A, "unet.conv_in.up": B},
        4.0,
        {"unet.conv_in.up/step": torch.tensor(7.0), "unet.conv_in.up/mean": torch.arange(256, dtype=torch.uint8)},
        {"unet.conv_in.down": C},
        {"scale": 65536.0, "_growth_tracker": 3},
        (0.1 + 0.2, 1e-300),
    ),
    "tuning of all weights": Tuning({"unet.conv_in.weight": A}, None),
}


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, arrays and tensors bit by bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.nan_to_num(9e9), b.nan_to_num(9e9))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if is_dataclass(a):
        return all(same(getattr(a, field.name), getattr(b, field.name)) for field in fields(a))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def codec_of(value: Any) -> Any:
    """The codec under which a value is declared."""
    return VALUE_TYPES[type(value).__name__].spec.codec


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_comes_back_from_storage_as_it_was(value: Any) -> None:
    codec = codec_of(value)
    node = next(type for type in NODES.values() if type.outputs.get("") and type.outputs[""].kind == codec_name(value))
    _, data = encode(node, {"": value})
    back = decode(data, arrays=bool(codec.encode(value).arrays))[""]
    assert same(back, value)
    json.dumps(codec.encode(value).meta, allow_nan=False)


def codec_name(value: Any) -> str:
    """The name of a value's type."""
    return type(value).__name__


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_is_described_as_json(value: Any) -> None:
    described = codec_of(value).describe(value)
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert described


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_knows_its_bytes(value: Any) -> None:
    arrays = codec_of(value).encode(value).arrays.values()
    held = sum(array.nbytes for array in arrays)
    assert codec_of(value).nbytes(value) == held if held else codec_of(value).nbytes(value) > 0


def test_what_comes_back_shares_no_memory_with_the_store() -> None:
    codec = codec_of(VALUES["latent"])
    encoded = codec.encode(VALUES["latent"])
    codec.decode(encoded).samples.zero_()
    assert torch.equal(A, torch.from_numpy(encoded.arrays["samples"])) and A.abs().sum() > 0


@given(sigmas=st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=30, unique=True))
@settings(max_examples=30, deadline=None)
def test_schedules_lose_no_digit(sigmas: list[float]) -> None:
    value = Schedule(tuple(sorted(sigmas, reverse=True)))
    meta = json.loads(json.dumps(codec_of(value).encode(value).meta))
    assert Schedule(tuple(meta["sigmas"]), meta["prediction_type"]) == value


def test_tokens_are_described_without_padding() -> None:
    value = Tokens("a b", (9, 1, 2, 8, 8, 8), ("<s>", "a", "b", "<e>", "<e>", "<e>"), (1.0,) * 6)
    assert codec_of(value).describe(value)["pieces"] == ["<s>", "a", "b", "<e>"]


def test_every_group_of_tokens_is_described() -> None:
    group = ("<s>", "a</w>", *["<|endoftext|>"] * 75)
    value = Tokens("a a", (0,) * 154, group * 2, (1.0, 1.2, *[1.0] * 75) * 2)
    described = codec_of(value).describe(value)
    assert described["pieces"] == ["<s>", "a</w>", "<|endoftext|>"] * 2
    assert described["weights"] == [1.0, 1.2, 1.0] * 2


# ── declarations ──────────────────────────────────────────────────────────────────────────────────────────────────────

HEAVY = ("torch", "numpy", "PIL", "transformers", "safetensors", "diffusers")


def test_declaring_all_nodes_imports_nothing_heavy() -> None:
    code = (
        "import sys, json; from engine import load_node_packages; registry = load_node_packages();"
        "[type.schema() for type in registry.values()];"
        f"print(json.dumps([len(registry), [name for name in {HEAVY} if name in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, imported = json.loads(done.stdout)
    assert imported == []
    assert count == len(REGISTRY)


def test_no_stage_stands_where_torch_would_wake_it() -> None:
    code = "import sys, nodes; print([name for name in sys.modules if name.startswith('diffusion')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("name", NODES)
def test_every_argument_is_explained(name: str) -> None:
    type = NODES[name]
    assert type.summary.endswith((".", ". "))
    silent = [argument.name for argument in (*type.params.values(), *type.ports.values()) if not argument.help]
    assert silent == []


@pytest.mark.parametrize("name", NODES)
def test_every_default_is_within_its_own_range(name: str) -> None:
    assert NODES[name].defaults.keys() == {param.name for param in NODES[name].params.values() if not param.required}


def test_the_nodes_that_the_workflows_need_are_there() -> None:
    wanted = {
        "load_checkpoint", "tokenize", "encode", "noise", "schedule", "first_step", "start", "denoise_step",
        "vae_encode", "vae_decode", "load_image", "save_image", "film_strip", "contact_sheet", "blend_mask",
    }  # fmt: skip
    assert wanted <= set(NODES)


def test_only_saving_acts_and_handles_are_never_stored() -> None:
    acting = {"save_embedding", "save_image", "save_lora", "save_model", "save_table"}
    handles = {"add_embedding", "add_lora", "load_captioner", "load_checkpoint", "load_clip", "tuned_model"}
    assert {name for name, type in NODES.items() if type.effect} == acting
    assert {name for name, type in NODES.items() if not type.stored} == acting | handles
    assert {name for name, type in NODES.items() if type.plain} == {"fill_text", "first_step", "guidance_at"}


def test_choices_are_those_that_exist() -> None:
    assert get_args(sampling.Sampler) == tuple(SAMPLERS)
    assert get_args(sampling.Spacing) == ("default", *SPACINGS)


def test_the_comparison_of_samplers_compares_all() -> None:
    workflow = json.loads((WORKFLOWS / "steps_and_samplers.json").read_text())
    assert workflow["nodes"]["sampler"]["params"]["values"] == list(SAMPLERS)
