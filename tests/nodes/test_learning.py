"""Learning as nodes: pictures in, rounds that are kept, a word that prompts may use, and files of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diffuscope import Engine, parse_workflow
from diffusion import inversion as stage
from diffusion.checkpoint import Checkpoint
from diffusion.dataset import Pictures
from diffusion.image import Image
from diffusion.inversion import Inversion
from diffusion.learned import LearnedWord
from engine import Cache, Collected, load_node_packages
from nodes import learning, words
from nodes.paths import find_folder

load_node_packages()


def grey(level: int) -> Image:
    return Image(np.full((16, 16, 3), level, dtype=np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures that differ, with their texts."""
    place = tmp_path / "pictures"
    place.mkdir()
    for name, level in (("dark", 30), ("light", 220)):
        grey(level).to_pillow().save(place / f"{name}.png")
        (place / f"{name}.txt").write_text(f"* {name}")
    return place


def workflow(model: Path, pictures: Path, rounds: int, **params: Any) -> dict[str, Any]:
    """Learn a word in rounds of four steps."""
    learn = {
        "inversion": "inversion", "unet": "model.unet", "text_encoder": "model.text_encoder",
        "tokenizer": "model.tokenizer", "examples": "examples",
    }  # fmt: skip
    return {
        "diffuscope": 1,
        "nodes": {
            "model": {"type": "load_checkpoint", "params": {"path": str(model)}},
            "taught": {"type": "picture_folder", "params": {"path": str(pictures)}},
            "more": {"type": "augment", "in": {"pictures": "taught"}, "params": {"copies": 3}},
            "examples": {"type": "encode_pictures", "in": {"vae": "model.vae", "pictures": "more"}},
            "begin": {
                "type": "begin_inversion",
                "in": {"tokenizer": "model.tokenizer", "text_encoder": "model.text_encoder"},
            },
            "learn": {
                "type": "repeat",
                "for": {"round": [0, rounds]},
                "carry": {"inversion": "begin"},
                "body": {"step": {"type": "invert_step", "in": learn, "params": {"steps": 4, **params}}},
                "next": {"inversion": "step"},
            },
            "word": {"type": "learned_word", "in": {"inversion": "learn.inversion"}},
        },
    }


def ran(events: list[Any], node: str) -> list[bool]:
    """Whether each call of a node was cached."""
    return [event.cached for event in events if event.event == "finished" and event.node == node]


# ── rounds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_more_rounds_go_on_from_those_that_are_kept(tiny_model: Path, folder: Path) -> None:
    engine, events = Engine(device="cpu"), list[Any]()
    engine.run(parse_workflow(workflow(tiny_model, folder, 2)))
    result = engine.run(parse_workflow(workflow(tiny_model, folder, 3)), on_event=events.append)
    assert ran(events, "invert_step").count(False) == 1
    fresh = Engine(device="cpu").run(parse_workflow(workflow(tiny_model, folder, 3)))
    assert torch.equal(result["word"].vectors, fresh["word"].vectors)


def test_a_round_tells_how_far_it_is(tiny_model: Path, folder: Path) -> None:
    events: list[Any] = []
    Engine(device="cpu").run(parse_workflow(workflow(tiny_model, folder, 1)), on_event=events.append)
    told = [event.fraction for event in events if event.event == "progress" and event.node == "invert_step"]
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_what_was_learnt_before_a_fault_is_kept(
    tiny_model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that diverges says at which step; the rounds before are there for a run with fewer."""
    true = stage.diffusion_loss
    calls = iter(range(100))
    monkeypatch.setattr(
        stage, "diffusion_loss", lambda *given: true(*given) * (float("nan") if next(calls) == 9 else 1)
    )
    engine = Engine(cache=Cache(tmp_path / "cache"), device="cpu")
    result = engine.run(parse_workflow(workflow(tiny_model, folder, 4)))
    [failure] = result.outcome.failures
    assert "learn[2].step" in str(failure) and "step 9: expected a finite loss, found nan" in str(failure)
    events: list[Any] = []
    kept = engine.run(parse_workflow(workflow(tiny_model, folder, 2)), on_event=events.append)
    assert ran(events, "invert_step").count(False) == 0
    assert kept["word"].vectors.isfinite().all()


KILLED = """
import json, sys
from pathlib import Path
from diffuscope import Engine, parse_workflow
from engine import Cache
def tell(event):
    if event.event == "finished": print(event.node, flush=True)
flow = parse_workflow(json.loads(Path(sys.argv[1]).read_text()))
Engine(cache=Cache(Path(sys.argv[2])), device="cpu").run(flow, on_event=tell)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_training_that_was_killed_goes_on_to_the_same_word(tiny_model: Path, folder: Path, tmp_path: Path) -> None:
    many = workflow(tiny_model, folder, 400)
    (tmp_path / "many.json").write_text(json.dumps(many))
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "many.json"), str(tmp_path / "cache")],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        finished, deadline = 0, time.monotonic() + 120
        while finished < 3 and time.monotonic() < deadline:
            finished += process.stdout.readline().strip() == "invert_step"
        process.send_signal(signal.SIGKILL)
        finished += sum(line.strip() == "invert_step" for line in process.stdout)
    assert process.returncode == -signal.SIGKILL
    assert 3 <= finished < 400

    rounds, events = finished + 2, list[Any]()
    engine = Engine(cache=Cache(tmp_path / "cache"), device="cpu")
    resumed = engine.run(parse_workflow(workflow(tiny_model, folder, rounds)), on_event=events.append)
    assert ran(events, "invert_step").count(False) in (1, 2)  # the next may have been kept as the signal came
    whole = Engine(device="cpu").run(parse_workflow(workflow(tiny_model, folder, rounds)))
    assert torch.equal(resumed["word"].vectors, whole["word"].vectors)


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_is_found_beside_the_workflow(folder: Path, tmp_path: Path) -> None:
    assert find_folder("pictures", tmp_path) == folder.resolve()
    with pytest.raises(FileNotFoundError, match='expected a folder, found none at "nowhere"'):
        find_folder("nowhere", tmp_path)


