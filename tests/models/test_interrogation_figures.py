"""How well interrogating does on a hundred renderings that no training has seen (`models/recipe/held_out.py`)."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from shipped import SIDE

from diffusion.captioner import caption
from diffusion.checkpoint import CLIPHandle, open_captioner, open_clip
from diffusion.clip import ClipVector, embed_picture
from diffusion.image import Image
from diffusion.interrogate import Description, begin, best_addition
from diffusion.terms import read_terms
from models.recipe.artwork import names_of

ROOT = Path(__file__).resolve().parents[2]
SHEET = Path(__file__).with_name("held_out.png")
LABELS = json.loads(SHEET.with_suffix(".json").read_text(encoding="utf-8"))["pictures"]
ROUNDS = 6

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    """The renderings, in the order of their labels."""
    with Pillow.open(SHEET) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    rows, columns = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
    cells = pixels.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
    return [Image(cell) for cell in cells]


@pytest.fixture(scope="module")
def captions(pictures: list[Image]) -> list[str]:
    captioner = open_captioner(ROOT / "models" / "emoji" / "captioner")
    return [caption(captioner, picture) for picture in pictures]


@pytest.fixture(scope="module")
def clip() -> CLIPHandle:
    return open_clip(ROOT / "models" / "emoji" / "clip")


@pytest.fixture(scope="module")
def vectors(clip: CLIPHandle, pictures: list[Image]) -> list[ClipVector]:
    """CLIP's, of the first fifty."""
    return [embed_picture(clip, picture) for picture in pictures[:50]]


@pytest.fixture(scope="module")
def searches(clip: CLIPHandle, vectors: list[ClipVector], captions: list[str]) -> list[Description]:
    """The search for the first fifty."""
    terms = [term for path in sorted((ROOT / "workflows" / "terms").glob("*.txt")) for term in read_terms(path)]
    found = []
    for vector, text in zip(vectors, captions, strict=False):
        description = begin(clip, vector, text)
        for _ in range(ROUNDS):
            description = best_addition(clip, vector, description, terms)
        found.append(description)
    return found


def test_the_sheet_shows_a_hundred_pictures_of_all_styles(pictures: list[Image]) -> None:
    assert len(pictures) == len(LABELS) == 100
    assert len({picture.pixels.tobytes() for picture in pictures}) == 100
    assert {label["style"] for label in LABELS} == {"flat", "noto", "fluent"}


def test_the_caption_names_the_thing_in_60_of_100(captions: list[str]) -> None:
    named = [
        any(text.split(" on a ")[0].endswith((f"a {name}", f"an {name}")) for name in names_of(label["concept"]))
        for text, label in zip(captions, LABELS, strict=True)
    ]
    assert sum(named) >= 60


def test_similarity_never_falls_along_the_search(searches: list[Description]) -> None:
    assert all(before < after for found in searches for before, after in pairwise(found.similarities))


def test_the_search_gains_a_tenth_over_the_thing_alone(
    clip: CLIPHandle, vectors: list[ClipVector], searches: list[Description]
) -> None:
    """Which is named in the caption before the background; that has a part in the gain."""
    alone = [
        begin(clip, vector, found.caption.split(" on a ")[0]).similarities[0]
        for vector, found in zip(vectors, searches, strict=True)
    ]
    gains = [found.similarities[-1] / name - 1 for found, name in zip(searches, alone, strict=True)]
    assert min(alone) > 0 and np.mean(gains) >= 0.1
    assert np.mean([found.similarities[0] > name for found, name in zip(searches, alone, strict=True)]) >= 0.9


@pytest.mark.parametrize(("kind", "most"), [("background", 0.9), ("style", 0.7)])
def test_it_finds_background_and_style(searches: list[Description], kind: str, most: float) -> None:
    found = [label[kind] in one.text for one, label in zip(searches, LABELS, strict=False)]
    assert np.mean(found) > most
