"""A saved picture opens as its workflow, and comes out the same again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from diffuscope import Engine, StorageError, WorkflowError
from diffuscope.verify import open_workflow, verify_picture
from nodes.recipe import read_recipe

Command = Callable[..., Any]


@pytest.fixture
def picture(run_tiny: Command, here: Path) -> Path:
    """Of a run with inputs that are not the defaults."""
    return here / run_tiny("--set", "prompt=a füx", "--set", "seed=7", "--set", "sample.denoise.eta=0.5").out.strip()


@pytest.fixture
def engine() -> Engine:
    """Exact, on the CPU, without a cache."""
    return Engine(device="cpu", exact=True)


def with_text(picture: Path, text: str | None, pixels: np.ndarray | None = None) -> Path:
    """A copy with another text in it, or none, and with other pixels if given."""
    with Pillow.open(picture) as opened:
        image = opened.copy() if pixels is None else Pillow.fromarray(pixels)
    info = PngInfo()
    if text is not None:
        info.add_itxt("diffuscope", text)
    copy = picture.with_name("copy.png")
    image.save(copy, pnginfo=info)
    return copy


def recipe_text(picture: Path) -> str:
    """The text chunk of a saved picture."""
    with Pillow.open(picture) as opened:
        return str(opened.info["diffuscope"])


def test_a_picture_opens_as_its_workflow(picture: Path) -> None:
    workflow = open_workflow(picture)
    assert workflow.title == "Text to image"
    defaults = {name: spec.default for name, spec in workflow.inputs.items()}
    assert (defaults["prompt"], defaults["seed"], defaults["steps"]) == ("a füx", 7, 2)
    assert workflow.to_json()["nodes"]["sample"]["body"]["denoise"]["params"] == {"eta": 0.5}


def test_its_workflow_makes_the_same_picture(picture: Path, engine: Engine) -> None:
    again = engine.run(open_workflow(picture))
    with Pillow.open(picture) as opened:
        assert np.array_equal(np.asarray(opened), again["image"].pixels)
    assert again.key("image") == read_recipe(picture)["keys"]["image"]


def test_a_picture_comes_out_the_same(command: Command, picture: Path) -> None:
    ran = command("verify", picture)
    assert (ran.status, ran.out) == (0, f"{picture}: the same, pixel for pixel\n")


def test_nothing_is_read_from_the_default_cache(
    command: Command, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Path:
        raise AssertionError("the cache was opened")

    monkeypatch.setattr("diffuscope.cli.default_cache", refuse)
    assert command("verify", picture).status == 0


@pytest.mark.parametrize("by", [1, 100])
def test_an_edited_pixel_is_found(command: Command, picture: Path, by: int) -> None:
    with Pillow.open(picture) as opened:
        pixels = np.array(opened)
    pixels[3, 4, 1] = pixels[3, 4, 1] + by if pixels[3, 4, 1] < 128 else pixels[3, 4, 1] - by
    ran = command("verify", with_text(picture, recipe_text(picture), pixels))
    assert (ran.status, ran.out) == (1, f"{picture.with_name('copy.png')}: differs by up to {by} of 255\n")


def test_a_cropped_picture_differs(picture: Path, engine: Engine) -> None:
    with Pillow.open(picture) as opened:
        pixels = np.array(opened)[:8]
    assert verify_picture(with_text(picture, recipe_text(picture), pixels), engine) == 255


@pytest.mark.parametrize("text", [None, "", "not json", "[]", "{}", '{"keys": 3}'])
def test_a_picture_without_its_workflow_says_so(command: Command, picture: Path, text: str | None) -> None:
    ran = command("verify", with_text(picture, text))
    assert ran.status == 2
    hint = "was it edited, or sent through a service that strips it?"
    assert ran.err == f"error copy.png: (picture): carries no workflow; {hint}\n"


def test_a_recipe_without_a_workflow_says_so(picture: Path) -> None:
    recipe = json.loads(recipe_text(picture))
    for broken in ({"keys": recipe["keys"]}, recipe | {"workflow": None}, recipe | {"workflow": {"diffuscope": 99}}):
        with pytest.raises(WorkflowError):
            open_workflow(with_text(picture, json.dumps(broken)))


def test_what_is_no_picture_says_so(command: Command, picture: Path, here: Path) -> None:
    (here / "notes.png").write_text("no picture")
    (here / "half.png").write_bytes(picture.read_bytes()[:-200])
    for name in ("notes.png", "half.png", "nope.png", "."):
        ran = command("verify", name)
        assert ran.status == 2
        assert ran.err.startswith(f"error {name}: expected a PNG that Diffuscope saved: ") and ran.err.count("\n") == 1


def test_a_picture_of_another_model_is_not_compared(
    command: Command, picture: Path, tiny_model: Path, tmp_path: Path
) -> None:
    link = tmp_path / "models" / "tiny"
    link.unlink()
    changed = shutil.copytree(tiny_model, link) / "vae" / "config.json"
    changed.write_text(json.dumps(json.loads(changed.read_text()) | {"scaling_factor": 0.5}))
    ran = command("verify", picture)
    assert ran.status == 2
    assert "is not among those computed; a file, the model, or a node's version is another than when it" in ran.err
    link.rename(link.with_name("gone"))
    assert 'expected a model, found none called "tiny"' in command("verify", picture).err


def test_each_picture_of_a_sweep_is_verified(command: Command, run_tiny: Command) -> None:
    files = run_tiny("--sweep", "seed=1,2", "--sweep", "prompt=a cat,a dog").out.splitlines()
    assert len(files) == 4
    for file in files[1:3]:
        assert command("verify", file).status == 0
    assert read_recipe(Path(files[0]))["coordinates"] == "seed=1, prompt=a cat"


def test_a_picture_made_from_a_picture(command: Command, here: Path, engine: Engine) -> None:
    Pillow.new("RGB", (20, 18), (200, 30, 30)).save(here / "drawing.png")
    file = command(
        "run", "image_to_image", "--set", "picture=drawing.png", "--set", "steps=2", "--set", "model.path=tiny"
    ).out.strip()
    assert verify_picture(here / file, engine) == 0
    Pillow.new("RGB", (20, 18), (30, 30, 200)).save(here / "drawing.png")
    with pytest.raises(WorkflowError, match="is not among those computed; a file, the model"):
        verify_picture(here / file, engine)


def test_reading_a_missing_picture_raises(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nope\.png: expected a PNG that Diffuscope saved"):
        read_recipe(tmp_path / "nope.png")
