"""Where pictures and models are looked for, and what is said if they are not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from nodes import paths
from nodes.paths import find_captioner, find_clip, find_file, find_model, find_terms, known_models, model_folders


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    (tmp_path / "here").mkdir()
    (tmp_path / "beside").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("DIFFUSCOPE_MODELS", raising=False)
    return tmp_path / "here"


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """The folder of a workflow."""
    return tmp_path / "beside"


def test_a_file_by_its_absolute_path(here: Path, beside: Path) -> None:
    (here / "a.png").touch()
    assert find_file(str(here / "a.png"), beside) == here / "a.png"


def test_a_file_beside_the_workflow_comes_before_the_working_directory(here: Path, beside: Path) -> None:
    (here / "a.png").touch()
    assert find_file("a.png", beside) == here / "a.png"
    (beside / "a.png").touch()
    assert find_file("a.png", beside) == beside / "a.png"


def test_a_file_in_the_home_folder(here: Path, beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    (here / "a.png").touch()
    assert find_file("~/a.png", beside) == here / "a.png"


def test_a_picture_of_the_shipped_workflows_is_found_from_anywhere(
    tmp_path: Path, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "shipped", lambda package: (tmp_path / package,))
    picture = tmp_path / "workflows" / "pictures" / "a.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    assert find_file("pictures/a.png", beside) == picture


def test_a_missing_file_gets_a_suggestion(beside: Path) -> None:
    (beside / "pictures").mkdir()
    (beside / "pictures" / "beach.png").touch()
    (beside / "pictures" / "fox.png").touch()
    with pytest.raises(FileNotFoundError, match=r'found none at "pictures/beech\.png".*did you mean "beach\.png"\?'):
        find_file("pictures/beech.png", beside)


@pytest.mark.parametrize("text", ["", ".", "nope/nope.png", "~nobody_of_this_name/a.png", "a\0b", "x" * 5000])
def test_what_is_no_file_is_an_error_and_no_crash(beside: Path, text: str) -> None:
    with pytest.raises((OSError, ValueError)):
        find_file(text, beside)
    with pytest.raises((OSError, ValueError)):
        find_model(text or "none", beside)


def models(folder: Path, tiny_model: Path, *names: str) -> None:
    """Copies of the tiny checkpoint under some names."""
    for name in names:
        shutil.copytree(tiny_model, folder / name)


def test_models_by_name_from_every_folder(
    tiny_model: Path, here: Path, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models(here, tiny_model, "one", "two")
    models(beside, tiny_model, "two", "three")
    (here / "no_model").mkdir()
    monkeypatch.setenv("DIFFUSCOPE_MODELS", os.pathsep.join(map(str, (here, beside, here / "gone", ""))))
    found = known_models()
    assert {name: found[name].parent for name in ("one", "two", "three")} == {
        "one": here,
        "two": here,
        "three": beside,
    }
    assert "no_model" not in found
    assert find_model("two", Path()) == here / "two"


def test_the_shipped_models_come_last(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFUSCOPE_MODELS", str(here))
    folders = model_folders()
    assert folders[0] == here
    assert folders[-1].name == "models" and (folders[-1] / "__init__.py").exists()


def test_default_is_the_shipped_model(tiny_model: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models(here, tiny_model, "emoji")
    monkeypatch.setenv("DIFFUSCOPE_MODELS", str(here))
    assert find_model("default", Path()) == find_model("emoji", Path()) == here / "emoji"


def test_a_model_by_its_path(tiny_model: Path, here: Path, beside: Path) -> None:
    models(here, tiny_model, "mine")
    assert find_model(str(here / "mine"), beside) == find_model("mine", beside) == find_model("./mine", beside)
    models(beside, tiny_model, "mine")
    assert find_model("mine", beside) == beside / "mine"


def test_a_folder_without_an_index_is_no_model(beside: Path) -> None:
    (beside / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r'"empty" has no model_index\.json; .* diffusers layout'):
        find_model("empty", beside)


def test_an_unknown_model_gets_a_suggestion(tiny_model: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models(here, tiny_model, "emoji", "anime")
    monkeypatch.setenv("DIFFUSCOPE_MODELS", str(here))
    with pytest.raises(FileNotFoundError, match='expected a model, found none called "emojy"; did you mean "emoji"'):
        find_model("emojy", Path())


# ── parts of models, lists of terms ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("find", "part"), [(find_clip, "clip"), (find_captioner, "captioner")])
def test_a_part_by_its_models_name_or_by_path(
    tiny_model: Path, here: Path, beside: Path, monkeypatch: pytest.MonkeyPatch, find: Any, part: str
) -> None:
    assert find("default", beside) == find("emoji", beside)
    models(here, tiny_model, "mine")
    (here / "mine" / part).mkdir()
    (here / "mine" / part / "config.json").touch()
    monkeypatch.setenv("DIFFUSCOPE_MODELS", str(here))
    assert find("mine", beside) == find(f"mine/{part}", beside) == here / "mine" / part
    with pytest.raises(FileNotFoundError, match='found none called "mini"; did you mean "mine"'):
        find("mini", beside)
    with pytest.raises(FileNotFoundError, match=f'expected a .*, found none called "{part}"'):
        find(part, beside)


def test_terms_by_name_or_by_path(here: Path, beside: Path) -> None:
    styles = find_terms("styles", beside)
    assert styles.name == "styles.txt" and styles.parent.name == "terms"
    (here / "mine.txt").touch()
    assert find_terms("mine.txt", beside) == find_terms(str(here / "mine.txt"), beside) == here / "mine.txt"
    (beside / "mine.txt").touch()
    assert find_terms("mine.txt", beside) == beside / "mine.txt"


def test_an_unknown_list_of_terms_gets_a_suggestion(beside: Path) -> None:
    with pytest.raises(FileNotFoundError, match='a list of terms, found none called "colors"; did you mean "colours"'):
        find_terms("colors", beside)
    with pytest.raises(FileNotFoundError, match="known: backgrounds, "):
        find_terms("?", beside)


def test_lists_of_another_package_are_found_beside_it_and_it_is_not_imported(
    tmp_path: Path, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "clip_interrogator"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError")
    (package / "data" / "artists.txt").touch()
    monkeypatch.syspath_prepend(package.parent)
    paths.shipped.cache_clear()
    try:
        assert find_terms("clip-interrogator/artists", beside) == package / "data" / "artists.txt"
        with pytest.raises(FileNotFoundError, match='did you mean "clip-interrogator/artists"'):
            find_terms("clip-interrogator/artist", beside)
    finally:
        paths.shipped.cache_clear()


def test_a_package_that_is_not_there_is_named(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "shipped", lambda package: ())
    with pytest.raises(FileNotFoundError, match=r'"clip-interrogator/artists" .*pip install diffuscope\[interrogator'):
        find_terms("clip-interrogator/artists", beside)
