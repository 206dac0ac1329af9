"""Step 1: every class of fault, each as one line that says where, what was expected, what was found, what to do."""

from collections.abc import Callable
from typing import Any

import pytest
import toys
from toys import loop, twenty, workflow

from engine import Engine, WorkflowError
from engine.expand import expand

Faults = Callable[..., list[str]]
START: dict[str, Any] = {"type": "make"}


def one(type: str, links: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
    return {"type": type, "in": links or {}, "params": params}


def repeat(**changes: Any) -> dict[str, Any]:
    return loop(0, 2, "start") | changes


def test_a_right_workflow_has_no_faults(faults: Faults) -> None:
    assert faults(twenty()) == []


@pytest.mark.parametrize(
    ("nodes", "line"),
    [
        ({}, "nodes: expected at least one node, found none"),
        # names
        ({"a": one("mkae")}, 'nodes.a.type: unknown node "mkae"; did you mean "make"?'),
        ({"a": one("axes")}, 'nodes.a.type: unknown node "axes"; did you mean "axis"?'),
        (
            {"a": START, "b": one("combine", {"left": "a", "rigth": "a"})},
            'nodes.b.in.rigth: unknown port or param of "combine"; did you mean "right"?',
        ),
        ({"a": one("make", valeu=3)}, 'nodes.a.params.valeu: unknown param of "make"; did you mean "value"?'),
        (
            {"start": START, "b": one("combine", {"left": "strat"})},
            'nodes.b.in.left: unknown name "strat"; did you mean "start"?',
        ),
        (
            {"a": START, "p": one("parts", {"num": "a"}), "b": one("combine", {"left": "p.hole"})},
            'nodes.b.in.left: "p" has no output "hole"; did you mean "p.whole"?',
        ),
        (
            {"a": START, "p": one("parts", {"num": "a"}), "b": one("combine", {"left": "p"})},
            'nodes.b.in.left: "p" has several outputs; known: p.rest, p.whole',
        ),
        (
            {"a": START, "b": one("combine", {"left": "a.value"})},
            'nodes.b.in.left: "a" has no output "value"; known: a',
        ),
        # links
        ({"b": one("combine")}, "nodes.b.in.left: missing: expected Num, found nothing"),
        ({"b": one("double")}, "nodes.b.params.x: missing: expected float, found nothing"),
        (
            {"a": START, "g": one("grid", {"num": "a"}), "m": one("mean", {"grid": "a"})},
            'nodes.m.in.grid: expected Grid, got Num (from "a"); did you mean "g"?',
        ),
        (
            {"a": START, "m": one("mean", {"grid": "a"})},
            'nodes.m.in.grid: expected Grid, got Num (from "a")',
        ),
        (
            {"a": START, "b": one("make", {"value": "a"})},
            'nodes.b.in.value: expected float, got Num (from "a")',
        ),
        (
            {"n": one("double", x=1), "b": one("combine", {"left": "n"})},
            'nodes.b.in.left: expected Num, got float (from "n")',
        ),
        (
            {"a": START, "b": one("combine", left=3) | {"in": {"right": "a"}}},
            'nodes.b.params.left: expected a link to a Num, found a literal; write it under "in": left',
        ),
        (
            {"n": one("double", x=1), "b": one("make", {"value": "n"}, value=1.0)},
            'nodes.b.params.value: given both here and under "in"; delete one of them',
        ),
        (
            {"a": START, "s": one("strip", {"nums": "a"})},
            'nodes.s.in.nums: expected a list of Num, got one (from "a"); link to every iteration of a loop: "a.….all"',
        ),
        (
            {"a": START, "b": one("combine", {"left": "a.all"})},
            'nodes.b.in.left: "a.all": only a repeat has ".all"',
        ),
        # values
        (
            {"a": START, "s": one("step", {"num": "a"}, gain=11)},
            "nodes.s.params.gain: expected less than or equal to 10, found 11",
        ),
        (
            {"a": START, "s": one("step", {"num": "a"}, gain=float("nan"))},
            "nodes.s.params.gain: expected a finite number, found nan",
        ),
        ({"a": one("make", value=float("inf"))}, "nodes.a.params.value: expected a finite number, found inf"),
        (
            {"e": one("echo", data={"x": [float("nan")]})},
            "nodes.e.params.data: expected JSON data with finite numbers, found {'x': [nan]}",
        ),
        ({"a": one("make", value="1")}, "nodes.a.params.value: expected number, found '1'"),
        ({"a": one("make", value=10**400)}, "nodes.a.params.value: expected number, found "),
        (
            {"a": START, "s": one("step", {"num": "a"}, mode="tims")},
            "nodes.s.params.mode: expected one of add, times, found 'tims'; did you mean \"times\"?",
        ),
        # cycles
        (
            {
                "a": one("combine", {"left": "b"}),
                "b": one("combine", {"left": "c"}),
                "c": one("combine", {"left": "a"}),
            },
            "nodes.a: cycle: a → b → c → a; a loop is written with type repeat",
        ),
        ({"a": one("combine", {"left": "a"})}, "nodes.a: cycle: a → a; a loop is written with type repeat"),
        (
            {"start": one("combine", {"left": "l.x"}), "l": repeat()},
            "nodes.start: cycle: start → l → start; a loop is written with type repeat",
        ),
        (
            {"start": START, "l": repeat(body={"add": one("step", {"num": "l.x", "index": "i"})})},
            "nodes.l: cycle: l → l; a loop is written with type repeat",
        ),
        # repeats
        (
            {"start": START, "l": repeat(next={})},
            'nodes.l.next.x: missing: each carried value needs its next; add "x"',
        ),
        (
            {"start": START, "l": repeat(carry={}, next={}, body={})},
            "nodes.l.carry: expected at least one carried value, found none; "
            "name a value that each turn hands to the next",
        ),
        (
            {"start": START, "l": repeat(next={"x": "add", "y": "add"})},
            "nodes.l.next.y: is not carried; known: x",
        ),
        (
            {"start": START, "l": repeat(body={"add": one("grid", {"num": "x"})})},
            'nodes.l.next.x: expected Num, got Grid (from "add")',
        ),
        (
            {"start": START, "l": repeat(**{"for": {"i": [0, "start"]}})},
            'nodes.l.for.i: expected int, got Num (from "start")',
        ),
        (
            {"start": START, "n": one("double", x=1), "l": repeat(**{"for": {"i": ["n", 3]}})},
            'nodes.l.for.i: expected int, got float (from "n")',
        ),
        (
            {"start": START, "l": repeat(**{"for": {"i": [0, "setps"]}})},
            'nodes.l.for.i: unknown name "setps"; did you mean "steps"?',
        ),
        (
            {"start": START, "l": repeat(), "b": one("combine", {"left": "l.add"})},
            'nodes.b.in.left: "l.add" is inside a loop; say "l.add.all" for its value at every iteration',
        ),
        (
            {"start": START, "l": repeat(), "b": one("strip", {"nums": "l.ad.all"})},
            'nodes.b.in.nums: "l" has no output "ad"; did you mean "l.add"?',
        ),
        (
            {"start": START, "b": one("numbers", {"values": "start"})},
            'nodes.b.in.values: expected float, got Num (from "start")',
        ),
        (
            {"start": START, "l": repeat(body={"add": one("combine", {"left": "x.all"})})},
            'nodes.l.body.add.in.left: "x.all": only a repeat has ".all"',
        ),
        (
            {"start": START, "l": repeat(body={"add": one("step", {"num": "stert", "index": "i"})})},
            'nodes.l.body.add.in.num: unknown name "stert"; did you mean "start"?',
        ),
        # shadowing, at each level
        ({"steps": START}, 'nodes.steps: "steps" shadows an outer name; rename one of them'),
        (
            {"start": START, "l": repeat(body={"start": one("step", {"num": "x"})}, next={"x": "start"})},
            'nodes.l.body.start: "start" shadows an outer name; rename one of them',
        ),
        (
            {"start": START, "l": repeat(), "add": START},
            'nodes.l.body.add: "add" shadows an outer name; rename one of them',
        ),
        (
            {"start": START, "l": repeat(), "x": START},
            'nodes.l.carry.x: "x" shadows an outer name; rename one of them',
        ),
        (
            {"start": START, "l": repeat(), "i": START},
            'nodes.l.for.i: "i" shadows an outer name; rename one of them',
        ),
        (
            {
                "start": START,
                "l": repeat(carry={"i": "start"}, next={"i": "add"}, body={"add": one("step", {"num": "start"})}),
            },
            "nodes.l.carry.i: has the name of the loop variable; rename one of them",
        ),
        (
            {"start": START, "l": repeat(body={"x": one("step", {"num": "start"})}, next={"x": "x"})},
            'nodes.l.body.x: "x" shadows an outer name; rename one of them',
        ),
        (
            {"start": START, "l": repeat(body={"l": one("step", {"num": "x"})}, next={"x": "l"})},
            'nodes.l.body.l: "l" shadows an outer name; rename one of them',
        ),
        # axes
        (
            {"a": one("axis", {"values": "steps"}, name="size", values=[1])},
            'nodes.a.in.values: an axis takes only literals; write it under "params"',
        ),
        ({"a": one("axis", name="size", values=[])}, "nodes.a.params.values: expected 1 to 100000 values, found 0"),
        (
            {"a": one("axis", name="size")},
            'nodes.a.params: expected one of "values", "from" … "to", "seeds", found none',
        ),
        (
            {"a": one("axis", name="size", vals=[1], seeds=2)},
            'nodes.a.params.vals: unknown param of an axis; did you mean "values"?',
        ),
        (
            {"a": one("axis", name="size", values=[1, 2]), "b": one("axis", name="size", seeds=3)},
            'nodes.b: axis "size": expected 2 values as at nodes.a, found 3',
        ),
        (
            {"a": one("axis", name="size", values=[1, 20]), "n": START, "s": one("step", {"num": "n", "gain": "a"})},
            "nodes.a.params: expected less than or equal to 10, found 20; it is read at nodes.s.in.gain",
        ),
        (
            {"a": one("axis", name="size", values=[1, "x"]), "n": START, "s": one("step", {"num": "n", "gain": "a"})},
            "nodes.a.params: expected number, found 'x'; it is read at nodes.s.in.gain",
        ),
        (
            {"a": one("axis", name="size", values=["x"]), "n": START, "s": one("step", {"num": "n", "gain": "a"})},
            'nodes.s.in.gain: expected float, got str (from "a")',
        ),
    ],
)
def test_a_fault_is_one_line(faults: Faults, nodes: dict[str, Any], line: str) -> None:
    found = faults(workflow(nodes, {"steps": {"type": "int", "default": 3}}))
    assert len(found) == 1, found
    assert found[0] == line or (line.endswith("found ") and found[0].startswith(line))


@pytest.mark.parametrize(
    ("spec", "given", "line"),
    [
        ({"type": "float"}, {}, 'inputs.gain: expected a value, found none; give "default", or --set gain=…'),
        ({"type": "float", "default": "x"}, {}, "inputs.gain: expected float, found 'x'"),
        ({"type": "float", "default": 1}, {"gain": True}, "inputs.gain: expected float, found True"),
        (
            {"type": "float", "default": 1},
            {"gain": float("nan")},
            "inputs.gain: expected JSON data with finite numbers, found nan",
        ),
        ({"type": "float", "default": 1}, {"gain": 10**400}, "inputs.gain: expected float, found 1000"),
        ({"type": "float", "default": 1}, {"gain": [1]}, "inputs.gain: expected float, found [1]"),
        ({"type": "float", "default": 1}, {"gian": 1}, 'inputs.gian: unknown input; did you mean "gain"?'),
        (
            {"type": "float", "default": 11},
            {},
            "inputs.gain: expected less than or equal to 10, found 11.0; it is read at nodes.s.in.gain",
        ),
        (
            {"type": "float", "default": 1},
            {"gain": -1},
            "inputs.gain: expected greater than or equal to 0, found -1.0; it is read at nodes.s.in.gain",
        ),
        ({"type": "string", "default": "1"}, {}, 'nodes.s.in.gain: expected float, got str (from "gain")'),
        ({"type": "bool", "default": True}, {}, 'nodes.s.in.gain: expected float, got bool (from "gain")'),
    ],
)
def test_an_input_is_checked_against_its_type_and_against_what_reads_it(
    faults: Faults, spec: dict[str, Any], given: dict[str, Any], line: str
) -> None:
    file = workflow({"a": START, "s": one("step", {"num": "a", "gain": "gain"})}, {"gain": spec})
    found = faults(file, inputs=given)
    assert len(found) == 1, found
    assert found[0].startswith(line)


def test_text_that_cannot_be_written_is_refused(faults: Faults) -> None:
    file = workflow({"e": one("echo", {"data": "words"})}, {"words": {"type": "string", "default": "x"}})
    assert faults(file, inputs={"words": "\udcff"}) == [r"inputs.words: expected Unicode text, found '\udcff'"]


def test_an_int_is_a_float_input_and_an_int_input_a_float_param(faults: Faults) -> None:
    file = workflow({"m": one("make", {"value": "n"})}, {"n": {"type": "float", "default": 1}})
    assert faults(file) == []
    assert faults(file, inputs={"n": 2}) == []
    file = workflow({"m": one("make", {"value": "n"})}, {"n": {"type": "int", "default": 1}})
    assert faults(file) == []
    assert faults(file, inputs={"n": 2.5}) == ["inputs.n: expected int, found 2.5"]


def test_each_value_of_a_sweep_is_checked(faults: Faults) -> None:
    file = workflow(
        {"a": START, "s": one("step", {"num": "a", "gain": "gain"})}, {"gain": {"type": "float", "default": 1}}
    )
    assert faults(file, sweeps={"gain": [1, 2.5]}) == []
    assert faults(file, sweeps={"gain": [1, 20]}) == [
        "inputs.gain: expected less than or equal to 10, found 20.0; it is read at nodes.s.in.gain"
    ]
    assert faults(file, sweeps={"gain": [1, "x"]}) == ["inputs.gain: expected float, found 'x'"]
    assert faults(file, sweeps={"gain": []}) == ["inputs.gain: expected values to sweep, found none"]
    assert faults(file, sweeps={"gaim": [1]}) == ['inputs.gaim: unknown input; did you mean "gain"?']


def test_a_sweep_runs_together_with_an_axis_of_its_name(faults: Faults) -> None:
    nodes = {
        "a": one("axis", name="gain", values=[1, 2]),
        "m": one("make", {"value": "a"}),
        "s": one("step", {"num": "m", "gain": "gain"}),
    }
    file = workflow(nodes, {"gain": {"type": "float", "default": 1}})
    assert faults(file, sweeps={"gain": [1, 2]}) == []
    assert faults(file, sweeps={"gain": [1, 2, 3]}) == [
        'nodes.a: axis "gain": expected 3 values as at inputs.gain, found 2'
    ]


def test_all_of_a_repeat_is_not_that_of_a_node_of_the_same_name_elsewhere(faults: Faults) -> None:
    inner = {"type": "repeat", "for": {"j": [0, 1]}, "carry": {"y": "x"}, "body": {}, "next": {"y": "y"}}
    nodes = {
        "start": START,
        "first": repeat(body={"same": inner}, next={"x": "same.y"}),
        "second": repeat(body={"same": one("step", {"num": "x"}), "s": one("strip", {"nums": "same.all"})},
                         next={"x": "same"}),
    }  # fmt: skip
    assert faults(workflow(nodes)) == ['nodes.second.body.s.in.nums: "same.all": only a repeat has ".all"']


def test_what_all_is_linked_to_may_be_a_list_too(faults: Faults) -> None:
    nodes = {
        "start": START,
        "l": repeat(),
        "each": one("step", {"num": "l.x.all"}),
        "s": one("strip", {"nums": "each"}),
        "t": one("strip", {"nums": "l.all"}),
    }
    assert faults(workflow(nodes)) == []


def test_a_broken_node_is_not_blamed_on_its_readers(faults: Faults) -> None:
    nodes = {
        "a": one("mkae"),
        "b": one("combine", {"left": "a"}),
        "l": loop(0, 2, "a"),
        "c": one("combine", {"left": "l.x"}),
        "ax": one("axis", name="x", values=[]),
        "d": one("make", {"value": "ax"}),
    }
    assert [line.partition(":")[0] for line in faults(workflow(nodes))] == ["nodes.a.type", "nodes.ax.params.values"]


def test_every_fault_is_reported_at_once(faults: Faults) -> None:
    file = workflow(
        {
            "a": one("mkae"),
            "start": one("make", value=float("nan")),
            "s": one("step", {"num": "strat"}, gain=11, mode="x", foo=1),
            "g": one("grid", {"num": "start"}),
            "m": one("combine", {"left": "g"}),
            "n": one("combine"),
            "sum": one("strip", {"nums": "start"}),
            "l": loop(0, 2, "start") | {"next": {"y": "add"}},
            "l2": loop("nope", 2, "start"),
            "steps": one("make"),
            "ax": one("axis", name="z", seeds=0),
            "p": one("double", {"x": "word"}),
        },
        {"steps": {"type": "int", "default": 1.5}, "word": {"type": "string", "default": "a"}, "w": {"type": "int"}},
    )
    found = faults(file, inputs={"other": 1})
    assert {line.partition(": ")[0] for line in found} == {
        "inputs.other", "inputs.steps", "inputs.w", "nodes.steps", "nodes.a.type", "nodes.start.params.value",
        "nodes.s.in.num", "nodes.s.params.gain", "nodes.s.params.mode", "nodes.s.params.foo", "nodes.m.in.left",
        "nodes.n.in.left", "nodes.sum.in.nums", "nodes.l.next.x", "nodes.l.next.y", "nodes.l2.for.i",
        "nodes.ax.params.seeds", "nodes.p.in.x",
    }  # fmt: skip
    assert len(found) == 18


def test_a_workflow_error_lists_every_fault_with_the_file(engine: Engine) -> None:
    with pytest.raises(WorkflowError) as caught:
        engine.run(workflow({"a": one("mkae"), "b": one("combine")}, title="fox.json"))
    assert str(caught.value) == (
        'fox.json: nodes.a.type: unknown node "mkae"; did you mean "make"?\n'
        "fox.json: nodes.b.in.left: missing: expected Num, found nothing"
    )


# ── what can only be known while expanding ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("nodes", "lines"),
    [
        (
            {"q": one("divide", a=1, b=0), "m": one("make", {"value": "q"}), "d": one("double", {"x": "q"})},
            ["nodes.q: ZeroDivisionError: float division by zero"],
        ),
        (
            {"q": one("double", x=6), "n": START, "s": one("step", {"num": "n", "gain": "q"})},
            ["nodes.s.in.gain: expected less than or equal to 10, found 12.0"],
        ),
        (
            {
                "a": one("axis", name="a", values=[1, 6]),
                "q": one("double", {"x": "a"}),
                "n": START,
                "s": one("step", {"num": "n", "gain": "q"}),
            },
            ["nodes.s.in.gain: expected less than or equal to 10, found 12.0 @ a=6"],
        ),
        ({"r": one("read", path="none.txt")}, ["nodes.r.params.path: none.txt: no such file"]),
        (
            {"r": one("read", path="none.txt"), "c": one("combine", {"left": "r"}), "q": one("divide", a=1, b=0)},
            ["nodes.r.params.path: none.txt: no such file", "nodes.q: ZeroDivisionError: float division by zero"],
        ),
        (
            {"n": START, "s": one("store", {"num": "n"}), "r": one("read", {"path": "s"})},
            ["nodes.r.in.path: expected a path known before the run, found a computed one"],
        ),
        (
            {"start": START, "l": loop(0, 10**30, "start")},
            ["nodes.l.for.i: expected at most 1000000 iterations; make a loop or an axis shorter"],
        ),
        (
            {"q": one("double", x=1e308), "m": one("make", {"value": "q"})},
            ["nodes.q: expected JSON data with finite numbers, found inf"],
        ),
    ],
)
def test_what_is_known_while_expanding(faults: Faults, nodes: dict[str, Any], lines: list[str]) -> None:
    file = workflow(nodes)
    assert faults(file) == []
    with pytest.raises(WorkflowError) as caught:
        expand(file, toys.TOYS)
    assert [str(fault) for fault in caught.value.faults] == lines


def test_bounds_must_be_known_before_the_run(faults: Faults) -> None:
    nodes = {
        "start": START,
        "e": one("echo"),
        "s": one("sheet", {"nums": "start"}),  # its kind is json: an int is not impossible
        "l": loop(0, "s", "start"),
    }
    assert faults(workflow(nodes)) == []
    with pytest.raises(WorkflowError) as caught:
        expand(workflow(nodes), toys.TOYS)
    assert [str(fault) for fault in caught.value.faults] == [
        "nodes.l.for.i: expected bounds known before the run, found 0, None"
    ]


def test_of_very_many_faults_the_first_are_listed(faults: Faults) -> None:
    nodes = {f"n{i}": one("mkae", {"x": f"nobody{i}"}) for i in range(20_000)}
    found = faults(workflow(nodes))
    assert 500 <= len(found) <= 501 and found[0] == 'nodes.n0.type: unknown node "mkae"; did you mean "make"?'
    assert faults(workflow({f"n{i}": one("make", {"value": "nobody"}) for i in range(2000)}))[0] == (
        'nodes.n0.in.value: unknown name "nobody"'
    )
