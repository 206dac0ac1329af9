"""Step 2: expand repeats and axes into flat calls. After this, control flow is gone.

A name stands for a `Swept`: one cell for each coordinate of the axes it depends on, a cell being a constant or a link
to the output of a call. A node's calls are the join of its inputs over the axes that they share:

    strength = axis (0.6, 0.7)             Swept((strength,), {(0,): 0.6, (1,): 0.7})
    f(x=strength, y=seed)                  one call for each (strength, seed)
    contact_sheet(images=f)                one call that gathers them all

A loop over a swept bound is unrolled once for each of the bound's coordinates. `sample.latent.all` is swept too, along
the loop's own axis, "sample.i", so that a list may be given to a node that takes one value. `sample.denoise.all`, a
node of the body, lies along the same axis: iteration i read the carried value at i.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from engine.axis import AxisParams
from engine.check import coerce_input
from engine.errors import Fault, WorkflowError, describe, shown
from engine.names import in_order, references, split, stand_ins
from engine.node import NodeType
from engine.types import JSON_CODEC, File
from engine.workflow import Node, Repeat, Workflow

CALL_LIMIT = 1_000_000
"""More calls than this are taken for a mistake."""

LINKS = 50
"""How many values may be gathered into lists, for each call that is allowed."""

DATA_LIMIT = 16_000_000
"""So do more bytes of plain data in one value, such as a text that a loop doubles; and sixteen times as many in all."""


@dataclass(frozen=True)
class Bounds:
    """What a workflow may ask for.

    Attributes:
        calls: how many calls, counting plain nodes that are evaluated while expanding; and how many turns of loops.
        folders: where the files that it names may lie, links followed; anywhere if None. With folders, a path that
            leads out of them is refused before anything is looked for.
        trusted: more of such folders; what lies in them may link elsewhere.
    """

    calls: int = CALL_LIMIT
    folders: tuple[Path, ...] | None = None
    trusted: tuple[Path, ...] = ()

    def resolve(self, file: File, text: str, folder: Path) -> Path:
        """The path that is meant by what is written for a file or folder.

        Raises:
            OSError, ValueError: there is none, or it is not open to workflows.
        """
        if self.folders is None:
            return file.resolve(text, folder)
        written = Path(text)
        if text.startswith("~") or ".." in written.parts:
            raise PermissionError(f"expected a path without ~ and .., found {shown(text)}")
        if written.is_absolute():
            self.expect_inside(written, text)
        for place in (folder, Path()):  # a link among the folders on the way would lead the search out of them
            self.expect_inside((place / written.parent).absolute(), text)
        found = file.resolve(text, folder)
        if not self.inside(found, self.trusted):
            self.expect_inside(found, text)
            for part in file.parts if found.is_dir() else ():
                for one in found.glob(part):
                    self.expect_inside(one, f"{text}/{one.name}")
        return found

    def expect_inside(self, path: Path, text: str) -> None:
        """Raise PermissionError unless a path is, links followed, in one of the folders, or in a trusted one."""
        if not self.inside(path.resolve(), self.folders or ()) and not self.inside(path, self.trusted):
            raise PermissionError(f"expected a path in a folder that is open to workflows, found {shown(text)}")

    def inside(self, path: Path, folders: tuple[Path, ...]) -> bool:
        """Whether a path is in one of some folders."""
        return any(path.is_relative_to(folder) for folder in folders)


UNBOUNDED = Bounds()


class Link(NamedTuple):
    """The output of an earlier call."""

    call: int
    output: str


class Const(NamedTuple):
    """A value known while expanding."""

    value: Any


BROKEN = Const(None)
"""Stands for what cannot be known because of a fault, and is never a fault again; and for what a bypassed node has
nothing to pass on for, which nothing that is run reads. Told apart by identity."""

Cell = Link | Const
Coords = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Many values for one port: a `list[T]`, or with its axes a `Collected[T]`; constants only where T is JSON."""

    cells: tuple[tuple[Coords, Cell], ...]
    axes: tuple[tuple[str, tuple[Any, ...]], ...] | None
    """Names and values, in order; None for a plain list."""


