"""Engines over the toy nodes, with a cache in memory or on disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import toys

from engine import Cache, Engine, Workflow
from engine.check import check
from engine.expand import Expansion, expand
from engine.keys import Graph, build_graph


@pytest.fixture(autouse=True)
def fresh_toys() -> Iterator[None]:
    """Nothing has run, and every switch is off."""
    toys.LOG.clear()
    toys.SWITCHES.clear()
    yield


@pytest.fixture
def log() -> list[str]:
    """What was really computed, in order."""
    return toys.LOG


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An engine with a cache in memory."""
    return Engine(toys.TOYS, out=tmp_path / "out")


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Makes engines one after the other over the same folder, as if each were a new process."""
    opened: list[Engine] = []

    def open_engine() -> Engine:
        if opened:
            opened[-1].close()
        opened.append(Engine(toys.TOYS, Cache(tmp_path / "cache"), out=tmp_path / "out"))
        return opened[-1]

    yield open_engine
    if opened:
        opened[-1].close()


@pytest.fixture
def faults() -> Callable[..., list[str]]:
    """Every fault of a workflow, as lines."""

    def find(workflow: Workflow, **options: object) -> list[str]:
        return [str(fault) for fault in check(workflow, toys.TOYS, **options)]  # type: ignore[arg-type]

    return find


@pytest.fixture
def expanded() -> Callable[..., Expansion]:
    """A workflow that must be without faults, expanded."""

    def expand_checked(workflow: Workflow, **options: object) -> Expansion:
        assert check(workflow, toys.TOYS, **options) == []  # type: ignore[arg-type]
        return expand(workflow, toys.TOYS, **options)  # type: ignore[arg-type]

    return expand_checked


@pytest.fixture
def graph(expanded: Callable[..., Expansion]) -> Callable[..., Graph]:
    """A workflow that must be without faults, keyed."""
    return lambda workflow, **options: build_graph(expanded(workflow, **options))
