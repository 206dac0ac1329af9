"""The file: read, written, refused, moved forward."""

import json
from pathlib import Path
from typing import Any

import pytest
from toys import loop, twenty, workflow

from engine import StorageError, WorkflowError, load_workflow, parse_workflow, save_workflow

FULL: dict[str, Any] = {
    "diffuscope": 1,
    "title": "Ein Fuchs · 狐",
    "description": "Everything a file may have.",
    "inputs": {
        "prompt": {"type": "string", "default": "a fox", "description": "what to draw"},
        "steps": {"type": "int", "default": 20},
        "strength": {"type": "float", "default": 1},
        "tiled": {"type": "bool", "default": False},
        "seed": {"type": "int"},
    },
    "nodes": {
        "z": {"type": "make", "params": {"value": 1.5}, "note": "the last letter comes first"},
        "loop": {
            "type": "repeat", "for": {"i": ["steps", 20]}, "carry": {"x": "z"},
            "body": {"inner": {"type": "repeat", "for": {"j": [0, 2]}, "carry": {"y": "x"}, "body": {},
                               "next": {"y": "y"}}},
            "next": {"x": "inner.y"},
        },
        "a": {"type": "axis", "params": {"name": "size", "values": [1, 2.5, "three", None, [4]]}},
        "all": {"type": "strip", "in": {"nums": "loop.x.all"}},
    },
    "layout": {"z": [0, 10.5], "zoom": {"level": 2}},
}  # fmt: skip


def refuse(data: Any) -> list[str]:
    with pytest.raises(WorkflowError) as caught:
        parse_workflow(data, "fox.json")
    assert str(caught.value).splitlines() == [f"fox.json: {fault}" for fault in caught.value.faults]
    return [str(fault) for fault in caught.value.faults]


def file(nodes: Any = None, **rest: Any) -> dict[str, Any]:
    return {"diffuscope": 1, "nodes": {"a": {"type": "make"}} if nodes is None else nodes, **rest}


def test_a_workflow_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "fox.json"
    path.write_text(json.dumps(FULL), encoding="utf-8")
    first = load_workflow(path)
    assert (first.name, first.source, first.folder) == ("fox.json", path.resolve(), tmp_path.resolve())

    again = tmp_path / "again.json"
    save_workflow(first, again)
    second = load_workflow(again)
    assert second.nodes == first.nodes
    assert second.to_json() == first.to_json() == FULL
    assert list(second.nodes) == ["z", "loop", "a", "all"]
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".tmp"] == []


def test_the_file_is_for_people(tmp_path: Path) -> None:
    path = tmp_path / "fox.json"
    save_workflow(parse_workflow(FULL), path)
    text = path.read_text(encoding="utf-8")
    assert "Ein Fuchs · 狐" in text
    assert text.endswith("}\n")
    assert len(text.splitlines()) > 20
    save_workflow(load_workflow(path), path)
    assert path.read_text(encoding="utf-8") == text


def test_what_is_default_is_not_written() -> None:
    assert parse_workflow(file()).to_json() == {"diffuscope": 1, "nodes": {"a": {"type": "make"}}}


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fox.json"
    save_workflow(parse_workflow(FULL), path)
    before = path.read_bytes()

    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match=r"fox\.json: cannot be written: No space left on device"):
        save_workflow(twenty(), path)
    assert path.read_bytes() == before


def test_without_a_file_a_workflow_goes_by_its_title() -> None:
    assert workflow({"a": {"type": "make"}}, title="Fox").name == "Fox"
    assert workflow({"a": {"type": "make"}}).name == "workflow"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (file(titel="x"), 'titel: unknown key; did you mean "title"?'),
        (file({"a": {"type": "make", "parms": {}}}), 'nodes.a.parms: unknown key; did you mean "params"?'),
        (file({"a": {"type": "make", "in_": {"x": "b"}}}), 'nodes.a.in_: unknown key; did you mean "in"?'),
        (file({"a": {"params": {}}}), "nodes.a.type: expected a value, found nothing"),
        (file({"a": 3}), "nodes.a: expected an object, found 3"),
        (file([]), "nodes: expected an object, found []"),
        ({"diffuscope": 1}, "nodes: expected a value, found nothing"),
        (file({"a": {"type": 3}}), "nodes.a.type: expected string, found 3"),
        (file({"node": {"type": 3}}), "nodes.node.type: expected string, found 3"),
        (
            file({"a": {"type": "x", "in": {"p": "two words"}}}),
            'nodes.a.in.p: expected a name such as "steps" or "model.unet", found \'two words\'',
        ),
        (
            file({"a": {"type": "x", "in": {"p": "model.unet.weights"}}}),
            'nodes.a.in.p: expected a name such as "steps" or "model.unet", found \'model.unet.weights\'',
        ),
        (
            file({"two words": {"type": "x"}}),
            'nodes.two words: expected a name such as "steps" or "model.unet", found \'two words\'',
        ),
        (file({"a": loop(0, 1.5, "b")}), "nodes.a.for.i.1: expected integer or string, found 1.5"),  # type: ignore[arg-type]
        (file({"a": loop(0, True, "b")}), "nodes.a.for.i.1: expected integer or string, found True"),
        (file({"a": loop(0, 2, "b") | {"for": {"i": [1]}}}), "nodes.a.for.i: expected at least 2, found [1]"),
        (
            file(inputs={"n": {"type": "number"}}),
            "inputs.n.type: expected 'string', 'int', 'float' or 'bool', found 'number'",
        ),
        (
            file(inputs={"n": {"type": "int", "default": [1]}}),
            "inputs.n.default: expected string or integer or number or boolean, found [1]",
        ),
        (file(title=3), "title: expected string, found 3"),
        (file(title="\ud800"), r"title: expected Unicode text, found '\ud800'"),
        ([], "(top): expected a JSON object, found list"),
        (None, "(top): expected a JSON object, found NoneType"),
        ({"nodes": {}}, 'diffuscope: expected a format version, found nothing; write "diffuscope": 1'),
        ({"diffuscope": True}, 'diffuscope: expected a format version, found True; write "diffuscope": 1'),
        ({"diffuscope": "1"}, "diffuscope: expected a format version, found '1'; write \"diffuscope\": 1"),
        ({"diffuscope": 0}, "diffuscope: expected a format from 1 on, found 0"),
        (
            {"diffuscope": 2, "nodes": 3},
            "diffuscope: expected format 1 or older, found 2; it was written by a newer Diffuscope; update",
        ),
    ],
)
def test_a_wrong_shape_is_one_line(data: Any, line: str) -> None:
    assert refuse(data) == [line]