@dataclass(slots=True)
class Call:
    """One evaluation of one node. Links point to calls before it in the list."""

    type: NodeType
    label: str
    params: dict[str, Any]
    links: dict[str, Link | Gathered]
    at: Mapping[str, int] = field(default_factory=dict)
    """Where it lies: axis → index, those fixed around it first."""
    key: str = ""


@dataclass(slots=True)
class Swept:
    """A value for each coordinate of some axes; without axes, one value at ()."""

    axes: tuple[str, ...]
    cells: dict[Coords, Cell]

    def at(self, fixed: Mapping[str, int]) -> Swept:
        """The part where some axes have a given index."""
        places = [(i, fixed[axis]) for i, axis in enumerate(self.axes) if axis in fixed]
        if not places:
            return self
        keep = [i for i, axis in enumerate(self.axes) if axis not in fixed]
        cells = {
            tuple(coords[i] for i in keep): cell
            for coords, cell in self.cells.items()
            if all(coords[i] == index for i, index in places)
        }
        return Swept(tuple(self.axes[i] for i in keep), cells)


@dataclass
class Bundle:
    """What a name stands for: its outputs, and for a repeat the lists of all iterations.

    `every` takes a carried name, or a node of the body (with ".output" where it has several).
    """

    outputs: dict[str, Swept]
    every: Callable[[str], Swept] | None = None


