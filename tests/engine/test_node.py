"""The signature of a function is the schema of its node."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
import toys

from engine import Collected, DeclarationError, File, Registry, node, value_type
from engine.node import NodeType, load_node_packages
from engine.types import VALUE_TYPES


class Pair(NamedTuple):
    left: Num  # noqa: F821 - a value type is known by name alone
    count: int


def declare(function: Callable[..., Any], **options: Any) -> NodeType:
    registry = Registry()
    node(registry=registry, **options)(function)
    return registry[function.__name__]


def test_the_name_of_the_function_is_the_type_and_its_docstring_the_help() -> None:
    def brew(strength: float = 0.5) -> float:
        """Brew it.

        In two paragraphs.

        Args:
            strength: how strong,
                over two lines.
        """
        return strength

    type = declare(brew, version=3)
    assert (type.name, type.version, type.effect) == ("brew", 3, False)
    assert type.summary == "Brew it."
    assert type.help == "Brew it.\n\nIn two paragraphs."
    assert type.params["strength"].help == "how strong, over two lines."
    assert type.category == "test_node"


def test_arguments_stay_apart_from_the_sections_that_follow() -> None:
    def brew(a: int = 1, b: int = 2) -> int:
        """Brew it.

        Args:
            a: the first: with a colon.
            b: the second.

        Returns:
            nothing: of interest.
        """
        return a

    type = declare(brew)
    assert {name: param.help for name, param in type.params.items()} == {
        "a": "the first: with a colon.",
        "b": "the second.",
    }
    assert "Returns" not in type.help


def test_the_function_itself_stays_as_it_is() -> None:
    def brew(a: int) -> int:
        """Brew it."""
        return a + 1

    assert node(registry=Registry())(brew) is brew
    assert brew(1) == 2


def test_json_arguments_are_params_and_values_are_ports() -> None:
    type = toys.TOYS["step"]
    assert list(type.params) == ["index", "gain", "mode"]
    assert list(type.ports) == ["num"]
    assert type.ports["num"].type.name == "Num"
    assert type.ports["num"].required
    assert not type.params["gain"].required
    assert type.defaults == {"index": 0, "gain": 1.0, "mode": "add"}
    assert not type.plain
    assert type.stored


def test_a_port_may_be_optional_or_gather() -> None:
    assert not toys.TOYS["combine"].ports["right"].required
    assert toys.TOYS["strip"].ports["nums"].many
    assert not toys.TOYS["strip"].ports["nums"].collected
    assert toys.TOYS["sheet"].ports["nums"].collected
    assert not toys.TOYS["sheet"].ports["nums"].many


def test_a_literal_offers_choices_and_a_range_its_limits() -> None:
    params = toys.TOYS["step"].params
    assert params["mode"].choices == ("add", "times")
    schema = params["gain"].schema()
    assert schema == {"type": "number", "minimum": 0, "maximum": 10, "default": 1.0}
    assert params["mode"].schema()["enum"] == ["add", "times"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("gain", 11, "expected less than or equal to 10, found 11"),
        ("gain", -0.5, "expected greater than or equal to 0, found -0.5"),
        ("gain", "strong", "expected number, found 'strong'"),
        ("gain", True, "expected number, found True"),
        ("gain", float("nan"), "expected a finite number, found nan"),
        ("gain", float("inf"), "expected a finite number, found inf"),
        ("gain", 10**400, "expected number, found 10000"),
        ("index", 1.5, "expected integer, found 1.5"),
        ("index", "1", "expected integer, found '1'"),
        ("index", None, "expected integer, found None"),
        ("mode", "tims", "expected one of add, times, found 'tims'; did you mean \"times\"?"),
        ("mode", 3, "expected one of add, times, found 3"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        toys.TOYS["step"].params[name].coerce(value)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("data", [float("nan"), [1, [float("inf")]], {"a": {1}}, "\ud800", {"\udfff": 1}])
def test_what_json_cannot_hold_is_no_param(data: Any) -> None:
    with pytest.raises(ValueError, match=r"expected (JSON data with finite numbers|Unicode text)"):
        toys.TOYS["echo"].params["data"].coerce(data)


def test_an_int_becomes_a_float_where_a_float_is_wanted() -> None:
    coerced = toys.TOYS["make"].params["value"].coerce(1)
    assert (coerced, type(coerced)) == (1.0, float)


def test_several_outputs_come_from_a_named_tuple() -> None:
    def pair(num: Num) -> Pair:  # noqa: F821
        """A pair."""
        return Pair(num, 1)

    type = declare(pair)
    assert {name: output.kind for name, output in type.outputs.items()} == {"left": "Num", "count": "int"}
    assert {name: output.kind for name, output in toys.TOYS["make"].outputs.items()} == {"": "Num"}


def test_nodes_of_json_alone_are_plain() -> None:
    assert toys.TOYS["double"].plain
    assert toys.TOYS["bounds"].plain
    assert not toys.TOYS["make"].plain  # it gives a value
    assert not toys.TOYS["read"].plain  # it reads a file
    assert not toys.TOYS["store"].plain  # it acts
    assert not toys.TOYS["store"].stored
    assert not toys.TOYS["handle"].stored  # cheap to make


def test_a_file_param_is_marked() -> None:
    def load(path: Annotated[str, File(lambda written, folder: Path(written))] = "default") -> int:
        """Load it."""
        return 1

    type = declare(load)
    assert type.params["path"].file is not None
    assert type.schema()["params"]["path"]["file"] is True
    assert type.params["path"].kind == "str"


def test_the_schema_is_json_for_an_editor() -> None:
    schema = toys.TOYS["combine"].schema()
    assert schema == {
        "name": "combine", "version": 1, "category": "toys", "help": "The sum of one or two.", "effect": False,
        "ports": {
            "left": {"type": "Num", "required": True, "help": "", "gathers": None},
            "right": {"type": "Num", "required": False, "help": "", "gathers": None},
        },
        "params": {},
        "outputs": {"value": "Num"},
    }  # fmt: skip
    assert toys.TOYS["strip"].schema()["ports"]["nums"]["gathers"] == "loop"
    assert toys.TOYS["sheet"].schema()["ports"]["nums"]["gathers"] == "sweep"
    make = toys.TOYS["make"].schema()["params"]["value"]
    assert make == {"type": "number", "description": "the number.", "default": 1.0, "required": False, "file": False}


# ── mistakes of an author ─────────────────────────────────────────────────────────────────────────────────────────────


def no_hint(a) -> int:  # type: ignore[no-untyped-def]
    """Has no hint."""


def no_return(a: int):  # type: ignore[no-untyped-def]
    """Returns something."""


def no_docstring(a: int) -> int: ...


def stars(*numbers: int) -> int:
    """Takes any number."""


def words(**words: int) -> int:
    """Takes any words."""


def unknown_name(a: Nowhere) -> int:  # type: ignore[name-defined]  # noqa: F821
    """Takes what is not declared."""


def foreign(a: Path) -> int:
    """Takes a type that is neither JSON nor declared."""


def foreign_return(a: int) -> Path:
    """Returns a type that is neither JSON nor declared."""


def no_default(a: Num | None) -> int:  # type: ignore[name-defined]  # noqa: F821
    """Takes an optional port that must be given."""


def repeat(a: int) -> int:
    """Takes a name of the engine's."""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_hint, "node no_hint: parameter a: expected a type annotation"),
        (no_return, "node no_return: expected a return annotation"),
        (no_docstring, "node no_docstring: expected a docstring"),
        (stars, "node stars: parameter numbers: expected a named parameter"),
        (words, "node words: parameter words: expected a named parameter"),
        (unknown_name, "node unknown_name: parameter a: Nowhere is neither imported nor a declared value type"),
        (foreign, "node foreign: parameter a: expected JSON data or a declared value type"),
        (foreign_return, "node foreign_return: return value"),
        (no_default, "node no_default: parameter a: an optional port needs a default of None"),
        (repeat, "node repeat: the engine keeps this name for itself"),
    ],
)
def test_a_wrong_declaration_names_function_and_parameter(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        declare(function)
    assert str(caught.value).startswith(message)


def test_a_version_begins_at_one() -> None:
    with pytest.raises(DeclarationError, match="node double: version: expected 1 or more, found 0"):
        declare(toys.double, version=0)


def test_the_same_name_from_two_modules_is_a_mistake() -> None:
    def make(a: int) -> int:
        """Another one."""
        return a

    registry = Registry()
    node(registry=registry)(toys.make)
    with pytest.raises(DeclarationError, match="node make: declared twice, in toys and test_node"):
        node(registry=registry)(make)
    assert registry["make"].function is toys.make


def test_a_value_type_is_declared_once() -> None:
    assert value_type("Num", "toys:NUM_CODEC", "The same again.") is VALUE_TYPES["Num"]
    with pytest.raises(DeclarationError, match="value type Num: declared twice"):
        value_type("Num", "elsewhere:CODEC", "Another.")


# ── what a function returned ──────────────────────────────────────────────────────────────────────────────────────────


def gives(annotation: Any) -> NodeType:
    def give(num: Num) -> int:  # noqa: F821
        """Give something."""
        return 0

    give.__annotations__["return"] = annotation
    return declare(give)


@pytest.mark.parametrize(
    ("annotation", "value", "fits"),
    [
        (int, 3, True), (int, True, False), (int, 3.0, False), (int, None, False),
        (float, 3, True), (float, 0.5, True), (float, float("nan"), False), (float, "3", False),
        (str, "a", True), (str, b"a", False), (bool, True, True), (bool, 1, False),
        (list[int], [1], True), (list[int], (1,), False), (list[float], [float("inf")], False),
        (Any, {"a": [1, None]}, True), (Any, {1, 2}, False), (Literal["a"], "a", True),
    ],
)  # fmt: skip
def test_json_outputs_are_what_the_signature_promises(annotation: Any, value: Any, fits: bool) -> None:
    type = gives(annotation)
    if fits:
        assert type.named(value) == {"": value}
    else:
        with pytest.raises((TypeError, ValueError)):
            type.named(value)


def test_values_are_of_the_promised_class() -> None:
    assert toys.TOYS["make"].named(toys.Num(1.0)) == {"": toys.Num(1.0)}
    with pytest.raises(TypeError, match="make returned int where its signature promises Num"):
        toys.TOYS["make"].named(3)
    with pytest.raises(TypeError, match="parts returned Num where its signature promises whole, rest"):
        toys.TOYS["parts"].named(toys.Num(1.0))


def test_collected_gives_its_values_in_order() -> None:
    collected: Collected[str] = Collected([("seed", [1, 2])], [((0,), "a"), ((1,), "b")])
    assert collected.values == ["a", "b"]


def test_installed_packages_offer_their_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        def load(self) -> None:
            loaded.append("nodes")

    loaded: list[str] = []
    module = import_module("engine.node")  # `engine.node` itself is the decorator
    monkeypatch.setattr(module, "entry_points", lambda group: [Entry()] if group == "diffuscope.nodes" else [])
    load_node_packages()
    assert loaded == ["nodes"]
