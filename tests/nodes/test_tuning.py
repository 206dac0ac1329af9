"""Teaching as nodes: rounds that are kept, a run that was killed, and the model or LoRA that comes out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diffuscope import Engine, parse_workflow
from diffusion import finetune
from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.finetune import Tuning
from diffusion.image import Image
from diffusion.lora import Factors, Lora
from engine import Cache, load_node_packages
from engine.context import Context, entered
from nodes import tuning

load_node_packages()
ROOT = Path(__file__).resolve().parents[2]
PARTS = {"unet": "model.unet", "text_encoder": "model.text_encoder"}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of two pictures that differ, with their texts."""
    place = tmp_path / "pictures"
    place.mkdir()
    for name, level in (("dark", 30), ("light", 220)):
        Image(np.full((16, 16, 3), level, dtype=np.uint8)).to_pillow().save(place / f"{name}.png")
        (place / f"{name}.txt").write_text(name)
    return place


def workflow(model: Path, pictures: Path, rounds: int, **params: Any) -> dict[str, Any]:
    """Teach a model in rounds of three steps, and draw with it."""
    step = {**PARTS, "tuning": "tuning", "tokenizer": "model.tokenizer", "examples": "examples", "prior": "examples"}
    chosen = {"steps": 3, "learning_rate": 1e-3, **params}
    return {
        "diffuscope": 1,
        "title": "taught",
        "nodes": {
            "model": {"type": "load_checkpoint", "params": {"path": str(model)}},
            "taught": {"type": "picture_folder", "params": {"path": str(pictures)}},
            "examples": {"type": "encode_pictures", "in": {"vae": "model.vae", "pictures": "taught"}},
            "begin": {"type": "begin_training", "in": PARTS},
            "teach": {
                "type": "repeat",
                "for": {"round": [0, rounds]},
                "carry": {"tuning": "begin"},
                "body": {"step": {"type": "train_step", "in": step, "params": chosen}},
                "next": {"tuning": "step"},
            },
            "lora": {"type": "to_lora", "in": {"tuning": "teach.tuning"}},
            "with_it": {"type": "add_lora", "in": {**PARTS, "lora": "lora"}},
            "noise": {"type": "noise", "in": {"unet": "model.unet", "vae": "model.vae"}},
            "schedule": {"type": "schedule", "in": {"unet": "model.unet"}, "params": {"steps": 2}},
            "start": {"type": "start", "in": {"noise": "noise", "schedule": "schedule"}},
            "words": {"type": "tokenize", "in": {"tokenizer": "model.tokenizer"}, "params": {"text": "dark"}},
            "positive": {"type": "encode", "in": {"text_encoder": "with_it.text_encoder", "tokens": "words"}},
            "latent": {
                "type": "denoise_step",
                "in": {"unet": "with_it.unet", "latent": "start", "schedule": "schedule", "positive": "positive"},
                "params": {"index": 0, "guidance_scale": 1.0},
            },
        },
    }


def cached(events: list[Any], node: str) -> list[bool]:
    """Whether each call of a node was cached."""
    return [event.cached for event in events if event.event == "finished" and event.node == node]


def same(a: Tuning, b: Tuning) -> bool:
    """Whether two trainings are at the same place, bit for bit."""

    def equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
        return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)

    return a.losses == b.losses and equal(a.parameters, b.parameters) and equal(a.moments, b.moments)


# ── rounds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_more_rounds_go_on_from_those_that_are_kept(tiny_model: Path, pictures: Path) -> None:
    engine, events = Engine(device="cpu"), list[Any]()
    engine.run(parse_workflow(workflow(tiny_model, pictures, 2)))
    result = engine.run(parse_workflow(workflow(tiny_model, pictures, 3)), on_event=events.append)
    assert cached(events, "train_step").count(False) == 1
    assert result["teach.tuning"].step == 9 and not result.outcome.failures
    fresh = Engine(device="cpu").run(parse_workflow(workflow(tiny_model, pictures, 3)))
    assert same(result["teach.tuning"], fresh["teach.tuning"])
    assert torch.equal(result["latent"].samples, fresh["latent"].samples)


