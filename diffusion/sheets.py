"""Pictures of pictures: film strips and contact sheets, with their captions."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from diffusion.image import Image

PAPER, INK, FAINT = (255, 255, 255), (34, 38, 46), (120, 126, 138)
GAP, MARGIN = 6, 14
TEXT = 15
LIKE = {"×": "x", "−": "-", "–": "-", "—": "-", "→": ">"}
"""What is drawn for a character where the typeface has none."""
WIDEST = 640
"""Pixels that a title may take where the pictures below it take less; a row heading has half."""


@lru_cache(maxsize=4)
def font(size: int = TEXT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface."""
    return ImageFont.load_default(size)


def width_of(text: str, size: int = TEXT) -> int:
    """The width of a text in pixels."""
    return math.ceil(font(size).getlength(text))


@lru_cache(maxsize=4096)
def legible(text: str) -> str:
    """The text on one line, in characters that the typeface has: é becomes e, what is like none becomes ?."""
    without = bytes(font().getmask("\uffff"))

    def drawn(c: str) -> str:
        near = (c, unicodedata.normalize("NFKD", c)[0], LIKE.get(c, "?"))
        return next((one for one in near if bytes(font().getmask(one)) != without), "?")

    words = unicodedata.normalize("NFC", text).split()
    return "".join(drawn(c) for c in " ".join(words) if unicodedata.category(c) not in ("Cc", "Cf", "Mn"))


def fitted(text: str, width: int, size: int = TEXT) -> str:
    """The text, or as much of it as fits, with an ellipsis."""
    if width_of(text, size) <= width:
        return text
    while text and width_of(text + "…", size) > width:
        text = text[:-1]
    return text + "…" if text else ""


def evenly(count: int, limit: int) -> list[int]:
    """At most `limit` of the numbers below `count`, evenly, the first and the last among them."""
    shown = min(count, limit)
    return sorted({round(i * (count - 1) / max(shown - 1, 1)) for i in range(shown)})


def thumbnail(image: Image, scale: int) -> Pillow.Image:
    """The picture on white, with each pixel drawn as a square of `scale`."""
    picture = image.on().to_pillow()
    return picture.resize((picture.width * scale, picture.height * scale), Pillow.Resampling.NEAREST)


def auto_scale(images: Sequence[Image], target: int) -> int:
    """How much to enlarge small pictures so that they are about `target` pixels wide; at least 1."""
    return max(1, round(target / max(image.size[0] for image in images)))


