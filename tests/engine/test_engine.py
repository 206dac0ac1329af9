"""The five steps in a row, and the errors and values they end in."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import toys
from toys import Num, loop, twenty, workflow

from engine import Cache, CallError, DiffuscopeError, Engine, Fault, StorageError, Workflow, WorkflowError
from engine.engine import with_defaults
from engine.errors import describe, shown, suggest


def test_a_value_by_its_name(engine: Engine) -> None:
    result = engine.run(workflow({
        "a": {"type": "make", "params": {"value": 2.5}},
        "p": {"type": "parts", "in": {"num": "a"}},
        "d": {"type": "double", "params": {"x": 4}},
        "l": loop(0, 2, "a"),
    }))  # fmt: skip
    assert result["a"] == Num(2.5)
    assert result["p.whole"] == Num(2.0)
    assert result["d"] == 8
    assert result["l"] == result["l.x"] == Num(5.5)
    assert result.key("a") == result.graph.keys[0]
    for reference, message in (
        ("aa", 'no node "aa"'), ("p", '"p" has no output ""'), ("p.hole", 'did you mean "whole"'), ("a.x", "no output"),
    ):  # fmt: skip
        with pytest.raises(KeyError, match=message):
            result[reference]
    with pytest.raises(KeyError, match="is a constant"):
        result.key("d")


def test_every_iteration_of_a_loop(engine: Engine) -> None:
    result = engine.run(workflow({"a": {"type": "make", "params": {"value": 1.0}}, "l": loop(0, 3, "a")}))
    every = result["l.x.all"]
    assert [name for name, _ in every.axes] == ["l.i"]
    assert len(every.values) == 4
    assert every.values[0] == result["a"]
    assert every.values[-1] == result["l.x"]
    with pytest.raises(KeyError, match=r'only a repeat has ".all"'):
        result["a.all"]


def test_a_value_that_was_not_wanted_is_computed_when_asked_for(engine: Engine, log: list[str]) -> None:
    file = workflow({"a": {"type": "make"}, "b": {"type": "grid", "in": {"num": "a"}}})
    result = engine.run(file, only="a")
    assert log == ["make"]
    assert result["b"].cells.shape == (2, 2)
    assert log == ["make", "grid"]


def test_a_value_that_fits_into_no_cache_is_made_each_time(log: list[str]) -> None:
    engine = Engine(toys.TOYS, Cache(memory=10))
    result = engine.run(workflow({"a": {"type": "make"}}))
    assert (result["a"], result["a"], log) == (Num(1.0), Num(1.0), ["make"] * 3)


def test_plan_says_what_run_would_do(engine: Engine) -> None:
    graph = engine.graph(twenty())
    assert len(engine.plan(graph).to_run) == 22
    engine.run(twenty())
    graph = engine.graph(twenty(gain_of_the_last_five=3.0))
    plan = engine.plan(graph)
    assert [graph.calls[key].label for key in plan.to_run] == [*(f"late[{i}].add" for i in range(15, 20)), "end"]
    assert len(engine.plan(graph, only="early").cached) == 1


def test_only_a_node_that_is_there(engine: Engine) -> None:
    with pytest.raises(WorkflowError, match='arguments: only: unknown node "edn"; did you mean "end"'):
        engine.run(twenty(), only="edn")


def test_wrong_inputs_run_nothing(engine: Engine, log: list[str]) -> None:
    file = workflow({"a": {"type": "make", "in": {"value": "v"}}}, {"v": {"type": "float"}})
    with pytest.raises(WorkflowError, match=r"inputs.v: expected a value, found none"):
        engine.run(file)
    with pytest.raises(WorkflowError, match=r"inputs.v: expected float, found 'x'"):
        engine.run(file, v="x")
    with pytest.raises(WorkflowError, match=r"inputs.w: unknown input"):
        engine.run(file, v=1, w=2)
    assert log == []
    assert engine.run(file, v=3)["a"] == Num(3.0)


def test_precision_is_part_of_the_key(engine: Engine) -> None:
    engine.run(twenty())
    other = Engine(toys.TOYS, engine.cache, precision="float16")
    assert len(other.run(twenty()).outcome.ran) == 22


def test_a_workflow_with_the_inputs_of_a_run(tmp_path: Path) -> None:
    file = workflow({"a": {"type": "make", "in": {"value": "v"}}}, {"v": {"type": "float", "default": 1}})
    changed = with_defaults(file, {"v": 2})
    assert changed.to_json()["inputs"]["v"]["default"] == 2
    assert file.to_json()["inputs"]["v"]["default"] == 1


def test_errors_are_one_tree() -> None:
    for error in (WorkflowError([]), CallError("a", ValueError(), {}), StorageError("x")):
        assert isinstance(error, DiffuscopeError)
    assert str(Fault("nodes.a", "expected this, found that", "do so")) == "nodes.a: expected this, found that; do so"
    assert str(Fault("nodes.a", "cycle")) == "nodes.a: cycle"


def test_a_cause_in_one_line() -> None:
    assert describe(ValueError("a size of 3\nis too small")) == "a size of 3 is too small"
    assert describe(ZeroDivisionError("division by zero")) == "ZeroDivisionError: division by zero"
    assert describe(KeyError()) == "KeyError"
    assert describe(ValueError()) == "ValueError"


def test_hints() -> None:
    assert suggest("stpes", ["steps", "seed"]) == 'did you mean "steps"?'
    assert suggest("x", ["steps", "seed"]) == "known: seed, steps"
    assert suggest("x", []) == ""
    assert suggest("x", map(str, range(100))) == ""


def test_long_values_are_cut_in_messages() -> None:
    assert shown("fox") == "'fox'"
    assert len(shown("x" * 1000)) == 58
    assert shown(10**5000) == "a very large int"
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert shown(deep) == "a very large list"


def test_a_run_needs_no_torch(tmp_path: Path) -> None:
    """Toy nodes that use no arrays run without torch and without safetensors."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "import toys; from engine import Engine\n"
        "assert Engine(toys.TOYS).run(toys.twenty())['end'] == toys.Num(211.0)\n"
        "print([name for name in ('torch', 'safetensors', 'transformers', 'PIL') if name in sys.modules])"
    )
    paths = [str(Path(toys.__file__).parent), str(Path(toys.__file__).parents[2])]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ── values inside a loop ──────────────────────────────────────────────────────────────────────────────────────────────


