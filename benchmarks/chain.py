"""What the engine itself costs: long chains of trivial calls, nothing cached and all cached."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.table import Row
from engine import Cache, Engine, Registry, Workflow, node, parse_workflow, value_type
from engine.types import Encoded, JsonCodec

if TYPE_CHECKING:
    Count = int

REGISTRY = Registry()


class CountCodec(JsonCodec):
    """A number on a wire."""

    def encode(self, value: int) -> Encoded:
        """The number."""
        return Encoded(meta=int(value))

    def decode(self, encoded: Encoded) -> int:
        """The number."""
        return int(encoded.meta)


COUNT = CountCodec()
value_type("Count", "benchmarks.chain:COUNT", "A number that is computed, not written.", "int")


@node(registry=REGISTRY)
def zero(begin: int = 0) -> Count:
    """The beginning of a chain."""
    return begin


@node(registry=REGISTRY)
def add(count: Count, by: int) -> Count:
    """A trivial call."""
    return count + by


def chain(length: int) -> Workflow:
    """A loop of so many calls, each on the result of the one before."""
    return parse_workflow({
        "diffuscope": 1,
        "nodes": {
            "zero": {"type": "zero"},
            "loop": {
                "type": "repeat", "for": {"i": [0, length]}, "carry": {"count": "zero"},
                "body": {"add": {"type": "add", "in": {"count": "count", "by": "i"}}}, "next": {"count": "add"},
            },
        },
    })  # fmt: skip


def measure(length: int, folder: Path | None) -> tuple[float, float, float]:
    """Seconds for check, expand, key and plan; for a run with nothing cached; and with all cached."""
    workflow = chain(length)
    engine = Engine(REGISTRY, Cache(folder))
    began = time.perf_counter()
    graph = engine.graph(workflow)
    engine.plan(graph)
    planned = time.perf_counter()
    first = engine.run(workflow)
    ran = time.perf_counter()
    second = engine.run(workflow)
    end = time.perf_counter()
    assert len(first.outcome.ran) == length + 1 and not second.outcome.ran
    assert second["loop.count"] == length * (length - 1) // 2
    engine.close()
    return planned - began, ran - planned, end - ran


def rows() -> list[Row]:
    """The engine's figures."""
    found: list[Row] = []
    measure(100, None)  # imports, first-time work
    for tier in ("memory", "memory and disk"):
        results = {}
        for length in (100, 1_000, 10_000):
            runs = []
            for _ in range(3):
                with tempfile.TemporaryDirectory() as folder:
                    runs.append(measure(length, None if tier == "memory" else Path(folder)))
            results[length] = [min(column) for column in zip(*runs, strict=True)]
        if tier == "memory":
            plan = results[10_000][0]
            found.append(Row("check, expand, key and plan 10,000 calls", f"{plan:.2f} s", "≤ 1 s", plan <= 1))
        for name, column, limit in (("nothing cached", 1, 150), ("all cached", 2, 50)):
            each = {length: result[column] / length * 1e6 for length, result in results.items()}
            text = ", ".join(f"{length:,}: {cost:.0f}" for length, cost in each.items())
            found.append(Row(f"a chain, {name}, {tier}: µs a call", text, f"≤ {limit}", each[10_000] <= limit))
    return found