@dataclass
class Scope:
    """The names at one level, and the coordinates that are fixed around it."""

    names: dict[str, Bundle]
    parent: Scope | None = None
    fixed: dict[str, int] = field(default_factory=dict)

    def find(self, name: str) -> Bundle:
        """The bundle of a name, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        raise KeyError(name)

    def resolve(self, reference: str) -> Swept:
        """What a reference stands for."""
        name, output, every = split(reference)
        bundle = self.find(name)
        if not output and "" not in bundle.outputs:
            output = next(iter(bundle.outputs))
        if every:
            assert bundle.every is not None, reference
            found = bundle.every(output)
        else:
            found = bundle.outputs[output]
        return found.at(self.fixed) if self.fixed and found.axes else found


@dataclass(frozen=True)
class Expansion:
    """A workflow as flat calls.

    Attributes:
        calls: each after those it links to.
        outputs: for each top-level node and output its swept value; of a bypassed node what it passes on.
        every: for each top-level repeat, carried name or node of its body → its values in all iterations.
        axes: name → values of every axis.
        targets: indexes of the calls that are asked for: of nodes that act, and of nodes that no other refers to.
    """

    calls: list[Call]
    outputs: dict[str, dict[str, Swept]]
    every: dict[str, Callable[[str], Swept]]
    axes: dict[str, list[Any]]
    targets: list[int]


# ── joining ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def join(sources: Sequence[Swept]) -> tuple[tuple[str, ...], Iterator[tuple[Coords, tuple[Cell, ...]]]]:
    """The natural join over shared axes: axes in order of first use, and a row of cells for each coordinate."""
    axes: tuple[str, ...] = ()
    rows: list[tuple[Coords, tuple[Cell, ...]]] = [((), ())]
    for source in sources:
        shared = [(axes.index(axis), i) for i, axis in enumerate(source.axes) if axis in axes]
        new = [i for i, axis in enumerate(source.axes) if axis not in axes]
        if not source.axes:
            cell = source.cells[()]
            rows = [(coords, (*cells, cell)) for coords, cells in rows]
            continue
        matches: dict[Coords, list[tuple[Coords, Cell]]] = {}
        for coords, cell in source.cells.items():
            at = tuple(coords[i] for _, i in shared)
            matches.setdefault(at, []).append((tuple(coords[i] for i in new), cell))
        rows = [
            ((*coords, *more), (*cells, cell))
            for coords, cells in rows
            for more, cell in matches.get(tuple(coords[i] for i, _ in shared), ())
        ]
        axes += tuple(source.axes[i] for i in new)
    return axes, iter(rows)


# ── expanding ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Recipe:
    """What is the same for every call of a node in the file, worked out once."""

    type: NodeType
    base: dict[str, Any]
    """Params written as literals, and defaults."""
    references: list[tuple[str, str]]
    """(port or param, reference)."""


class Expander:
    """Walks the workflow in the order of the data and lists the calls."""

    def __init__(self, registry: Mapping[str, NodeType], workflow: Workflow, bounds: Bounds) -> None:
        self.registry, self.bounds = registry, bounds
        self.spent: Counter[str] = Counter()
        self.folder = workflow.folder
        self.read = set(read_nodes(workflow.nodes))
        self.calls: list[Call] = []
        self.targets: dict[int, None] = {}
        self.axes: dict[str, list[Any]] = {}
        self.faults: dict[Fault, None] = {}
        self.recipes: dict[int, Recipe] = {}

    def level(self, nodes: Mapping[str, Node | Repeat], scope: Scope, prefix: str, where: str) -> None:
        """Expand siblings, each after those it refers to."""
        for name in in_order(nodes)[0]:
            self.sibling(name, nodes[name], scope, prefix, where)

    def sibling(self, name: str, spec: Node | Repeat, scope: Scope, prefix: str, where: str) -> None:
        """Expand one node and add its name to the scope."""
        if isinstance(spec, Repeat):
            bundle = self.repeat(name, spec, scope, prefix + name, f"{where}.{name}")
        elif spec.type == "axis":
            bundle = self.axis(spec, scope, f"{where}.{name}")
        elif spec.bypass:
            bundle = self.passed(spec, scope)
        else:
            bundle = Bundle(self.node(spec, scope, prefix + name, f"{where}.{name}"))
        scope.names[name] = bundle
        type = self.registry.get(spec.type)
        if id(spec) not in self.read and not (type and type.effect):  # what acts is asked for only where it is run
            for swept in bundle.outputs.values():
                self.targets |= {cell.call: None for cell in swept.cells.values() if isinstance(cell, Link)}

    def passed(self, spec: Node, scope: Scope) -> Bundle:
        """A bypassed node: no call, and its outputs are what the links that stand for them lead to."""
        stands = stand_ins(self.registry[spec.type], spec.in_)
        return Bundle({
            output: Swept((), {(): BROKEN}) if name is None else scope.resolve(spec.in_[name])
            for output, name in stands.items()
        })  # fmt: skip

    def axis(self, spec: Node, scope: Scope, where: str) -> Bundle:
        """An axis is a constant at each of its coordinates."""
        params = AxisParams.model_validate(spec.params)
        values = params.expand()
        self.spend("values on axes", len(values), where)
        self.axes.setdefault(params.name, values)
        swept = Swept((params.name,), {(i,): Const(value) for i, value in enumerate(values)})
        return Bundle({"": swept.at(scope.fixed)})

    def recipe(self, spec: Node) -> Recipe:
        """The recipe of a node in the file."""
        found = self.recipes.get(id(spec))
        if found is None:
            type = self.registry[spec.type]
            written = {name: type.params[name].coerce(value) for name, value in spec.params.items()}
            base = {name: written.get(name, type.defaults.get(name)) for name in type.params}
            found = self.recipes[id(spec)] = Recipe(type, base, list(spec.in_.items()))
        return found

    def node(self, spec: Node, scope: Scope, label: str, where: str) -> dict[str, Swept]:
        """One call for each coordinate; a plain node whose inputs are known is evaluated at once."""
        recipe = self.recipe(spec)
        type, ports = recipe.type, recipe.type.ports
        names, sources = [], []
        for name, reference in recipe.references:
            swept = scope.resolve(reference)
            port = ports.get(name)
            if port is not None and (port.many or port.collected):
                swept = self.gather(swept, port.many, f"{where}.in.{name}")
            names.append(name)
            sources.append(swept)
        axes, rows = self.joined(sources, where)
        outputs: dict[str, Swept] = {output: Swept(axes, {}) for output in type.outputs}
        for coords, cells in rows:
            own = dict(zip(axes, coords, strict=True))
            known = len(self.faults)
            params = dict(recipe.base)
            links: dict[str, Link | Gathered] = {}
            if not any(map(broken, cells)):
                for name, cell in zip(names, cells, strict=True):
                    if isinstance(cell, Const):
                        try:
                            params[name] = type.params[name].coerce(cell.value)
                        except ValueError as error:
                            self.fault(f"{where}.in.{name}", f"{error}{self.place(own)}")
                    elif name in type.params and type.params[name].file is not None:
                        self.fault(f"{where}.in.{name}", "expected a path known before the run, found a computed one")
                    else:
                        links[name] = cell
                        params.pop(name, None)
                self.resolve_files(spec, type, params, where)
            if len(self.faults) > known or any(map(broken, cells)):
                for output in outputs.values():
                    output.cells[coords] = BROKEN
                continue
            if type.plain and not links:
                results = self.evaluate(type, params, f"{where}{self.place(own)}")
                for name, result in results.items():
                    outputs[name].cells[coords] = result
                continue
            index = len(self.calls)
            at = scope.fixed | own
            self.calls.append(Call(type, label + self.place(at), params, links, at))
            if type.effect:
                self.targets[index] = None
            for name, output in outputs.items():
                output.cells[coords] = Link(index, name)
        return outputs

    def joined(self, sources: Sequence[Swept], where: str) -> tuple[tuple[str, ...], Iterator[tuple[Coords, Any]]]:
        """The join of some sources, whose rows are counted before they are made."""
        axes = dict.fromkeys(axis for source in sources for axis in source.axes)
        self.spend("calls", prod(len(self.axes[axis]) for axis in axes), where)
        return join(sources)

    def spend(self, what: str, count: int, where: str) -> None:
        """Count towards a limit; raise `WorkflowError` beyond it."""
        self.spent[what] += count
        few, data = self.bounds.calls, 16 * DATA_LIMIT
        limit = {"calls": few, "iterations": few, "bytes of data": data}.get(what, LINKS * few)
        if self.spent[what] > limit:
            raise WorkflowError([Fault(where, f"expected at most {limit} {what}", "make a loop or an axis shorter")])

    def gather(self, swept: Swept, plain: bool, where: str) -> Swept:
        """Take axes away: those of loops for a plain list, all for a Collected."""
        self.spend("gathered values", len(swept.cells), where)
        inner = [i for i, axis in enumerate(swept.axes) if not plain or "." in axis]
        outer = [i for i, axis in enumerate(swept.axes) if i not in inner]
        groups: dict[Coords, list[tuple[Coords, Any]]] = {} if outer else {(): []}  # a loop that never turned
        for coords, cell in swept.cells.items():
            at = tuple(coords[i] for i in outer)
            groups.setdefault(at, []).append((tuple(coords[i] for i in inner), cell))
        ends = [max((coords[i] for coords in swept.cells), default=-1) + 1 for i in inner]
        axes = tuple((swept.axes[i], tuple(self.axes[swept.axes[i]][:end])) for i, end in zip(inner, ends, strict=True))
        cells: dict[Coords, Any] = {
            at: Gathered(tuple(sorted(items, key=lambda item: item[0])), None if plain else axes)
            for at, items in groups.items()
        }
        return Swept(tuple(swept.axes[i] for i in outer), cells)

    def resolve_files(self, spec: Node, type: NodeType, params: dict[str, Any], where: str) -> None:
        """Turn what is written for a file into its path."""
        for name, param in type.params.items():
            if param.file is not None and params.get(name) is not None:
                try:
                    params[name] = str(self.bounds.resolve(param.file, params[name], self.folder))
                except (OSError, ValueError) as error:
                    self.fault(f"{where}.{'in' if name in spec.in_ else 'params'}.{name}", describe(error))

    def evaluate(self, type: NodeType, params: Mapping[str, Any], where: str) -> dict[str, Const]:
        """Run a plain node now; what it returns is copied, so that nobody can change it."""
        try:
            results = type.named(type.function(**params))
            size = JSON_CODEC.nbytes(results)
            if size > DATA_LIMIT:
                raise ValueError(f"expected at most {DATA_LIMIT} bytes of data, found more")
            results = copy.deepcopy(results)
        except Exception as error:
            self.fault(where, describe(error))
            return dict.fromkeys(type.outputs, BROKEN)
        self.spend("bytes of data", size, where)
        return {name: Const(result) for name, result in results.items()}

    def fault(self, where: str, message: str) -> None:
        """Note a fault, once."""
        self.faults[Fault(where, message)] = None

    def place(self, at: Mapping[str, int]) -> str:
        """` @ strength=0.75, seed=3`, or nothing where there are no axes."""
        return " @ " + ", ".join(f"{axis}={short(self.axes[axis][i])}" for axis, i in at.items()) if at else ""

    # repeat

    def repeat(self, name: str, spec: Repeat, scope: Scope, label: str, where: str) -> Bundle:
        """Unroll a loop, once for each coordinate of its bounds; a bypassed one does not turn."""
        bounds = [
            scope.resolve(bound) if isinstance(bound, str) else Swept((), {(): Const(bound)})
            for bound in ([0, 0] if spec.bypass else spec.bounds)
        ]
        swept = any(bound.axes for bound in bounds)
        axes, rows = self.joined(bounds, f"{where}.for.{spec.variable}") if swept else join(bounds)
        slices: list[tuple[Coords, dict[str, list[Swept]]]] = []
        bodies: list[tuple[Coords, list[dict[str, Bundle]]]] = []
        for coords, cells in rows:
            fixed = dict(zip(axes, coords, strict=True))
            inner = Scope({}, scope, scope.fixed | fixed) if axes else scope
            carried, copies = self.unroll(spec, cells, inner, label, where)
            slices.append((coords, carried))
            bodies.append((coords, copies))
        variable = f"{name}.{spec.variable}"
        longest = max((len(values) for _, carried in slices for values in carried.values()), default=0)
        if len(self.axes.setdefault(variable, [])) < longest:
            self.axes[variable] = list(range(longest))

        def last(carried: str) -> Swept:
            return self.merge(axes, [(coords, all[carried][-1]) for coords, all in slices], where)

        def every(wanted: str) -> Swept:
            if wanted in spec.carry:
                parts = [((*coords, i), one) for coords, all in slices for i, one in enumerate(all[wanted])]
            else:
                node, _, output = wanted.partition(".")
                if node not in spec.body:
                    raise KeyError(f'"{name}" carries no "{wanted}", and has none in its body')
                parts = [
                    ((*coords, i), copy[node].outputs[output])
                    for coords, copies in bodies
                    for i, copy in enumerate(copies)
                ]
            return self.merge((*axes, variable), parts, where)

        return Bundle({carried: last(carried) for carried in spec.carry}, every)

    def unroll(
        self, spec: Repeat, bounds: Sequence[Cell], scope: Scope, label: str, where: str
    ) -> tuple[dict[str, list[Swept]], list[dict[str, Bundle]]]:
        """For each carried name its values, the first and that after each copy of the body; and the copies' names."""
        copies: list[dict[str, Bundle]] = []
        carried = {name: [scope.resolve(reference)] for name, reference in spec.carry.items()}
        if any(map(broken, bounds)):
            return carried, copies
        first, stop = (cell.value if isinstance(cell, Const) else None for cell in bounds)
        if type(first) is not int or type(stop) is not int:
            found = f"{shown(first)}, {shown(stop)}"
            self.fault(f"{where}.for.{spec.variable}", f"expected bounds known before the run, found {found}")
            return carried, copies
        self.spend("iterations", max(0, stop - first), f"{where}.for.{spec.variable}")
        order = in_order(spec.body)[0]
        for i in range(first, stop):
            inner = Scope({}, scope, scope.fixed)
            inner.names[spec.variable] = Bundle({"": Swept((), {(): Const(i)})})
            for name, values in carried.items():
                inner.names[name] = Bundle({"": values[-1]})
            for name in order:
                self.sibling(name, spec.body[name], inner, f"{label}[{i}].", f"{where}.body")
            for name, reference in spec.next.items():
                carried[name].append(inner.resolve(reference))
            copies.append(inner.names)
            if self.faults:
                break
        return carried, copies

    def merge(self, axes: tuple[str, ...], parts: Sequence[tuple[Coords, Swept]], where: str) -> Swept:
        """One swept value from several, each at a coordinate of outer axes."""
        inner = tuple(dict.fromkeys(axis for _, part in parts for axis in part.axes))
        for _, part in parts:
            missing = prod(len(self.axes[axis]) for axis in inner if axis not in part.axes)
            self.spend("values of loops", len(part.cells) * missing, where)
        cells: dict[Coords, Cell] = {}
        for coords, part in parts:
            for more, cell in self.broadcast(part, inner):
                cells[(*coords, *more)] = cell
        return Swept((*axes, *inner), cells)

    def broadcast(self, swept: Swept, axes: tuple[str, ...]) -> Iterable[tuple[Coords, Cell]]:
        """The cells over more axes than the value depends on."""
        if swept.axes == axes:
            return swept.cells.items()
        missing = [axis for axis in axes if axis not in swept.axes]
        spread = [Swept((axis,), {(i,): Const(None) for i in range(len(self.axes[axis]))}) for axis in missing]
        order, rows = join([swept, *spread])
        places = [order.index(axis) for axis in axes]
        return ((tuple(coords[i] for i in places), cells[0]) for coords, cells in rows)


