"""Step 2: repeats and axes become flat calls with labels that a person can read."""

from collections.abc import Callable
from typing import Any

import toys
from toys import loop, workflow

from engine import Engine
from engine.expand import Const, Expansion, Gathered, Link, Swept, join

Expand = Callable[..., Expansion]
START: dict[str, Any] = {"type": "make"}


def labels(expansion: Expansion) -> list[str]:
    return [call.label for call in expansion.calls]


def reads(expansion: Expansion, label: str, port: str = "num") -> str:
    """The label of what a call reads at a port."""
    call = next(call for call in expansion.calls if call.label == label)
    link = call.links[port]
    assert isinstance(link, Link)
    return expansion.calls[link.call].label


def test_a_repeat_is_unrolled(expanded: Expand) -> None:
    expansion = expanded(
        workflow(
            {"start": START, "sample": loop(2, 5, "start"), "end": {"type": "combine", "in": {"left": "sample.x"}}}
        )
    )
    assert labels(expansion) == ["start", "sample[2].add", "sample[3].add", "sample[4].add", "end"]
    assert reads(expansion, "sample[2].add") == "start"
    assert reads(expansion, "sample[4].add") == "sample[3].add"
    assert reads(expansion, "end", "left") == "sample[4].add"
    assert [call.params.get("index") for call in expansion.calls] == [None, 2, 3, 4, None]
    assert [expansion.calls[i].label for i in expansion.targets] == ["end"]


def test_no_iteration_passes_through(expanded: Expand) -> None:
    for first, last in ((3, 3), (5, 2), (0, -1)):
        nodes = {
            "start": START,
            "sample": loop(first, last, "start"),
            "end": {"type": "combine", "in": {"left": "sample"}},
        }
        expansion = expanded(workflow(nodes))
        assert labels(expansion) == ["start", "end"]
        assert reads(expansion, "end", "left") == "start"


def test_negative_indexes_are_indexes_too(expanded: Expand) -> None:
    assert labels(expanded(workflow({"start": START, "l": loop(-2, 1, "start")}))) == [
        "start", "l[-2].add", "l[-1].add", "l[0].add",
    ]  # fmt: skip


def test_repeats_nest(expanded: Expand, engine: Engine) -> None:
    nodes = {
        "start": START,
        "outer": {
            "type": "repeat", "for": {"i": [0, 2]}, "carry": {"x": "start"},
            "body": {"inner": {"type": "repeat", "for": {"j": ["i", 2]}, "carry": {"y": "x"},
                               "body": {"add": {"type": "step", "in": {"num": "y", "index": "j", "gain": "i"}}},
                               "next": {"y": "add"}}},
            "next": {"x": "inner"},
        },
    }  # fmt: skip
    file = workflow(nodes)
    expansion = expanded(file)
    assert labels(expansion) == ["start", "outer[0].inner[0].add", "outer[0].inner[1].add", "outer[1].inner[1].add"]
    assert [call.params["gain"] for call in expansion.calls[1:]] == [0.0, 0.0, 1.0]
    assert engine.run(file)["outer"] == toys.Num(3.0)


def test_two_values_may_be_carried_and_change_places(expanded: Expand, engine: Engine) -> None:
    nodes = {
        "a": {"type": "make", "params": {"value": 1}},
        "b": {"type": "make", "params": {"value": 2}},
        "fibonacci": {
            "type": "repeat", "for": {"i": [0, 4]}, "carry": {"x": "a", "y": "b"},
            "body": {"sum": {"type": "combine", "in": {"left": "x", "right": "y"}}},
            "next": {"y": "sum", "x": "y"},
        },
    }  # fmt: skip
    result = engine.run(workflow(nodes))
    assert (result["fibonacci.x"].value, result["fibonacci.y"].value) == (8.0, 13.0)


def test_bounds_come_from_plain_nodes(expanded: Expand, log: list[str]) -> None:
    nodes = {
        "first": {"type": "first_of", "in": {"steps": "steps"}, "params": {"strength": 0.5}},
        "start": START,
        "l": loop("first", "steps", "start"),
        "ends": {"type": "bounds", "params": {"steps": 2}},
        "l2": loop("ends.first", "ends.last", "start"),
    }
    expansion = expanded(workflow(nodes, {"steps": {"type": "int", "default": 4}}))
    assert labels(expansion) == ["start", "l[2].add", "l[3].add", "l2[1].add"]
    assert expansion.outputs["first"][""].cells == {(): Const(2)}
    assert log == ["first_of"]


