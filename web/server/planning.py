"""Checking and planning what is ordered: every fault, and what a run would do. Nothing is computed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from engine import Cache, Engine, Fault, Registry, Workflow, WorkflowError
from engine.axis import AxisParams
from engine.check import check
from engine.errors import shown, suggest
from engine.expand import Call, Const, Expansion, Link, Swept, expand
from engine.keys import Digest, Graph, build_graph
from engine.plan import plan
from engine.workflow import Node, Repeat
from web.server.bounds import open_to_workflows
from web.server.orders import prepare
from web.server.refused import faults_json
from web.server.settings import Settings

Order = Mapping[str, Any]
"""A job's order as JSON, as `prepare` reads it."""

LONG = 200
"""Characters of a constant that is not shown in full."""


class Planner:
    """Checks, expands, keys and plans orders."""

    def __init__(self, settings: Settings, registry: Registry, cache: Cache) -> None:
        self.settings, self.registry, self.cache = settings, registry, cache
        assert cache.disk is not None
        self.disk = cache.disk

    # from an order to a graph

    def expand(self, order: Order) -> tuple[Workflow, Expansion]:
        """The calls of an order; raise `WorkflowError` with every fault."""
        workflow, inputs, sweeps = prepare(order, self.settings.workflows)
        limits = self.settings.limits
        if (count := count_nodes(workflow.nodes)) > limits.calls:
            message = f"expected at most {limits.calls} nodes, found {count}"
            raise WorkflowError([Fault("nodes", message)], workflow.name)
        if too_many_values(workflow, sweeps, limits.calls):
            message = f"expected at most {limits.calls} values on all axes together, found more"
            raise WorkflowError([Fault("nodes", message, "make an axis shorter")], workflow.name)
        if faults := check(workflow, self.registry, inputs, sweeps):
            raise WorkflowError(faults, workflow.name)
        expansion = expand(workflow, self.registry, inputs, sweeps, open_to_workflows(self.settings))
        faults = list(dict.fromkeys(too_large(expansion.calls, limits.pixels)))
        only = order.get("only")
        if only is not None and only not in expansion.outputs:
            faults.append(Fault("only", f'unknown node "{only}"', suggest(only, expansion.outputs)))
        if faults:
            raise WorkflowError(faults, workflow.name)
        return workflow, expansion

    def graph(self, order: Order, digest: Digest | None = None) -> Graph:
        """The keyed calls of an order; raise `WorkflowError` with every fault."""
        return build_graph(self.expand(order)[1], digest or self.cache.digest, self.settings.dtype)

    # what is answered

    def check(self, job: Order) -> dict[str, Any]:
        """Every fault of an order, also those that only expanding it finds; without any, how many calls it has."""
        try:
            workflow, expansion = self.expand(job)
        except WorkflowError as error:
            return {"faults": faults_json(error.faults)}
        effects = sum(call.type.effect for call in expansion.calls)
        return {"faults": [], "calls": len(expansion.calls), "effects": effects, "title": workflow.title}

    def plan(self, job: Order) -> dict[str, Any]:
        """What a run would do.

        Returns:
            `calls`: each call with its key and state (`cached`, `run`, `unneeded`), `at` some indexes on axes, and
            whether its value is `kept`, needed or not; several may have the same key.
            `counts`: how many keys are of each state.
            `wires`: for each top-level `node` or `node.output` where its values are: a key and an output, or a
            constant, `at` some values of axes (`place` has their indexes). A long constant is cut and marked `cut`.
            `cut`: whether there are wires of more cells than a job may have calls, and the last are left out.
            `axes`: name → values.
        """
        graph = self.graph(job)
        engine = Engine(self.registry, self.cache)
        todo = plan(graph, self.disk.__contains__, engine.targets(graph, job.get("only")))
        states = dict.fromkeys(todo.cached, "cached") | dict.fromkeys(todo.to_run, "run")
        kept = {key for key in {call.key for call in graph.expansion.calls} if key in self.disk}
        wires, whole = wires_of(graph, self.settings.limits.calls)
        return {
            "calls": [
                described(call, states.get(call.key, "unneeded"), call.key in kept) for call in graph.expansion.calls
            ],
            "counts": {"run": len(todo.to_run), "cached": len(todo.cached), "unneeded": todo.unneeded},
            "wires": wires,
            "cut": not whole,
            "axes": graph.expansion.axes,
        }


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def count_nodes(nodes: Mapping[str, Node | Repeat]) -> int:
    """How many nodes are written, at any depth."""
    return len(nodes) + sum(count_nodes(node.body) for node in nodes.values() if isinstance(node, Repeat))


