"""Choosing among many: scores and pictures are matched by their coordinates, best first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diffusion.image import Image
from engine import Collected
from nodes.choosing import best_image, clip_image, clip_text, ranked_sheet, ranking, similarity
from nodes.model import load_clip
from nodes.paths import find_clip


def grey(level: int) -> Image:
    return Image(np.full((8, 8, 3), level, dtype=np.uint8))


SEEDS = [("seed", [7, 8, 9])]
PICTURES: Collected[Image] = Collected(SEEDS, [((i,), grey(level)) for i, level in enumerate((10, 120, 240))])
SCORES: Collected[float] = Collected(SEEDS, [((2,), 0.1), ((0,), 0.9), ((1,), 0.5)])


def test_the_best_comes_first() -> None:
    assert [(score, at) for score, at, _ in ranking(PICTURES, SCORES)] == [(0.9, (0,)), (0.5, (1,)), (0.1, (2,))]
    assert best_image(PICTURES, SCORES) is PICTURES.values[0]
    assert best_image(PICTURES, SCORES, 3) is PICTURES.values[2]
    with pytest.raises(ValueError, match="place: expected 1 to 3, as many as there are pictures, found 4"):
        best_image(PICTURES, SCORES, 4)


def test_axes_may_come_in_another_order() -> None:
    images: Collected[Image] = Collected([("a", [1, 2]), ("b", ["x"])], [((0, 0), grey(1)), ((1, 0), grey(2))])
    scores: Collected[float] = Collected([("b", ["x"]), ("a", [1, 2])], [((0, 0), 0.2), ((0, 1), 0.4)])
    assert best_image(images, scores) is images.values[1]


def test_equals_stay_in_order() -> None:
    same: Collected[float] = Collected(SEEDS, [((i,), 1.0) for i in range(3)])
    assert [at for _, at, _ in ranking(PICTURES, same)] == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (Collected([("steps", [1, 2, 3])], [((i,), 0.0) for i in range(3)]), "over the axes seed; found steps"),
        (Collected([], [((), 0.0)]), "over the axes seed; found none"),
        (Collected(SEEDS, [((0,), 0.0), ((1,), 0.0)]), "found none at seed 9"),
    ],
)
def test_scores_that_do_not_fit_are_refused(scores: Collected[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ranking(PICTURES, scores)


def test_the_sheet_shows_the_best_left() -> None:
    pixels = ranked_sheet(PICTURES, SCORES, top=2, scale=4).pixels
    levels = [int(value) for value in np.unique(pixels[pixels.shape[0] // 3]) if value in (10, 120, 240)]
    assert levels == [10, 120]
    row = pixels[30, :, 0].tolist()
    assert row.index(10) < row.index(120)


def test_clip_finds_the_picture_that_was_asked_for() -> None:
    clip = load_clip(str(find_clip("default", Path())))
    blue, yellow = (Image(np.full((64, 64, 3), c, dtype=np.uint8)) for c in ((90, 160, 230), (250, 220, 90)))
    words = clip_text(clip, "a circle on a yellow background")
    scores = [similarity(clip_image(clip, picture), words) for picture in (blue, yellow)]
    assert scores[1] > scores[0]