def test_what_a_plain_node_returns_is_copied(expanded: Expand) -> None:
    (cell,) = expanded(workflow({"s": {"type": "shared"}})).outputs["s"][""].cells.values()
    assert isinstance(cell, Const)
    assert cell.value == toys.SHARED
    assert cell.value is not toys.SHARED


def test_a_plain_node_below_a_value_is_a_call(expanded: Expand) -> None:
    nodes = {
        "a": START,
        "g": {"type": "grid", "in": {"num": "a"}},
        "m": {"type": "mean", "in": {"grid": "g"}},
        "d": {"type": "double", "in": {"x": "m"}},
        "e": {"type": "double", "params": {"x": 2}},
    }
    assert labels(expanded(workflow(nodes))) == ["a", "g", "m", "d"]


def test_the_order_of_the_file_does_not_matter_to_links(expanded: Expand) -> None:
    nodes = {"end": {"type": "combine", "in": {"left": "l"}}, "l": loop(0, 1, "start"), "start": START}
    assert labels(expanded(workflow(nodes))) == ["start", "l[0].add", "end"]


# ── axes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def axis(name: str, *values: Any) -> dict[str, Any]:
    return {"type": "axis", "params": {"name": name, "values": list(values)}}


def test_an_axis_makes_a_call_for_each_value(expanded: Expand) -> None:
    nodes = {
        "s": axis("strength", 0.5, 0.75),
        "start": START,
        "sample": loop(0, 2, "start") | {
            "body": {"denoise": {"type": "step", "in": {"num": "x", "index": "i", "gain": "s"}}},
            "next": {"x": "denoise"},
        },
    }  # fmt: skip
    assert labels(expanded(workflow(nodes))) == [
        "start",
        "sample[0].denoise @ strength=0.5", "sample[0].denoise @ strength=0.75",
        "sample[1].denoise @ strength=0.5", "sample[1].denoise @ strength=0.75",
    ]  # fmt: skip


def test_two_axes_make_the_product(expanded: Expand, engine: Engine) -> None:
    nodes = {
        "v": axis("value", 1, 2),
        "g": axis("gain", 3, 4, 5),
        "m": {"type": "make", "in": {"value": "v"}},
        "s": {"type": "step", "in": {"num": "m", "gain": "g"}},
        "all": {"type": "sheet", "in": {"nums": "s"}},
    }
    file = workflow(nodes)
    assert labels(expanded(file)) == [
        "m @ value=1", "m @ value=2",
        "s @ value=1, gain=3", "s @ value=1, gain=4", "s @ value=1, gain=5",
        "s @ value=2, gain=3", "s @ value=2, gain=4", "s @ value=2, gain=5",
        "all",
    ]  # fmt: skip
    result = engine.run(file)
    assert result["all"] == {"axes": [["value", [1, 2]], ["gain", [3, 4, 5]]], "values": [4, 5, 6, 5, 6, 7]}
    assert result["s"].axes == [("value", [1, 2]), ("gain", [3, 4, 5])]
    assert [num.value for num in result["s"].values] == [4, 5, 6, 5, 6, 7]


def test_axes_of_one_name_run_together(expanded: Expand, engine: Engine) -> None:
    nodes = {
        "v": axis("pair", 1, 2),
        "g": axis("pair", 3, 4),
        "m": {"type": "make", "in": {"value": "v"}},
        "s": {"type": "step", "in": {"num": "m", "gain": "g"}},
    }
    file = workflow(nodes)
    assert [label for label in labels(expanded(file)) if label.startswith("s")] == ["s @ pair=1", "s @ pair=2"]
    assert [num.value for num in engine.run(file)["s"].values] == [4, 6]


