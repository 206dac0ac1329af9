"""Looking at values: a view is a typed function that shows a value as a picture or as a table.

Its signature is its schema, as a node's is: the first argument is the value, JSON-typed arguments are params, and what
else it would like to be given has the node beside it that makes such a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from engine.errors import DeclarationError, suggest
from engine.node import Argument, Param, read_arguments, read_param, read_return
from engine.types import JSON_TYPE, Codec, ValueToken, is_json, without_none

F = TypeVar("F", bound=Callable[..., Any])

Form = Literal["picture", "table"]

MOST = 1_000_000
"""Numbers, or cells of a table, that are given at once as JSON."""
DIGITS = 6
"""Of a number as JSON."""


@dataclass(frozen=True)
class Seen:
    """What a view shows. Both forms are made when they are asked for, and may raise ValueError with one clear line.

    data: the numbers behind the picture as plain JSON, finite or null; of a table `{"columns": […], "rows": [[…], …]}`.
    png: a picture as a PNG file; None where there are only data to see.
    """

    data: Callable[[], Any]
    png: Callable[[], bytes] | None = None


@dataclass(frozen=True)
class ViewType:
    """What `@view` makes of a function; the function is called with a value, its params, and what it is given.

    name: unique among the views of the type.
    type: the name of the value type that is shown; `json` for plain JSON data.
    shows: what is sent where nobody asks for another form.
    given: further values that it can use, by argument: their type, and the node that makes such a value from others of
        the graph. It works without them.
    """

    name: str
    type: str
    shows: Form
    function: Callable[..., Seen]
    params: Mapping[str, Param]
    given: Mapping[str, tuple[str, str]]
    help: str

    def read(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """The value of every param from texts, such as those of a query; defaults for those that are not there.

        Raises:
            ValueError: there is no such param, or a text cannot be read as its value.
        """
        for name in texts:
            if name not in self.params:
                hint = suggest(name, self.params)
                message = f'{name}: unknown param of the view "{self.name}" of {self.type}'
                raise ValueError(f"{message}; {hint}" if hint else message)
        return {
            name: read_text(param, texts[name]) if name in texts else param.default
            for name, param in self.params.items()
        }

    def schema(self) -> dict[str, Any]:
        """The view as JSON: its params as JSON Schema, what it can be given, its help."""
        return {
            "name": self.name,
            "type": self.type,
            "shows": self.shows,
            "help": self.help,
            "params": {name: param.schema() for name, param in self.params.items()},
            "given": {name: {"type": type, "node": node} for name, (type, node) in self.given.items()},
        }


def read_text(param: Param, text: str) -> Any:
    """A param's value from a text: strings as they are, everything else as JSON; empty is null where null may be.

    Raises:
        ValueError: it is no such value.
    """
    value: Any = text
    if text in ("", "null") and without_none(param.annotation)[1]:
        return None
    if param.kind == "bool":
        value = {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    elif param.kind != "str":
        with suppress(ValueError, RecursionError):
            value = json.loads(text)
    try:
        return param.coerce(value)
    except ValueError as error:
        raise ValueError(f"{param.name}: {error}") from None


# ── from a function ───────────────────────────────────────────────────────────────────────────────────────────────────

Views = dict[str, dict[str, ViewType]]
VIEWS: Views = {}
"""Every view by value type, then by name, in the order in which they were declared."""


def views_of(type: str) -> Mapping[str, ViewType]:
    """The views of a value type by name, `json` for plain JSON; the first is the default. Empty where there is none."""
    return VIEWS.get(type, {})


def view(
    *, name: str = "", shows: Form = "picture", given: Mapping[str, str] | None = None, registry: Views | None = None
) -> Callable[[F], F]:
    """Declare a view; the function itself stays as it is.

    The function's first argument is the value, of a declared type or plain JSON; it returns `Seen`. It works for every
    value of the type with nothing but defaults, and raises ValueError for a param that this value does not have.

    Args:
        name: unique among the views of the type; by default the function's.
        shows: what is sent where nobody asks for another form.
        given: for each argument `X | None = None`, X a declared type, the node that makes such a value.
        registry: where to register, if not with all others.
    """

    def decorate(function: F) -> F:
        found = declare_view(function, name or function.__name__, shows, given or {})
        views = (VIEWS if registry is None else registry).setdefault(found.type, {})
        before = views.get(found.name)
        if before is not None and place(before.function) != place(function):
            raise DeclarationError(f"view {function.__name__}: {found.type} has a view {found.name} already")
        views[found.name] = found
        return function

    return decorate


def place(function: Callable[..., Any]) -> tuple[str, str]:
    """Where a function is written."""
    return function.__module__, function.__qualname__


def declare_view(function: Callable[..., Any], name: str, shows: Form, given: Mapping[str, str]) -> ViewType:
    """Read a view from a function's signature and docstring; raise `DeclarationError` naming what is missing."""
    what = f"view {function.__name__}"
    if shows not in get_args(Form):
        raise DeclarationError(f"{what}: shows: expected {' or '.join(get_args(Form))}, found {shows!r}")
    text, arguments = read_arguments(function, what)
    if not arguments or not arguments[0].required:
        raise DeclarationError(f"{what}: expected the value as the first argument, without a default")
    value, *others = arguments
    params, wanted = dict[str, Param](), dict[str, tuple[str, str]]()
    for argument in others:
        where = f"{what}: parameter {argument.name}"
        if argument.required:
            raise DeclarationError(f"{where}: expected a default")
        if is_json(argument.annotation):
            params[argument.name] = read_param(argument)
        elif argument.name not in given:
            raise DeclarationError(f"{where}: expected JSON data, or the node that makes it under given")
        else:
            wanted[argument.name] = type_name(argument, where), given[argument.name]
    for argument_name in given:
        if argument_name not in wanted:
            raise DeclarationError(f"{what}: given: {argument_name} is no argument of a declared value type")
    if read_return(function, what) is not Seen:
        raise DeclarationError(f"{what}: expected to return Seen")
    return ViewType(name, type_name(value, f"{what}: parameter {value.name}"), shows, function, params, wanted, text)


