"""The folders of a server with the tiny model, and a clerk over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from web.server.clerk import Clerk
from web.server.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A server's folders, with the tiny model; the working directory is where a clerk's is."""
    found = Settings(data=tmp_path / "data", out=tmp_path / "out", cache=tmp_path / "cache", child=())
    for folder in (found.workflows, found.uploads, found.out, tmp_path / "models"):
        folder.mkdir(parents=True)
    (tmp_path / "models" / "tiny").symlink_to(tiny_model)
    monkeypatch.setenv("DIFFUSCOPE_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(found.inputs)
    return found


@pytest.fixture
def clerk(settings: Settings) -> Iterator[Clerk]:
    """A clerk over these folders."""
    made = Clerk(settings)
    yield made
    made.planner.cache.close()
