"""A view is a function that shows a value; its signature is its schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field
from toys import GRID_CODEC, NUM_CODEC, Grid, Num

from engine import DeclarationError, Seen, view
from engine.types import Encoded
from engine.view import MOST, VIEWS, Views, ViewType, numbers, parts, table, views_of


def digits(
    num: Num,
    base: Annotated[int, Field(ge=2, le=16)] = 10,
    style: Literal["plain", "fancy"] = "plain",
    scale: float = 1.0,
    signed: bool = False,
    limit: Annotated[float, Field(gt=0)] | None = None,
    places: list[int] | None = None,
    title: str = "number",
    grid: Grid | None = None,
) -> Seen:
    """The number as digits.

    Args:
        num: any.
        base: of the digits.
        style: how they look.
        scale: times this.
        signed: with a plus.
        limit: at most.
        places: of the digits.
        title: above.
        grid: of such numbers.
    """
    cells = [] if grid is None else grid.cells.tolist()
    return Seen(lambda: {"value": num.value * scale, "base": base, "cells": cells})


def declare(function: Callable[..., Any] = digits, **options: Any) -> ViewType:
    registry: Views = {}
    options = {"given": {"grid": "grid"}} | options if function is digits else options
    view(registry=registry, **options)(function)
    [(_, views)] = registry.items()
    [(_, found)] = views.items()
    return found


# ── declaring ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_view_is_read_from_a_signature() -> None:
    found = declare()
    assert (found.name, found.type, found.shows, found.help) == ("digits", "Num", "picture", "The number as digits.")
    assert list(found.params) == ["base", "style", "scale", "signed", "limit", "places", "title"]
    assert found.params["base"].help == "of the digits."
    assert found.given == {"grid": ("Grid", "grid")}
    assert found.function is digits


def test_a_view_can_have_another_name_and_form() -> None:
    found = declare(name="spelt", shows="table")
    assert (found.name, found.shows) == ("spelt", "table")


def test_the_schema_is_json_for_a_catalogue() -> None:
    schema = declare().schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["params"]["base"] == {
        "type": "integer", "minimum": 2, "maximum": 16, "default": 10, "description": "of the digits.",
    }  # fmt: skip
    assert schema["params"]["style"]["enum"] == ["plain", "fancy"]
    assert schema["given"] == {"grid": {"type": "Grid", "node": "grid"}}
    assert {name: schema[name] for name in ("name", "type", "shows")} == {
        "name": "digits", "type": "Num", "shows": "picture",
    }  # fmt: skip


def test_the_function_is_called_with_what_was_read_and_given() -> None:
    found = declare()
    seen = found.function(Num(2.0), **found.read({"scale": "3"}), grid=Grid(np.ones((1, 2))))
    assert seen.data() == {"value": 6.0, "base": 10, "cells": [[1.0, 1.0]]}
    assert seen.png is None


def test_plain_data_is_looked_at_as_json() -> None:
    def raw(value: Any) -> Seen:
        """The value."""
        return Seen(lambda: value)

    def whole(value: int) -> Seen:
        """The number."""
        return Seen(lambda: value)

    assert declare(raw).type == declare(whole).type == "json"


def test_views_are_kept_by_type_in_order() -> None:
    def other(num: Num) -> Seen:
        """Another look."""
        return Seen(lambda: num.value)

    registry: Views = {}
    view(registry=registry, given={"grid": "grid"})(digits)
    view(registry=registry)(other)
    view(registry=registry, given={"grid": "grid"})(digits)  # as when a module is loaded again
    assert {type: list(views) for type, views in registry.items()} == {"Num": ["digits", "other"]}


def test_what_is_declared_is_found() -> None:
    try:
        view(given={"grid": "grid"})(digits)
        assert list(views_of("Num")) == ["digits"]
    finally:
        VIEWS.pop("Num", None)
    assert views_of("Num") == {}
    assert views_of("no such type") == {}


def no_docstring(num: Num) -> Seen:
    return Seen(dict)


def nothing() -> Seen:
    """Has no value."""
    return Seen(dict)


def defaulted(num: Num | None = None) -> Seen:
    """Has a value that may be missing."""
    return Seen(dict)


def required(num: Num, base: int) -> Seen:
    """Must be given a param."""
    return Seen(dict)


def ungiven(num: Num, grid: Grid | None = None) -> Seen:
    """Would like a grid."""
    return Seen(dict)


def foreign(num: Num, other: ViewType | None = None) -> Seen:
    """Would like what is no value."""
    return Seen(dict)


def undeclared(value: ViewType) -> Seen:
    """Shows what is no value."""
    return Seen(dict)


def unknown(value: Nowhere) -> Seen:  # type: ignore[name-defined]  # noqa: F821
    """Shows what is not declared."""
    return Seen(dict)


def stars(num: Num, *bases: int) -> Seen:
    """Takes any number of params."""
    return Seen(dict)


def picture(num: Num) -> bytes:
    """Returns the picture itself."""
    return b""


def no_return(num: Num):  # type: ignore[no-untyped-def]
    """Says not what it returns."""


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (no_docstring, {}, "view no_docstring: expected a docstring"),
        (nothing, {}, "view nothing: expected the value as the first argument"),
        (defaulted, {}, "view defaulted: expected the value as the first argument, without a default"),
        (required, {}, "view required: parameter base: expected a default"),
        (ungiven, {}, "view ungiven: parameter grid: expected JSON data, or the node that makes it under given"),
        (foreign, {"given": {"other": "make"}}, "view foreign: parameter other: expected JSON data or a declared"),
        (undeclared, {}, "view undeclared: parameter value: expected JSON data or a declared value type"),
        (unknown, {}, "view unknown: parameter value: Nowhere is neither imported nor a declared value type"),
        (stars, {}, "view stars: parameter bases: expected a named parameter"),
        (picture, {}, "view picture: expected to return Seen"),
        (no_return, {}, "view no_return: expected a return annotation"),
        (ungiven, {"given": {"grid": "g", "gird": "g"}}, "view ungiven: given: gird is no argument"),
        (required, {"shows": "film"}, "view required: shows: expected picture or table, found 'film'"),
    ],
)
def test_a_wrong_declaration_names_function_and_parameter(
    function: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        declare(function, **options)
    assert str(caught.value).startswith(message)


def test_a_name_is_taken_once_for_a_type() -> None:
    registry: Views = {}
    view(registry=registry, given={"grid": "grid"})(digits)
    with pytest.raises(DeclarationError, match="view ungiven: Num has a view digits already"):
        view(name="digits", registry=registry, given={"grid": "grid"})(ungiven)


# ── params from texts ─────────────────────────────────────────────────────────────────────────────────────────────────

DEFAULTS = {
    "base": 10, "style": "plain", "scale": 1.0, "signed": False, "limit": None, "places": None, "title": "number",
}  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        ({}, {}),
        ({"base": "16"}, {"base": 16}),
        ({"style": "fancy"}, {"style": "fancy"}),
        ({"scale": "2"}, {"scale": 2.0}),
        ({"scale": "-1.5e3"}, {"scale": -1500.0}),
        ({"signed": "true"}, {"signed": True}),
        ({"signed": "1"}, {"signed": True}),
        ({"signed": "False"}, {"signed": False}),
        ({"limit": "0.5"}, {"limit": 0.5}),
        ({"limit": ""}, {"limit": None}),
        ({"limit": "null"}, {"limit": None}),
        ({"places": "[1, 2]"}, {"places": [1, 2]}),
        ({"title": "12"}, {"title": "12"}),
        ({"title": ""}, {"title": ""}),
    ],
)
def test_params_are_read_from_texts(texts: dict[str, str], read: dict[str, Any]) -> None:
    found = declare().read(texts)
    assert found == DEFAULTS | read
    assert type(found["scale"]) is float


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"bass": "3"}, 'bass: unknown param of the view "digits" of Num; did you mean "base"?'),
        ({"grid": "3"}, 'grid: unknown param of the view "digits" of Num'),
        ({"base": "17"}, "base: expected less than or equal to 16, found 17"),
        ({"base": "ten"}, "base: expected integer, found 'ten'"),
        ({"base": "3.5"}, "base: expected integer, found 3.5"),
        ({"base": ""}, "base: expected integer, found ''"),
        ({"base": "9" * 5000}, "base: expected integer, found '999"),
        ({"style": "fany"}, "style: expected one of plain, fancy, found 'fany'; did you mean \"fancy\"?"),
        ({"scale": "NaN"}, "scale: expected a finite number, found nan"),
        ({"scale": "1e999"}, "scale: expected a finite number, found inf"),
        ({"signed": "perhaps"}, "signed: expected boolean, found 'perhaps'"),
        ({"limit": "0"}, "limit: expected greater than 0, found 0"),
        ({"places": "[" * 100_000}, "places: expected list, found '[[["),
        ({"title": "\ud800"}, "title: expected"),
    ],
)
def test_a_text_that_does_not_fit_is_named_in_one_line(texts: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        declare().read(texts)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


# ── numbers as JSON ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_numbers_have_six_digits_and_null_for_what_is_not_finite() -> None:
    given = np.array([[1 / 3, -123456.789, 0.1], [np.nan, np.inf, 1e-300]])
    assert numbers(given) == [[0.333333, -123457.0, 0.1], [None, None, 1e-300]]
    assert numbers(np.float32(0.1)) == 0.1
    assert numbers(np.float32([9.9999999e37, 0.0])) == [1e38, 0.0]
    assert json.dumps(numbers(given), allow_nan=False)


def test_whole_numbers_and_truth_values_stay_as_they_are() -> None:
    found = numbers(np.array([0, 255], dtype=np.uint8))
    assert (found, type(found[0])) == ([0, 255], int)
    assert numbers(np.array([True, False])) == [True, False]
    assert numbers(np.array(2**62)) == 2**62


def test_too_many_numbers_are_refused_with_a_hint() -> None:
    assert len(numbers(np.zeros(MOST))) == MOST
    with pytest.raises(ValueError, match="data: expected at most 1,000,000 numbers, found 1,000,001; take fewer"):
        numbers(np.zeros(MOST + 1), "take fewer")
    for rows in ([(0, 0)] * (MOST // 2 + 1), [({"a": [0] * MOST}, "x"), ((), 0)]):
        with pytest.raises(ValueError, match="found 1,000,002"):
            table(("a", "b"), rows)


def test_a_table_has_null_where_a_number_is_not_finite() -> None:
    assert table(("a", "b"), [(1, float("nan")), ("x", None)]) == {
        "columns": ["a", "b"], "rows": [[1, None], ["x", None]],
    }  # fmt: skip


def test_the_parts_of_a_value_are_measured() -> None:
    found = parts(GRID_CODEC, Grid(np.array([[1.0, 2.0], [3.0, 6.0]], dtype=np.float32)))
    assert found == {
        "cells": {"shape": [2, 2], "dtype": "float32", "min": 1.0, "max": 6.0, "mean": 3.0, "std": 1.87083}
    }
    assert parts(NUM_CODEC, Num(1.0)) == {}


@pytest.mark.parametrize("cells", [np.zeros((0, 3)), np.full((2, 2), np.nan), np.array([np.inf, -np.inf])])
def test_parts_without_a_finite_number_have_null(cells: np.ndarray) -> None:
    [found] = parts(GRID_CODEC, Grid(cells)).values()
    assert [found[name] for name in ("min", "max", "mean", "std")] == [None] * 4
    assert found["shape"] == list(cells.shape)


def test_parts_of_whole_numbers_do_not_overflow() -> None:
    class Codec:
        def encode(self, value: Any) -> Encoded:
            return Encoded({"a": value})

    found = parts(Codec(), np.full((1000, 1000), 255, dtype=np.uint8))  # type: ignore[arg-type]
    assert found["a"] == {"shape": [1000, 1000], "dtype": "uint8", "min": 255, "max": 255, "mean": 255, "std": 0}
