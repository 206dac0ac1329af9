"""A node is a typed function: its signature is its schema, its docstring its help."""

from __future__ import annotations

import inspect
import json
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, NamedTuple, TypeVar, overload

from pydantic import ConfigDict, TypeAdapter, ValidationError

from engine.errors import DeclarationError, shown, suggest
from engine.types import (
    JSON_TYPE,
    Collected,
    File,
    ValueToken,
    ValueType,
    is_json,
    json_kind,
    read_annotation,
    without_none,
)

F = TypeVar("F", bound=Callable[..., Any])

STRICT = ConfigDict(strict=True, allow_inf_nan=False)
RESERVED = frozenset({"repeat", "axis"})
"""Node types that the engine expands itself."""

KINDS = {"int": (int,), "float": (float, int), "str": (str,), "bool": (bool,), "list": (list,)}
"""The Python types of a value of each JSON kind."""

_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


def expect_json(value: Any) -> None:
    """Raise ValueError if a value cannot be written as JSON: not finite, not Unicode, nested too deeply, an object."""
    try:
        _encode(value).encode()
    except UnicodeEncodeError:
        raise ValueError(f"expected Unicode text, found {shown(value)}") from None
    except RecursionError:
        raise ValueError("expected data nested less deeply") from None
    except (TypeError, ValueError):
        raise ValueError(f"expected JSON data with finite numbers, found {shown(value)}") from None


@dataclass(frozen=True)
class Param:
    """A JSON input of a node: written in the workflow, or linked."""

    name: str
    annotation: Any
    required: bool
    default: Any
    help: str
    file: File | None

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """The pydantic validator, made on first use."""
        scalar = not (isinstance(self.annotation, type) and hasattr(self.annotation, "model_fields"))
        return TypeAdapter(self.annotation, config=STRICT if scalar else None)

    @cached_property
    def kind(self) -> str:
        """`int`, `float`, `str`, `bool`, `list` or `json`."""
        return json_kind(self.annotation)

    def coerce(self, value: Any) -> Any:
        """The value as its annotation wants it (an int becomes a float where a float is wanted); ValueError if not."""
        try:
            coerced = self.adapter.validate_python(value)
        except ValidationError as error:
            raise ValueError(self.complaint(value, error)) from None
        if self.kind in ("str", "list", "json"):
            expect_json(coerced)
        return coerced

    def complaint(self, value: Any, error: ValidationError) -> str:
        """What was expected and what was found, in one line."""
        first = error.errors()[0]
        found = shown(value)
        if first["type"] == "literal_error":
            hint = suggest(value, self.choices) if isinstance(value, str) else ""
            return f"expected one of {', '.join(map(str, self.choices))}, found {found}" + (f"; {hint}" if hint else "")
        if first["type"] == "finite_number":
            return f"expected a finite number, found {found}"
        text = first["msg"].removeprefix("Input should be ").removeprefix("a valid ").removeprefix("Value error, ")
        return f"expected {text}, found {found}"

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values of a Literal, or nothing."""
        annotation, _ = without_none(self.annotation)
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        return typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the param, with its help and default."""
        schema = dict(self.adapter.json_schema())
        if self.help:
            schema["description"] = self.help
        if not self.required:
            schema["default"] = self.default
        return schema


@dataclass(frozen=True)
class Port:
    """A linked input of a node."""

    name: str
    type: ValueType
    kind: str
    """The value type's name, or the JSON kind of what is collected."""
    required: bool
    help: str
    many: bool
    """`list[T]`: takes every iteration of a loop at once."""
    collected: bool
    """`Collected[T]`: takes every coordinate of a sweep at once; T may be JSON, such as float."""


@dataclass(frozen=True)
class Output:
    """A value that a node gives."""

    name: str
    """Empty for a node with a single output."""
    type: ValueType
    kind: str
    """The value type's name, or the JSON kind."""

    def expect(self, value: Any, node: str) -> None:
        """Raise TypeError or ValueError if this is not what the signature promises."""
        if self.type is JSON_TYPE:
            fits = self.kind == "json" or type(value) in KINDS[self.kind]
        else:
            fits = any(base.__name__ == self.type.class_name for base in type(value).__mro__)
        if not fits:
            raise TypeError(f"{node} returned {type(value).__name__} where its signature promises {self.kind}")
        if self.type is JSON_TYPE and type(value) is not int:
            expect_json(value)


