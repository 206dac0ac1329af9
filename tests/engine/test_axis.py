"""The three ways of writing an axis, and the shorthand of `--sweep`."""

from typing import Any

import pytest
from pydantic import ValidationError

from engine.axis import LIMIT, AxisParams, arithmetic, axis_complaint, kind_of, literal, parse_sweep


def values(**params: Any) -> list[Any]:
    return AxisParams.model_validate({"name": "a", **params}).expand()


def complaints(**params: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        AxisParams.model_validate({"name": "a", **params})
    return axis_complaint(caught.value)


def test_three_ways() -> None:
    assert values(values=[3, "x", None]) == [3, "x", None]
    assert values(**{"from": 1, "to": 4}) == [1, 2, 3, 4]
    assert values(**{"from": 4, "to": 1, "step": -1.5}) == [4, 2.5, 1]
    assert values(seeds=3) == [0, 1, 2]
    assert values(seeds=2, start=40) == [40, 41]


def test_decimals_are_as_one_would_write_them() -> None:
    assert arithmetic(0.6, 0.99, 0.01) == [round(0.6 + i / 100, 2) for i in range(40)]
    assert arithmetic(0, 1, 0.1) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert arithmetic(1, 0.25, -0.25) == [1, 0.75, 0.5, 0.25]
    assert arithmetic(0, 3e-5, 1e-5) == [0, 1e-5, 2e-5, 3e-5]
    assert arithmetic(1e22, 3e22, 1e22) == [1e22, 2e22, 3e22]
    assert arithmetic(5, 5, 1) == [5]
    assert all(type(value) is int for value in arithmetic(0, 9, 3))


def test_the_last_value_is_not_passed() -> None:
    assert arithmetic(0, 10, 4) == [0, 4, 8]
    assert arithmetic(0.0, 0.99, 0.5) == [0.0, 0.5]


@pytest.mark.parametrize(
    ("params", "place", "message"),
    [
        ({}, "", 'expected one of "values", "from" … "to", "seeds", found none'),
        ({"values": [1], "seeds": 2}, "", "found ['values', 'seeds']"),
        ({"from": 1}, "", 'expected "to" beside "from"'),
        ({"from": 1, "to": 2, "step": 0}, "", "a step of 0 never leads from 1 to 2"),
        ({"from": 2, "to": 1}, "", "a step of 1 never leads from 2 to 1"),
        ({"from": 0, "to": 10**9}, "", f"expected at most {LIMIT} values"),
        ({"from": 0, "to": 10**400}, "", f"expected at most {LIMIT} values"),
        ({"from": 0.5, "to": 10**400}, "", f"expected at most {LIMIT} values"),
        ({"from": -1e308, "to": 1e308}, "", f"expected at most {LIMIT} values"),
        ({"from": 0, "to": 1, "step": 5e-324}, "", f"expected at most {LIMIT} values"),
        ({"from": "x", "to": 1}, "from", "expected number, found 'x'"),
        ({"from": float("nan"), "to": 1}, "from", "expected a finite number, found nan"),
        ({"values": []}, "values", f"expected 1 to {LIMIT} values, found 0"),
        ({"values": [1, float("nan")]}, "", "expected JSON data with finite numbers, found nan"),
        ({"values": ["\ud800"]}, "", "expected Unicode text"),
        ({"seeds": 0}, "seeds", "expected greater than or equal to 1, found 0"),
        ({"seeds": 2, "start": -1}, "start", "expected greater than or equal to 0, found -1"),
        ({"seeds": 2, "name": "a.b"}, "name", "expected a name of letters, digits and spaces, found 'a.b'"),
        ({"seeds": 2, "strat": 3}, "strat", 'unknown param of an axis; did you mean "start"?'),
    ],
)
def test_what_is_wrong_is_said_once(params: dict[str, Any], place: str, message: str) -> None:
    found = complaints(**params)
    assert len(found) == 1
    assert found[0][0] == place
    assert message in found[0][1]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("1,2,3", [1, 2, 3]),
        ("0.6:0.65:0.01", [0.6, 0.61, 0.62, 0.63, 0.64, 0.65]),
        ("3:5", [3, 4, 5]),
        ("5:3:-1", [5, 4, 3]),
        ("euler, ddim", ["euler", "ddim"]),
        ("true,false", [True, False]),
        ("a cat: black", ["a cat: black"]),
        ("16:9", None),
        ("", None),
        ("1:2:0", None),
        ("0:1:0.000001", None),
        ("1", [1]),
        ("null", ["null"]),
        ("[1]", ["[1]"]),
    ],
)
def test_the_shorthand(spec: str, expected: list[Any] | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match=r"never leads|expected"):
            parse_sweep(spec)
    else:
        assert parse_sweep(spec) == expected
        assert [type(value) for value in parse_sweep(spec)] == [type(value) for value in expected]


def test_a_word_reads_as_a_number_if_it_is_one() -> None:
    assert [literal(text) for text in ("1", "1.0", "-2e3", "true", "cat", '"cat"', "")] == [
        1, 1.0, -2000.0, True, "cat", '"cat"', "",
    ]  # fmt: skip


def test_the_kind_that_all_values_share() -> None:
    assert kind_of([1, 2]) == "int"
    assert kind_of([1, 2.5]) == "float"
    assert kind_of(["a"]) == "str"
    assert kind_of([True, False]) == "bool"
    assert kind_of([True, 1]) == "json"
    assert kind_of([[1], [2]]) == "list"
    assert kind_of([None]) == "json"
