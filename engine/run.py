"""Step 5: run what was planned, tell what happens, keep what is finished."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Container, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.cache import Cache, Outputs, measure
from engine.context import Context, entered
from engine.errors import CallError, describe
from engine.events import Done, Emit, Failed, Finished, Planned, Progress, Started, Warned
from engine.expand import Call, Cell, Const, Gathered, Link
from engine.keys import Graph, upstream
from engine.plan import Plan, plan
from engine.types import Collected

Around = Callable[[], AbstractContextManager[Any]]
Stop = Callable[[], bool]


class Stopped(BaseException):
    """Ends a run that was asked to stop; no node catches it by accident."""


@dataclass
class Outcome:
    """What a run has come to.

    Attributes:
        status: `done`, `failed`, `stopped` (it was asked to) or `interrupted` (Ctrl-C).
        ran: labels of the calls that were computed, in order.
        cached: labels of the calls whose value came from the cache.
        failures: an error for each failed call.
        skipped: labels of the calls left out because something above them failed.
        files: what was written for the user.
        held: key → value of each call that acted, and of those that were to be held.
        seconds: wall time.
    """

    status: str = "done"
    ran: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    failures: list[CallError] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    held: dict[str, Outputs] = field(default_factory=dict)
    seconds: float = 0.0


class Runner:
    """Runs the calls of one plan, one after the other, in the calling thread."""

    def __init__(
        self, graph: Graph, cache: Cache, emit: Emit, context: Context, hold: Container[str], stop: Stop
    ) -> None:
        self.graph, self.cache, self.emit, self.context, self.hold, self.stop = graph, cache, emit, context, hold, stop
        self.outcome = Outcome()
        self.live: dict[str, Outputs] = {}
        self.readers: Counter[str] = Counter()
        self.failed: set[str] = set()
        self.reported: set[str] = set()

    def run(self, todo: Plan, around: Around) -> Outcome:
        """Run a plan to its end, to where it is stopped, to Ctrl-C (raised again), or to the last call that can run."""
        began = time.perf_counter()
        labels = [self.graph.calls[key].label for key in todo.to_run]
        self.emit(Planned(labels, len(todo.cached), todo.unneeded))
        self.cache.trouble = lambda message: self.emit(Warned("cache", message))
        try:
            if todo.to_run:
                with around():
                    self.work(todo)
            for key in todo.cached:
                self.report_cached(key)
        except Stopped:
            self.outcome.status = "stopped"
        except BaseException:
            self.outcome.status = "interrupted"
            raise
        finally:
            self.cache.flush()
            self.cache.trouble = None
            outcome = self.outcome
            outcome.seconds = time.perf_counter() - began
            if outcome.status == "done" and outcome.failures:
                outcome.status = "failed"
            self.emit(
                Done(outcome.status, len(outcome.ran), len(outcome.cached), len(outcome.failures),
                     len(outcome.skipped), outcome.seconds, [str(file) for file in outcome.files])
            )  # fmt: skip
        return self.outcome

    def work(self, todo: Plan) -> None:
        """Run group after group; a value that was thought cached and is not is made again first."""
        pending = deque(todo.groups)
        for key in todo.to_run:
            self.readers.update(self.sources(key))
        while pending:
            group = pending.popleft()
            missing = [key for key in group for key in self.sources(key) if not self.fetch(key)]
            if missing:
                again = plan(self.graph, lambda key: key in self.live or self.cache.has(key), missing)
                for key in again.to_run:
                    self.readers.update(self.sources(key))
                pending.appendleft(group)
                pending.extendleft(reversed(again.groups))
                continue
            for key in group:
                self.expect_going_on()
                self.call(key)

    def expect_going_on(self) -> None:
        """Leave the run if it was asked to stop."""
        if self.stop():
            raise Stopped

    def sources(self, key: str) -> list[str]:
        """The keys that a call reads."""
        return upstream(self.graph.calls[key], self.graph.keys)

    def fetch(self, key: str) -> bool:
        """Bring a value to hand; False if it must be computed first."""
        if key in self.live or key in self.failed:
            return True
        call = self.graph.calls[key]
        outputs = self.cache.get(key, call.type)
        if outputs is None:
            return False
        self.live[key] = outputs
        self.report_cached(key)
        return True

    def report_cached(self, key: str) -> None:
        """Tell, once, that a value came from the cache."""
        if key not in self.reported:
            self.reported.add(key)
            call = self.graph.calls[key]
            self.outcome.cached.append(call.label)
            self.emit(Finished(call.label, call.type.name, key, True, 0.0, 0))

    def call(self, key: str) -> None:
        """Run one call and keep its value; a failure is told and marks what depends on it."""
        call = self.graph.calls[key]
        sources = self.sources(key)
        self.reported.add(key)
        if any(source in self.failed for source in sources):
            self.failed.add(key)
            self.outcome.skipped.append(call.label)
        else:
            self.emit(Started(call.label, call.type.name, key))
            began = time.perf_counter()
            try:
                with entered(self.call_context(call)):
                    outputs = call.type.named(call.type.function(**call.params, **self.arguments(call)))
                size = 0 if call.type.effect else measure(call.type, outputs)
            except Exception as error:
                self.fail(key, call, error)
            else:
                seconds = time.perf_counter() - began
                self.outcome.ran.append(call.label)
                if call.type.effect or key in self.hold:
                    self.outcome.held[key] = outputs
                if not call.type.effect:
                    self.cache.put(key, call.type, call.label, outputs, size, seconds)
                self.live[key] = outputs
                self.emit(Finished(call.label, call.type.name, key, False, seconds, size))
        for source in sources:
            self.readers[source] -= 1
            if self.readers[source] <= 0:
                self.live.pop(source, None)
        if self.readers[key] <= 0:
            self.live.pop(key, None)

    def fail(self, key: str, call: Call, error: Exception) -> None:
        """Note and tell a failure."""
        inputs = {self.graph.calls[source].label: source for source in self.sources(key)}
        failure = CallError(call.label, error, inputs)
        failure.__cause__ = error
        self.failed.add(key)
        self.outcome.failures.append(failure)
        self.emit(Failed(call.label, call.type.name, key, describe(error), inputs))

    def call_context(self, call: Call) -> Context:
        """The context of a call."""

        def on_progress(fraction: float, preview: Any) -> None:
            self.expect_going_on()
            self.emit(Progress(call.label, call.type.name, call.key, fraction, preview))

        def on_warning(message: str) -> None:
            self.emit(Warned(call.label, message))

        keys = {name: self.graph.keys[s.call] for name, s in call.links.items() if isinstance(s, Link)}
        return replace(
            self.context, label=call.label, key=call.key, inputs=keys, coordinates=call.label.partition(" @ ")[2],
            on_progress=on_progress, on_warning=on_warning, on_file=self.outcome.files.append,
        )  # fmt: skip

    def arguments(self, call: Call) -> dict[str, Any]:
        """The values at a call's ports, and of its linked params."""
        keys = self.graph.keys

        def value(cell: Cell) -> Any:
            return cell.value if isinstance(cell, Const) else self.live[keys[cell.call]][cell.output]

        arguments: dict[str, Any] = {}
        for name, source in call.links.items():
            if isinstance(source, Gathered):
                items = [(coords, value(cell)) for coords, cell in source.cells]
                plain = source.axes is None
                arguments[name] = [item for _, item in items] if plain else Collected(source.axes or (), items)
            elif name in call.type.params:
                arguments[name] = call.type.params[name].coerce(value(source))
            else:
                arguments[name] = value(source)
        return arguments


def run(
    graph: Graph,
    cache: Cache,
    targets: Sequence[str] | None = None,
    emit: Emit = lambda event: None,
    context: Context | None = None,
    around: Around = nullcontext,
    hold: Container[str] = (),
    stop: Stop = lambda: False,
) -> Outcome:
    """Plan and run a graph.

    Args:
        graph: the keyed calls.
        cache: where values are looked up and kept.
        targets: keys asked for, if not all of the graph's.
        emit: is told every event, in the calling thread.
        context: what calls may ask of the run.
        around: entered once around all computing, and not at all if there is nothing to compute.
        hold: keys whose values, if they are computed, are in the outcome, however little room the cache has.
        stop: asked before each call, and whenever a call reports its progress; once it is true the run ends, and what
            was finished is kept.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was finished is kept.
    """
    return Runner(graph, cache, emit, context or Context(), hold, stop).run(plan(graph, cache.has, targets), around)
