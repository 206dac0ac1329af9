"""What a picture shows, and each of its parts: captions by BLIP (Li et al., 2201.12086), joined to one text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image as Pillow
from torch import Tensor

from diffusion.clip import normalised
from diffusion.image import Image, crop

if TYPE_CHECKING:
    from diffusion.checkpoint import CaptionerHandle


def tile(image: Image, number: int, columns: int = 2, rows: int = 2, overlap: float = 0.0) -> Image:
    """A part of a picture: one of columns × rows of equal size, which together cover it all.

    Args:
        image: of any size.
        number: which, from 0 at the upper left, in the order of reading.
        columns: how many a row.
        rows: how many of them.
        overlap: the share of its width and height that a part has in common with the next, 0 ≤ overlap < 1.

    Raises:
        ValueError: there is no such part, or the picture has fewer pixels than parts.
    """
    if not 0 <= number < columns * rows:
        found = f"{columns} columns and {rows} rows make {columns * rows}"
        raise ValueError(f"tile: expected 0 to {columns * rows - 1}, for {found}, found {number}")
    if image.size[0] < columns or image.size[1] < rows:
        raise ValueError(f"tile: expected a picture of at least {columns} × {rows} pixels, found {image.size}")
    row, column = divmod(number, columns)
    (left, width), (top, height) = (
        _part(length, count, which, overlap)
        for length, count, which in ((image.size[0], columns, column), (image.size[1], rows, row))
    )
    return crop(image, left, top, width, height)


def _part(length: int, count: int, which: int, overlap: float) -> tuple[int, int]:
    """Where one of `count` parts of a length begins, and how long it is, in whole pixels."""
    size = math.ceil(length / (1 + (count - 1) * (1 - overlap)) - 1e-9)
    return round(which * (length - size) / max(count - 1, 1)), size


def caption(captioner: CaptionerHandle, image: Image, beginning: str = "", beams: int = 3, longest: int = 30) -> str:
    """What a picture shows, in words; the same each time, for nothing is drawn at random.

    Args:
        captioner: a network of BLIP's kind.
        image: of any size; it is laid on white, and squashed to the square that the network reads.
        beginning: words to begin with, such as `a picture of`; the caption goes on from there.
        beams: how many captions are followed at a time, of which the most likely is taken; 1 takes the most likely
            piece each time.
        longest: how many pieces of words are added, at most.

    Raises:
        ValueError: the network has no room for more words after the beginning.
    """
    model, tokenizer = captioner.load(), captioner.load_tokenizer()
    weight = next(model.parameters())
    # begin, pieces, end: the network puts its own begin there, and drops the end
    ids = tokenizer(beginning, return_tensors="pt", verbose=False).input_ids
    positions, taken = model.config.text_config.max_position_embeddings, ids.shape[1] - 1
    if taken >= positions:
        raise ValueError(f"beginning: expected at most {positions - 2} pieces of words, found {taken - 1}")
    found = model.generate(
        pixel_values=pixels_for(captioner, image).to(weight), input_ids=ids.to(weight.device), do_sample=False,
        num_beams=beams, max_new_tokens=min(longest, positions - taken),
    )  # fmt: skip
    return str(tokenizer.decode(found[0, 1:], skip_special_tokens=True)).strip()


def pixels_for(captioner: CaptionerHandle, image: Image) -> Tensor:
    """A picture as the network reads it, (1, 3, size, size): squashed to a square, as BLIP was trained, normalised."""
    picture, side = image.on().to_pillow(), captioner.size
    if picture.size != (side, side):
        picture = picture.resize((side, side), Pillow.Resampling.BICUBIC)
    return normalised(captioner, picture)


NOTHING_NEW = frozenset(["a", "an", "and", "at", "by", "in", "is", "of", "on", "picture", "the", "to", "with"])
"""Words that say nothing of what a picture shows."""


def joined(whole: str, parts: Sequence[str]) -> str:
    """The caption of a picture, then those of its parts that say something new, with commas between.

    Args:
        whole: of the whole picture; may be empty.
        parts: in the order in which they are to follow. One whose words have all been said is left out.
    """
    kept: list[str] = []
    said = set(NOTHING_NEW)
    for text in (whole.strip(), *map(str.strip, parts)):
        words = set(re.findall(r"\w+", text.casefold()))
        if words - said:
            kept.append(text)
            said |= words
    return ", ".join(kept)
