"""The shipped model: the same pictures as diffusers' pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, PNDMScheduler, StableDiffusionPipeline
from shipped import SIDE

from diffuscope import Engine, load_workflow
from diffuscope.verify import verify_picture
from diffusion.checkpoint import open_checkpoint
from nodes.paths import find_model

ROOT = Path(__file__).resolve().parents[1]
EMOJI = ROOT / "models" / "emoji"

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers under numpy 2


def test_it_is_the_default_and_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIFFUSCOPE_MODELS", raising=False)
    assert find_model("default", Path()) == EMOJI
    model = open_checkpoint(EMOJI)
    assert model.unet.config.sample_size == 16 and model.vae.config.factor == 8


def test_its_weights_are_safetensors_and_small_enough_to_ship() -> None:
    files = [file for file in EMOJI.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".json", ".txt", ".md", ".safetensors", ".webp"}
    assert sum(file.stat().st_size for file in files) <= 57e6
    assert (EMOJI / "README.md").is_file() and (EMOJI / "LICENSES.md").is_file()


def test_its_index_is_that_of_a_pipeline() -> None:
    index = json.loads((EMOJI / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
        assert (EMOJI / part).is_dir() and part in index


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    """The model in diffusers, float32 on the CPU."""
    made = StableDiffusionPipeline.from_pretrained(EMOJI, safety_checker=None, local_files_only=True)
    made.to(torch.float32)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "scheduler"), [("ddim", DDIMScheduler), ("plms", PNDMScheduler)])
@pytest.mark.parametrize(("prompt", "seed"), [("a cat face", 42), ("a fox, flat style, on a light blue background", 7)])
def test_the_picture_is_that_of_diffusers(
    pipeline: StableDiffusionPipeline, tmp_path: Path, sampler: str, scheduler: Any, prompt: str, seed: int
) -> None:
    options = {"clip_sample": False} if scheduler is DDIMScheduler else {"skip_prk_steps": True}
    pipeline.scheduler = scheduler.from_pretrained(EMOJI / "scheduler", **options)
    expected = pipeline(
        prompt, negative_prompt="", num_inference_steps=20, guidance_scale=4.0,
        generator=torch.Generator("cpu").manual_seed(seed),
    ).images[0]  # fmt: skip
    engine = Engine(device="cpu", out=tmp_path)
    result = engine.run(
        load_workflow(ROOT / "workflows" / "text_to_image.json"), prompt=prompt, negative_prompt="", seed=seed,
        steps=20, sampler=sampler, guidance_scale=4.0,
    )  # fmt: skip
    made = result["image"].pixels
    assert made.shape == (SIDE, SIDE, 3) and np.ptp(made) > 50
    assert np.abs(np.asarray(expected, dtype=np.int16) - made.astype(np.int16)).max() <= 2


@pytest.mark.slow
def test_a_picture_of_it_can_be_verified(tmp_path: Path) -> None:
    engine = Engine(device="cpu", out=tmp_path, exact=True)
    (picture,) = engine.run(load_workflow(ROOT / "workflows" / "text_to_image.json"), steps=4).outcome.files
    assert verify_picture(picture, Engine(device="cpu", exact=True)) == 0
