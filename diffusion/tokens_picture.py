"""How a prompt is cut up, as a picture: a patch for each word, with the cuts between its pieces, ids and weights below.

Begin, end and padding are drawn in outline, what was cut off stands at the end in a warning colour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from diffusion.drawing import SMALL, Colour
from diffusion.image import Image
from diffusion.sheets import FAINT, GAP, INK, MARGIN, PAPER, TEXT, font, legible, width_of
from diffusion.text import WORD_END, Tokens, plain_text, spans, words_of

TINTS: tuple[Colour, ...] = (
    (217, 232, 252), (253, 235, 200), (216, 240, 223), (251, 223, 228), (231, 225, 250), (210, 239, 240),
)  # fmt: skip
"""The colours of words, in turn."""
OUTLINE: Colour = (214, 218, 226)
MORE, LESS, WARNING = (186, 78, 20), (40, 96, 180), (196, 40, 40)
"""The colours of a weight above 1, of one below, and of what was cut off."""
WIDTH = 760
"""Pixels that a line may take."""
HIGH, PAD = 28, 8
"""A patch's height, and the room on both sides of its text."""


@dataclass(frozen=True)
class Cell:
    """One piece of a patch: its text, and below it the id and, where it is not 1, the weight."""

    text: str
    id: int
    weight: float = 1.0

    @property
    def label(self) -> str:
        """The weight as it is drawn."""
        return "" if self.weight == 1 else legible(f"×{self.weight:.3g}")

    @property
    def width(self) -> int:
        """In pixels."""
        return max(width_of(self.text) + 2 * PAD, width_of(f"{self.id}", SMALL) + PAD, width_of(self.label, SMALL))


@dataclass(frozen=True)
class Patch:
    """Cells that belong together: the pieces of a word, or in outline (no tint) what is no word."""

    cells: tuple[Cell, ...]
    tint: Colour | None = None

    @property
    def width(self) -> int:
        """In pixels."""
        return sum(cell.width for cell in self.cells)


@dataclass(frozen=True)
class Note:
    """A line of text."""

    text: str
    colour: Colour


Line = Note | list[Patch]


def token_table(tokens: Tokens) -> Image:
    """The picture of a prompt as tokens.

    Each word is a patch of colour, divided where the tokenizer divides it; below each piece stands its id, and its
    weight where that is not 1. Groups of a long prompt follow one below the other.

    Args:
        tokens: at least one.
    """
    lines = list(arranged(tokens))
    rows = [_height(line) for line in lines]
    widths = [width_of(line.text) if isinstance(line, Note) else _width(line) for line in lines]
    paper = Pillow.new("RGB", (max(widths) + 2 * MARGIN, sum(rows) - GAP + 2 * MARGIN), PAPER)
    draw = ImageDraw.Draw(paper)
    up = MARGIN
    for line, row in zip(lines, rows, strict=True):
        if isinstance(line, Note):
            draw.text((MARGIN, up), line.text, line.colour, font())
        else:
            _draw_patches(paper, line, up)
        up += row
    return Image(np.array(paper))


# ── what stands where ─────────────────────────────────────────────────────────────────────────────────────────────────


def arranged(tokens: Tokens) -> Iterator[Line]:
    """What the picture shows, from top to bottom: lines of text and lines of patches."""
    groups = spans(tokens)
    words = words_of(tokens)
    width = len(tokens.ids) // len(groups)
    yield Note(_summary(len(words), sum(map(len, groups)), len(tokens.ids)), FAINT)
    for number, span in enumerate(groups, 1):
        if len(groups) > 1:
            yield Note(f"group {number} of {len(groups)}", FAINT)
        begin, after = span.start - 1, span.start - 1 + width
        patches = [Patch((Cell("begin", tokens.ids[begin]),))]
        for turn, (_, places) in enumerate(words):
            cells = [_cell(tokens, at) for at in places if at in span]
            patches += [Patch(part, TINTS[turn % len(TINTS)]) for part in _narrow(cells)]
        patches.append(Patch((Cell("end", tokens.ids[span.stop]),)))
        padding = after - span.stop - 1
        if padding:
            patches.append(Patch((Cell(legible(f"{padding} × padding"), tokens.ids[span.stop + 1]),)))
        yield from _wrapped(patches)
    if tokens.cut:
        yield Note("cut off, for it did not fit:", WARNING)
        yield from (Note(line, WARNING) for line in _wrapped_text(legible(tokens.cut)))


