"""What a workflow may ask for: how many calls, and which files."""

from pathlib import Path
from typing import Any

import pytest
import toys
from toys import Num, loop, twenty, workflow

from engine import Engine, File, Registry, WorkflowError, node
from engine.expand import Bounds, expand

FEW = Bounds(calls=16)
START = {"type": "make"}


def refused(nodes: dict[str, Any], bounds: Bounds = FEW) -> str:
    """The one line with which a workflow is refused."""
    with pytest.raises(WorkflowError) as caught:
        expand(workflow(nodes), toys.TOYS, bounds=bounds)
    (fault,) = caught.value.faults
    return str(fault)


def axis(name: str, count: int) -> dict[str, Any]:
    return {"type": "axis", "params": {"name": name, "seeds": count}}


# ── how much ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_as_much_as_is_allowed_and_no_more() -> None:
    assert len(expand(twenty(), toys.TOYS, bounds=Bounds(calls=22)).calls) == 22
    with pytest.raises(WorkflowError, match=r"nodes\.end: expected at most 21 calls; make a loop or an axis shorter"):
        expand(twenty(), toys.TOYS, bounds=Bounds(calls=21))


def test_a_product_of_axes_is_counted_before_it_is_made() -> None:
    many = Bounds(calls=100_000)
    axes = {name: axis(name, 100_000) for name in ("a", "b", "c", "d")}
    nodes = {**axes, "m": {"type": "step", "in": {"num": "s", "index": "a", "gain": "b"}}, "s": START}
    assert refused(nodes, many) == "nodes.m: expected at most 100000 calls; make a loop or an axis shorter"
    plain = {**axes, "q": {"type": "divide", "in": {"a": "a", "b": "b"}}}
    assert refused(plain, many) == "nodes.q: expected at most 100000 calls; make a loop or an axis shorter"


def test_loops_of_plain_nodes_are_counted_too() -> None:
    inner = {"type": "repeat", "for": {"j": [0, 10]}, "carry": {"y": "x"}, "next": {"y": "d"},
             "body": {"d": {"type": "double", "in": {"x": "y"}}}}  # fmt: skip
    outer = {"type": "repeat", "for": {"i": [0, 10]}, "carry": {"x": "q"}, "next": {"x": "inner.y"},
             "body": {"inner": inner}}  # fmt: skip
    q = {"type": "double", "params": {"x": 1}}
    assert refused({"q": q, "l": outer}).startswith("nodes.l.body")
    empty = outer | {"body": {"inner": inner | {"body": {}, "next": {"y": "y"}}}}
    assert refused({"q": q, "l": empty}) == (
        "nodes.l.body.inner.for.j: expected at most 16 iterations; make a loop or an axis shorter"
    )


def test_lists_within_loops_are_counted() -> None:
    nodes = {
        "s": START,
        "l": loop(0, 300, "s"),
        "again": {
            "type": "repeat", "for": {"i": [0, 300]}, "carry": {"y": "s"}, "next": {"y": "all"},
            "body": {"all": {"type": "strip", "in": {"nums": "l.x.all"}}},
        },
    }  # fmt: skip
    found = refused(nodes, Bounds(calls=1000))
    assert found == "nodes.l: expected at most 50000 values of loops; make a loop or an axis shorter"


def test_axes_within_loops_are_counted() -> None:
    body = {"a": axis("a", 100), "d": {"type": "double", "in": {"x": "x"}}}
    turns = {"type": "repeat", "for": {"i": [0, 16]}, "carry": {"x": "q"}, "body": body, "next": {"x": "d"}}
    found = refused({"q": {"type": "double", "params": {"x": 0}}, "l": turns}, Bounds(calls=17))
    assert found == "nodes.l.body.a: expected at most 850 values on axes; make a loop or an axis shorter"


def test_every_turn_of_a_swept_loop_is_counted_before_it_is_made() -> None:
    inner = {"type": "step", "in": {"num": "x", "index": "i", "gain": "a"}}
    turns = {"type": "repeat", "for": {"i": [0, 10]}, "carry": {"x": "s"}, "body": {"add": inner}, "next": {"x": "add"}}
    nodes = {"a": axis("a", 10), "s": START, "l": turns, "c": {"type": "sheet", "in": {"nums": "l.x.all"}}}
    assert expand(workflow(nodes), toys.TOYS, bounds=Bounds(calls=150))
    found = refused(nodes | {f"c{i}": nodes["c"] for i in range(99)}, Bounds(calls=200))
    assert found == "nodes.l: expected at most 10000 values of loops; make a loop or an axis shorter"


