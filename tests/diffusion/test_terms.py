"""Lists of terms: how files are read, how terms are ranked, and that the lists which ship fit the model that ships."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from diffusion.checkpoint import CLIPHandle, open_clip
from diffusion.clip import ClipVector, embed_text, similarity
from diffusion.terms import TermVectors, embed_terms, ranked, read_terms

ROOT = Path(__file__).resolve().parents[2]
LISTS = sorted((ROOT / "workflows" / "terms").glob("*.txt"))


@pytest.fixture(scope="module")
def clip() -> CLIPHandle:
    return open_clip(ROOT / "models" / "emoji" / "clip")


def written(folder: Path, content: bytes) -> Path:
    path = folder / "list.txt"
    path.write_bytes(content)
    return path


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "terms"),
    [
        (b"flat style\nnoto style\n", ["flat style", "noto style"]),
        (b"  a cat \r\n\r\n\t\r\na cat\r\na dog", ["a cat", "a dog"]),
        ("\ufeffÉdouard Manet\n# pixelart".encode(), ["Édouard Manet", "# pixelart"]),
    ],
)
def test_a_term_a_line(tmp_path: Path, content: bytes, terms: list[str]) -> None:
    assert read_terms(written(tmp_path, content)) == terms


@pytest.mark.parametrize("content", [b"", b"\n \r\n\t\n", b"\xef\xbb\xbf"])
def test_a_list_without_terms_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^list\.txt: expected a term a line, found none$"):
        read_terms(written(tmp_path, content))


@pytest.mark.parametrize("content", ["a cat\nÉdouard Manet".encode("latin-1"), b"a cat\n\xff\xfe", b"a\n\x80"])
def test_a_list_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^list\.txt: expected text in UTF-8, found other bytes in line 2; save"):
        read_terms(written(tmp_path, content))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_a_list_that_ships_has_each_term_once_in_small_letters(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert read_terms(path) == lines and len(lines) > 20
    assert all(line == line.strip() and len(line.split()) <= 6 for line in lines)


def test_the_lists_that_ship_name_all_that_the_model_knows() -> None:
    scenes = pytest.importorskip("models.recipe.scenes", reason="pip install -e '.[recipe]'")
    from models.recipe.artwork import CONCEPTS, STYLES
    from models.recipe.judge import load_judge

    judge = load_judge(ROOT / "models" / "emoji")  # it has a score for each
    concepts, known_styles = (
        list(CONCEPTS)[: judge.concept.out_features],
        list(STYLES)[: judge.style.out_features],
    )
    subjects, styles, colours, backgrounds = (
        set(read_terms(ROOT / "workflows" / "terms" / f"{name}.txt"))
        for name in ("subjects", "styles", "colours", "backgrounds")
    )
    assert {scenes.with_article(concept) for concept in concepts} <= subjects
    assert {f"{style} style" for style in known_styles} < styles
    assert set(scenes.PALETTE) < colours
    assert {f"on a {colour} background" for colour in scenes.PALETTE} < backgrounds


# ── vectors ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_vector_for_each_term(clip: CLIPHandle) -> None:
    found = embed_terms(clip, ["a cat", "flat style"])
    assert found.terms == ("a cat", "flat style")
    for i, term in enumerate(found.terms):
        torch.testing.assert_close(found.vectors[i : i + 1], embed_text(clip, term).vector, rtol=0, atol=1e-6)


def test_no_terms_and_no_vectors_are_refused(clip: CLIPHandle) -> None:
    with pytest.raises(ValueError, match="terms: expected at least one, found none"):
        embed_terms(clip, [])
    with pytest.raises(ValueError, match=r"TermVectors.vectors: expected shape \(2, D\), found \(3, 4\)"):
        TermVectors(("a", "b"), torch.ones(3, 4))


def test_terms_of_all_lists_by_likeness(clip: CLIPHandle) -> None:
    picture = embed_text(clip, "a cat, flat style")  # any vector may stand for one
    words = [["a dog", "a cat", "a rose"], ["a cat", "noto style", "a cat, flat style"]]
    lists = [embed_terms(clip, some) for some in words]
    each = {term: similarity(picture, embed_text(clip, term)) for some in words for term in some}
    expected = sorted(each, key=each.__getitem__, reverse=True)
    assert ranked(picture, lists) == expected and expected[0] == "a cat, flat style"
    assert ranked(picture, lists, least=True) == expected[::-1]


def test_equals_stay_in_order() -> None:
    same = TermVectors(("b", "a", "c"), torch.tensor([[1.0, 0], [1, 0], [1, 0]]))
    for least in (False, True):
        assert ranked(ClipVector(torch.tensor([[0.6, 0.8]])), [same, same], least) == ["b", "a", "c"]


def test_terms_of_another_clip_are_refused() -> None:
    with pytest.raises(ValueError, match="expected two vectors of one width, found 2 and 3; use the same CLIP"):
        ranked(ClipVector(torch.ones(1, 2)), [TermVectors(("a",), torch.ones(1, 3))])
