"""What is bypassed is not computed: what reads it reads what it is linked to, as if it were rewired by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import toys
from hypothesis import given, settings
from hypothesis import strategies as st
from test_properties import workflows
from toys import Num, loop, workflow

from engine import Engine
from engine.check import check
from engine.expand import Expansion, expand
from engine.keys import Graph, build_graph
from engine.names import references, split, stand_ins
from engine.workflow import Node

Expand = Callable[..., Expansion]
Faults = Callable[..., list[str]]
Keyed = Callable[..., Graph]
Nodes = dict[str, Any]
START: Nodes = {"type": "make"}


def one(type: str, links: dict[str, str] | None = None, **params: Any) -> Nodes:
    return {"type": type, "in": links or {}, "params": params}


def bypassed(node: Nodes) -> Nodes:
    return node | {"bypass": True}


def labels(expansion: Expansion) -> list[str]:
    return [call.label for call in expansion.calls]


def asked(expansion: Expansion) -> list[str]:
    return [expansion.calls[i].label for i in expansion.targets]


# ── what stands for an output ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("type", "linked", "expected"),
    [
        ("step", {"num", "gain"}, {"": "num"}),
        ("step", {"gain"}, {"": None}),
        ("combine", {"left", "right"}, {"": "left"}),
        ("combine", {"right"}, {"": "right"}),
        ("parts", {"num"}, {"whole": "num", "rest": "num"}),
        ("grid", {"num", "side"}, {"": None}),
        ("double", {"x"}, {"": "x"}),
        ("first_of", {"steps", "strength"}, {"": "steps"}),
        ("strip", {"nums"}, {"": None}),  # a port that gathers
        ("store", {"num", "name"}, {"": "name"}),
    ],
)
def test_the_first_linked_input_of_the_same_kind(type: str, linked: set[str], expected: dict[str, Any]) -> None:
    assert stand_ins(toys.TOYS[type], linked) == expected


def test_a_value_passes_through(engine: Engine, log: list[str]) -> None:
    nodes = {
        "a": one("make", value=3),
        "b": bypassed(one("step", {"num": "a"}, gain=5)),
        "c": bypassed(one("parts", {"num": "b"})),
        "d": one("combine", {"left": "c.rest", "right": "a"}),
    }
    result = engine.run(workflow(nodes))
    assert log == ["make", "combine"]
    assert (result["d"], result["b"], result["c.whole"]) == (Num(6.0), Num(3.0), Num(3.0))


def test_constants_pass_through_and_so_does_what_is_known_of_them(faults: Faults, expanded: Expand) -> None:
    def nodes(gain: float) -> Nodes:
        return {
            "gain": {"type": "axis", "params": {"name": "gain", "values": [1, gain]}},
            "twice": bypassed(one("double", {"x": "gain"})),
            "a": START,
            "s": one("step", {"num": "a", "gain": "twice"}),
        }

    assert labels(expanded(workflow(nodes(7)))) == ["a", "s @ gain=1", "s @ gain=7"]
    assert faults(workflow(nodes(11))) == [
        "nodes.gain.params: expected less than or equal to 10, found 11; it is read at nodes.s.in.gain"
    ]


def test_every_iteration_passes_through(engine: Engine) -> None:
    nodes = {
        "a": START,
        "l": loop(0, 3, "a"),
        "each": bypassed(one("step", {"num": "l.x.all"})),
        "s": one("strip", {"nums": "each"}),
    }
    assert engine.run(workflow(nodes))["s"] == Num(1247.0)


def test_in_a_body(engine: Engine, expanded: Expand) -> None:
    nodes = {"a": START, "l": loop(0, 3, "a"), "s": one("strip", {"nums": "l.add.all"})}
    nodes["l"]["body"]["add"] |= {"bypass": True}
    assert labels(expanded(workflow(nodes))) == ["a", "s"]
    assert engine.run(workflow(nodes))["s"] == Num(111.0)


# ── faults ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("nodes", "lines"),
    [
        (
            {"m": bypassed(START), "b": one("combine", {"left": "m"})},
            ['nodes.b.in.left: "m" is bypassed, and has no Num among its inputs to pass on; '
             "link one to it, or take the bypass away"],
        ),
        (  # the reader is blamed, however far away
            {"m": bypassed(START), "b": bypassed(one("step", {"num": "m"})), "c": one("combine", {"left": "b"})},
            ['nodes.c.in.left: "m" is bypassed, and has no Num among its inputs to pass on; '
             "link one to it, or take the bypass away"],
        ),
        (
            {"m": bypassed(START), "l": loop(0, 2, "m")},
            ['nodes.l.carry.x: "m" is bypassed, and has no Num among its inputs to pass on; '
             "link one to it, or take the bypass away"],
        ),
        (
            {"m": bypassed(START), "l": bypassed(loop(0, 2, "m")), "s": one("strip", {"nums": "l.x.all"})},
            ['nodes.s.in.nums: "m" is bypassed, and has no Num among its inputs to pass on; '
             "link one to it, or take the bypass away"],
        ),
        (  # inside a loop, seen from outside
            {"a": START, "l": loop(0, 2, "a") | {"body": {"add": one("step", {"num": "x"}), "m": bypassed(START)}},
             "s": one("strip", {"nums": "l.m.all"})},
            ['nodes.s.in.nums: "m" is bypassed, and has no Num among its inputs to pass on; '
             "link one to it, or take the bypass away"],
        ),
        ({"m": bypassed(START), "b": bypassed(one("store", {"num": "m"}))}, []),
        # what is only wrong where it is run
        ({"b": bypassed(one("combine"))}, []),
        ({"a": START, "b": bypassed(one("step", {"num": "a", "gian": "a", "gain": "a"}, gain=11, mood="x"))}, []),
        ({"b": bypassed(one("step", num=3))}, []),
        ({"a": START, "g": bypassed(one("mean", {"grid": "a"}))}, []),
        # names
        (
            {"b": bypassed(one("step", {"num": "aa", "gian": "bb"}))},
            ['nodes.b.in.num: unknown name "aa"', 'nodes.b.in.gian: unknown name "bb"'],
        ),
        ({"b": bypassed(one("stepp"))}, ['nodes.b.type: unknown node "stepp"; did you mean "step"?']),
        (  # an unknown name is told once, not again where it would be read
            {"b": bypassed(one("step", {"num": "aa"})), "c": one("combine", {"left": "b"})},
            ['nodes.b.in.num: unknown name "aa"'],
        ),
        (
            {"a": START, "b": bypassed(one("step", {"num": "a"})), "c": one("strip", {"nums": "b.all"})},
            ['nodes.c.in.nums: "b.all": only a repeat has ".all"'],
        ),
        (
            {"a": START, "l": loop(0, 2, "a"), "b": bypassed(one("step", {"num": "l"})),
             "c": one("strip", {"nums": "b.all"})},
            ['nodes.c.in.nums: "b.all": only a repeat has ".all"'],
        ),
        (  # what is passed on must fit
            {"a": START, "g": one("grid", {"num": "a"}), "b": bypassed(one("step", {"num": "g"})),
             "c": one("combine", {"left": "b"})},
            ['nodes.c.in.left: expected Num, got Grid (from "b"); did you mean "a"?'],
        ),
        (
            {"x": bypassed({"type": "axis", "params": {"name": "x", "values": [1]}})},
            ["nodes.x.bypass: an axis cannot be bypassed; link what reads it to a value, or delete it"],
        ),
        # repeats
        ({"l": bypassed({"type": "repeat", "for": {"i": [0, 2]}, "body": {}})}, []),
        (
            {"a": START, "l": bypassed(loop(0, "a", "a") | {"body": {"add": one("step", gain=11)}, "next": {}})},  # type: ignore[arg-type]
            [],
        ),
        (
            {"a": START, "l": bypassed(loop(0, "b", "c") | {"next": {"x": "ad"}})},
            ['nodes.l.for.i: unknown name "b"; known: a', 'nodes.l.carry.x: unknown name "c"; known: a',
             'nodes.l.next.x: unknown name "ad"; did you mean "add"?'],
        ),
        (
            {"l": bypassed({"type": "repeat", "for": {"i": [0, 2]}, "body": {}}), "b": one("combine", {"left": "l"})},
            ['nodes.b.in.left: "l" has no outputs'],
        ),
        (  # an axis in it is none
            {"a": START,
             "l": bypassed(loop(0, 2, "a") | {"body": {"add": {"type": "axis", "params": {"name": "x", "seeds": 2}}}}),
             "x2": {"type": "axis", "params": {"name": "x", "seeds": 3}}},
            [],
        ),
    ],
)  # fmt: skip
def test_faults(faults: Faults, nodes: Nodes, lines: list[str]) -> None:
    assert faults(workflow(nodes)) == lines
    if not lines:
        expand(workflow(nodes), toys.TOYS)


def test_nothing_stands_for_it_in_a_result_either(engine: Engine) -> None:
    result = engine.run(workflow({"a": bypassed(START), "b": START}))
    with pytest.raises(KeyError, match="is bypassed, and has nothing to pass on"):
        result["a"]
    assert engine.plan(result.graph, "a").to_run == []


# ── repeats ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_repeat_does_not_turn(engine: Engine, expanded: Expand) -> None:
    nodes = {
        "a": one("make", value=4),
        "l": bypassed(loop(0, 3, "a")),
        "end": one("combine", {"left": "l.x"}),
        "all": one("strip", {"nums": "l.x.all"}),
        "sheet": one("sheet", {"nums": "l.x.all"}),
        "none": one("sheet", {"nums": "l.add.all"}),
    }
    assert labels(expanded(workflow(nodes))) == ["a", "end", "all", "sheet", "none"]
    result = engine.run(workflow(nodes))
    assert (result["end"], result["all"], result["l"]) == (Num(4.0), Num(4.0), Num(4.0))
    assert result["sheet"] == {"axes": [["l.i", [0]]], "values": [4.0]}
    assert result["none"] == {"axes": [["l.i", []]], "values": []}


def test_what_it_would_turn_over_is_not_known_to_it(expanded: Expand) -> None:
    nodes = {
        "steps": {"type": "axis", "params": {"name": "steps", "values": [1, 2]}},
        "a": START,
        "l": bypassed(loop(0, "steps", "a")),
        "end": one("combine", {"left": "l"}),
    }
    assert labels(expanded(workflow(nodes))) == ["a", "end"]


def test_a_repeat_that_carries_nothing_has_an_axis_all_the_same(engine: Engine) -> None:
    empty = {"type": "repeat", "for": {"i": [0, 2]}, "body": {"m": START}, "bypass": True}
    assert engine.run(workflow({"l": empty, "s": one("sheet", {"nums": "l.m.all"})}))["s"]["values"] == []


# ── what is asked for ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_acts_does_nothing_and_nothing_is_made_for_it(expanded: Expand, engine: Engine, log: list[str]) -> None:
    nodes = {
        "a": START,
        "b": one("step", {"num": "a"}),
        "saved": bypassed(one("store", {"num": "b"})),
        "c": one("combine", {"left": "a"}),
    }
    assert asked(expanded(workflow(nodes))) == ["c"]
    engine.run(workflow(nodes))
    assert log == ["make", "combine"]


def test_what_acts_is_not_asked_for_by_what_it_passes_on(expanded: Expand) -> None:
    assert asked(expanded(workflow({"a": START, "told": bypassed(one("tell", {"num": "a"}))}))) == []


def test_of_what_nobody_reads_that_is_asked_for_which_stands_for_it(expanded: Expand) -> None:
    nodes = {"a": START, "b": one("step", {"num": "a"}), "c": bypassed(one("step", {"num": "b"}))}
    assert asked(expanded(workflow(nodes))) == ["b"]


# ── as if rewired by hand ─────────────────────────────────────────────────────────────────────────────────────────────


def rewired(nodes: Nodes, name: str) -> Nodes:
    """The same workflow without a node: what read it reads what its output stands for."""
    changed = copy.deepcopy(nodes)
    node = changed.pop(name)
    stands = stand_ins(toys.TOYS[node["type"]], node.get("in", {}))

    def instead(reference: str) -> str:
        source, output, _ = split(reference)
        return node["in"][stands[output]] if source == name else reference

    for other in changed.values():
        key = "carry" if other["type"] == "repeat" else "in"
        other[key] = {port: instead(reference) for port, reference in other.get(key, {}).items()}
    return changed


def keys(nodes: Nodes) -> list[str]:
    return sorted(build_graph(expand(workflow(nodes), toys.TOYS)).calls)


@settings(max_examples=60, deadline=None)
@given(nodes=workflows(), data=st.data())
def test_keys_are_those_of_a_workflow_rewired_by_hand(nodes: Nodes, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name, node in nodes.items() if node["type"] not in ("axis", "repeat")]))
    around = nodes | {name: bypassed(nodes[name])}
    stands = stand_ins(toys.TOYS[nodes[name]["type"]], nodes[name].get("in", {}))
    read = {split(reference)[0] for spec in workflow(nodes).nodes.values() for _, reference in references(spec)}
    if name in read and None in stands.values():
        assert all(f'"{name}" is bypassed' in fault.message for fault in check(workflow(around), toys.TOYS))
        return
    assert check(workflow(around), toys.TOYS) == []
    assert keys(around) == keys(rewired(nodes, name))


@settings(max_examples=60, deadline=None)
@given(nodes=workflows(), data=st.data())
def test_whatever_is_bypassed_the_rest_runs_or_gives_faults(nodes: Nodes, data: st.DataObject) -> None:
    nodes = copy.deepcopy(nodes)
    for node in [*nodes.values(), *(node["body"]["add"] for node in nodes.values() if "body" in node)]:
        if node["type"] != "axis":
            node["bypass"] = data.draw(st.booleans())
    file = workflow(nodes)
    if check(file, toys.TOYS) == []:
        assert Engine(toys.TOYS).run(file).outcome.failures == []


@settings(max_examples=60, deadline=None)
@given(nodes=workflows(), data=st.data())
def test_keys_are_those_of_a_loop_that_does_not_turn(nodes: Nodes, data: st.DataObject) -> None:
    loops = [name for name, node in nodes.items() if node["type"] == "repeat"]
    for name in data.draw(st.lists(st.sampled_from(loops), unique=True)) if loops else []:
        around = nodes | {name: bypassed(nodes[name])}
        still = nodes | {name: nodes[name] | {"for": {"i": [0, 0]}}}
        assert keys(around) == keys(still)


def test_in_a_body_and_around_it_as_well(graph: Keyed) -> None:
    def nodes(first: Nodes, body: Nodes, last: str) -> Nodes:
        turns = {"type": "repeat", "for": {"i": [0, 3]}, "carry": {"x": "b"}, "body": body, "next": {"x": last}}
        return {"a": START, "b": first, "l": turns, "s": one("strip", {"nums": "l.x.all"})}

    add, more = one("step", {"num": "x", "index": "i"}), one("step", {"num": "add"}, gain=2)
    grown = one("combine", {"left": "a", "right": "a"})
    for around, by_hand in (
        (nodes(grown, {"add": add, "more": bypassed(more)}, "more"), nodes(grown, {"add": add}, "add")),
        (
            nodes(grown, {"add": bypassed(add), "more": more}, "more"),
            nodes(grown, {"more": one("step", {"num": "x"}, gain=2)}, "more"),
        ),
        (nodes(bypassed(grown), {"add": add}, "add"), nodes(START, {"add": add}, "add")),
    ):
        assert graph(workflow(around)).calls.keys() == graph(workflow(by_hand)).calls.keys()


def test_it_is_written_only_where_it_is_set() -> None:
    file = workflow({"a": START, "b": bypassed(one("step", {"num": "a"})), "l": bypassed(loop(0, 1, "b"))})
    written = file.to_json()["nodes"]
    assert written["a"] == START and written["b"]["bypass"] and written["l"]["bypass"]
    assert workflow(written).to_json() == file.to_json()
    assert isinstance(file.nodes["a"], Node) and not file.nodes["a"].bypass