def too_many_values(workflow: Workflow, sweeps: Mapping[str, Sequence[Any]], limit: int) -> bool:
    """Whether the axes in the file and those swept have more values, all together; stops counting there."""
    count = sum(map(len, sweeps.values()))
    for params in axes_in(workflow.nodes):
        if count > limit:
            return True
        with suppress(ValidationError):  # which is told by `check`
            count += len(AxisParams.model_validate(params).expand())
    return count > limit


def axes_in(nodes: Mapping[str, Node | Repeat]) -> Iterator[dict[str, Any]]:
    """The params of every axis, at any depth."""
    for node in nodes.values():
        if isinstance(node, Repeat):
            yield from axes_in(node.body)
        elif node.type == "axis":
            yield node.params


def too_large(calls: Sequence[Call], pixels: int) -> Iterator[Fault]:
    """A fault for each node that is told a size of more pixels."""
    for call in calls:
        width, height = call.params.get("width"), call.params.get("height")
        if isinstance(width, int) and isinstance(height, int) and width * height > pixels:
            message = f"expected at most {pixels} pixels, found {width} × {height}"
            yield Fault("nodes." + place_of(call.label)[0].replace(".", ".body."), message)


# ── a plan as JSON ────────────────────────────────────────────────────────────────────────────────────────────────────


def place_of(label: str) -> tuple[str, list[int], str]:
    """`sample[3].denoise @ strength=0.75` → (`sample.denoise`, [3], `strength=0.75`)."""
    path, _, coordinates = label.partition(" @ ")
    return re.sub(r"\[-?\d+\]", "", path), [int(i) for i in re.findall(r"\[(-?\d+)\]", path)], coordinates


def described(call: Call, state: str, kept: bool) -> dict[str, Any]:
    """A call as JSON."""
    path, iterations, coordinates = place_of(call.label)
    return {
        "label": call.label,
        "node": call.type.name,
        "path": path,
        "iterations": iterations,
        "coordinates": coordinates,
        "at": dict(call.at),
        "key": call.key,
        "state": state,
        "kept": kept,
        "outputs": {name: output.kind for name, output in call.type.outputs.items()},
    }


def wires_of(graph: Graph, most: int) -> tuple[dict[str, list[dict[str, Any]]], bool]:
    """Where the values of each top-level reference are, up to so many cells; and whether these are all."""
    found: dict[str, list[dict[str, Any]]] = {}
    for node, outputs in graph.expansion.outputs.items():
        for output, swept in outputs.items():
            most -= len(swept.cells)
            if most < 0:
                return found, False
            found[f"{node}.{output}" if output else node] = list(cells_of(graph, swept))
    return found, True


def cells_of(graph: Graph, swept: Swept) -> Iterator[dict[str, Any]]:
    """Each cell of a swept value as JSON."""
    axes = [(name, graph.expansion.axes[name]) for name in swept.axes]
    for place, cell in swept.cells.items():
        at = {name: constant(values[i])["value"] for (name, values), i in zip(axes, place, strict=True)}
        found = constant(cell.value) if isinstance(cell, Const) else key_of(graph, cell)
        yield {"at": at, "place": list(place), **found}


def key_of(graph: Graph, link: Link) -> dict[str, Any]:
    """A computed value as JSON."""
    return {"key": graph.keys[link.call], "output": link.output}


def constant(value: Any) -> dict[str, Any]:
    """A constant as JSON; of a long one the beginning, as text."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # a number of thousands of digits, or nested too deeply
        return {"value": shown(value), "cut": True}
    return {"value": value} if len(text) <= LONG else {"value": text[:LONG], "cut": True}