def test_a_round_tells_how_far_it_is(tiny_model: Path, pictures: Path) -> None:
    events: list[Any] = []
    Engine(device="cpu").run(parse_workflow(workflow(tiny_model, pictures, 1)), on_event=events.append)
    told = [event.fraction for event in events if event.event == "progress" and event.node == "train_step"]
    assert told == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_what_was_learnt_before_a_fault_is_kept(
    tiny_model: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true, calls = finetune.diffusion_loss, iter(range(100))

    def broken(*given: Any) -> torch.Tensor:
        return true(*given) * (float("nan") if next(calls) == 8 else 1)  # of the examples, in step 4

    monkeypatch.setattr(finetune, "diffusion_loss", broken)
    engine = Engine(cache=Cache(tmp_path / "cache"), device="cpu")
    [failure] = engine.run(parse_workflow(workflow(tiny_model, pictures, 4))).outcome.failures
    assert "teach[1].step" in str(failure) and "step 4: expected a finite loss, found nan" in str(failure)
    events: list[Any] = []
    kept = engine.run(parse_workflow(workflow(tiny_model, pictures, 1)), on_event=events.append)
    assert cached(events, "train_step").count(False) == 0
    assert all(tensor.isfinite().all() for tensor in kept["teach.tuning"].parameters.values())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_training_that_was_killed_goes_on_to_the_same_weights(
    tiny_model: Path, pictures: Path, tmp_path: Path
) -> None:
    def finished() -> int:
        told = tmp_path / "events"
        lines = told.read_text().splitlines(keepends=True) if told.is_file() else []
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return sum(event["event"] == "finished" and event["node"] == "train_step" for event in events)

    (tmp_path / "many.json").write_text(json.dumps(workflow(tiny_model, pictures, 400)))
    command = [sys.executable, "-m", "diffuscope", "run", str(tmp_path / "many.json"), "--device", "cpu",
               "--cache", str(tmp_path / "cache"), "--events", str(tmp_path / "events")]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}) as process:  # fmt: skip
        deadline = time.monotonic() + 120
        while finished() < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 3 <= finished() < 400

    rounds, events = finished() + 2, list[Any]()
    engine = Engine(cache=Cache(tmp_path / "cache"), device="cpu")
    resumed = engine.run(parse_workflow(workflow(tiny_model, pictures, rounds)), on_event=events.append)
    engine.close()
    assert cached(events, "train_step").count(False) in (1, 2)  # the next may have been kept as the signal came
    whole = Engine(device="cpu").run(parse_workflow(workflow(tiny_model, pictures, rounds)))
    assert same(resumed["teach.tuning"], whole["teach.tuning"])
    assert torch.equal(resumed["latent"].samples, whole["latent"].samples)


def test_losses_are_plotted_raw_and_smoothed() -> None:
    table = tuning.tuning_losses(Tuning({}, None, losses=(4.0, 2.0, 0.0, 6.0)), over=2)
    assert table.numbers.tolist() == [[4, 2, 0, 6], [4, 3, 1, 3]]
    with pytest.raises(ValueError, match="losses: expected at least one step, found none"):
        tuning.tuning_losses(Tuning({}, None))


# ── a model with what it was taught ───────────────────────────────────────────────────────────────────────────────────


def taught(model: Checkpoint, method: str = "lora") -> Tuning:
    """A training at a stage where much has changed."""
    begun = tuning.begin_training(model.unet, model.text_encoder, method, layers="all", train_text_encoder=True)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    moved = {name: t + 0.1 * torch.randn(t.shape, generator=generator) for name, t in begun.parameters.items()}
    return Tuning(moved, begun.alpha)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_taught_model_is_another_to_what_reads_it(model: Checkpoint, method: str) -> None:
    after = tuning.tuned_model(taught(model, method), model.unet, model.text_encoder)
    assert after.unet.identity() != model.unet.identity()
    assert after.text_encoder.identity() != model.text_encoder.identity()
    assert tuning.tuned_model(taught(model, method), model.unet, model.text_encoder, 0.0) == model[0:3:2]