def test_a_changed_text_beside_a_picture_is_seen(tiny_model: Path, folder: Path) -> None:
    engine = Engine(device="cpu")
    before = engine.run(parse_workflow(workflow(tiny_model, folder, 0)), only="taught")["taught"]
    (folder / "dark.txt").write_text("* black")
    after = engine.run(parse_workflow(workflow(tiny_model, folder, 0)), only="taught")["taught"]
    assert before.captions == ("* dark", "* light")
    assert after.captions == ("* black", "* light")


def test_skipped_pictures_are_told(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    flow = {"diffuscope": 1, "nodes": {"taught": {"type": "picture_folder", "params": {"path": str(folder)}}}}
    [failure] = Engine(device="cpu").run(parse_workflow(flow)).outcome.failures
    assert "pictures/broken.png: expected a picture" in str(failure) and 'take broken "skip"' in str(failure)
    flow["nodes"]["taught"]["params"]["broken"] = "skip"
    told: list[Any] = []
    result = Engine(device="cpu").run(parse_workflow(flow), on_event=told.append)
    assert len(result["taught"]) == 2
    assert any("left out: pictures/broken.png" in str(event) for event in told)


def test_pictures_of_a_sweep_have_one_caption_or_their_own() -> None:
    axes = [("thing", ["cat", "dog"]), ("seed", [1, 2])]
    images: Collected[Image] = Collected(axes, [((i, j), grey(100 * i + j)) for i in range(2) for j in range(2)])
    shared: Collected[str] = Collected([], [((), "a thing")])
    own: Collected[str] = Collected(axes[:1], [((0,), "a cat"), ((1,), "a dog")])
    assert learning.gather_pictures(images, shared).captions == ("a thing",) * 4
    alone: Collected[str] = Collected([("said", ["a thing"])], [((0,), "a thing")])
    assert learning.gather_pictures(images, alone).captions == ("a thing",) * 4
    assert learning.gather_pictures(images, own).captions == ("a cat", "a cat", "a dog", "a dog")
    other: Collected[str] = Collected([("colour", [1, 2])], [((0,), "red"), ((1,), "blue")])
    with pytest.raises(
        ValueError, match=r"captions: expected one, or one a picture, over thing, seed; found .* colour"
    ):
        learning.gather_pictures(images, other)


def test_a_sheet_shows_some_of_many() -> None:
    pictures = Pictures(tuple(grey(i) for i in range(9)), ("",) * 9, tuple("abcdefghi"))
    few, all_of_them = (learning.pictures_sheet(pictures, top=top, columns=9, scale=1) for top in (3, 0))
    assert few.size[0] < all_of_them.size[0]


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_prompts_may_use_a_word_that_was_added(model: Checkpoint) -> None:
    word = LearnedWord("*", torch.randn(2, 16, generator=torch.Generator().manual_seed(0)))
    known = learning.add_embedding(model.tokenizer, model.text_encoder, word)
    tokens = words.tokenize(known.tokenizer, "a *")
    assert len([id for id in tokens.ids if id >= model.text_encoder.rows]) == 2
    states = words.encode(known.text_encoder, tokens).states
    other = words.encode(model.text_encoder, words.tokenize(model.tokenizer, "a *")).states
    assert not torch.equal(states, other)


def test_a_word_is_saved_for_both_tools(tmp_path: Path) -> None:
    engine = Engine(device="cpu", out=tmp_path)
    source = tmp_path / "toy.safetensors"
    learning.learned.write_word(source, LearnedWord("toy", torch.ones(2, 4)))
    flow = {
        "diffuscope": 1,
        "nodes": {
            "word": {"type": "load_embedding", "params": {"path": str(source)}},
            "one": {"type": "save_embedding", "in": {"word": "word"}, "params": {"name": "one"}},
            "two": {"type": "save_embedding", "in": {"word": "word"}, "params": {"name": "two", "layout": "a1111"}},
        },
    }
    files = engine.run(parse_workflow(flow)).outcome.files
    assert sorted(Path(file).name for file in files) == ["one-0001.safetensors", "two-0001.safetensors"]
    found = {Path(file).name[:3]: learning.load_embedding(str(file)) for file in files}
    assert (found["one"].placeholder, found["two"].placeholder) == ("toy", "two-0001")
    assert all(torch.equal(word.vectors, torch.ones(2, 4)) for word in found.values())


def test_neighbours_are_drawn_for_each_vector_of_some_rounds(model: Checkpoint) -> None:
    start = learning.begin_inversion(model.tokenizer, model.text_encoder, initial="ab", vectors=2)
    rounds = [Inversion(start.word, start.mean, start.square, (0.1,) * i) for i in range(30)]
    few, more = (
        learning.nearest_words(rounds, model.text_encoder, model.tokenizer, count=3, rows=rows) for rows in (2, 4)
    )
    assert few.size[0] == more.size[0] and few.size[1] < more.size[1] < 2 * few.size[1]


def test_losses_are_smoothed_over_the_last_steps() -> None:
    word = LearnedWord("*", torch.zeros(1, 4))
    table = learning.inversion_losses(Inversion(word, word.vectors, word.vectors, (4.0, 2.0, 0.0, 6.0)), over=2)
    assert table.numbers.tolist() == [[4, 2, 0, 6], [4, 3, 1, 3]]
    with pytest.raises(ValueError, match="losses: expected at least one step, found none"):
        learning.inversion_losses(Inversion(word, word.vectors, word.vectors))