@dataclass(frozen=True)
class NodeType:
    """What `@node` makes of a function. Equal calls of equal version give equal values."""

    name: str
    version: int
    function: Callable[..., Any]
    params: Mapping[str, Param]
    ports: Mapping[str, Port]
    outputs: Mapping[str, Output]
    effect: bool
    help: str
    category: str

    @cached_property
    def plain(self) -> bool:
        """Whether inputs and outputs are all JSON: such a node is evaluated while expanding."""
        return (
            not self.ports
            and not self.effect
            and not any(param.file for param in self.params.values())
            and all(output.type is JSON_TYPE for output in self.outputs.values())
        )

    @cached_property
    def stored(self) -> bool:
        """Whether its values may go to disk."""
        return not self.effect and all(output.type.stored for output in self.outputs.values())

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The value of every optional param, coerced as a written one is."""
        return {
            name: param.default if param.default is None else param.coerce(param.default)
            for name, param in self.params.items()
            if not param.required
        }

    def named(self, result: Any) -> dict[str, Any]:
        """What the function returned as output → value; TypeError or ValueError if its signature promises another."""
        if "" in self.outputs:
            values = {"": result}
        elif all(hasattr(result, name) for name in self.outputs):
            values = {name: getattr(result, name) for name in self.outputs}
        else:
            promised = ", ".join(self.outputs)
            raise TypeError(f"{self.name} returned {type(result).__name__} where its signature promises {promised}")
        for name, output in self.outputs.items():
            output.expect(values[name], self.name)
        return values

    @property
    def summary(self) -> str:
        """The first line of the help."""
        return self.help.split("\n", 1)[0]

    def schema(self) -> dict[str, Any]:
        """The node as JSON: ports, params (JSON Schema), outputs, help."""
        return {
            "name": self.name,
            "version": self.version,
            "category": self.category,
            "help": self.help,
            "effect": self.effect,
            "ports": {
                port.name: {
                    "type": port.kind,
                    "required": port.required,
                    "help": port.help,
                    "gathers": "sweep" if port.collected else "loop" if port.many else None,
                }
                for port in self.ports.values()
            },
            "params": {
                param.name: param.schema() | {"required": param.required, "file": param.file is not None}
                for param in self.params.values()
            },
            "outputs": {output.name or "value": output.kind for output in self.outputs.values()},
        }


# ── from a function ───────────────────────────────────────────────────────────────────────────────────────────────────


def declare(function: Callable[..., Any], version: int, effect: bool) -> NodeType:
    """Read a node from a function's signature and docstring; raise `DeclarationError` naming what is missing."""
    name = function.__name__
    if name in RESERVED:
        raise DeclarationError(f"node {name}: the engine keeps this name for itself")
    if version < 1:
        raise DeclarationError(f"node {name}: version: expected 1 or more, found {version}")
    text, arguments = read_arguments(function, f"node {name}")
    params: dict[str, Param] = {}
    ports: dict[str, Port] = {}
    for argument in arguments:
        if is_json(argument.annotation):
            params[argument.name] = read_param(argument)
        else:
            ports[argument.name] = read_port(argument, f"node {name}: parameter {argument.name}")

    outputs = read_outputs(read_return(function, f"node {name}"), f"node {name}")
    category = function.__module__.rpartition(".")[2]
    return NodeType(name, version, function, params, ports, outputs, effect, text, category)


class Argument(NamedTuple):
    """One argument of a declared function."""

    name: str
    annotation: Any
    required: bool
    default: Any
    help: str


def read_arguments(function: Callable[..., Any], what: str) -> tuple[str, list[Argument]]:
    """The help of a function and its arguments; `DeclarationError`, beginning with `what`, for what is missing."""
    module = vars(sys.modules[function.__module__])
    text, explained = read_docstring(inspect.getdoc(function) or "")
    if not text:
        raise DeclarationError(f"{what}: expected a docstring, which is its help")
    found = []
    for parameter in inspect.signature(function).parameters.values():
        where = f"{what}: parameter {parameter.name}"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DeclarationError(f"{where}: expected a named parameter, found *{parameter.name}")
        if parameter.annotation is parameter.empty:
            raise DeclarationError(f"{where}: expected a type annotation")
        try:
            annotation = read_annotation(parameter.annotation, module)
        except NameError as error:
            raise DeclarationError(f"{where}: {error}") from None
        required = parameter.default is parameter.empty
        default = None if required else parameter.default
        found.append(Argument(parameter.name, annotation, required, default, explained.get(parameter.name, "")))
    return text, found


