"""The shipped workflows: without fault, explained, and running from words to pictures on the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image as Pillow
from transformers import CLIPTextModel, CLIPTokenizer

from diffuscope import Engine, Result, Workflow, load_workflow, parse_workflow, save_workflow
from diffusion.samplers import SAMPLERS

WORKFLOWS = Path(__file__).resolve().parents[1] / "workflows"
FILES = sorted(WORKFLOWS.glob("*.json"))
NAMES = [file.stem for file in FILES]
Run = Callable[..., Result]


def data_of(name: str) -> dict[str, Any]:
    """A shipped workflow as JSON."""
    return dict(json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8")))


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A picture of 20 × 16 and a mask of its right half, as inputs."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "picture.png")
    mask = np.zeros((16, 20), dtype=np.uint8)
    mask[:, 10:] = 255
    Pillow.fromarray(mask).save(tmp_path / "mask.png")
    return {"picture": str(tmp_path / "picture.png"), "mask_picture": str(tmp_path / "mask.png")}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """On the CPU, with a cache in memory."""
    return Engine(device="cpu", out=tmp_path / "out")


@pytest.fixture
def run(engine: Engine, tiny_model: Path, pictures: dict[str, str]) -> Run:
    """Run a shipped workflow on the tiny model, if it draws, with some params of its nodes changed."""

    def go(name: str, params: dict[str, Any] | None = None, **inputs: Any) -> Result:
        data = data_of(name)
        if "model" in data["nodes"]:
            data["nodes"]["model"]["params"]["path"] = str(tiny_model)
        for node, changed in (params or {}).items():
            data["nodes"][node]["params"] = changed
        given = {name: value for name, value in pictures.items() if name in data["inputs"]}
        result = engine.run(parse_workflow(data, name), **given | inputs)
        assert result.outcome.failures == []
        return result

    return go


# ── as files ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_these_ship() -> None:
    of_the_notes = {
        "film_strip", "steps_error", "tokens", "attention", "guidance", "negative", "prompt_algebra", "interpolation",
        "strength_sweep", "sketch", "inpaint", "inpaint_composite", "regional", "hundred_seeds",
    }  # fmt: skip
    assert {"text_to_image", "image_to_image", "steps_and_samplers"} | of_the_notes <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_has_no_faults(name: str) -> None:
    assert Engine().check(load_workflow(WORKFLOWS / f"{name}.json")) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_explains_itself(name: str) -> None:
    workflow = load_workflow(WORKFLOWS / f"{name}.json")
    assert workflow.title and workflow.description
    assert all(spec.description and spec.default is not None for spec in workflow.inputs.values())


@pytest.mark.parametrize("name", NAMES)
def test_reading_and_writing_loses_nothing(name: str, tmp_path: Path) -> None:
    workflow = load_workflow(WORKFLOWS / f"{name}.json")
    save_workflow(workflow, tmp_path / "again.json")
    again = load_workflow(tmp_path / "again.json")
    assert again.to_json() == workflow.to_json()
    assert {key: value for key, value in data_of(name).items() if value} == again.to_json()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_words_mean_the_same_everywhere(name: str) -> None:
    inputs, spine = data_of(name)["inputs"], data_of("text_to_image")["inputs"]
    own = {"prompt", "steps"} if name == "strength_sweep" else {"prompt"}  # 0.01 of strength is half of one in 50 steps
    shared = inputs.keys() & spine.keys() - own
    assert {key: inputs[key] for key in shared} == {key: spine[key] for key in shared}


# ── as pictures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def saved(result: Result) -> Pillow.Image:
    """The one picture that a run has written."""
    (file,) = result.outcome.files
    assert file.parent.name == "out"
    with Pillow.open(file) as picture:
        picture.load()
        return picture.copy()


def test_text_to_image(run: Run) -> None:
    result = run("text_to_image", steps=3)
    assert saved(result).size == (16, 16)
    assert sum(".denoise" in label for label in result.outcome.ran) == 3
    assert np.array_equal(np.asarray(saved(run("text_to_image", steps=3))), result["image"].pixels)


def test_text_to_image_in_another_size_and_without_guidance(run: Run) -> None:
    assert saved(run("text_to_image", steps=1, width=20, height=12, guidance_scale=1.0)).size == (20, 12)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_text_to_image_by_every_sampler(run: Run, sampler: str) -> None:
    assert saved(run("text_to_image", steps=2, sampler=sampler)).size == (16, 16)


def test_image_to_image(run: Run) -> None:
    result = run("image_to_image", steps=4, strength=0.5)
    assert saved(result).size == (20, 16)
    assert [label for label in result.outcome.ran if ".denoise" in label] == ["sample[2].denoise", "sample[3].denoise"]


def test_image_to_image_without_strength_gives_the_picture_back(run: Run) -> None:
    result = run("image_to_image", steps=4, strength=0.0)
    assert not any(".denoise" in label for label in result.outcome.ran)
    assert torch.equal(result["sample.latent"].samples, result["clean"].samples)


def test_inpaint_keeps_what_is_black(run: Run) -> None:
    result = run("inpaint", steps=4)
    assert result["image"].size == (20, 16)
    made, known = result["sample.latent"].samples, result["known"].samples
    noise, left = result["noise"].draw(0), result["sample.latent"].sigma
    assert torch.allclose(made[..., :5], (known + left * noise)[..., :5], atol=1e-6)
    assert not torch.allclose(made[..., 5:], known[..., 5:], atol=0.1)
    assert [label for label in result.outcome.ran if "sample[0]" in label] == ["sample[0].denoise", "sample[0].blend"]


def test_a_unet_alone_inpaints_if_it_was_trained_to(
    engine: Engine, tiny_model: Path, tiny_inpainting_model: Path, pictures: dict[str, str], tmp_path: Path
) -> None:
    other = np.zeros((16, 20), dtype=np.uint8)
    other[:8] = 255
    Pillow.fromarray(other).save(tmp_path / "other.png")

    def drawn(model: Path, mask: str) -> np.ndarray:
        data = data_of("inpaint_ways")
        data["nodes"]["model"]["params"]["path"] = str(model)
        result = engine.run(parse_workflow(data, "ways"), steps=3, picture=pictures["picture"], mask_picture=mask)
        assert result.outcome.failures == []
        assert result["channels"].tensor.shape[1] == (5 if model == tiny_inpainting_model else 0)
        return np.array(result["alone_image"].pixels)

    masks = pictures["mask_picture"], str(tmp_path / "other.png")
    assert np.array_equal(*(drawn(tiny_model, mask) for mask in masks))  # it is not told of the mask
    assert not np.array_equal(*(drawn(tiny_inpainting_model, mask) for mask in masks))


@pytest.mark.parametrize("name", ["inpaint", "inpaint_composite", "outpaint"])
def test_inpainting_takes_an_inpainting_checkpoint(
    engine: Engine, tiny_inpainting_model: Path, pictures: dict[str, str], name: str
) -> None:
    data = data_of(name)
    data["nodes"]["model"]["params"]["path"] = str(tiny_inpainting_model)
    given = {key: value for key, value in pictures.items() if key in data["inputs"]}
    result = engine.run(parse_workflow(data, name), steps=2, **given)
    assert result.outcome.failures == []


def test_any_other_workflow_says_what_an_inpainting_checkpoint_wants(
    engine: Engine, tiny_inpainting_model: Path
) -> None:
    data = data_of("text_to_image")
    data["nodes"]["model"]["params"]["path"] = str(tiny_inpainting_model)
    result = engine.run(parse_workflow(data, "plain"), steps=1)
    assert "channels: expected 5 beside the latent's 4, found none" in str(result.outcome.failures[0])


def test_a_strength_sweep_draws_each_picture_once_for_each_seed(run: Run) -> None:
    strengths = {"strength": {"name": "strength", "values": [0.25, 0.5, 1.0]},
                 "own_seed": {"name": "strength", "seeds": 3}}  # fmt: skip
    result = run("strength_sweep", strengths, steps=4)
    for loop in ("sample", "own"):
        assert sum(label.startswith(f"{loop}[") for label in result.outcome.ran) == 1 + 2 + 4
    assert [label for label in result.outcome.ran if label.startswith("clean")] == ["clean"]
    assert result["image"].axes == result["own_image"].axes == [("strength", [0.25, 0.5, 1.0])]
    assert saved(result).width > 2 * 112


FEWER: dict[str, dict[str, dict[str, Any]]] = {
    "attention_jumps": {"t": {"name": "t", "values": [0.0, 0.5, 1.0]}},
    "dreambooth_lora": {"kept": {"name": "kept", "values": ["a cat"]}, "other": {"name": "thing", "values": ["dog"]}},
    "describe_and_redraw": {"seed": {"name": "seed", "seeds": 1}},
    "guidance": {"scale": {"name": "guidance", "values": [0, 2]}},
    "hundred_seeds": {"seed": {"name": "seed", "seeds": 3}},
    "interpolation": {"t": {"name": "t", "values": [0.0, 0.5, 1.0]}},
    "negative": {"seed": {"name": "seed", "seeds": 1}},
    "steps_and_samplers": {"steps": {"name": "steps", "values": [2]}},
    "steps_error": {"steps": {"name": "steps", "values": [2, 3]}},
    "textual_inversion": {"other": {"name": "thing", "values": ["dog", "owl"]}},
    "strength_sweep": {"strength": {"name": "strength", "values": [0.5, 1.0]},
                       "own_seed": {"name": "strength", "seeds": 2}},
}  # fmt: skip
"""Shorter axes, where a workflow as it ships would take long."""


@pytest.mark.parametrize("name", NAMES)
def test_every_workflow_runs_on_another_checkpoint(run: Run, name: str) -> None:
    shipped = data_of(name)["inputs"]
    inputs: dict[str, Any] = {"steps": 2} if "steps" in shipped else {}
    if name == "interpolation":  # the tiny model's words have a piece a letter
        inputs |= {"word": "cat", "toward": "fox"}
    if name == "attention_jumps":
        inputs |= {"word": "cat", "toward": "fox", "middle": 1}
    if name == "steps_error":
        inputs |= {"reference_steps": 5}
    if name in ("textual_inversion", "dreambooth_lora"):
        inputs |= {"rounds": 2, "round_steps": 2, "batch": 2}
    result = run(name, FEWER.get(name), **inputs)
    assert result.outcome.files


def test_steps_and_samplers(run: Run) -> None:
    axes = {"steps": {"name": "steps", "values": [1, 2]}, "sampler": {"name": "sampler", "values": ["ddim", "heun"]}}
    result = run("steps_and_samplers", axes)
    assert sum(".denoise" in label for label in result.outcome.ran) == 2 * (1 + 2)
    assert result["image"].axes == [("steps", [1, 2]), ("sampler", ["ddim", "heun"])]
    assert saved(result).height > 2 * 112


def test_guidance_may_differ_at_every_step(engine: Engine, tiny_model: Path) -> None:
    data = data_of("text_to_image")
    data["nodes"]["model"]["params"]["path"] = str(tiny_model)
    body = data["nodes"]["sample"]["body"]
    body["scale"] = {"type": "guidance_at", "in": {"index": "i", "steps": "steps", "first": "guidance_scale"},
                     "params": {"last": 1.0, "end": 0.5}}  # fmt: skip
    body["denoise"]["in"]["guidance_scale"] = "scale"
    result = engine.run(parse_workflow(data, "fading"), steps=5, guidance_scale=8.0)
    assert result.outcome.failures == []
    steps = [call for call in result.graph.calls.values() if call.type.name == "denoise_step"]
    assert [call.params["guidance_scale"] for call in steps] == [8.0, 4.5, 1.0, 1.0, 1.0]
    assert not any(".scale" in label for label in result.outcome.ran)  # it is evaluated before the run


# ── what a change costs ───────────────────────────────────────────────────────────────────────────────────────────────


def two_repeats(tiny_model: Path) -> Workflow:
    """Text to image in 20 steps, of which the last five have a guidance of their own."""
    data = data_of("text_to_image")
    data["nodes"]["model"]["params"]["path"] = str(tiny_model)
    data["inputs"]["late_guidance"] = data["inputs"]["guidance_scale"]
    late = json.loads(json.dumps(data["nodes"]["sample"]))
    data["nodes"]["sample"]["for"] = {"i": [0, 15]}
    late["for"], late["carry"] = {"i": [15, "steps"]}, {"latent": "sample.latent"}
    late["body"]["denoise"]["in"]["guidance_scale"] = "late_guidance"
    data["nodes"]["late"] = late
    data["nodes"]["image"]["in"]["latent"] = "late.latent"
    return parse_workflow(data, "two repeats")


def test_another_guidance_of_the_last_5_of_20_steps_takes_15_from_the_cache(engine: Engine, tiny_model: Path) -> None:
    workflow = two_repeats(tiny_model)
    first = engine.run(workflow)
    assert sum(".denoise" in label for label in first.outcome.ran) == 20
    again = engine.run(workflow, late_guidance=2.0)
    late = [f"late[{i}].denoise" for i in range(15, 20)]
    assert again.outcome.ran == [*late, "image", "save"]
    assert set(again.outcome.cached) == {"model", "schedule", "positive", "negative", "noise", "sample[14].denoise"}
    assert not np.array_equal(again["image"].pixels, first["image"].pixels)
    back = engine.run(workflow)
    assert back.outcome.ran == ["save"]


def test_two_repeats_are_one_loop_cut_in_two(engine: Engine, run: Run, tiny_model: Path) -> None:
    engine.run(two_repeats(tiny_model))
    assert run("text_to_image").outcome.ran == ["save"]


# ── against diffusers ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers under numpy 2
@pytest.mark.parametrize(("sampler", "scheduler"), [("ddim", DDIMScheduler), ("plms", PNDMScheduler)])
def test_the_picture_is_that_of_diffusers_pipeline(run: Run, tiny_model: Path, sampler: str, scheduler: Any) -> None:
    options = {"clip_sample": False} if scheduler is DDIMScheduler else {}
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(
            tiny_model / "vae", down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2
        ),
        text_encoder=CLIPTextModel.from_pretrained(tiny_model / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(tiny_model / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(tiny_model / "unet"),
        scheduler=scheduler.from_pretrained(tiny_model / "scheduler", **options),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        "a cat face", negative_prompt="", num_inference_steps=20, guidance_scale=4.0, height=16, width=16,
        generator=torch.Generator("cpu").manual_seed(42),
    ).images[0]  # fmt: skip
    made = run("text_to_image", sampler=sampler, prompt="a cat face", seed=42, guidance_scale=4.0)["image"].pixels
    difference = np.abs(np.asarray(expected, dtype=np.int16) - made.astype(np.int16)).max()
    assert difference <= 2
