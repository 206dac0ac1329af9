"""Which known words lie closest to a new one, as a picture: a row for each stage, words darker the closer they are."""

from __future__ import annotations

from collections.abc import Sequence

from diffusion.drawing import LINE, SMALL, Canvas, Colour
from diffusion.image import Image
from diffusion.sheets import FAINT, GAP, INK, MARGIN, PAPER, TEXT, fitted, legible, width_of

Row = tuple[str, Sequence[tuple[str, float]]]
"""A heading, and words with their cosines, the closest first."""

BLUE: Colour = (96, 154, 226)
"""The colour of a word at cosine 1; at 0 it is that of the paper."""
WIDTH, HIGH = 104, 26
"""Of a word's patch, in pixels."""


def nearest_picture(rows: Sequence[Row], title: str = "") -> Image:
    """Words in rows, each on a patch, with the cosine below it.

    Args:
        rows: at least one, each with at least one word.
        title: above all.
    """
    title = legible(title)
    headings = [legible(heading) for heading, _ in rows]
    left = MARGIN + max(map(width_of, headings)) + 12
    up = MARGIN + (TEXT + 12 if title else 0)
    step = HIGH + LINE + GAP
    width = left + max(len(words) for _, words in rows) * (WIDTH + GAP) - GAP + MARGIN
    canvas = Canvas(max(width, width_of(title) + 2 * MARGIN), up + len(rows) * step - GAP + MARGIN)
    canvas.text((MARGIN, MARGIN - 2), title, size=TEXT)
    for y, (heading, (_, words)) in enumerate(zip(headings, rows, strict=True)):
        top = up + y * step
        canvas.text((left - 12, top + HIGH // 2), heading, FAINT, TEXT, anchor="rm")
        for x, (word, cosine) in enumerate(words):
            at = left + x * (WIDTH + GAP)
            canvas.box(at, top, at + WIDTH, top + HIGH, tint(cosine))
            canvas.text((at + WIDTH // 2, top + HIGH // 2), fitted(legible(word), WIDTH - 8), INK, TEXT, anchor="mm")
            canvas.text((at + WIDTH // 2, top + HIGH + 3), f"{cosine:.2f}", FAINT, SMALL, anchor="ma")
    return canvas.image()


def tint(cosine: float) -> Colour:
    """Between paper and blue."""
    share = min(max(cosine, 0.0), 1.0)
    red, green, blue = (round(p + (b - p) * share) for p, b in zip(PAPER, BLUE, strict=True))
    return red, green, blue