def test_a_list_of_a_loop_that_never_turns_is_empty() -> None:
    body = {"add": {"type": "step", "in": {"num": "x"}}}
    turns = {"type": "repeat", "for": {"i": [3, 3]}, "carry": {"x": "s"}, "body": body, "next": {"x": "add"}}
    nodes = {"s": START, "l": turns, "c": {"type": "sheet", "in": {"nums": "l.add.all"}}}
    assert Engine(toys.TOYS).run(workflow(nodes))["c"] == {"axes": [["l.i", []]], "values": []}


def test_a_text_that_a_loop_doubles() -> None:
    registry = Registry()

    @node(registry=registry)
    def twice(text: str) -> str:
        """A text, and once more."""
        return text + text

    body = {"t": {"type": "twice", "in": {"text": "x"}}}
    nodes = {
        "start": {"type": "twice", "params": {"text": "a" * 1000}},
        "l": {"type": "repeat", "for": {"i": [0, 100]}, "carry": {"x": "start"}, "body": body, "next": {"x": "t"}},
    }
    with pytest.raises(WorkflowError, match=r"nodes\.l\.body\.t: expected at most 16000000 bytes of data, found more"):
        expand(workflow(nodes), registry)


def test_texts_along_an_axis_are_counted_together() -> None:
    registry = Registry()

    @node(registry=registry)
    def long(seed: int) -> str:
        """Ten million letters."""
        return str(seed % 10) * 10_000_000

    nodes = {"a": axis("a", 9000), "t": {"type": "long", "in": {"seed": "a"}}}
    with pytest.raises(WorkflowError, match=r"nodes\.t.*: expected at most 256000000 bytes of data; make a loop"):
        expand(workflow(nodes), registry)


# ── which files ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is open, `open/`, with links that lead out of it, beside one that is not, `closed/`."""
    for name in ("open", "closed", "models"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.txt").write_text("hello")
    (tmp_path / "open" / "link.txt").symlink_to(tmp_path / "closed" / "file.txt")
    (tmp_path / "open" / "link").symlink_to(tmp_path / "closed")
    (tmp_path / "models" / "link.txt").symlink_to(tmp_path / "closed" / "file.txt")
    monkeypatch.chdir(tmp_path / "open")
    return tmp_path


def read(places: Path, path: str) -> Num:
    bounds = Bounds(folders=(places / "open",), trusted=(places / "models",))
    value: Num = Engine(toys.TOYS, bounds=bounds).run(workflow({"r": {"type": "read", "params": {"path": path}}}))["r"]
    return value


def test_files_in_open_folders_are_read(places: Path) -> None:
    assert read(places, "file.txt") == Num(5.0)
    assert read(places, str(places / "open" / "file.txt")) == Num(5.0)
    assert read(places, str(places / "models" / "link.txt")) == Num(5.0)  # a trusted folder may link elsewhere


@pytest.mark.parametrize(
    "path",
    ["../closed/file.txt", "./../closed/file.txt", "{}/closed/file.txt", "{}/open/../closed/file.txt", "link.txt",
     "link/file.txt", "{}/open/link/file.txt", "~/file.txt", "~root/file.txt", "/etc/passwd", "/proc/self/environ",
     "{}/closed/none.txt", "../closed/none.txt", "{}/open-not/file.txt"],
)  # fmt: skip
def test_all_others_are_refused_without_a_word_on_what_is_there(places: Path, path: str) -> None:
    with pytest.raises(
        WorkflowError, match=r"r\.params\.path: expected a path (without|in a folder that is open)"
    ) as caught:
        read(places, path.format(places))
    assert "no such file" not in str(caught.value)


def test_what_a_linked_folder_holds_is_not_told(places: Path) -> None:
    for path in ("link/file.txt", "link/nobody.txt", "link/deeper/file.txt"):
        with pytest.raises(WorkflowError, match="expected a path in a folder that is open to workflows"):
            read(places, path)


def test_a_folder_is_looked_through(places: Path) -> None:
    file = File(lambda text, folder: folder / text, ("*",))
    bounds = Bounds(folders=(places / "open",))
    with pytest.raises(PermissionError, match=r"found './link(\.txt)?'"):
        bounds.resolve(file, ".", places / "open")
    for link in ("link", "link.txt"):
        (places / "open" / link).unlink()
    assert bounds.resolve(file, ".", places / "open") == places / "open"
