"""Step 1: check names, types, ranges and cycles, and list every fault before a weight is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from engine.axis import AxisParams, axis_complaint, kind_of
from engine.errors import Fault, shown, suggest
from engine.names import in_order, split, stand_ins
from engine.node import NodeType, Param, Port, expect_json
from engine.workflow import INPUT_TYPES, Input, Node, Repeat, Workflow

JSON_KINDS = frozenset({"int", "float", "str", "bool", "list", "json"})
WIDENS = {"float": {"int", "float"}, "json": JSON_KINDS}
"""Which kinds a param of a kind reads, where that is more than its own."""
BUILT_IN = ("repeat", "axis")
MOST = 500
"""Faults after which nobody reads on."""


class Enough(Exception):
    """There are more faults than are listed."""


@dataclass(frozen=True)
class Wire:
    """What is known about a reference before anything runs."""

    kind: str
    """A value type's name or a JSON kind."""
    looped: bool = False
    """It stands for every iteration of a loop."""
    every: bool = False
    """It is what a repeat gives, so it has ".all"."""
    inside: bool = False
    """It is a value of a node in a loop's body: outside it has nothing but ".all"."""
    values: tuple[Any, ...] | None = None
    """The literal values it may have, where they are known."""
    origin: str = ""
    """Where these values are written."""
    lost: str = ""
    """The bypassed node that would give it, and has nothing of its kind to pass on."""