def read_return(function: Callable[..., Any], what: str) -> Any:
    """The return annotation of a function; `DeclarationError` if there is none."""
    annotation = inspect.signature(function).return_annotation
    if annotation is inspect.Signature.empty:
        raise DeclarationError(f"{what}: expected a return annotation")
    return read_annotation(annotation, vars(sys.modules[function.__module__]))


def read_param(argument: Argument) -> Param:
    """A param from an argument of JSON type."""
    name, annotation, required, default, explain = argument
    marks = typing.get_args(annotation)[1:] if typing.get_origin(annotation) is typing.Annotated else ()
    file = next((mark for mark in marks if isinstance(mark, File)), None)
    return Param(name, annotation, required, default, explain, file)


def read_port(argument: Argument, where: str) -> Port:
    """A port from an argument of another type: `T`, `T | None`, `list[T]` or `Collected[T]`."""
    name, annotation, required, _, explain = argument
    inner, optional = without_none(annotation)
    if optional and required:
        raise DeclarationError(f"{where}: an optional port needs a default of None")
    origin = typing.get_origin(inner)
    many, collected = origin is list, origin is Collected
    if many or collected:
        inner = typing.get_args(inner)[0]
    if collected and is_json(inner):
        return Port(name, JSON_TYPE, json_kind(inner), required, explain, many, collected)
    if not (isinstance(inner, type) and issubclass(inner, ValueToken)):
        raise DeclarationError(f"{where}: expected JSON data or a declared value type, found {annotation}")
    return Port(name, inner.spec, inner.spec.name, required, explain, many, collected)


def read_outputs(annotation: Any, where: str) -> dict[str, Output]:
    """The outputs from a return annotation: one value, or a NamedTuple of several."""
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        module = vars(sys.modules[annotation.__module__])
        hints = inspect.get_annotations(annotation)
        return {
            name: read_output(name, read_annotation(getattr(hint, "__forward_arg__", hint), module), where)
            for name, hint in hints.items()
        }
    return {"": read_output("", annotation, where)}


def read_output(name: str, annotation: Any, where: str) -> Output:
    """One output from its annotation."""
    if isinstance(annotation, type) and issubclass(annotation, ValueToken):
        return Output(name, annotation.spec, annotation.spec.name)
    if is_json(annotation):
        return Output(name, JSON_TYPE, json_kind(annotation))
    raise DeclarationError(f"{where}: return value {name}: expected JSON data or a value type, found {annotation}")


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a Google-style docstring into its help and the description of each argument."""
    body, _, rest = text.partition("\nArgs:\n")
    arguments: dict[str, str] = {}
    current = ""
    for line in re.split(r"\n(?=\S)", rest, maxsplit=1)[0].splitlines():
        started = re.match(r" {4}(\w+): (.*)", line)
        if started:
            current = started[1]
            arguments[current] = started[2]
        elif current and line.strip():
            arguments[current] += " " + line.strip()
    return body.strip(), arguments


# ── the registry ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Registry(Mapping[str, NodeType]):
    """The known node types by name."""

    def __init__(self) -> None:
        self._types: dict[str, NodeType] = {}

    def add(self, type: NodeType) -> None:
        """Register a node type; another of the same name is a mistake."""
        before = self._types.get(type.name)
        if before is not None and before.function.__module__ != type.function.__module__:
            places = f"{before.function.__module__} and {type.function.__module__}"
            raise DeclarationError(f"node {type.name}: declared twice, in {places}")
        self._types[type.name] = type

    def __getitem__(self, name: str) -> NodeType:
        return self._types[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)


REGISTRY = Registry()
"""Where `@node` registers, unless told otherwise."""


@overload
def node(function: F, /) -> F: ...
@overload
def node(*, version: int = 1, effect: bool = False, registry: Registry | None = None) -> Callable[[F], F]: ...
def node(
    function: F | None = None, /, *, version: int = 1, effect: bool = False, registry: Registry | None = None
) -> F | Callable[[F], F]:
    """Declare a node; the function itself stays as it is.

    Args:
        function: the function, where the decorator is used without brackets.
        version: raise it when the same inputs give another value, so that old cached values are left alone.
        effect: the node acts (writes a file): it is never cached and always runs.
        registry: where to register, if not with all others.
    """

    def decorate(function: F) -> F:
        (REGISTRY if registry is None else registry).add(declare(function, version, effect))
        return function

    return decorate if function is None else decorate(function)


def load_node_packages() -> Registry:
    """Import every package that offers nodes in the entry-point group `diffuscope.nodes`; return the registry."""
    for entry in entry_points(group="diffuscope.nodes"):
        entry.load()
    return REGISTRY