def sheet(
    cells: Sequence[Sequence[Image | None]],
    columns: Sequence[str] = (),
    rows: Sequence[str] = (),
    title: str = "",
    corner: str = "",
    captions: Sequence[Sequence[str]] = (),
    scale: int = 0,
) -> Image:
    """Pictures in rows and columns.

    Args:
        cells: rows of pictures; None leaves a place empty.
        columns: a heading for each column.
        rows: a heading for each row.
        title: above all.
        corner: what the headings mean, above the row headings.
        captions: a text under each picture.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures to about 112.

    Raises:
        ValueError: there are no pictures.
    """
    images = [image for row in cells for image in row if image is not None]
    if not images:
        raise ValueError("images: expected at least one picture, found none")
    scale = scale or auto_scale(images, 112)
    title, corner, columns = legible(title), legible(corner), [legible(heading) for heading in columns]
    rows = [fitted(legible(heading), WIDEST // 2) for heading in rows]
    captions = [[legible(caption) for caption in row] for row in captions]
    cell_w, cell_h = (max(image.size[i] for image in images) * scale for i in (0, 1))
    cell_w = max(cell_w, min(width_of(max(columns, key=width_of, default="")), 160))
    line = TEXT + 5
    caption = line if captions else 0
    left = MARGIN + (max([width_of(r) for r in rows] + [width_of(corner)]) + 10 if rows else 0)
    top = MARGIN + (line + 6 if title else 0) + (line if columns or (rows and corner) else 0)
    count = max(len(row) for row in cells)
    width = left + count * (cell_w + GAP) - GAP + MARGIN
    title = fitted(title, max(width - MARGIN * 2, WIDEST))
    width = max(width, MARGIN * 2 + width_of(title))
    height = top + len(cells) * (cell_h + caption + GAP) - GAP + MARGIN
    paper = Pillow.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(paper)
    if title:
        draw.text((MARGIN, MARGIN - 2), title, INK, font())
    if corner:
        draw.text((MARGIN, top - line), corner, FAINT, font())
    for x, heading in enumerate(columns):
        at = left + x * (cell_w + GAP) + cell_w // 2
        draw.text((at, top - line), fitted(heading, cell_w), INK, font(), anchor="ma")
    for y, row in enumerate(cells):
        up = top + y * (cell_h + caption + GAP)
        if y < len(rows):
            draw.text((left - 10, up + cell_h // 2), rows[y], INK, font(), anchor="rm")
        for x, image in enumerate(row):
            if image is None:
                continue
            picture = thumbnail(image, scale)
            place = (left + x * (cell_w + GAP) + (cell_w - picture.width) // 2, up + (cell_h - picture.height) // 2)
            paper.paste(picture, place)
            if captions:
                under = (left + x * (cell_w + GAP) + cell_w // 2, up + cell_h + 2)
                draw.text(under, fitted(captions[y][x], cell_w), FAINT, font(), anchor="ma")
    return Image(np.array(paper))


def wrap(images: Sequence[Image], captions: Sequence[str], columns: int = 0, title: str = "", scale: int = 0) -> Image:
    """Pictures one after the other in a near-square grid, each with its caption; `columns` 0 chooses their number."""
    columns = columns or max(math.ceil(math.sqrt(len(images) * 1.4)), 1)
    starts = range(0, len(images), columns)
    cells = [list(images[i : i + columns]) for i in starts]
    return sheet(cells, title=title, captions=[list(captions[i : i + columns]) for i in starts], scale=scale)


def board(
    images: Sequence[Image], captions: Sequence[str] = (), columns: int = 0, title: str = "", scale: int = 0
) -> Image:
    """Pictures of any sizes beside and below one another, each row as high and each column as wide as it must be.

    Args:
        images: in the order of reading.
        captions: a text under each.
        columns: how many a row; 0 is all in one.
        title: above all.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures to about 112.

    Raises:
        ValueError: there are no pictures.
    """
    if not images:
        raise ValueError("images: expected at least one picture, found none")
    scale, columns = scale or auto_scale(images, 112), columns or len(images)
    pictures = [thumbnail(image, scale) for image in images]
    title, line = legible(title), TEXT + 5
    caption = line if any(captions) else 0
    rows = [pictures[i : i + columns] for i in range(0, len(pictures), columns)]
    widths = [max(picture.width for picture in pictures[x::columns]) for x in range(min(columns, len(pictures)))]
    heights = [max(picture.height for picture in row) + caption for row in rows]
    width = max(sum(widths) + GAP * (len(widths) - 1), min(width_of(title), WIDEST)) + 2 * MARGIN
    top = MARGIN + (line + 6 if title else 0)
    paper = Pillow.new("RGB", (width, top + sum(heights) + GAP * (len(rows) - 1) + MARGIN), PAPER)
    draw = ImageDraw.Draw(paper)
    draw.text((MARGIN, MARGIN - 2), fitted(title, width - 2 * MARGIN), INK, font())
    for y, row in enumerate(rows):
        left = MARGIN
        for x, picture in enumerate(row):
            paper.paste(picture, (left + (0 if columns == 1 else (widths[x] - picture.width) // 2), top))
            if caption:
                text = fitted(legible(captions[y * columns + x]), widths[x])
                draw.text((left + widths[x] // 2, top + heights[y] - caption + 2), text, FAINT, font(), anchor="ma")
            left += widths[x] + GAP
        top += heights[y] + GAP
    return Image(np.array(paper))
