"""Looking at values: what is kept on disk, as facts, pictures and numbers.

Handles of models are never kept, and are made again where an order tells how: they cost next to nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from engine import DiffuscopeError
from engine.cache import Entry, Outputs
from engine.context import Context
from engine.errors import suggest
from engine.expand import Call, Gathered, Link
from engine.keys import Graph, build_graph
from engine.node import NodeType
from engine.plan import plan
from engine.run import Around, run
from engine.view import ViewType, finite_or_none, parts, views_of
from web.server.planning import Order, Planner
from web.server.refused import Refused

log = logging.getLogger("diffuscope.clerk")

GRAPHS = 4
"""Orders whose graphs are remembered."""

Digests = dict[tuple[Path, tuple[str, ...]], str]


class Sent(NamedTuple):
    """A file as bytes."""

    type: str
    """Such as `image/png`."""
    data: bytes


@dataclass(frozen=True)
class Known:
    """The graph of an order, with the digests of the files it was keyed by, and what was made beside it for views."""

    graph: Graph
    digests: Digests
    made: dict[tuple[str, tuple[Link, ...]], Any] = field(default_factory=dict)
    """A node and what it is given → what it made."""


@dataclass(frozen=True)
class Held:
    """The value of a call; `entry` tells how it was made, if it is kept on disk."""

    type: NodeType
    label: str
    outputs: Outputs
    entry: Entry | None


class Looker:
    """Shows values. Those looked at last are at hand, so that the next view of them is quick."""

    def __init__(self, planner: Planner, around: Around = nullcontext) -> None:
        """Look into the planner's cache; what has to be computed for it is computed within `around`."""
        self.planner, self.around = planner, around
        self.cache, self.registry, self.disk = planner.cache, planner.registry, planner.disk
        self.graphs: OrderedDict[str, Known] = OrderedDict()

    # what is answered

    def value(self, key: str, job: Order | None = None) -> dict[str, Any]:
        """What is known of a value: how it was made, and for each output what it is and how it can be seen.

        Args:
            key: of the call that made it.
            job: the order it belongs to; with it, what is never kept can be made again.
        """
        held = self.hold(key, job)
        entry = held.entry
        return {
            "key": key,
            "node": held.type.name,
            "label": held.label,
            "seconds": entry and entry.seconds,
            "bytes": entry and entry.bytes,
            "created": entry and entry.created,
            "outputs": {name: self.output(held, name) for name in held.outputs},
        }

    def output(self, held: Held, name: str) -> dict[str, Any]:
        """One output of a value."""
        output, value = held.type.outputs[name], held.outputs[name]
        codec, stored = output.type.codec, output.type.stored
        return {
            "type": output.kind,
            "summary": finite(codec.describe(value)) if stored else {},
            "parts": parts(codec, value) if stored else {},
            "views": [view.schema() for view in views_of(output.type.name).values()],
        }

    def view(
        self,
        key: str,
        output: str = "",
        view: str = "",
        params: Mapping[str, str] | None = None,
        form: str = "",
        job: Order | None = None,
    ) -> Sent:
        """A value as a picture (`png`), or the numbers behind it (`json`).

        Args:
            key: of the call that made it.
            output: of several; may be left out where there is one.
            view: its name; the type's first if left out.
            params: of the view, as text.
            form: `png` or `json`; what the view shows if left out.
            job: the order it belongs to.
        """
        if form not in ("", "png", "json"):
            raise Refused(400, f'expected png or json, found "{form}"', where="form")
        held = self.hold(key, job)
        name = choose("output", output, held.outputs)
        views = views_of(held.type.outputs[name].type.name)
        if not views:
            raise Refused(400, f"a {held.type.outputs[name].kind} has no views", where="view")
        chosen = views[choose("view", view or next(iter(views)), views)]
        try:
            read = chosen.read(params or {})
            seen = chosen.function(held.outputs[name], **read, **self.given(chosen, key, job))
            if (form or {"picture": "png", "table": "json"}[chosen.shows]) == "json":
                text = json.dumps(seen.data(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
                return Sent("application/json", text.encode())
            if seen.png is None:
                message = f'the view "{chosen.name}" has no picture'
                raise Refused(400, message, where="form", hint="ask for json")
            return Sent("image/png", seen.png())
        except ValueError as error:
            raise Refused(400, str(error), where=f"view {chosen.name}") from None

    # finding values

    def hold(self, key: str, job: Order | None) -> Held:
        """A value, from the disk or made again; raise `Refused` (404) if neither can be."""
        if not re.fullmatch("[0-9a-f]{64}", key):
            raise Refused(404, "expected a key of 64 hexadecimal digits", where="key")
        entry = next((entry for entry in self.disk.entries(key) if entry.key == key), None)
        if entry is not None:
            type = self.registry.get(entry.node)
            outputs = self.fetch(key, entry, type) if type is not None else None
            if type is None or (outputs is not None and outputs.keys() != type.outputs.keys()):
                raise Refused(404, f'it was made by a node "{entry.node}" that is not installed', where=short(key))
            if outputs is not None:
                return Held(type, entry.label, outputs, entry)
        known = None if job is None else self.known(job)
        if known is None or key not in known.graph.calls:
            raise Refused(404, "no value of this key is kept", where=short(key))
        call = known.graph.calls[key]
        if call.type.stored or call.type.effect:
            raise gone(call)
        return Held(call.type, call.label, self.make(known.graph, key), None)

    def fetch(self, key: str, entry: Entry, type: NodeType) -> Outputs | None:
        """A stored value, kept at hand from now on; None if it is damaged."""
        outputs = self.cache.memory.get(key)
        if outputs is None and (found := self.disk.get(key)) is not None:
            outputs, seconds = found
            if outputs.keys() == type.outputs.keys():
                self.cache.memory.put(key, outputs, entry.bytes, seconds)
        return outputs

    def known(self, job: Order) -> Known:
        """The graph of an order; remembered as long as the files it reads stay the same."""
        text = json.dumps(job, sort_keys=True)
        known = self.graphs.get(text)
        if known is None or not self.same(known.digests):
            digests: Digests = {}

            def digest(path: Path, parts: tuple[str, ...]) -> str:
                return digests.setdefault((path, parts), self.cache.digest(path, parts))

            known = self.graphs[text] = Known(self.planner.graph(job, digest), digests)
        self.graphs.move_to_end(text)
        while len(self.graphs) > GRAPHS:
            self.graphs.popitem(last=False)
        return known

    def same(self, digests: Digests) -> bool:
        """Whether files are still what they were."""
        try:
            return all(self.cache.digest(*file) == was for file, was in digests.items())
        except OSError:
            return False

    def make(self, graph: Graph, key: str) -> Outputs:
        """Make a value from what is kept and from handles; raise `Refused` if it takes more than that."""
        for needed in plan(graph, self.cache.has, [key]).to_run:
            type = graph.calls[needed].type
            if needed != key and (type.stored or type.effect):
                raise gone(graph.calls[needed])
        context = Context(out=self.planner.settings.out)
        outcome = run(graph, self.cache, [key], context=context, around=self.around, hold=(key,))
        if outcome.failures:
            raise Refused(422, str(outcome.failures[0]))
        outputs = outcome.held.get(key) or self.cache.get(key, graph.calls[key].type)
        if outputs is None:  # damaged on the disk; it is no longer there now
            raise gone(graph.calls[key])
        return outputs

    # what views are given

    def given(self, view: ViewType, key: str, job: Order | None) -> dict[str, Any]:
        """What a view can use besides the value, made by other nodes of the order's graph; None where it cannot be."""
        return {name: self.beside(node, key, job) for name, (_, node) in view.given.items()}

    def beside(self, node: str, key: str, job: Order | None) -> Any:
        """What a node makes of the values nearest to a call; None if it cannot."""
        if job is None:
            return None
        try:
            return self.make_beside(node, key, self.known(job))
        except (DiffuscopeError, Refused) as error:
            log.warning("%s for %s: %s", node, short(key), error)
            return None

    def make_beside(self, node: str, key: str, known: Known) -> Any:
        """What a node makes of the values nearest to a call, kept under the key it has in any graph."""
        type = self.registry.get(node)
        if type is None or type.effect or any(param.required or param.file for param in type.params.values()):
            raise Refused(404, "expected a node that needs nothing but values", where=node)
        links = {port.name: nearest(known.graph, key, port.kind) for port in type.ports.values() if port.required}
        same = node, tuple(links.values())
        if same not in known.made:
            calls = known.graph.expansion.calls
            call = Call(type, node, dict(type.defaults), dict[str, Link | Gathered](links))
            expansion = replace(known.graph.expansion, calls=[*calls, call], targets=[len(calls)])
            graph = build_graph(expansion, lambda *file: known.digests[file], self.planner.settings.dtype)
            (known.made[same],) = self.make(graph, graph.keys[-1]).values()
        return known.made[same]


def nearest(graph: Graph, key: str, kind: str) -> Link:
    """The output of this kind that is fewest links above a call, or else the first in the graph; `Refused` for none."""
    for other in dict.fromkeys([*above(graph, key), *graph.calls]):
        type = graph.calls[other].type
        for name, output in type.outputs.items():
            if output.kind == kind and not type.effect:
                return Link(graph.keys.index(other), name)
    raise Refused(404, f"expected a {kind} in the workflow, found none")


def above(graph: Graph, key: str) -> Iterator[str]:
    """A key and those it was made from, the nearest first."""
    waiting, seen = deque([key] if key in graph.calls else []), {key}
    while waiting:
        yield (at := waiting.popleft())
        new = [source for source in graph.dag.pred[at] if source not in seen]
        seen.update(new)
        waiting.extend(new)


def choose(what: str, name: str, known: Mapping[str, Any]) -> str:
    """A name that is known; the only one if none is given. Raise `Refused` (400) with a suggestion."""
    if not name and len(known) == 1:
        return next(iter(known))
    if name not in known:
        found = f'unknown {what} "{name}"' if name else f"expected one of several {what}s, found none"
        raise Refused(400, found, where=what, hint=suggest(name, known))
    return name


def gone(call: Call) -> Refused:
    """The refusal of what would have to be computed, or done."""
    if call.type.effect:
        return Refused(404, f"{call.label}: {call.type.name} acts; what it gives is never kept")
    return Refused(404, f"{call.label}: no longer kept", hint="run the job again")


def short(key: str) -> str:
    """The beginning of a key."""
    return key[:16]


def finite(data: Any) -> Any:
    """JSON data with null for numbers that are not finite."""
    if isinstance(data, dict):
        return {name: finite(item) for name, item in data.items()}
    return [finite(item) for item in data] if isinstance(data, list | tuple) else finite_or_none(data)
