"""The Python face: what `from diffuscope import …` promises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import diffuscope
from diffuscope import CallError, Collected, Engine, StorageError, Workflow, WorkflowError, load_workflow, node
from engine.events import Event
from engine.workflow import with_param

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


@pytest.fixture
def workflow(here: Path) -> Workflow:
    """Text to image on the tiny model."""
    return with_param(load_workflow(WORKFLOWS / "text_to_image.json"), "model.path", "tiny")


@pytest.fixture
def engine(here: Path) -> Engine:
    """On the CPU, with a cache in memory."""
    return Engine(device="cpu")


def test_every_public_name_is_there() -> None:
    assert [name for name in diffuscope.__all__ if not hasattr(diffuscope, name)] == []
    assert {"Engine", "load_workflow", "node"} <= set(diffuscope.__all__)


def test_a_picture_from_words(engine: Engine, workflow: Workflow, here: Path) -> None:
    result = engine.run(workflow, prompt="a fox", steps=2)
    assert result["image"].size == (16, 16)
    assert result["image"].to_pillow().mode == "RGB"
    assert result["sample.latent"].samples.shape == (1, 4, 8, 8)
    assert result["sample"].sigma == result["sample.latent"].sigma
    assert result["words"].pieces[1:5] == ("a</w>", "f", "o", "x</w>")
    assert result["save"] == "outputs/text_to_image-0001.png" and (here / result["save"]).exists()
    assert [str(file) for file in result.outcome.files] == [result["save"]]
    with pytest.raises(KeyError, match='no node "imago"; did you mean "image"'):
        result["imago"]


def test_asking_again_is_quick_and_another_seed_runs_only_what_depends_on_it(
    engine: Engine, workflow: Workflow
) -> None:
    engine.run(workflow, steps=2)
    assert engine.run(workflow, steps=2).outcome.ran == ["save"]
    other = engine.run(workflow, steps=2, seed=43).outcome
    assert other.ran == ["noise", "start", "sample[0].denoise", "sample[1].denoise", "image", "save"]


def test_a_sweep_is_collected(engine: Engine, workflow: Workflow) -> None:
    result = engine.run(workflow, sweeps={"seed": [1, 2, 1]}, steps=1)
    images = result["image"]
    assert isinstance(images, Collected) and images.axes == [("seed", [1, 2, 1])]
    first, second, third = images.values
    assert np.array_equal(first.pixels, third.pixels)
    assert not np.array_equal(first.pixels, second.pixels)
    assert sum(".denoise" in label for label in result.outcome.ran) == 2


def test_only(engine: Engine, workflow: Workflow) -> None:
    assert engine.run(workflow, only="words").outcome.ran == ["model", "words"]


def test_events_are_told(engine: Engine, workflow: Workflow) -> None:
    told: list[Event] = []
    engine.run(workflow, only="words", on_event=told.append)
    assert [event.event for event in told] == ["planned", "started", "finished", "started", "finished", "done"]


def test_a_failed_call_raises_when_its_value_is_asked_for(engine: Engine, workflow: Workflow) -> None:
    result = engine.run(workflow, width=17, steps=1)
    assert result["positive"].states.shape == (1, 77, 16)
    with pytest.raises(CallError, match=r"^noise: width: expected a multiple of 2, .* found 17; try 16 or 18"):
        result["noise"]
    with pytest.raises(
        diffuscope.DiffuscopeError, match="image: was left out, because something above it failed: noise"
    ):
        result["image"]


def test_wrong_inputs_raise_with_every_fault(engine: Engine, workflow: Workflow) -> None:
    with pytest.raises(WorkflowError) as raised:
        engine.run(workflow, steps=0, stepz=3, prompt=5)
    assert len(raised.value.faults) == 3
    assert {fault.where for fault in raised.value.faults} == {"inputs.steps", "inputs.stepz", "inputs.prompt"}


def test_the_exact_mode_repeats_bit_for_bit(workflow: Workflow, here: Path) -> None:
    a, b = (Engine(device="cpu", exact=True).run(workflow, steps=2)["sample.latent"].samples for _ in range(2))
    assert torch.equal(a, b)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_types_give_other_keys_and_nearly_the_same_latent(workflow: Workflow, here: Path, dtype: str) -> None:
    exact, rough = Engine(device="cpu").run(workflow, steps=2), Engine(device="cpu", dtype=dtype).run(workflow, steps=2)
    assert exact.key("sample.latent") != rough.key("sample.latent")
    a, b = (result["sample.latent"].samples for result in (exact, rough))
    assert b.dtype == torch.float32
    assert 0 < (a - b).norm() / a.norm() < 0.1


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_gives_nearly_the_same_latent_and_the_same_one_twice(workflow: Workflow, here: Path) -> None:
    devices = ("cpu", "cuda", "cuda")
    on_cpu, one, two = (Engine(device=device, exact=True).run(workflow, steps=4) for device in devices)
    assert on_cpu.key("sample.latent") == one.key("sample.latent")
    a, b = (result["sample.latent"].samples for result in (on_cpu, one))
    assert b.device.type == "cpu" and (a - b).norm() / a.norm() < 1e-3
    assert torch.equal(b, two["sample.latent"].samples)
    assert np.array_equal(one["image"].pixels, two["image"].pixels)


def test_a_cache_folder_is_shared_by_engines(workflow: Workflow, here: Path) -> None:
    first = Engine(here / "values", device="cpu")
    first.run(workflow, steps=2)
    first.close()
    again = Engine(str(here / "values"), device="cpu").run(workflow, steps=2)
    assert again.outcome.ran == ["save"]
    assert again["sample.latent"].samples.shape == (1, 4, 8, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, 'arguments: device: expected auto, cpu, cuda or cuda:N, found "tpu"'),
        ({"dtype": "int8"}, 'arguments: dtype: expected one of float32, float16, bfloat16, found "int8"'),
    ],
)
def test_an_unknown_device_or_type_is_refused_at_once(options: dict[str, str], message: str) -> None:
    with pytest.raises(WorkflowError, match=message):
        Engine(**options)


def test_a_device_that_is_not_there_is_refused_before_anything_runs(workflow: Workflow, here: Path) -> None:
    with pytest.raises(WorkflowError, match=r"device: expected one of .* CUDA devices, found 'cuda:99'"):
        Engine(device="cuda:99").run(workflow, steps=1)


def test_a_cache_that_is_a_file_is_refused(here: Path) -> None:
    (here / "file").touch()
    with pytest.raises(StorageError, match="file: cannot be used as a cache"):
        Engine(here / "file")


def test_a_node_of_ones_own(here: Path) -> None:
    from engine import Registry, parse_workflow

    mine = Registry()

    @node(registry=mine)
    def double(number: int) -> int:
        """Twice a number."""
        return 2 * number

    assert double(4) == 8
    data = {"diffuscope": 1, "nodes": {"eight": {"type": "double", "params": {"number": 4}}}}
    engine = Engine(device="cpu")
    engine.registry = mine
    assert engine.run(parse_workflow(data))["eight"] == 8


def test_the_workflow_stays_as_it_is(engine: Engine, workflow: Workflow) -> None:
    before = workflow.to_json()
    engine.run(workflow, prompt="a fox", steps=1, sweeps={"seed": [1, 2]})
    assert workflow.to_json() == before


def test_the_readme_example(here: Path, command: Callable[..., object]) -> None:
    result = Engine().run(load_workflow(WORKFLOWS / "text_to_image.json"), prompt="a fox", steps=1)  # the default model
    assert result["image"].to_pillow().size == (16, 16)


def test_a_node_of_ones_own_may_name_the_value_types(tmp_path: Path) -> None:
    code = """
from __future__ import annotations
from diffuscope import node

@node
def mirror(image: Image) -> Image:
    \"\"\"Turn a picture around its vertical axis.\"\"\"
    return type(image)(image.pixels[:, ::-1])
"""
    (tmp_path / "mine.py").write_text(code)
    done = subprocess.run([sys.executable, "-c", "import mine"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
