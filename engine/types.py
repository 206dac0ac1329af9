"""The types that travel on wires: value types, known by name, and how annotations are read without importing torch.

A value type such as `Latent` is declared once, by name, with the place of its codec. Node signatures name it, and the
heavy module that defines the real class is imported only when a value is made, stored or read.
"""

from __future__ import annotations

import builtins
import importlib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from engine.errors import DeclarationError

T = TypeVar("T")

JSON_SCALARS = {bool: "bool", int: "int", float: "float", str: "str"}


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Encoded:
    """A value taken apart for storage: named numpy arrays, and plain JSON for the rest."""

    arrays: Mapping[str, Any] = field(default_factory=dict)
    meta: Any = None


class Codec(Protocol):
    """How values of one type are stored and described."""

    def encode(self, value: Any) -> Encoded:
        """Take a value apart."""

    def decode(self, encoded: Encoded) -> Any:
        """Put it together again: `decode(encode(v))` equals v."""

    def nbytes(self, value: Any) -> int:
        """The memory it takes, in bytes."""

    def describe(self, value: Any) -> dict[str, Any]:
        """Shape, range, mean … as JSON, for a person to read."""


class JsonCodec:
    """Plain JSON data: numbers, strings, lists."""

    def encode(self, value: Any) -> Encoded:
        """The value is its own storage."""
        return Encoded(meta=value)

    def decode(self, encoded: Encoded) -> Any:
        """The stored value."""
        return encoded.meta

    def nbytes(self, value: Any) -> int:
        """A rough size: what strings and lists hold."""
        if isinstance(value, str):
            return 56 + len(value)
        if isinstance(value, list | tuple):
            return 56 + sum(map(self.nbytes, value))
        if isinstance(value, dict):
            return 64 + sum(self.nbytes(k) + self.nbytes(v) for k, v in value.items())
        return 32

    def describe(self, value: Any) -> dict[str, Any]:
        """The value itself."""
        return {"value": value}


class ValueToken:
    """What an annotation such as `Latent` stands for inside the engine; subclasses are made by `value_type`."""

    spec: ValueType


@dataclass(frozen=True)
class ValueType:
    """A type of value that a wire can carry."""

    name: str
    codec_path: str | None
    """`module:attribute` of its codec; None for values that are cheap to make and are never stored."""
    help: str
    class_name: str = ""
    """The Python class of its values, checked when a node returns one; by default the name."""

    @cached_property
    def codec(self) -> Codec:
        """The codec, imported on first use."""
        if self.codec_path is None:
            return JsonCodec()
        module, _, attribute = self.codec_path.partition(":")
        codec: Codec = getattr(importlib.import_module(module), attribute)
        return codec

    @property
    def stored(self) -> bool:
        """Whether values of this type may go to disk."""
        return self.codec_path is not None


JSON_TYPE = ValueType("json", "engine.types:JSON_CODEC", "Plain JSON data.")
JSON_CODEC = JsonCodec()

VALUE_TYPES: dict[str, type[ValueToken]] = {}
"""Every declared value type, by name."""


def value_type(name: str, codec: str | None, help: str, class_name: str = "") -> type[ValueToken]:
    """Declare a value type by name.

    Args:
        name: as it stands in node signatures and messages, such as `Latent`.
        codec: `module:attribute` of a `Codec`, or None if values of this type are never stored.
        help: one line for a person.
        class_name: the name of the Python class of its values, if it is another.
    """
    if name in VALUE_TYPES and VALUE_TYPES[name].spec.codec_path != codec:
        raise DeclarationError(f"value type {name}: declared twice")
    token = type(name, (ValueToken,), {"spec": ValueType(name, codec, help, class_name or name)})
    VALUE_TYPES[name] = token
    return token


# ── annotations with a meaning to the engine ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Collected(Generic[T]):
    """All values of a sweep at once: a port so typed takes the axes away again.

    Attributes:
        axes: name and values of each axis, in order; the last varies fastest.
        items: coordinates (an index an axis) and the value there, in order.
    """

    axes: Sequence[tuple[str, Sequence[Any]]]
    items: Sequence[tuple[tuple[int, ...], T]]

    @property
    def values(self) -> list[T]:
        """The values alone, in order."""
        return [value for _, value in self.items]


@dataclass(frozen=True)
class File:
    """Marks a param as the path of a file or folder: its content, not its name, goes into the key.

    Attributes:
        resolve: turns what is written into a path; raises FileNotFoundError with a helpful line. The second
            argument is the folder of the workflow file.
        parts: for a folder, glob patterns of the files that count; all by default.
    """

    resolve: Callable[[str, Path], Path]
    parts: tuple[str, ...] = ("**/*",)


# ── reading a signature ───────────────────────────────────────────────────────────────────────────────────────────────


class Names(dict[str, Any]):
    """The names an annotation may use: those of its module, and every declared value type."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        super().__init__()
        self.module = module

    def __missing__(self, name: str) -> Any:
        if name in VALUE_TYPES:
            return VALUE_TYPES[name]
        if name in self.module:
            return self.module[name]
        if hasattr(builtins, name):
            return getattr(builtins, name)
        raise NameError(f"{name} is neither imported nor a declared value type")


def read_annotation(annotation: Any, module: Mapping[str, Any]) -> Any:
    """An annotation as types; strings (postponed annotations) are evaluated without importing value types."""
    return eval(annotation, {"__builtins__": {}}, Names(module)) if isinstance(annotation, str) else annotation


def without_none(annotation: Any) -> tuple[Any, bool]:
    """`X | None` → (X, True); anything else → (itself, False)."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        rest = [part for part in typing.get_args(annotation) if part is not type(None)]
        if len(rest) < len(typing.get_args(annotation)):
            return (rest[0] if len(rest) == 1 else typing.Union[tuple(rest)]), True  # noqa: UP007 - built at run time
    return annotation, False


def is_json(annotation: Any) -> bool:
    """Whether an annotation describes plain JSON data."""
    if annotation in JSON_SCALARS or annotation is type(None) or annotation is Any:
        return True
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return is_json(args[0])
    if origin is Literal:
        return True
    if origin in (list, dict, types.UnionType, typing.Union):
        return all(is_json(arg) for arg in args)
    return annotation in (list, dict)


def json_kind(annotation: Any) -> str:
    """The name of a JSON annotation in messages: `int`, `float`, `str`, `bool`, `list` or `json`."""
    annotation, _ = without_none(annotation)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return json_kind(args[0])
    if origin is Literal:
        return json_kind(type(args[0]))
    if (origin or annotation) is list:
        return "list"
    return JSON_SCALARS.get(annotation, "json")