def type_name(argument: Argument, where: str) -> str:
    """The name of the value type that an argument is annotated with."""
    annotation, optional = without_none(argument.annotation)
    if optional and argument.default is not None:
        raise DeclarationError(f"{where}: expected a default of None")
    if is_json(annotation):
        return JSON_TYPE.name
    if isinstance(annotation, type) and issubclass(annotation, ValueToken):
        return annotation.spec.name
    raise DeclarationError(f"{where}: expected JSON data or a declared value type, found {annotation}")


# ── numbers as JSON ───────────────────────────────────────────────────────────────────────────────────────────────────


def numbers(values: Any, hint: str = "") -> Any:
    """An array, or what can be made one, as nested lists with six digits; null for what is not finite.

    Args:
        values: numbers or truth values of any shape.
        hint: how to ask for fewer.

    Raises:
        ValueError: there are more than `MOST`.
    """
    import numpy as np

    array = np.asarray(values)
    expect_few(array.size, hint)
    if array.dtype.kind in "biu":
        return array.tolist()
    exact = array.astype(np.float64)
    finite = np.isfinite(exact)
    size = np.where(finite & (exact != 0), np.abs(exact), 1.0)
    power = np.clip(DIGITS - 1 - np.floor(np.log10(size)), -300, 300)
    up, down = 10.0 ** np.maximum(power, 0), 10.0 ** np.maximum(-power, 0)  # whole powers of ten, which are exact
    rounded = np.round(np.where(finite, exact, 0.0) * up / down) / up * down
    return np.asarray(np.where(finite, rounded, None)).tolist()


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], hint: str = "") -> dict[str, Any]:
    """A table as JSON: the names of the columns, and for each row as many cells.

    Args:
        columns: their names.
        rows: of plain JSON; a number that is not finite becomes null.
        hint: how to ask for fewer.

    Raises:
        ValueError: there are more than `MOST` cells, or numbers and texts in them.
    """
    expect_few(sum(leaves(row) for row in rows), hint)
    return {"columns": list(columns), "rows": [[finite_or_none(cell) for cell in row] for row in rows]}


def leaves(data: Any) -> int:
    """How many numbers, texts … plain JSON consists of."""
    if isinstance(data, dict):
        return sum(map(leaves, data.values()))
    return sum(map(leaves, data)) if isinstance(data, list | tuple) else 1


def finite_or_none(cell: Any) -> Any:
    """A cell as it is; None for a number that is not finite."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def expect_few(count: int, hint: str) -> None:
    """Raise ValueError where there is more than is given at once."""
    if count > MOST:
        message = f"data: expected at most {MOST:,} numbers, found {count:,}"
        raise ValueError(f"{message}; {hint}" if hint else message)


def parts(codec: Codec, value: Any) -> dict[str, dict[str, Any]]:
    """The arrays that a value consists of, by name: shape, dtype, range, mean and spread; null for what is not finite.

    Args:
        codec: of the value's type.
        value: of that type.
    """
    import numpy as np

    found = {}
    for name, array in codec.encode(value).arrays.items():
        spread: dict[str, Any] = dict.fromkeys(("min", "max", "mean", "std"))
        if array.size:
            with np.errstate(all="ignore"):  # what overflows is not finite, and becomes null
                exact = array.astype(np.float64)
                spread = {measure: numbers(getattr(exact, measure)()) for measure in spread}
        found[name] = {"shape": list(array.shape), "dtype": str(array.dtype), **spread}
    return found
