"""What holds for every workflow: cached = fresh, names are nothing, inputs are left alone, nonsense gives faults."""

import copy
import json
from pathlib import Path
from typing import Any

import toys
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toys import Grid, loop, workflow

from engine import Cache, Engine, Workflow, WorkflowError, load_workflow, parse_workflow, save_workflow
from engine.axis import parse_sweep
from engine.check import check
from engine.expand import expand
from engine.keys import build_graph

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
many = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


# ── workflows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    """The nodes of a right workflow: numbers, grids, loops and axes, each linked to some that came before."""
    nodes: dict[str, Any] = {"n0": {"type": "make", "params": {"value": draw(st.integers(0, 9))}}}
    numbers, grids, axes = ["n0"], [], 0
    for i in range(1, draw(st.integers(1, 8))):
        name, source = f"n{i}", draw(st.sampled_from(numbers))
        kind = draw(st.sampled_from(["step", "combine", "parts", "grid", "mean", "loop", "axis", "make", "strip"]))
        if kind == "step":
            nodes[name] = {"type": "step", "in": {"num": source}, "params": {"gain": draw(st.integers(0, 3))}}
        elif kind == "combine":
            nodes[name] = {"type": "combine", "in": {"left": source, "right": draw(st.sampled_from(numbers))}}
        elif kind == "parts":
            nodes[name] = {"type": "parts", "in": {"num": source}}
            name = draw(st.sampled_from([f"{name}.whole", f"{name}.rest"]))
        elif kind == "grid":
            nodes[name] = {"type": "grid", "in": {"num": source}, "params": {"side": draw(st.integers(1, 3))}}
            grids.append(name)
        elif kind == "mean" and grids:
            nodes[f"{name}m"] = {"type": "mean", "in": {"grid": draw(st.sampled_from(grids))}}
            nodes[name] = {"type": "make", "in": {"value": f"{name}m"}}
        elif kind == "loop":
            nodes[name] = loop(draw(st.integers(0, 2)), draw(st.integers(0, 4)), source)
            name = draw(st.sampled_from([f"{name}.x", f"{name}.x.all"]))
        elif kind == "axis" and axes < 2:
            axes += 1
            values = draw(st.lists(st.integers(0, 5), min_size=1, max_size=2))
            nodes[f"{name}a"] = {"type": "axis", "params": {"name": f"a{axes}", "values": values}}
            nodes[name] = {"type": "make", "in": {"value": f"{name}a"}}
        elif kind == "strip":
            nodes[f"{name}l"] = loop(0, 2, source)
            nodes[name] = {"type": "strip", "in": {"nums": f"{name}l.x.all"}}
        else:
            nodes[name] = {"type": "make", "params": {"value": i}}
        if kind != "grid":
            numbers.append(name)
    return nodes


def everything(engine: Engine, file: Workflow) -> dict[str, Any]:
    """Every value of every top-level node."""
    result = engine.run(file)
    assert result.outcome.failures == []
    return {
        f"{name}.{output}": result[f"{name}.{output}" if output else name]
        for name, outputs in result.graph.expansion.outputs.items()
        for output in outputs
    }


@few
@given(nodes=workflows())
def test_cached_is_fresh(nodes: dict[str, Any], tmp_path_factory: Any) -> None:
    folder: Path = tmp_path_factory.mktemp("cache")
    file = workflow(nodes)
    assert check(file, toys.TOYS) == []
    fresh = everything(Engine(toys.TOYS), file)

    filling = Engine(toys.TOYS, Cache(folder))
    assert everything(filling, file) == fresh
    filling.close()
    stored = Engine(toys.TOYS, Cache(folder))
    assert stored.run(file).outcome.ran == []
    assert everything(stored, file) == fresh
    stored.close()
    without_room = Engine(toys.TOYS, Cache(memory=100))
    assert everything(without_room, file) == fresh


@few
@given(nodes=workflows())
def test_renaming_and_reordering_keep_keys(nodes: dict[str, Any]) -> None:
    def rename(reference: str) -> str:
        name, dot, rest = reference.partition(".")
        return f"other_{name}{dot}{rest}"

    renamed: dict[str, Any] = {}
    for name, node in reversed(copy.deepcopy(nodes).items()):
        if node["type"] == "repeat":
            node["carry"] = {carried: rename(reference) for carried, reference in node["carry"].items()}
        elif "in" in node:
            node["in"] = {port: rename(reference) for port, reference in node["in"].items()}
        renamed[rename(name)] = node

    def keys(file: Workflow) -> list[str]:
        return sorted(build_graph(expand(file, toys.TOYS)).calls)

    assert keys(workflow(renamed, title="Other", layout={"n0": [1, 2]})) == keys(workflow(nodes))


@few
@given(nodes=workflows())
def test_a_run_leaves_its_inputs_alone(nodes: dict[str, Any]) -> None:
    engine = Engine(toys.TOYS)
    file = workflow(nodes)
    before = copy.deepcopy(nodes)
    written = file.to_json()
    first = everything(engine, file)
    kept = copy.deepcopy(first)
    everything(engine, workflow({**nodes, "more": {"type": "step", "in": {"num": "n0"}, "params": {"gain": 9}}}))
    assert nodes == before
    assert file.to_json() == written
    assert first == kept


@few
@given(nodes=workflows())
def test_written_and_read_a_workflow_is_the_same(nodes: dict[str, Any], tmp_path: Path) -> None:
    file = workflow(nodes)
    save_workflow(file, tmp_path / "fox.json")
    assert load_workflow(tmp_path / "fox.json").to_json() == file.to_json()