def test_what_does_not_depend_on_an_axis_is_computed_once(engine: Engine, log: list[str]) -> None:
    nodes = {
        "a": START,
        "slow": {"type": "grid", "in": {"num": "a"}},
        "g": axis("gain", 1, 2, 3),
        "s": {"type": "step", "in": {"num": "a", "gain": "g"}},
    }
    engine.run(workflow(nodes))
    assert log.count("make") == 1
    assert log.count("grid") == 1
    assert log.count("step 0") == 3


def test_an_input_is_swept_from_outside(expanded: Expand, engine: Engine) -> None:
    file = workflow({"m": {"type": "make", "in": {"value": "v"}}}, {"v": {"type": "float", "default": 0}})
    assert labels(expanded(file)) == ["m"]
    assert labels(expanded(file, sweeps={"v": [1, 2.5]})) == ["m @ v=1.0", "m @ v=2.5"]
    result = engine.run(file, sweeps={"v": [1, 2.5]})
    assert result["m"].axes == [("v", [1.0, 2.5])]
    assert result["m"].values == [toys.Num(1.0), toys.Num(2.5)]


def test_bounds_may_be_swept(expanded: Expand, engine: Engine) -> None:
    nodes = {
        "first": {"type": "first_of", "in": {"strength": "strength"}, "params": {"steps": 3}},
        "start": START,
        "sample": loop("first", 3, "start"),
        "end": {"type": "combine", "in": {"left": "sample.x"}},
        "strip": {"type": "strip", "in": {"nums": "sample.x.all"}},
        "every": {"type": "sheet", "in": {"nums": "end"}},
    }
    file = workflow(nodes, {"strength": {"type": "float", "default": 1}})
    sweeps = {"strength": [0.0, 0.4, 1.0]}
    assert labels(expanded(file, sweeps=sweeps)) == [
        "start",
        "sample[2].add @ strength=0.4",
        "sample[0].add @ strength=1.0", "sample[1].add @ strength=1.0", "sample[2].add @ strength=1.0",
        "end @ strength=0.0", "end @ strength=0.4", "end @ strength=1.0",
        "strip @ strength=0.0", "strip @ strength=0.4", "strip @ strength=1.0",
        "every",
    ]  # fmt: skip
    result = engine.run(file, sweeps=sweeps)
    assert result["every"] == {"axes": [["strength", [0.0, 0.4, 1.0]]], "values": [1, 4, 7]}
    assert [num.value for num in result["strip"].values] == [1, 14, 1247]


def test_another_axis_inside_a_loop_of_swept_bounds(expanded: Expand, engine: Engine) -> None:
    nodes = {
        "n": axis("n", 0, 1),
        "g": axis("gain", 1, 2),
        "start": START,
        "l": loop(0, "n", "start") | {"body": {"add": {"type": "step", "in": {"num": "x", "gain": "g"}}}},
    }
    file = workflow(nodes)
    assert labels(expanded(file)) == ["start", "l[0].add @ n=1, gain=1", "l[0].add @ n=1, gain=2"]
    result = engine.run(file)["l"]
    assert result.axes == [("n", [0, 1]), ("gain", [1, 2])]
    assert sorted((coords, num.value) for coords, num in result.items) == [
        ((0, 0), 1), ((0, 1), 1), ((1, 0), 2), ((1, 1), 3),
    ]  # fmt: skip


def test_all_is_a_list_for_a_port_that_takes_one(expanded: Expand, engine: Engine) -> None:
    nodes = {"start": START, "l": loop(0, 3, "start"), "s": {"type": "strip", "in": {"nums": "l.x.all"}}}
    file = workflow(nodes)
    gathered = expanded(file).calls[-1].links["nums"]
    assert isinstance(gathered, Gathered)
    assert gathered.axes is None
    assert [link.call for _, link in gathered.cells] == [0, 1, 2, 3]
    assert engine.run(file)["s"] == toys.Num(1247.0)