def broken(cell: Cell | Gathered) -> bool:
    """Whether a cell, or one of those gathered in it, stands for a fault."""
    cells: Iterable[Cell] = (one for _, one in cell.cells) if isinstance(cell, Gathered) else (cell,)
    return any(one is BROKEN for one in cells)


def short(value: Any) -> str:
    """A value as it stands in a label."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def expand(
    workflow: Workflow,
    registry: Mapping[str, NodeType],
    inputs: Mapping[str, Any] | None = None,
    sweeps: Mapping[str, Sequence[Any]] | None = None,
    bounds: Bounds = UNBOUNDED,
) -> Expansion:
    """Expand a workflow that has passed `check` with the same inputs and sweeps.

    Raises:
        WorkflowError: a value that could only now be known does not fit, or a file is missing; all such are listed. Or
            it asks for more than `bounds` allow.
    """
    inputs, sweeps = inputs or {}, sweeps or {}
    expander = Expander(registry, workflow, bounds)
    outer = Scope({})
    for name, spec in workflow.inputs.items():
        if name in sweeps:
            expander.axes[name] = [coerce_input(spec, value) for value in sweeps[name]]
            cells: dict[Coords, Cell] = {(i,): Const(value) for i, value in enumerate(expander.axes[name])}
            outer.names[name] = Bundle({"": Swept((name,), cells)})
        else:
            value = coerce_input(spec, inputs.get(name, spec.default))
            outer.names[name] = Bundle({"": Swept((), {(): Const(value)})})
    top = Scope({}, outer)
    expander.level(workflow.nodes, top, "", "nodes")
    if expander.faults:
        raise WorkflowError(list(expander.faults), workflow.name)
    outputs = {
        name: {output: swept for output, swept in bundle.outputs.items() if not any(map(broken, swept.cells.values()))}
        for name, bundle in top.names.items()
    }
    every = {name: bundle.every for name, bundle in top.names.items() if bundle.every is not None}
    return Expansion(expander.calls, outputs, every, expander.axes, list(expander.targets))


def read_nodes(nodes: Mapping[str, Node | Repeat], carried: Iterable[str] = ()) -> Iterator[int]:
    """The identities of those specs, at any depth, that something in the file refers to."""
    read = {split(reference) for node in nodes.values() for _, reference in references(node)}
    read |= {split(reference) for reference in carried}
    names = {name for name, _, _ in read}
    for name, node in nodes.items():
        if name in names:
            yield id(node)
        if isinstance(node, Repeat):
            inside = {output.partition(".")[0] for of, output, every in read if of == name and every}
            yield from (id(node.body[child]) for child in inside & node.body.keys())
            yield from read_nodes(node.body, node.next.values())


def links_of(source: Link | Gathered) -> Iterable[Link]:
    """The single links of a port's source."""
    if isinstance(source, Link):
        return (source,)
    return (cell for _, cell in source.cells if isinstance(cell, Link))
