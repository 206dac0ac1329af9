"""The engine: the five steps in a row, for one workflow after another, over one cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cache import Cache
from engine.check import check
from engine.context import Context
from engine.errors import DiffuscopeError, Fault, WorkflowError, suggest
from engine.events import Emit, Event
from engine.expand import UNBOUNDED, Bounds, Link, Swept, expand
from engine.keys import Graph, build_graph
from engine.names import split
from engine.node import NodeType, load_node_packages
from engine.plan import Plan, plan
from engine.run import Around, Outcome, Stop, run
from engine.types import Collected
from engine.workflow import Workflow


def silent(event: Event) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Result:
    """What a workflow gave: `result["image"]`, `result["sample.latent"]`.

    A swept value is a `Collected`, and so is `result["sample.latent.all"]`, whose axis is the loop.
    """

    engine: Engine
    graph: Graph
    outcome: Outcome

    def __getitem__(self, reference: str) -> Any:
        """The value of a top-level node; KeyError with a suggestion if there is none of this name.

        A value that is no longer in the cache is computed again. A failed one raises its `CallError`.
        """
        swept = self.find(reference)
        links = [cell for cell in swept.cells.values() if isinstance(cell, Link)]
        keys = {self.graph.keys[link.call] for link in links}
        values = {key: self.engine._value(self.graph, key, self.outcome) for key in keys}
        items = [
            (coords, values[self.graph.keys[cell.call]][cell.output] if isinstance(cell, Link) else cell.value)
            for coords, cell in swept.cells.items()
        ]
        if not swept.axes:
            return items[0][1]
        return Collected([(axis, self.graph.expansion.axes[axis]) for axis in swept.axes], items)

    def find(self, reference: str) -> Swept:
        """What a reference to a top-level node stands for."""
        name, output, every = split(reference)
        outputs = self.graph.expansion.outputs.get(name)
        if outputs is None:
            raise KeyError(f'no node "{name}"; {suggest(name, self.graph.expansion.outputs)}')
        if not output and len(outputs) == 1:
            output = next(iter(outputs))
        if every and name in self.graph.expansion.every:
            return self.graph.expansion.every[name](output)
        if every:
            raise KeyError(f'"{reference}": only a repeat has ".all"')
        if not outputs:
            raise KeyError(f'"{name}" is bypassed, and has nothing to pass on')
        if output not in outputs:
            raise KeyError(f'"{name}" has no output "{output}"; {suggest(output, outputs)}')
        return outputs[output]

    def key(self, reference: str) -> str:
        """The key of an unswept top-level value."""
        cell = self.find(reference).cells[()]
        if not isinstance(cell, Link):
            raise KeyError(f'"{reference}" is a constant; it has no key')
        return self.graph.keys[cell.call]


class Engine:
    """Runs workflows. Values are kept between runs, so asking again for the same thing is quick."""

    def __init__(
        self,
        registry: Mapping[str, NodeType] | None = None,
        cache: Cache | None = None,
        out: str | Path = "outputs",
        precision: str = "float32",
        around: Around = nullcontext,
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        """Make an engine.

        Args:
            registry: known node types; by default those of every installed node package.
            cache: by default one in memory only.
            out: folder for the files that nodes write.
            precision: numeric type of the models, which enters the keys.
            around: entered around all computing, such as the choice of a device.
            bounds: how much a workflow may ask for, and which files it may read.
        """
        self.registry = load_node_packages() if registry is None else registry
        self.cache = cache or Cache()
        self.out, self.precision, self.around, self.bounds = Path(out), precision, around, bounds

    def check(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any] | None = None,
        sweeps: Mapping[str, Sequence[Any]] | None = None,
    ) -> list[Fault]:
        """Every fault of a workflow with these inputs."""
        return check(workflow, self.registry, inputs, sweeps)

    def graph(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any] | None = None,
        sweeps: Mapping[str, Sequence[Any]] | None = None,
    ) -> Graph:
        """Check, expand and key a workflow; raise `WorkflowError` with every fault."""
        faults = self.check(workflow, inputs, sweeps)
        if faults:
            raise WorkflowError(faults, workflow.name)
        expansion = expand(workflow, self.registry, inputs, sweeps, self.bounds)
        return build_graph(expansion, self.cache.digest, self.precision)

    def plan(self, graph: Graph, only: str | None = None) -> Plan:
        """What a run would do."""
        return plan(graph, self.cache.has, self.targets(graph, only))

    def targets(self, graph: Graph, only: str | None) -> list[str] | None:
        """The keys of one top-level node, or None for all targets."""
        if only is None:
            return None
        outputs = graph.expansion.outputs.get(only)
        if outputs is None:
            hint = suggest(only, graph.expansion.outputs)
            raise WorkflowError([Fault("only", f'unknown node "{only}"', hint)], "arguments")
        cells = [cell for swept in outputs.values() for cell in swept.cells.values()]
        return list(dict.fromkeys(graph.keys[cell.call] for cell in cells if isinstance(cell, Link)))

    def run(
        self,
        workflow: Workflow,
        *,
        sweeps: Mapping[str, Sequence[Any]] | None = None,
        only: str | None = None,
        on_event: Emit = silent,
        **inputs: Any,
    ) -> Result:
        """Run a workflow.

        Args:
            workflow: as read by `load_workflow`.
            sweeps: input name → values, each computed.
            only: a top-level node, if not everything is wanted.
            on_event: is told what happens.
            inputs: the workflow's inputs that are not to have their defaults.

        Raises:
            WorkflowError: the workflow or its inputs are wrong; nothing was run.
            KeyboardInterrupt: Ctrl-C; finished calls are kept.

        A call that fails does not raise here: it is in `result.outcome.failures`, and raises when its value is asked.
        """
        graph = self.graph(workflow, inputs, sweeps)
        return self.run_graph(workflow, graph, inputs, sweeps or {}, only, on_event)

    def run_graph(
        self,
        workflow: Workflow,
        graph: Graph,
        inputs: Mapping[str, Any],
        sweeps: Mapping[str, Sequence[Any]],
        only: str | None,
        on_event: Emit,
        out: Path | None = None,
        stop: Stop = lambda: False,
    ) -> Result:
        """Run a workflow whose graph is made already.

        Args:
            workflow: the workflow.
            graph: what `graph` made of it, with the same inputs and sweeps.
            inputs: as given to `run`; so are `sweeps`, `only` and `on_event`.
            sweeps: see there.
            only: see there.
            on_event: see there.
            out: folder for the files of this run, if not the engine's.
            stop: once it is true the run ends before its next call (`result.outcome.status` is `stopped`).
        """
        context = Context(
            out=out or self.out,
            workflow=with_defaults(workflow, inputs).to_json(),
            sweeps={name: list(values) for name, values in sweeps.items()},
            title=(workflow.source.stem if workflow.source else workflow.title) or "picture",
        )
        outcome = run(graph, self.cache, self.targets(graph, only), on_event, context, self.around, stop=stop)
        return Result(self, graph, outcome)

    def _value(self, graph: Graph, key: str, outcome: Outcome) -> Any:
        if key in outcome.held:
            return outcome.held[key]
        call = graph.calls[key]
        for failure in outcome.failures:
            if failure.label == call.label:
                raise failure
        if call.label in outcome.skipped:
            above = "; ".join(map(str, outcome.failures))
            raise DiffuscopeError(f"{call.label}: was left out, because something above it failed: {above}")
        outputs = self.cache.get(key, call.type)
        if outputs is None:
            again = run(graph, self.cache, [key], context=Context(out=self.out), around=self.around, hold=(key,))
            if again.failures:
                raise again.failures[0]
            outputs = again.held[key]
        return outputs

    def close(self) -> None:
        """Write what waits and close the cache."""
        self.cache.close()


def with_defaults(workflow: Workflow, inputs: Mapping[str, Any]) -> Workflow:
    """The workflow with this run's inputs as its defaults."""
    changed = {
        name: spec.model_copy(update={"default": inputs[name]}) if name in inputs else spec
        for name, spec in workflow.inputs.items()
    }
    copy = workflow.model_copy(update={"inputs": changed})
    copy._source = workflow._source
    return copy
