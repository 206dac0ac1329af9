"""The command line in this process, in a folder of its own, over the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from diffuscope import cli


class Ran(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str


@pytest.fixture
def here(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the model folder and the cache set in the environment."""
    (tmp_path / "models").mkdir()
    for name in ("tiny", "emoji"):  # the second takes the place of the default model
        (tmp_path / "models" / name).symlink_to(tiny_model)
    monkeypatch.setenv("DIFFUSCOPE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("DIFFUSCOPE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def command(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `diffuscope …`."""

    def run(*arguments: Any) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        return Ran(ended.value.code or 0, *capsys.readouterr())

    return run


TINY = ("--set", "model.path=tiny", "--set", "steps=2")


@pytest.fixture
def run_tiny(command: Callable[..., Ran]) -> Callable[..., Ran]:
    """Run the shipped text to image on the tiny model, in two steps unless told otherwise."""
    return lambda *more: command("run", "text_to_image", *TINY, *more)


@pytest.fixture
def labels(here: Path) -> Callable[..., list[str]]:
    """The labels of an event in a file of events; of calls that ran, unless cached ones are asked for."""

    def read(file: str, event: str = "finished", cached: bool = False) -> list[str]:
        lines = [json.loads(line) for line in (here / file).read_text(encoding="utf-8").splitlines()]
        return [line["label"] for line in lines if line["event"] == event and line.get("cached", cached) == cached]

    return read