def measured(**more: Any) -> Workflow:
    """A loop with a look at each number before its step."""
    sample = loop(0, 3, "start")
    sample["body"]["look"] = {"type": "grid", "in": {"num": "x"}, "params": {"side": 1}}
    sample["body"]["size"] = {"type": "mean", "in": {"grid": "look"}}
    sample["body"]["cut"] = {"type": "parts", "in": {"num": "add"}}
    return workflow({"start": {"type": "make"}, "sample": sample, **more})


def test_a_node_of_the_body_is_read_at_every_iteration(engine: Engine) -> None:
    result = engine.run(measured(
        digits={"type": "strip", "in": {"nums": "sample.add.all"}},
        wholes={"type": "strip", "in": {"nums": "sample.cut.whole.all"}},
        sizes={"type": "numbers", "in": {"values": "sample.size.all"}},
    ))  # fmt: skip
    assert result["digits"].value == 247.0
    assert result["wholes"].value == 247.0
    assert result["sizes"] == {"axes": [["sample.i", [0, 1, 2]]], "items": [[[0], 1.0], [[1], 2.0], [[2], 4.0]]}
    assert [num.value for num in result["sample.add.all"].values] == [2.0, 4.0, 7.0]


def test_a_node_of_the_body_meets_what_its_iteration_read(engine: Engine) -> None:
    pair = {"type": "combine", "in": {"left": "sample.x.all", "right": "sample.add.all"}}
    result = engine.run(measured(pair=pair, all={"type": "strip", "in": {"nums": "pair"}}))
    assert [num.value for num in result["pair"].values] == [1.0 + 2.0, 2.0 + 4.0, 4.0 + 7.0]


def test_what_is_read_through_all_is_not_asked_for_by_itself(engine: Engine) -> None:
    sizes = {"type": "numbers", "in": {"values": "sample.size.all"}}
    again = {"type": "combine", "in": {"left": "sample.x"}}
    result = engine.run(measured(sizes=sizes, again=again), only="again")
    assert not any(".size" in label or ".look" in label for label in result.outcome.ran)


def test_numbers_are_gathered_over_axes_and_loops_and_constants_too(engine: Engine) -> None:
    nodes = {
        "gain": {"type": "axis", "params": {"name": "gain", "values": [1, 2]}},
        "twice": {"type": "double", "in": {"x": "gain"}},
        "constants": {"type": "numbers", "in": {"values": "twice"}},
    }
    assert engine.run(workflow(nodes))["constants"] == {
        "axes": [["gain", [1, 2]]], "items": [[[0], 2.0], [[1], 4.0]],
    }  # fmt: skip
    sample = loop(0, 2, "start")
    sample["body"]["add"]["in"]["gain"] = "gain"
    sample["body"]["look"] = {"type": "grid", "in": {"num": "add"}, "params": {"side": 1}}
    sample["body"]["size"] = {"type": "mean", "in": {"grid": "look"}}
    nodes |= {"start": {"type": "make"}, "sample": sample,
              "found": {"type": "numbers", "in": {"values": "sample.size.all"}}}  # fmt: skip
    found = engine.run(workflow(nodes))["found"]
    assert found["axes"] == [["sample.i", [0, 1]], ["gain", [1, 2]]]
    assert found["items"] == [[[0, 0], 2.0], [[0, 1], 3.0], [[1, 0], 4.0], [[1, 1], 7.0]]


def test_a_gathered_constant_is_part_of_the_key(engine: Engine) -> None:
    def key(values: list[float]) -> str:
        axis = {"type": "axis", "params": {"name": "a", "values": values}}
        nodes = {"a": axis, "n": {"type": "numbers", "in": {"values": "a"}}}
        return engine.run(workflow(nodes)).key("n")

    assert key([1.0, 2.0]) == key([1.0, 2.0])
    assert key([1.0, 2.0]) != key([1.0, 3.0])
