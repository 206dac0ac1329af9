"""The search for words: as if every candidate were tried by itself, never worse, finished when nothing helps."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from diffusion import interrogate
from diffusion.checkpoint import CLIPHandle, open_clip
from diffusion.clip import ClipVector, embed_picture, embed_text, embed_texts, similarity
from diffusion.image import Image, read_image
from diffusion.interrogate import DIGITS, Description, begin, best_addition, scores, trace
from diffusion.terms import read_terms

ROOT = Path(__file__).resolve().parents[2]
TERMS = [term for path in sorted((ROOT / "workflows" / "terms").glob("*.txt")) for term in read_terms(path)]


@pytest.fixture(scope="module")
def clip() -> CLIPHandle:
    return open_clip(ROOT / "models" / "emoji" / "clip")


@pytest.fixture(scope="module")
def picture(clip: CLIPHandle) -> ClipVector:
    return embed_picture(clip, read_image(ROOT / "workflows" / "pictures" / "drawing.png"))


LAST_DIGIT = 1.1 * 10**-DIGITS
"""Rounded to DIGITS, two values that differ by rounding errors alone may fall on either side of a half."""


def alone(clip: CLIPHandle, picture: ClipVector, text: str) -> float:
    """The similarity of one text, by itself."""
    return round(similarity(picture, embed_text(clip, text)), DIGITS)


def test_the_ranking_is_that_of_every_candidate_by_itself(clip: CLIPHandle, picture: ClipVector) -> None:
    texts = [f"a fox face, {term}" for term in TERMS]
    one_by_one = [alone(clip, picture, text) for text in texts]
    together = scores(picture, embed_texts(clip, texts))
    assert together.tolist() == pytest.approx(one_by_one, rel=0, abs=LAST_DIGIT)
    ranked = [one_by_one[i] for i in together.argsort(descending=True, stable=True)]
    assert all(after <= before + LAST_DIGIT for before, after in pairwise(ranked))


@pytest.mark.parametrize("away", [False, True])
def test_each_round_appends_what_helps_most(clip: CLIPHandle, picture: ClipVector, away: bool) -> None:
    candidates = TERMS[::4]
    best = min if away else max
    description = begin(clip, picture, "a picture", away)
    assert description.similarities == pytest.approx((alone(clip, picture, "a picture"),), rel=0, abs=LAST_DIGIT)
    text = "a picture"
    for rounds in range(1, 4):
        description = best_addition(clip, picture, description, candidates)
        tried = {term: alone(clip, picture, f"{text}, {term}") for term in candidates}
        chosen = description.additions[-1]
        text = f"{text}, {chosen}"
        assert len(description.additions) == rounds and description.text == text
        assert tried[chosen] == pytest.approx(best(tried.values()), rel=0, abs=LAST_DIGIT)
        assert description.similarities[-1] == pytest.approx(tried[chosen], rel=0, abs=LAST_DIGIT)
        candidates = [term for term in candidates if term != chosen]


@pytest.mark.parametrize("away", [False, True])
def test_it_never_gets_worse_and_comes_to_an_end(clip: CLIPHandle, picture: ClipVector, away: bool) -> None:
    description = begin(clip, picture, "a picture", away)
    for _ in range(20):
        description = best_addition(clip, picture, description, TERMS[::12])
    steps = [after - before for before, after in pairwise(description.similarities)]
    assert steps and all(step < 0 if away else step > 0 for step in steps)
    assert description.finished and len(set(description.additions)) == len(description.additions)


def test_when_nothing_helps_nothing_is_appended_and_no_more_is_tried(
    clip: CLIPHandle, picture: ClipVector, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = begin(clip, picture, "a fox face, on a light blue background")
    after = best_addition(clip, picture, description, ["a tulip", "on a brown background"])
    assert after == Description(description.caption, (), description.similarities, finished=True)
    monkeypatch.setattr(interrogate, "embed_texts", lambda *_: pytest.fail("scored again"))
    assert best_addition(clip, picture, after, TERMS) == after
    assert best_addition(clip, picture, description, []).finished


def test_what_was_appended_is_not_tried_again(clip: CLIPHandle, picture: ClipVector) -> None:
    first = best_addition(clip, picture, begin(clip, picture, "a fox face"), ["light blue"] * 2)
    assert first.additions == ("light blue",) and not first.finished
    assert best_addition(clip, picture, first, ["light blue"]).finished


def test_of_equals_the_first_is_taken(clip: CLIPHandle, picture: ClipVector) -> None:
    start = begin(clip, picture, "a fox face")
    for words in (["Light blue", "light Blue", "LIGHT BLUE"], ["LIGHT BLUE", "light Blue", "Light blue"]):
        padding = [f"a snail {i}" for i in range(200)]  # so that they go through the tower with others each time
        assert best_addition(clip, picture, start, [*padding, *words]).additions == (words[0],)


def test_a_text_that_is_full_takes_no_more(clip: CLIPHandle, picture: ClipVector) -> None:
    full = begin(clip, picture, "a fox " * 60)
    assert best_addition(clip, picture, full, TERMS).finished


def test_no_caption_leaves_no_comma(clip: CLIPHandle, picture: ClipVector) -> None:
    description = best_addition(clip, picture, begin(clip, picture, ""), ["a fox"])
    assert description.text == "a fox" and description.similarities[-1] == pytest.approx(
        alone(clip, picture, "a fox"), rel=0, abs=LAST_DIGIT
    )


def test_the_share_that_is_done_is_told(clip: CLIPHandle, picture: ClipVector) -> None:
    told: list[float] = []
    best_addition(clip, picture, begin(clip, picture, "a fox"), TERMS, told.append)
    assert told == sorted(told) and told[-1] == 1


def test_a_picture_of_another_clip_is_refused(clip: CLIPHandle) -> None:
    other = ClipVector(torch.ones(1, 16))
    with pytest.raises(ValueError, match="expected two vectors of one width, found 16 and 128; use the same CLIP"):
        begin(clip, other, "a fox")
    with pytest.raises(ValueError, match="expected two vectors of one width"):
        best_addition(clip, other, Description("a fox", (), (0.1,)), ["red"])


def test_a_description_has_a_number_for_each_addition() -> None:
    with pytest.raises(ValueError, match=r"Description\.similarities: expected 2, one more than additions, found 1"):
        Description("a", ("b",), (0.1,))


# ── as a picture ──────────────────────────────────────────────────────────────────────────────────────────────────────


def marks(image: Image, colour: tuple[int, int, int], rows: int) -> list[float]:
    """The rightmost pixel of a colour in each of the lowest rows of a trace, from the top."""
    found = (np.abs(image.pixels.astype(int) - colour).max(axis=2) < 40).nonzero()
    top, bottom = found[0].min(), found[0].max() + 1
    edges = np.linspace(top, bottom, rows + 1).round().astype(int)
    return [found[1][(found[0] >= a) & (found[0] < b)].max() for a, b in pairwise(edges)]


def test_the_trace_climbs_to_the_right() -> None:
    picture = trace(Description("a fox", ("red", "flat style", "at night"), (0.2, 0.3, 0.34, 0.35)), "a title")
    assert picture.size[0] == 720
    places = marks(picture, interrogate.PALETTE[0], 4)
    assert places == sorted(places) and len(set(places)) == 4
    assert places[1] - places[0] > places[2] - places[1] > places[3] - places[2]


def test_a_search_away_falls_to_the_left_in_another_colour() -> None:
    picture = trace(Description("", ("red", "a snail"), (0.1, -0.3, -0.5), away=True))
    places = marks(picture, interrogate.PALETTE[1], 3)
    assert (np.abs(picture.pixels.astype(int) - interrogate.PALETTE[0]).max(axis=2) < 40).sum() == 0
    assert len(set(places)) > 1


@pytest.mark.parametrize(
    "description",
    [
        Description("a fox", (), (0.2,)),
        Description("", (), (0.0,), finished=True),
        Description("é 🦊 " * 80, ("x" * 300,), (0.2, 0.21)),
        Description("a", tuple("bcdefghijklmnop"), tuple(i / 20 for i in range(16))),
        Description("a", ("b",), (-0.2, -0.1)),
    ],
)
@pytest.mark.parametrize("width", [320, 720])
def test_any_search_can_be_drawn(description: Description, width: int) -> None:
    picture = trace(description, "t" * 200, width)
    assert picture.size[0] == width and np.ptp(picture.pixels) > 200


def test_more_additions_make_it_longer() -> None:
    heights = [trace(Description("a", tuple("bcdefgh"[:n]), (0.1,) * (n + 1))).size[1] for n in range(8)]
    assert all(b - a == interrogate.ROW for a, b in pairwise(heights))
