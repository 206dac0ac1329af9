"""Interrogating as nodes: lists as an axis, embedded once; modes; sheets; what is said of what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diffuscope import Engine, parse_workflow
from diffusion.checkpoint import CaptionerHandle, CLIPHandle
from diffusion.clip import ClipVector
from diffusion.image import Image, read_image
from diffusion.interrogate import Description
from engine import Collected, WorkflowError
from nodes import paths
from nodes.choosing import clip_image
from nodes.interrogate import (
    begin_description,
    best_addition,
    caption,
    crop_tile,
    description_text,
    embed_terms,
    join_captions,
    rank_terms,
    similarity_trace,
    term_list,
)
from nodes.model import load_captioner, load_clip
from nodes.paths import find_captioner, find_clip, find_terms

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def clip() -> CLIPHandle:
    return load_clip(str(find_clip("default", Path())))


@pytest.fixture(scope="module")
def captioner() -> CaptionerHandle:
    return load_captioner(str(find_captioner("default", Path())))


@pytest.fixture(scope="module")
def fox() -> Image:
    return read_image(ROOT / "workflows" / "pictures" / "drawing.png")


@pytest.fixture(scope="module")
def picture(clip: CLIPHandle, fox: Image) -> ClipVector:
    return clip_image(clip, fox)


def terms_of(name: str) -> list[str]:
    return term_list(str(find_terms(name, Path())))


# ── captions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_parts_are_named_where_the_whole_is_not(captioner: CaptionerHandle) -> None:
    four = read_image(ROOT / "workflows" / "pictures" / "four_things.png")
    parts = [caption(captioner, crop_tile(four, number)) for number in range(4)]
    things = ["a palm tree", "a sun", "a sailboat", "a fish"]
    assert parts == [f"{thing} on a light blue background" for thing in things]
    tiles: Collected[str] = Collected([("tile", range(4))], [((i,), text) for i, text in enumerate(things)])
    assert join_captions("a sun", tiles) == "a sun, a palm tree, a sailboat, a fish"


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_words_may_stand_before_each_term(tmp_path: Path) -> None:
    (tmp_path / "artists.txt").write_text("Edvard Munch\nWassily Kandinsky\n")
    assert term_list(str(tmp_path / "artists.txt"), before="by") == ["by Edvard Munch", "by Wassily Kandinsky"]


@pytest.mark.skipif(not paths.shipped("clip_interrogator"), reason="pip install --no-deps clip-interrogator")
def test_the_lists_of_clip_interrogator_are_read() -> None:
    counts = {name: len(terms_of(f"clip-interrogator/{name}")) for name in ("artists", "mediums", "movements")}
    assert counts["artists"] > 5000 and counts["mediums"] > 90 and counts["movements"] > 190
    assert "Edvard Munch" in terms_of("clip-interrogator/artists")


SEARCH: dict[str, Any] = {
    "clip": {"type": "load_clip"},
    "source": {"type": "load_image", "in": {"path": "picture"}},
    "picture_vector": {"type": "clip_image", "in": {"clip": "clip", "image": "source"}},
    "list": {"type": "axis", "params": {"name": "list", "values": ["styles", "colours"]}},
    "terms": {"type": "term_list", "in": {"name": "list"}},
    "vectors": {"type": "embed_terms", "in": {"clip": "clip", "terms": "terms"}},
    "candidates": {"type": "rank_terms", "in": {"picture": "picture_vector", "terms": "vectors"}},
}


def searching(values: list[str], picture: str = "pictures/drawing.png") -> Any:
    """A workflow that ranks the terms of some lists."""
    axis = {"type": "axis", "params": {"name": "list", "values": values}}
    inputs = {"picture": {"type": "string", "default": picture}}
    return parse_workflow({"diffuscope": 1, "inputs": inputs, "nodes": SEARCH | {"list": axis}}, "search")


def test_lists_are_an_axis_and_each_is_embedded_once(tmp_path: Path) -> None:
    def run(values: list[str], picture: str = "pictures/drawing.png") -> Any:
        return Engine(device="cpu", cache=tmp_path / "cache").run(searching(values, picture))

    first = run(["styles", "colours"])
    assert sorted(first["candidates"]) == sorted(terms_of("styles") + terms_of("colours"))
    more = run(["styles", "backgrounds", "colours"], "pictures/sketch.png")
    embedded = [label for label in more.outcome.ran if label.startswith("vectors")]
    assert embedded == ["vectors @ list=backgrounds"]


def test_the_key_of_a_list_follows_its_content(tmp_path: Path) -> None:
    engine = Engine(device="cpu")

    def key() -> str:
        graph = engine.graph(searching([str(tmp_path / "mine.txt")]))
        return next(key for key, call in graph.calls.items() if call.type.name == "term_list")

    (tmp_path / "mine.txt").write_text("a cat\n")
    before = key()
    (tmp_path / "mine.txt").write_text("a cat\na dog\n")
    assert key() != before
    (tmp_path / "mine.txt").write_text("a cat\n")
    assert key() == before


def test_an_unknown_list_is_a_fault_with_a_suggestion() -> None:
    with pytest.raises(
        WorkflowError, match=r'expected a list of terms, found none called "stiles"; did you mean "styles"'
    ):
        Engine(device="cpu").run(searching(["colours", "stiles"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n", "mine.txt: expected a term a line, found none"),
        (b"\xff", "mine.txt: expected text in UTF-8, found other"),
    ],
)
def test_a_list_that_cannot_be_read_fails_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "mine.txt").write_bytes(content)
    (failure,) = Engine(device="cpu").run(searching([str(tmp_path / "mine.txt")])).outcome.failures
    assert str(failure).startswith(f"terms @ list={str(tmp_path)[:20]}") and message in str(failure)
    assert "\n" not in str(failure)


# ── modes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ranks(clip: CLIPHandle, picture: ClipVector, **options: Any) -> list[str]:
    """The candidates from two lists."""
    lists = [embed_terms(clip, terms_of(name)) for name in ("subjects", "backgrounds")]
    both = Collected([("list", ["subjects", "backgrounds"])], [((i,), one) for i, one in enumerate(lists)])
    return rank_terms(picture, both, **options)


def test_the_modes_rank_all_the_top_and_from_the_other_end(clip: CLIPHandle, picture: ClipVector) -> None:
    best = ranks(clip, picture)
    assert best[0] == "a fox face" and len(best) == len(terms_of("subjects")) + len(terms_of("backgrounds"))
    assert ranks(clip, picture, mode="fast", top=5) == best[:5]
    assert ranks(clip, picture, mode="fast") == best[:32]
    assert ranks(clip, picture, mode="negative") == best[::-1]


def test_each_mode_searches_its_own_way(clip: CLIPHandle, picture: ClipVector) -> None:
    found = {}
    for mode in ("best", "fast", "negative"):
        candidates = ranks(clip, picture, mode=mode, top=8)
        description = begin_description(clip, picture, "a fox face", mode)
        for _ in range(3):
            description = best_addition(clip, picture, description, candidates)
        found[mode] = description
    best, fast, negative = found.values()
    assert "on a light blue background" in best.additions
    assert best.similarities[0] == fast.similarities[0] < fast.similarities[-1] < best.similarities[-1]
    assert negative.caption == "" and "fox" not in description_text(negative) and negative.similarities[-1] < 0


def test_the_trace_is_a_picture_of_the_search() -> None:
    picture = similarity_trace(Description("a fox", ("red",), (0.2, 0.3)), "found", 400)
    assert picture.size[0] == 400