@dataclass
class Scope:
    """The names visible at one level: name → output → wire; the output of a single value is ""."""

    names: dict[str, dict[str, Wire]] = field(default_factory=dict)
    parent: Scope | None = None
    broken: set[str] = field(default_factory=set)
    """Names that exist but whose type is not known: they have faults of their own, or are not looked at yet."""

    def find(self, name: str) -> dict[str, Wire] | None:
        """The outputs of a name, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def is_broken(self, name: str) -> bool:
        """Whether a name exists but its type is not known."""
        return name in self.broken or (self.parent is not None and self.parent.is_broken(name))

    def has(self, name: str) -> bool:
        """Whether a name exists, here or further out."""
        return self.find(name) is not None or self.is_broken(name)

    def visible(self) -> dict[str, dict[str, Wire]]:
        """Every visible name."""
        return (self.parent.visible() if self.parent else {}) | self.names


class Checker:
    """Walks a workflow once and collects faults."""

    def __init__(self, registry: Mapping[str, NodeType]) -> None:
        self.registry = registry
        self.faults: dict[tuple[str, str], Fault] = {}
        self.axes: dict[str, tuple[int, str]] = {}
        self.idle = False
        """Whether what is looked at is bypassed, or in the body of a bypassed repeat."""

    def fault(self, where: str, message: str, hint: str = "") -> None:
        """Note a fault, once, however many nodes meet it."""
        self.faults.setdefault((where, message), Fault(where, message, hint))
        if len(self.faults) > MOST:
            raise Enough

    def fault_if_run(self, where: str, message: str, hint: str = "") -> None:
        """Note a fault that does no harm in a node that is not run; names must be right there, too."""
        if not self.idle:
            self.fault(where, message, hint)

    # inputs

    def inputs(self, workflow: Workflow, values: Mapping[str, Any], sweeps: Mapping[str, Sequence[Any]]) -> Scope:
        """The outermost scope: the workflow's inputs, with the values they have in this run."""
        scope = Scope()
        for given in (*values, *sweeps):
            if given not in workflow.inputs:
                self.fault(f"inputs.{given}", "unknown input", suggest(given, workflow.inputs))
        for name, spec in workflow.inputs.items():
            where = f"inputs.{name}"
            if name in sweeps:
                candidates = [coerce_input(spec, value) for value in sweeps[name]]
                self.axis(where, name, len(candidates))
                if not candidates:
                    self.fault(where, "expected values to sweep, found none")
            else:
                candidates = [coerce_input(spec, values.get(name, spec.default))]
            fitting = [value for value in candidates if self.candidate(spec, value, name)]
            kind = {"string": "str"}.get(spec.type, spec.type)
            scope.names[name] = {"": Wire(kind, values=tuple(fitting), origin=where)}
        return scope

    def candidate(self, spec: Input, value: Any, name: str) -> bool:
        """Check one value of an input against its type."""
        where = f"inputs.{name}"
        if value is None:
            self.fault(where, "expected a value, found none", f'give "default", or --set {name}=…')
            return False
        if type(value) is not INPUT_TYPES[spec.type]:
            self.fault(where, f"expected {spec.type}, found {shown(value)}")
            return False
        try:
            expect_json(value)
        except ValueError as error:
            self.fault(where, str(error))
            return False
        return True

    def axis(self, where: str, name: str, count: int) -> None:
        """Nodes of the same axis name run together, so they must have equally many values."""
        if self.idle:
            return
        before, first = self.axes.setdefault(name, (count, where))
        if before != count:
            self.fault(where, f'axis "{name}": expected {before} values as at {first}, found {count}')

    # nodes

    def level(self, nodes: Mapping[str, Node | Repeat], scope: Scope, where: str) -> None:
        """Check siblings, each after those it refers to, and add them to the scope."""
        for name in nodes:
            if scope.has(name):
                self.fault(f"{where}.{name}", f'"{name}" shadows an outer name', "rename one of them")
        scope.broken |= set(nodes)
        order, cycle = in_order(nodes)
        if cycle:
            self.fault(f"{where}.{cycle[0]}", f"cycle: {' → '.join(cycle)}", "a loop is written with type repeat")
            order = list(nodes)
        for name in order:
            spec, at, around = nodes[name], f"{where}.{name}", self.idle
            self.idle = around or spec.bypass
            outputs = self.repeat(spec, scope, at) if isinstance(spec, Repeat) else self.node(spec, scope, at)
            self.idle = around
            if outputs is not None:
                scope.broken.discard(name)
                scope.names[name] = outputs

    def node(self, spec: Node, scope: Scope, where: str) -> dict[str, Wire] | None:
        """Check one node; return its outputs, or None where its type is unknown."""
        if spec.type == "axis":
            return self.axis_node(spec, where)
        if spec.type not in self.registry:
            self.fault(f"{where}.type", f'unknown node "{spec.type}"', suggest(spec.type, (*self.registry, *BUILT_IN)))
            return None
        type = self.registry[spec.type]
        known = (*type.ports, *type.params)
        looped = False
        wires: dict[str, Wire | None] = {}
        for name, value in spec.params.items():
            at = f"{where}.params.{name}"
            if name in type.ports:
                port = type.ports[name]
                message = f"expected a link to a {port.kind}, found a literal"
                self.fault_if_run(at, message, f'write it under "in": {name}')
            elif name not in type.params:
                self.fault_if_run(at, f'unknown param of "{type.name}"', suggest(name, known))
            else:
                if name in spec.in_:
                    self.fault_if_run(at, 'given both here and under "in"', "delete one of them")
                self.literal(type.params[name], value, at)
        for name, reference in spec.in_.items():
            at = f"{where}.in.{name}"
            wires[name] = wire = self.reference(reference, scope, at)
            if name not in known:
                self.fault_if_run(at, f'unknown port or param of "{type.name}"', suggest(name, known))
            elif wire is None:
                continue
            elif name in type.ports:
                self.port(type.ports[name], wire, reference, scope, at)
                looped |= wire.looped and not (type.ports[name].many or type.ports[name].collected)
            else:
                self.param(type.params[name], wire, reference, at)
                looped |= wire.looped
        for name in known:
            required = (type.ports.get(name) or type.params[name]).required
            if required and name not in spec.in_ and name not in spec.params:
                place = "in" if name in type.ports else "params"
                what = type.ports[name].kind if name in type.ports else type.params[name].kind
                self.fault_if_run(f"{where}.{place}.{name}", f"missing: expected {what}, found nothing")
        if spec.bypass:
            return self.passed(type, wires, where)
        return {name: Wire(output.kind, looped) for name, output in type.outputs.items()}

    def passed(self, type: NodeType, wires: Mapping[str, Wire | None], where: str) -> dict[str, Wire] | None:
        """What stands for the outputs of a bypassed node, or None where a link to pass on is a fault itself."""
        found: dict[str, Wire] = {}
        for output, name in stand_ins(type, wires).items():
            if name is None:
                found[output] = Wire(type.outputs[output].kind, lost=where.rpartition(".")[2])
            elif (wire := wires[name]) is None:
                return None
            else:
                found[output] = replace(wire, every=False)
        return found

    def literal(self, param: Param, value: Any, where: str) -> None:
        """Check a value against a param's annotation."""
        try:
            param.coerce(value)
        except ValueError as error:
            self.fault_if_run(where, str(error))

    def port(self, port: Port, wire: Wire, reference: str, scope: Scope, where: str) -> None:
        """Check that a link carries what the port reads."""
        if not accepts(port.kind, wire.kind):
            fits = [
                f"{name}.{output}" if output else name
                for name, outputs in scope.visible().items()
                for output, other in outputs.items()
                if other.kind == port.kind and not other.inside
            ]
            hint = f'did you mean "{fits[0]}"?' if len(fits) == 1 else suggest(reference, fits)
            self.fault_if_run(where, f'expected {port.kind}, got {wire.kind} (from "{reference}")', hint)
        elif port.many and not wire.looped:
            hint = f'link to every iteration of a loop: "{split(reference)[0]}.….all"'
            self.fault_if_run(where, f'expected a list of {port.kind}, got one (from "{reference}")', hint)

    def param(self, param: Param, wire: Wire, reference: str, where: str) -> None:
        """Check that a link to a param carries fitting JSON, and that its values, where known, are in range."""
        if not accepts(param.kind, wire.kind):
            self.fault_if_run(where, f'expected {param.kind}, got {wire.kind} (from "{reference}")')
            return
        for value in wire.values or ():
            if value is None:
                continue
            try:
                param.coerce(value)
            except ValueError as error:
                self.fault_if_run(wire.origin, str(error), f"it is read at {where}")
                break

    def reference(self, reference: str, scope: Scope, where: str) -> Wire | None:
        """What a reference stands for; a fault and None if that cannot be said."""
        name, output, every = split(reference)
        outputs = scope.find(name)
        if outputs is None:
            if not scope.is_broken(name):
                self.fault(where, f'unknown name "{name}"', suggest(name, scope.visible()))
            return None
        if output not in outputs:
            plain = [one for one, wire in outputs.items() if not wire.inside]
            if output == "" and len(plain) == 1:
                wire = outputs[plain[0]]
            else:
                some = "several outputs" if plain else "no outputs"
                found = f'"{name}" has no output "{output}"' if output else f'"{name}" has {some}'
                known = [f"{name}.{o}" if o else name for o in (outputs if every else plain)]
                self.fault(where, found, suggest(reference, known))
                return None
        else:
            wire = outputs[output]
        if every:
            if not wire.every:
                self.fault(where, f'"{reference}": only a repeat has ".all"')
                return None
            wire = Wire(wire.kind, looped=True, lost=wire.lost)
        if wire.inside:
            self.fault(
                where, f'"{reference}" is inside a loop', f'say "{reference}.all" for its value at every iteration'
            )
            return None
        if wire.lost and not self.idle:
            message = f'"{wire.lost}" is bypassed, and has no {wire.kind} among its inputs to pass on'
            self.fault(where, message, "link one to it, or take the bypass away")
            return replace(wire, lost="")
        return wire

    def axis_node(self, spec: Node, where: str) -> dict[str, Wire] | None:
        """Check an axis."""
        if spec.bypass:
            self.fault(f"{where}.bypass", "an axis cannot be bypassed", "link what reads it to a value, or delete it")
        for name in spec.in_:
            self.fault_if_run(f"{where}.in.{name}", "an axis takes only literals", 'write it under "params"')
        try:
            params = AxisParams.model_validate(spec.params)
        except ValidationError as error:
            for place, message in axis_complaint(error):
                self.fault_if_run(f"{where}.params" + (f".{place}" if place else ""), message)
            return None
        values = params.expand()
        self.axis(where, params.name, len(values))
        return {"": Wire(kind_of(values), values=tuple(values), origin=f"{where}.params")}

    def repeat(self, spec: Repeat, scope: Scope, where: str) -> dict[str, Wire] | None:
        """Check a loop and its body; return its carried values as outputs."""
        for bound in spec.bounds:
            if isinstance(bound, str):
                wire = self.reference(bound, scope, f"{where}.for.{spec.variable}")
                if wire is not None and wire.kind not in ("int", "json"):
                    self.fault_if_run(f"{where}.for.{spec.variable}", f'expected int, got {wire.kind} (from "{bound}")')
        for name in (spec.variable, *spec.carry):
            if scope.has(name):
                place = "for" if name == spec.variable else "carry"
                self.fault(f"{where}.{place}.{name}", f'"{name}" shadows an outer name', "rename one of them")
        if spec.variable in spec.carry:
            self.fault(f"{where}.carry.{spec.variable}", "has the name of the loop variable", "rename one of them")

        if not spec.carry:
            message = "expected at least one carried value, found none"
            self.fault_if_run(f"{where}.carry", message, "name a value that each turn hands to the next")
        inner = Scope(parent=scope)
        inner.names[spec.variable] = {"": Wire("int")}
        outputs: dict[str, Wire] = {}
        for name, reference in spec.carry.items():
            wire = self.reference(reference, scope, f"{where}.carry.{name}")
            if wire is None:
                inner.broken.add(name)
            else:
                outputs[name] = Wire(wire.kind, wire.looped, every=True, lost=wire.lost)
                inner.names[name] = {"": Wire(wire.kind, wire.looped)}
        self.level(spec.body, inner, f"{where}.body")
        for name in spec.carry.keys() - spec.next.keys():
            self.fault_if_run(f"{where}.next.{name}", "missing: each carried value needs its next", f'add "{name}"')
        for name, reference in spec.next.items():
            at = f"{where}.next.{name}"
            wire = self.reference(reference, inner, at)
            if name not in spec.carry:
                self.fault_if_run(at, "is not carried", suggest(name, spec.carry))
            elif wire is not None and name in outputs and wire.kind != outputs[name].kind:
                widened = {wire.kind, outputs[name].kind} == {"int", "float"}
                if not widened:
                    self.fault_if_run(at, f'expected {outputs[name].kind}, got {wire.kind} (from "{reference}")')
        if len(outputs) < len(spec.carry):
            return None
        for name in spec.body:
            for output, wire in inner.names.get(name, {}).items():
                if not wire.inside:
                    outputs[f"{name}.{output}" if output else name] = Wire(
                        wire.kind, wire.looped, every=True, inside=True, lost=wire.lost
                    )
        return outputs


def accepts(wanted: str, found: str) -> bool:
    """Whether what reads one kind of value may be linked to another: an int is a float, and JSON may be anything."""
    if wanted not in JSON_KINDS:
        return wanted == found
    return found == "json" or found in WIDENS.get(wanted, {wanted})


def coerce_input(spec: Input, value: Any) -> Any:
    """An int given for a float input is a float; everything else stays."""
    return float(value) if spec.type == "float" and type(value) is int and abs(value) < 1e300 else value


def check(
    workflow: Workflow,
    registry: Mapping[str, NodeType],
    inputs: Mapping[str, Any] | None = None,
    sweeps: Mapping[str, Sequence[Any]] | None = None,
) -> list[Fault]:
    """All faults of a workflow with these inputs and sweeps, of very many the first; no file is opened, nothing run."""
    checker = Checker(registry)
    with suppress(Enough):
        outer = checker.inputs(workflow, inputs or {}, sweeps or {})
        if not workflow.nodes:
            checker.fault("nodes", "expected at least one node, found none")
        checker.level(workflow.nodes, Scope(parent=outer), "nodes")
    return list(checker.faults.values())