def _summary(words: int, pieces: int, tokens: int) -> str:
    plural = ("" if count == 1 else "s" for count in (words, pieces))
    return f"{words} word{next(plural)} in {pieces} piece{next(plural)}, {tokens} tokens"


def _cell(tokens: Tokens, at: int) -> Cell:
    text = legible(plain_text(tokens.pieces[at].removesuffix(WORD_END)))
    return Cell(text, tokens.ids[at], tokens.weights[at])


def _narrow(cells: Sequence[Cell]) -> Iterator[tuple[Cell, ...]]:
    """The cells of a word; of one that is longer than a line, as many at a time as fit."""
    part: list[Cell] = []
    for cell in cells:
        if part and Patch((*part, cell)).width > WIDTH:
            yield tuple(part)
            part = []
        part.append(cell)
    if part:
        yield tuple(part)


def _wrapped(patches: Sequence[Patch]) -> Iterator[list[Patch]]:
    """Patches in lines."""
    line: list[Patch] = []
    for patch in patches:
        if line and _width([*line, patch]) > WIDTH:
            yield line
            line = []
        line.append(patch)
    yield line


def _wrapped_text(text: str) -> Iterator[str]:
    """Words in lines; one without end is divided."""
    line = ""
    for word in re.findall(r"\S{1,48}", text):
        if line and width_of(f"{line} {word}") > WIDTH:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    yield line


def _width(line: Sequence[Patch]) -> int:
    return sum(patch.width + GAP for patch in line) - GAP


def _height(line: Line) -> int:
    """Pixels from the top of a line to that of the next."""
    if isinstance(line, Note):
        return TEXT + 9
    weighted = any(cell.label for patch in line for cell in patch.cells)
    return HIGH + SMALL + 5 + (SMALL + 2 if weighted else 0) + 2 * GAP


# ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _draw_patches(paper: Pillow.Image, line: Sequence[Patch], up: int) -> None:
    """Draw one line of patches with its top at `up`."""
    draw = ImageDraw.Draw(paper)
    left = MARGIN
    for patch in line:
        paper.paste(_rounded(patch.width, HIGH, patch.tint), (left, up))
        x = left
        for cell in patch.cells:
            if x > left:
                draw.line([(x, up), (x, up + HIGH - 1)], PAPER, 2)
            middle = x + cell.width // 2
            draw.text((middle, up + HIGH // 2), cell.text, INK if patch.tint else FAINT, font(), anchor="mm")
            draw.text((middle, up + HIGH + 4), f"{cell.id}", FAINT, font(SMALL), anchor="ma")
            if cell.label:
                colour = MORE if cell.weight > 1 else LESS
                draw.text((middle, up + HIGH + SMALL + 6), cell.label, colour, font(SMALL), anchor="ma")
            x += cell.width
        left += patch.width + GAP


def _rounded(width: int, height: int, tint: Colour | None) -> Pillow.Image:
    """A rectangle with smooth round corners on paper, filled or in outline: drawn four times as large."""
    large = Pillow.new("RGB", (width * 4, height * 4), PAPER)
    box = (0, 0, width * 4 - 1, height * 4 - 1)
    if tint:
        ImageDraw.Draw(large).rounded_rectangle(box, 4 * GAP, tint)
    else:
        ImageDraw.Draw(large).rounded_rectangle(box, 4 * GAP, PAPER, OUTLINE, 4)
    return large.reduce(4)