@pytest.mark.parametrize(
    "nodes",
    [
        {},
        {"l": {"type": "repeat", "for": {"i": [0, 2]}, "body": {}}},
        {"l": {"type": "repeat", "for": {"i": [0, 2]}, "carry": {"x": "a"}, "body": {}}},
        {"l": {"type": "repeat", "for": {"i": [0, 2]}, "body": {}, "next": {"x": "a"}}},
    ],
)
def test_an_unfinished_workflow_can_be_kept(tmp_path: Path, nodes: dict[str, Any]) -> None:
    save_workflow(workflow(nodes), tmp_path / "fox.json")
    assert load_workflow(tmp_path / "fox.json").to_json() == {"diffuscope": 1, "nodes": nodes}
    written = {name: {"carry": {}, "next": {}} | node for name, node in nodes.items()}
    assert parse_workflow(file(written)).to_json() == file(nodes)


def test_a_name_that_is_no_text_can_still_be_printed() -> None:
    with pytest.raises(WorkflowError) as caught:
        parse_workflow(file(inputs={"\ud800": {"type": "\ud800"}}))
    assert len(str(caught.value).encode().splitlines()) == 2


def test_every_fault_of_shape_is_listed() -> None:
    found = refuse(file({"a": {"type": 3, "inn": {}}, "b": 3, "c": {"type": "x", "in": {"p": "a b"}}}, bogus=1))
    assert [line.partition(":")[0] for line in found] == [
        "nodes.a.type",
        "nodes.a.inn",
        "nodes.b",
        "nodes.c.in.p",
        "bogus",
    ]


@pytest.mark.parametrize("levels", [95, 150, 400])
def test_nesting_has_an_end(levels: int) -> None:
    deep: Any = 1
    for _ in range(levels):
        deep = [deep]
    data = file({"a": {"type": "echo", "params": {"data": deep}}})
    if levels < 100:
        assert parse_workflow(data).nodes["a"].params["data"] == deep  # type: ignore[union-attr]
    else:
        assert "expected at most 100 levels, found more" in refuse(data)[0]


def test_an_older_file_is_moved_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(data: dict[str, Any]) -> dict[str, Any]:
        moved = dict(data)
        moved["nodes"] = moved.pop("steps")
        return moved

    old = {"diffuscope": 1, "title": "old", "steps": {"a": {"type": "make"}}}
    monkeypatch.setattr("engine.workflow.FORMAT", 3)
    monkeypatch.setattr(
        "engine.workflow.MIGRATIONS", {1: rename, 2: lambda data: data | {"title": data["title"] + "!"}}
    )
    moved = parse_workflow(old)
    assert (moved.diffuscope, moved.title, list(moved.nodes)) == (3, "old!", ["a"])
    assert moved.to_json()["diffuscope"] == 3
    assert old == {"diffuscope": 1, "title": "old", "steps": {"a": {"type": "make"}}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            b'{"diffuscope": 1,\n "nodes": {"a" }}',
            "fox.json: line 2, column 16: expected JSON: Expecting ':' delimiter",
        ),
        (b"", "fox.json: line 1, column 1: expected JSON: Expecting value"),
        (b"\xff\xfe\x00", "fox.json: (file): expected UTF-8 text, found other bytes"),
        (b"\x89PNG\r\n", "fox.json: (file): expected UTF-8 text, found other bytes"),
        (b"[" * 100_000, "fox.json: (file): expected JSON: "),
        (b"[1, 2]", "fox.json: (top): expected a JSON object, found list"),
        (b'{"diffuscope": ' + b"9" * 5000 + b"}", "fox.json: (file): expected JSON: "),
    ],
)
def test_what_is_no_workflow_says_where(tmp_path: Path, text: bytes, line: str) -> None:
    path = tmp_path / "fox.json"
    path.write_bytes(text)
    with pytest.raises(WorkflowError) as caught:
        load_workflow(path)
    assert str(caught.value).startswith(line)
    assert len(caught.value.faults) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none\.json: cannot be read: No such file"):
        load_workflow(tmp_path / "none.json")
    with pytest.raises(StorageError, match="cannot be read: Is a directory"):
        load_workflow(tmp_path)
