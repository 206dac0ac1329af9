"""Which files the workflows that a server is sent can reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from engine import load_node_packages
from nodes import paths
from web.server.bounds import open_to_workflows
from web.server.clerk import Clerk
from web.server.settings import Limits, Settings

FILE_PARAMS = [
    (type.name, param.name)
    for type in load_node_packages().values()
    for param in type.params.values()
    if param.file is not None
]


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A server's folders, and `secret/` beside them, with what every node would like to read."""
    (tmp_path / "secret").mkdir()
    Pillow.new("RGB", (8, 8)).save(tmp_path / "secret" / "file", format="PNG")
    for name in ("tokenizer", "clip", "captioner"):
        (tmp_path / "secret" / name).mkdir()
    for name in ("model_index.json", "config.json", "clip/config.json", "captioner/config.json"):
        (tmp_path / "secret" / name).write_text("{}")
    for name, target in (("link", "secret"), ("link.png", "secret/file")):
        (settings.inputs / name).symlink_to(tmp_path / target)
    monkeypatch.setenv("HOME", str(tmp_path / "secret"))
    return settings


def faults(clerk: Clerk, node: str, param: str, path: Any, **more: Any) -> list[str]:
    """What a node is told that is to read a file."""
    workflow = {"diffuscope": 1, "nodes": {"n": {"type": node, "params": {param: path}}}}
    found = clerk.planner.check({"workflow": workflow, **more})["faults"]
    return [fault["message"] for fault in found if fault["where"] == f"nodes.n.params.{param}"]


def test_nodes_that_read_files_are_known() -> None:
    assert ("load_image", "path") in FILE_PARAMS and ("load_checkpoint", "path") in FILE_PARAMS
    assert len(FILE_PARAMS) >= 8


CLOSED = [
    "../../secret/file", "uploads/../../../secret/file", "{}/secret/file", "{}/data/inputs/../../secret/file",
    "link.png", "link/file", "{}/data/inputs/link/file", "{}/data/inputs/link.png", "link", "{}/secret", "../../secret",
    "~", "~/file", "~root/file", "..", "/", "/etc/passwd", "//etc/passwd", "file:///etc/passwd", "/proc/self/environ",
    "/dev/zero", "{}/data/jobs.sqlite", "../jobs.sqlite", "{}/cache/index.sqlite", "a\0b", "x" * 5000, "uploads/" * 600,
    "clip-interrogator/../../../etc/passwd", "",
]  # fmt: skip


@pytest.mark.parametrize(("node", "param"), FILE_PARAMS)
def test_no_node_reads_what_is_not_open(clerk: Clerk, tmp_path: Path, node: str, param: str) -> None:
    (tmp_path / "data" / "jobs.sqlite").touch()
    closed = [path.format(tmp_path) for path in CLOSED]
    assert [path for path in closed if not faults(clerk, node, param, path)] == []
    for path in closed:
        (line,) = faults(clerk, node, param, path)
        assert "\n" not in line and len(line) < 400 + len(path)


def test_a_folder_with_links_that_lead_out_of_it_is_not_read(clerk: Clerk) -> None:
    (line,) = faults(clerk, "picture_folder", "path", ".")
    assert line.startswith("expected a path in a folder that is open to workflows, found './link")


@pytest.mark.parametrize(("node", "param"), FILE_PARAMS)
def test_a_place_that_is_not_open_is_not_spoken_of(clerk: Clerk, tmp_path: Path, node: str, param: str) -> None:
    for place in (str(tmp_path / "secret"), "~", "../../secret"):
        (there,), (not_there,) = (faults(clerk, node, param, f"{place}/{name}") for name in ("file", "none"))
        assert there.replace("/file", "") == not_there.replace("/none", "")


def test_what_is_open(clerk: Clerk, settings: Settings, tmp_path: Path) -> None:
    for folder in (settings.uploads, settings.workflows, settings.out, settings.inputs):
        Pillow.new("RGB", (8, 8)).save(folder / "a.png")
    assert faults(clerk, "load_image", "path", "uploads/a.png") == []
    assert faults(clerk, "load_image", "path", "a.png") == []
    assert faults(clerk, "load_image", "path", str(settings.out / "a.png")) == []
    assert faults(clerk, "load_image", "path", str(settings.workflows / "a.png")) == []
    assert faults(clerk, "load_image", "path", "pictures/beach.png") == []
    assert faults(clerk, "load_checkpoint", "path", "tiny") == []  # a link out of the model folder
    assert faults(clerk, "load_checkpoint", "path", str(tmp_path / "models" / "tiny")) == []
    for node, param in (("load_checkpoint", "path"), ("load_clip", "path"), ("load_captioner", "path")):
        assert faults(clerk, node, param, "default") == []
    assert faults(clerk, "term_list", "name", "styles") == []
    (settings.inputs / "terms.txt").write_text("a\nb\n")
    assert faults(clerk, "term_list", "name", "terms.txt") == []


def test_a_model_that_comes_later_is_open(clerk: Clerk, tmp_path: Path, tiny_model: Path) -> None:
    assert faults(clerk, "load_checkpoint", "path", "late")
    (tmp_path / "models" / "late").symlink_to(tiny_model)
    assert faults(clerk, "load_checkpoint", "path", "late") == []


def test_parts_that_lie_elsewhere(clerk: Clerk, tmp_path: Path, tiny_model: Path) -> None:
    mine = tmp_path / "models" / "mine"
    mine.mkdir()
    (mine / "model_index.json").write_text("{}")
    for part in ("clip", "captioner"):
        (mine / part).symlink_to(tmp_path / "secret" / part)
        assert faults(clerk, f"load_{part}", "path", "mine") == []


def test_lists_of_another_package_are_open(
    clerk: Clerk, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "clip_interrogator"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "data" / "artists.txt").write_text("a\n")
    monkeypatch.syspath_prepend(package.parent)
    paths.shipped.cache_clear()
    try:
        assert faults(clerk, "term_list", "name", "clip-interrogator/artists") == []
        assert package / "data" in open_to_workflows(settings).folders
    finally:
        paths.shipped.cache_clear()


def test_links_in_the_servers_own_folders_lead_nowhere_and_so_do_links_to_these(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alias").symlink_to(settings.data)
    moved = replace(settings, data=tmp_path / "alias", limits=Limits(calls=7))
    bounds = open_to_workflows(moved)
    assert bounds.calls == 7
    assert settings.inputs in bounds.folders and moved.inputs not in bounds.folders
    monkeypatch.setenv("DIFFUSCOPE_MODELS", "models")
    assert Path.cwd() / "models" in open_to_workflows(settings).trusted