def test_a_lora_is_added_at_a_strength_and_on_top_of_others(model: Checkpoint) -> None:
    lora = tuning.to_lora(taught(model))
    once = tuning.add_lora(model.unet, model.text_encoder, lora, 0.5)
    twice = tuning.add_lora(*once, lora, 0.5)
    whole = tuning.add_lora(model.unet, model.text_encoder, lora)
    x, t, states = torch.randn(1, 4, 8, 8), torch.tensor([500.0]), torch.randn(1, 77, 16)
    with torch.no_grad():
        a, b, c = (part.unet.load()(x, t, states) for part in (once, twice, whole))
    assert torch.allclose(b, c, atol=1e-4) and not torch.allclose(a, c, atol=1e-4)


def test_a_lora_for_another_model_fails_where_it_is_added(
    tiny_model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    wide = Lora({name: Factors(torch.zeros(4, 768), torch.zeros(1280, 4), 4.0)})
    monkeypatch.setattr(finetune, "learnt_lora", lambda _: wide)
    outcome = Engine(device="cpu").run(parse_workflow(workflow(tiny_model, pictures, 0))).outcome
    [failure] = outcome.failures
    expected = f"with_it: lora: {name}: expected factors for a weight (32, 16), found (4, 768) and (1280, 4)"
    assert str(failure).startswith(expected) and "latent" in outcome.skipped


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", ["diffusers", "kohya"])
def test_a_lora_is_saved_and_read_again(model: Checkpoint, tmp_path: Path, layout: str) -> None:
    lora, files = tuning.to_lora(taught(model)), list[Path]()
    with entered(Context(out=tmp_path / "out", title="my style", on_file=files.append)):
        path = tuning.save_lora(lora, layout)  # type: ignore[arg-type]
    assert files == [Path(path)] and Path(path).name == "my style-0001.safetensors"
    assert tuning.load_lora(path).factors.keys() == lora.factors.keys()


def test_a_changed_lora_file_is_seen(tiny_model: Path, model: Checkpoint, tmp_path: Path) -> None:
    flow = {
        "diffuscope": 1,
        "nodes": {"lora": {"type": "load_lora", "params": {"path": str(tmp_path / "x.safetensors")}}},
    }
    engine = Engine(device="cpu")
    found = []
    for scale in (1.0, 2.0):
        changed = {name: one._replace(alpha=scale) for name, one in tuning.to_lora(taught(model)).factors.items()}
        tuning.lora_files.write_lora(tmp_path / "x.safetensors", Lora(changed), "kohya")
        found.append({one.alpha for one in engine.run(parse_workflow(flow))["lora"].factors.values()})
    assert found == [{1.0}, {2.0}]


def test_a_model_is_saved_as_a_folder_and_opened_again(model: Checkpoint, tmp_path: Path) -> None:
    after, files = tuning.tuned_model(taught(model), model.unet, model.text_encoder), list[Path]()
    with entered(Context(out=tmp_path / "out", on_file=files.append)):
        paths = [
            tuning.save_model(after.unet, model.vae, after.text_encoder, model.tokenizer, precision, "fox")  # type: ignore[arg-type]
            for precision in ("float32", "float16")
        ]
    assert [Path(path).name for path in paths] == ["fox-0001", "fox-0002"] and files == [Path(path) for path in paths]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["fox-0001", "fox-0002"]
    again = open_checkpoint(Path(paths[0]))
    weights = after.unet.load().conv_out.merged().weight
    assert torch.equal(again.unet.load().conv_out.weight, weights)


def test_nothing_is_left_of_a_model_that_could_not_be_saved(
    model: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: Any) -> None:
        (path / "half").write_text("written")
        raise ValueError("no more")

    monkeypatch.setattr(tuning.export, "write_model", full)
    with entered(Context(out=tmp_path / "out")), pytest.raises(ValueError, match="no more"):
        tuning.save_model(model.unet, model.vae, model.text_encoder, model.tokenizer)
    assert list((tmp_path / "out").iterdir()) == []
