"""Step 3: what changes a key, what does not, and a few keys written down so that nobody changes them by accident."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toys
from toys import loop, twenty, workflow

from engine import File, Registry, StorageError, Workflow, load_workflow, node, save_workflow
from engine.expand import expand
from engine.keys import Graph, build_graph, canonical, content_digest

MakeGraph = Callable[..., Graph]


def key(graph: Graph, label: str) -> str:
    """The key of the call with a label."""
    return next(call.key for call in graph.expansion.calls if call.label == label)


def chain(**params: Any) -> Workflow:
    return workflow({"a": {"type": "make", "params": params}, "b": {"type": "grid", "in": {"num": "a"}}})


def test_some_keys_are_pinned(graph: MakeGraph) -> None:
    """These are on people's disks: if one changes, every cached value is lost. Raise a node's version instead."""
    made = graph(chain())
    assert key(made, "a") == "e6b4342d3ddccf8ff86e647adadc19730fd61beb124e2597b427fab4b5303c7e"
    assert key(made, "b") == "248268a368feaafbfca5f67c9da99a36c265d74a5685fe4194896a6202f65882"
    assert key(graph(twenty()), "late[19].add") == "4aef3261baab773ddd771ca741f76798d4060ad5b0688bd8f247d84906f4b574"
    sheet = workflow({
        "v": {"type": "axis", "params": {"name": "value", "values": [1, 2.5]}},
        "m": {"type": "make", "in": {"value": "v"}},
        "s": {"type": "sheet", "in": {"nums": "m"}, "params": {"note": "狐"}},
    })  # fmt: skip
    assert key(graph(sheet), "s") == "faccde30cb4a8c2769709b12ed93ed5bcf949280ac3e9f064e0a4b85758944a5"


def test_canonical_json() -> None:
    assert canonical({"b": [1, 1.0, None, True], "a": "狐"}) == '{"a":"狐","b":[1,1.0,null,true]}'.encode()
    with pytest.raises(ValueError):
        canonical(float("nan"))


def test_names_order_layout_and_texts_change_no_key(graph: MakeGraph) -> None:
    before = graph(chain())
    other = graph(
        workflow(
            {
                "second": {"type": "grid", "in": {"num": "first"}, "note": "a note"},
                "first": {"type": "make", "params": {"value": 1.0}},
            },
            title="Other",
            description="…",
            layout={"first": [1, 2]},
        )
    )
    assert set(other.calls) == set(before.calls)
    assert (key(other, "first"), key(other, "second")) == (key(before, "a"), key(before, "b"))


def test_how_a_loop_is_written_changes_no_key(graph: MakeGraph) -> None:
    once = graph(workflow({"s": {"type": "make"}, "l": loop(0, 4, "s")}))
    twice = graph(workflow({"t": {"type": "make"}, "l1": loop(0, 2, "t"), "l2": loop(2, 4, "l1")}))
    assert key(once, "l[3].add") == key(twice, "l2[3].add")


def test_a_value_is_a_value_wherever_it_comes_from(graph: MakeGraph) -> None:
    literal = key(graph(chain(value=2.0)), "a")
    linked = {"a": {"type": "make", "in": {"value": "v"}}}
    assert key(graph(workflow(linked, {"v": {"type": "float", "default": 2}})), "a") == literal
    assert key(graph(workflow(linked | {"v": {"type": "double", "params": {"x": 1}}})), "a") == literal
    axis = {"type": "axis", "params": {"name": "v", "values": [2]}}
    assert key(graph(workflow(linked | {"v": axis})), "a @ v=2") == literal


def test_one_and_one_point_nought_are_one_float(graph: MakeGraph) -> None:
    assert key(graph(chain(value=1)), "a") == key(graph(chain(value=1.0)), "a") == key(graph(chain()), "a")
    assert key(graph(workflow({"a": {"type": "echo", "params": {"data": 1}}})), "a") != key(
        graph(workflow({"a": {"type": "echo", "params": {"data": 1.0}}})), "a"
    )


def test_params_and_what_is_above_change_a_key(graph: MakeGraph) -> None:
    before, after = graph(chain()), graph(chain(value=2))
    assert key(before, "a") != key(after, "a")
    assert key(before, "b") != key(after, "b")


def test_the_port_and_the_output_count(graph: MakeGraph) -> None:
    nodes = {
        "a": {"type": "make", "params": {"value": 1}},
        "b": {"type": "make", "params": {"value": 2}},
        "p": {"type": "parts", "in": {"num": "a"}},
        "ab": {"type": "combine", "in": {"left": "a", "right": "b"}},
        "ba": {"type": "combine", "in": {"left": "b", "right": "a"}},
        "w": {"type": "combine", "in": {"left": "p.whole"}},
        "r": {"type": "combine", "in": {"left": "p.rest"}},
    }
    assert len(set(graph(workflow(nodes)).keys)) == 7


def test_a_version_changes_a_key() -> None:
    def keys(version: int) -> list[str]:
        registry = Registry()
        node(registry=registry, version=version)(toys.make)
        return build_graph(expand(workflow({"a": {"type": "make"}}), registry)).keys

    assert keys(1) == keys(1) != keys(2)


def test_precision_changes_a_key() -> None:
    expansion = expand(chain(), toys.TOYS)
    assert build_graph(expansion, precision="float32").keys == build_graph(expansion).keys
    assert not set(build_graph(expansion, precision="bfloat16").keys) & set(build_graph(expansion).keys)


def test_equal_calls_are_one_node_of_the_dag(graph: MakeGraph) -> None:
    nodes = {
        "a": {"type": "make"},
        "same": {"type": "make", "params": {"value": 1}},
        "b": {"type": "combine", "in": {"left": "a", "right": "same"}},
        "c": {"type": "combine", "in": {"left": "same", "right": "a"}},
    }
    made = graph(workflow(nodes))
    assert len(made.keys) == 4
    assert len(made.calls) == made.dag.number_of_nodes() == 2
    assert list(made.dag.edges) == [(made.keys[0], made.keys[2])]
    assert made.dag.nodes[made.keys[0]]["call"].label == "a"
    assert made.targets == [made.keys[2]]


def test_links_point_backwards(graph: MakeGraph) -> None:
    made = graph(twenty())
    order = {key: i for i, key in enumerate(made.calls)}
    assert made.dag.number_of_edges() == 21
    assert all(order[a] < order[b] for a, b in made.dag.edges)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(folder: Path, name: str) -> Workflow:
    path = folder / "fox.json"
    save_workflow(workflow({"r": {"type": "read", "params": {"path": name}}}), path)
    return load_workflow(path)


def test_a_file_stands_for_its_content(tmp_path: Path, graph: MakeGraph) -> None:
    (tmp_path / "a.txt").write_text("fox")
    (tmp_path / "b.txt").write_text("fox")
    (tmp_path / "c.txt").write_text("cat")
    a, b, c = (graph(read(tmp_path, name)).keys[0] for name in ("a.txt", "b.txt", "c.txt"))
    assert a == b != c
    (tmp_path / "a.txt").write_text("cat")
    assert graph(read(tmp_path, "a.txt")).keys[0] == c


def test_a_folder_stands_for_the_names_and_contents_in_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "a").write_text("fox")
    one, two = tmp_path / "one", tmp_path / "two"
    assert content_digest(one) == content_digest(two)
    (two / "b").write_text("")
    assert content_digest(one) != content_digest(two)
    assert content_digest(one, ("*/a",)) == content_digest(two, ("*/a",))


def test_two_nodes_may_look_at_different_parts_of_a_folder(tmp_path: Path) -> None:
    from typing import Annotated

    registry = Registry()

    def resolve(written: str, folder: Path) -> Path:
        return tmp_path

    def texts(path: Annotated[str, File(resolve, ("*.txt",))] = "") -> toys.Num:
        """Reads texts."""
        return toys.Num(0.0)

    def tables(path: Annotated[str, File(resolve, ("*.csv",))] = "") -> toys.Num:
        """Reads tables."""
        return toys.Num(0.0)

    texts.__annotations__["return"] = tables.__annotations__["return"] = "Num"
    node(registry=registry)(texts)
    node(registry=registry)(tables)
    (tmp_path / "a.txt").write_text("fox")
    (tmp_path / "b.csv").write_text("1")

    def keys() -> list[str]:
        return build_graph(expand(workflow({"a": {"type": "texts"}, "b": {"type": "tables"}}), registry)).keys

    before = keys()
    (tmp_path / "b.csv").write_text("2")
    after = keys()
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("fox")

    def forbidden(path: Path, parts: tuple[str, ...]) -> str:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(StorageError, match=r"a\.txt: cannot be read: Permission denied"):
        build_graph(expand(read(tmp_path, "a.txt"), toys.TOYS), forbidden)