def test_all_is_an_axis_for_a_port_that_takes_a_single_value(expanded: Expand, engine: Engine) -> None:
    nodes = {
        "start": START,
        "l": loop(0, 2, "start"),
        "each": {"type": "step", "in": {"num": "l.x.all"}, "params": {"gain": 5}},
        "s": {"type": "sheet", "in": {"nums": "each"}},
        "t": {"type": "strip", "in": {"nums": "each"}},
    }
    file = workflow(nodes)
    assert [label for label in labels(expanded(file)) if label.startswith("each")] == [
        "each @ l.i=0", "each @ l.i=1", "each @ l.i=2",
    ]  # fmt: skip
    result = engine.run(file)
    assert result["s"] == {"axes": [["l.i", [0, 1, 2]]], "values": [6, 7, 9]}
    assert result["t"] == toys.Num(679.0)


def test_a_list_leaves_the_axes_of_a_sweep_alone(engine: Engine) -> None:
    nodes = {
        "g": axis("gain", 1, 2),
        "start": START,
        "l": loop(0, 2, "start") | {"body": {"add": {"type": "step", "in": {"num": "x", "gain": "g"}}}},
        "t": {"type": "strip", "in": {"nums": "l.x.all"}},
    }
    result = engine.run(workflow(nodes))
    assert result["t"].axes == [("gain", [1, 2])]
    assert [num.value for num in result["t"].values] == [123, 135]


def test_a_sheet_of_one_has_no_axes(engine: Engine) -> None:
    result = engine.run(workflow({"a": START, "s": {"type": "sheet", "in": {"nums": "a"}}}))
    assert result["s"] == {"axes": [], "values": [1.0]}


def test_a_call_lies_on_the_axes_around_it_and_on_its_own(expanded: Expand) -> None:
    nodes = {
        "last": axis("last", 1, 2),
        "gain": axis("gain", 5, 6),
        "start": START,
        "l": loop(0, "last", "start") | {"body": {"add": {"type": "step", "in": {"num": "x", "gain": "gain"}}}},
        "grid": {"type": "grid", "in": {"num": "l.x.all"}},
    }
    found = {call.label: list(call.at.items()) for call in expanded(workflow(nodes)).calls}
    assert found["start"] == []
    assert found["l[0].add @ last=2, gain=6"] == [("last", 1), ("gain", 1)]
    assert found["grid @ last=1, l.i=1, gain=5"] == [("last", 0), ("l.i", 1), ("gain", 0)]


# ── targets ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_asked_for_is_what_acts_and_what_nobody_reads(expanded: Expand) -> None:
    nodes = {
        "a": START,
        "saved": {"type": "store", "in": {"num": "a"}},
        "read": {"type": "combine", "in": {"left": "a"}},
        "end": {"type": "combine", "in": {"left": "read"}},
        "l": {
            "type": "repeat", "for": {"i": [0, 2]}, "carry": {"x": "a"},
            "body": {"add": {"type": "step", "in": {"num": "x", "index": "i"}},
                     "look": {"type": "store", "in": {"num": "add"}}},
            "next": {"x": "add"},
        },
    }  # fmt: skip
    expansion = expanded(workflow(nodes))
    assert [expansion.calls[i].label for i in expansion.targets] == [
        "saved", "end", "l[0].look", "l[1].look", "l[1].add",
    ]  # fmt: skip


# ── joining ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_join_is_over_shared_axes() -> None:
    a = Swept(("x",), {(0,): Const("a0"), (1,): Const("a1")})
    b = Swept(("y", "x"), {(0, 0): Const("b00"), (0, 1): Const("b01"), (1, 1): Const("b11")})
    c = Swept((), {(): Const("c")})
    axes, rows = join([a, b, c])
    assert axes == ("x", "y")
    assert [(coords, "".join(cell.value for cell in cells)) for coords, cells in rows] == [  # type: ignore[union-attr]
        ((0, 0), "a0b00c"), ((1, 0), "a1b01c"), ((1, 1), "a1b11c"),
    ]  # fmt: skip


def test_a_part_of_a_sweep() -> None:
    swept = Swept(("x", "y"), {(0, 0): Const(1), (0, 1): Const(2), (1, 1): Const(3)})
    assert swept.at({"x": 0}) == Swept(("y",), {(0,): Const(1), (1,): Const(2)})
    assert swept.at({"y": 1, "z": 5}) == Swept(("x",), {(0,): Const(2), (1,): Const(3)})
    assert swept.at({}) is swept