@few
@given(array=st.lists(st.floats(width=32), max_size=8), name=st.text(max_size=5))
def test_an_array_on_disk_is_the_array(array: list[float], name: str) -> None:
    import numpy as np

    from engine.cache import decode, encode

    value = Grid(np.array(array, np.float32), name)
    arrays, data = encode(toys.TOYS["grid"], {"": value})
    assert decode(data, arrays) == {"": value}


# ── nonsense ──────────────────────────────────────────────────────────────────────────────────────────────────────────

words = st.sampled_from([
    "n0", "n1", "l", "l.x", "l.x.all", "x", "i", "add", "make", "step", "repeat", "axis", "num", "value", "name",
    "values", "type", "in", "params", "for", "carry", "body", "next", "nodes", "inputs", "from", "to", "seeds",
    "strip", "echo", "data", "string", "int", "float", "default", "", "a b", "\ud800", "狐",
])  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 30), st.sampled_from([10**30, 10**400, -(2**63)]), st.floats(), words
)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8
)

RIGHT: dict[str, Any] = {
    "diffuscope": 1,
    "title": "right",
    "inputs": {"gain": {"type": "float", "default": 1.0}, "last": {"type": "int", "default": 3}},
    "nodes": {
        "n0": {"type": "make", "params": {"value": 2}},
        "ax": {"type": "axis", "params": {"name": "ax", "from": 1, "to": 3, "step": 1}},
        "n1": {"type": "step", "in": {"num": "n0", "gain": "ax"}},
        "l": {"type": "repeat", "for": {"i": [0, "last"]}, "carry": {"x": "n1"},
              "body": {"add": {"type": "step", "in": {"num": "x", "index": "i", "gain": "gain"}}},
              "next": {"x": "add"}},
        "s": {"type": "strip", "in": {"nums": "l.x.all"}},
        "t": {"type": "sheet", "in": {"nums": "l"}, "params": {"note": "n"}},
        "b": {"type": "step", "in": {"num": "l"}, "bypass": True},
        "c": {"type": "combine", "in": {"left": "b"}},
        "e": {"type": "echo", "params": {"data": {"a": [1, 2]}, "words": ["x"]}},
        "q": {"type": "double", "params": {"x": 3}},
    },
    "layout": {"n0": [0, 0]},
}  # fmt: skip


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in JSON data."""
    found = [path]
    if isinstance(data, dict | list):
        for step, inner in data.items() if isinstance(data, dict) else enumerate(data):
            found += places(inner, (*path, step))
    return found


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A right workflow with something in it replaced, removed, renamed or put elsewhere."""
    data = copy.deepcopy(RIGHT)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(data)[1:]))
        parent: Any = data
        for step in path[:-1]:
            parent = parent[step]
        what = draw(st.sampled_from(["replace", "remove", "rename", "borrow"]))
        if what == "replace":
            parent[path[-1]] = draw(junk)
        elif what == "remove":
            del parent[path[-1]]
        elif what == "rename" and isinstance(parent, dict):
            parent[draw(words)] = parent.pop(path[-1])
        else:
            other: Any = RIGHT
            for step in draw(st.sampled_from(places(RIGHT))):
                other = other[step]
            parent[path[-1]] = copy.deepcopy(other)
        if len(places(data)) < 2:
            break
    return data


def survives(data: Any) -> None:
    """Whatever it is, it either runs or gives faults, each a line of text that can be printed."""
    before = copy.deepcopy(data)
    try:
        file = parse_workflow(data, "fox.json")
        json.dumps(file.to_json(), allow_nan=False).encode()
        Engine(toys.TOYS, out="/nonexistent").run(file)
    except WorkflowError as error:
        assert error.faults
        assert len(str(error).encode().splitlines()) >= len(error.faults)
    assert repr(data) == repr(before)


@many
@given(data=junk)
def test_arbitrary_json_gives_faults(data: Any) -> None:
    survives(data)


@many
@given(nodes=st.dictionaries(words, junk, max_size=3), inputs=st.dictionaries(words, junk, max_size=2))
def test_arbitrary_nodes_give_faults(nodes: Any, inputs: Any) -> None:
    survives({"diffuscope": 1, "nodes": nodes, "inputs": inputs})


@settings(max_examples=300, deadline=None)
@given(data=damaged())
def test_a_damaged_workflow_runs_or_gives_faults(data: Any) -> None:
    survives(data)


@many
@given(value=junk, sweep=st.lists(junk, max_size=3), name=st.sampled_from(["gain", "last", "nain"]))
def test_arbitrary_inputs_give_faults(value: Any, sweep: list[Any], name: str) -> None:
    engine = Engine(toys.TOYS)
    for options in ({"sweeps": {name: sweep}}, {name: value}):
        try:
            engine.run(parse_workflow(RIGHT), **options)
        except WorkflowError as error:
            assert error.faults


@many
@given(spec=st.text("0123456789.:,-+eE ab", max_size=12))
def test_arbitrary_sweeps_are_values_or_a_message(spec: str) -> None:
    try:
        values = parse_sweep(spec)
    except ValueError as error:
        assert str(error)
    else:
        assert 1 <= len(values) <= 100_001


@many
@given(data=st.binary(max_size=60))
def test_arbitrary_bytes_are_no_workflow(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "fox.json"
    path.write_bytes(data)
    try:
        load_workflow(path)
    except WorkflowError as error:
        assert len(error.faults) == 1
