"""Make the pictures of docs/, and their thumbnails, by running the shipped workflows: `make pictures`, or name some."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from diffuscope import Engine, load_workflow

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
THUMBNAILS = ROOT / "workflows" / "thumbnails"
SCALE, WIDEST = 4, 1600
"""Single pictures are small: each of their pixels is drawn as a square of this side. Pages are no wider than this."""
QUALITY = 90
"""Of WebP: noise and small pictures look as they are, and the history of the repository stays a fifth as large."""
BOX, LEAST = (320, 256), 0.45
"""The sides of a thumbnail, and the scale below which a sheet could not be read: the rest of it is cut off."""


def fitting(picture: Image.Image) -> Image.Image:
    """The picture with larger pixels, if it is small; scaled down, if it is too wide for a page."""
    picture = picture.convert("RGB")
    if picture.width < 200:
        return picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.NEAREST)
    if picture.width > WIDEST:
        return picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    return picture


def written(picture: Image.Image) -> bytes:
    """The picture as WebP: lossless where that is smaller, as of plots, else not quite."""
    files = [io.BytesIO(), io.BytesIO()]
    picture.save(files[0], "WEBP", lossless=True)
    picture.save(files[1], "WEBP", quality=QUALITY, method=6)
    return min((file.getvalue() for file in files), key=len)


def thumbnail(picture: Image.Image) -> Image.Image:
    """The whole picture, or as much of its top left as can be read, cut between its parts if it can be; 128 colours."""
    scale = min(1, max(LEAST, min(BOX[0] / picture.width, BOX[1] / picture.height)))
    small = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    width, height = (min(side, most) for side, most in zip(small.size, BOX, strict=True))
    height = gap(small.crop((0, 0, width, small.height)), height, axis=0)
    width = gap(small.crop((0, 0, small.width, height)), width, axis=1)
    return small.crop((0, 0, width, height)).quantize(128, dither=Image.Dither.NONE)


def gap(picture: Image.Image, most: int, axis: int) -> int:
    """Where to cut a picture to at most so many rows or columns: in the last quarter, behind what is of one colour."""
    lines = np.moveaxis(np.asarray(picture), axis, 0)
    if len(lines) <= most:
        return len(lines)
    plain = [line for line in range(most * 3 // 4, most) if np.ptp(lines[line].reshape(-1, 3), axis=0).max() < 9]
    return plain[-1] + 1 if plain else most


def main() -> None:
    """Run shipped workflows and keep the picture that each saves last, under the workflow's name, and its thumbnail."""
    engine = Engine(cache=ROOT / "outputs" / "cache", out=ROOT / "outputs")
    for file in sorted((ROOT / "workflows").glob("*.json")):
        if sys.argv[1:] and file.stem not in sys.argv[1:]:
            continue
        workflow = load_workflow(file)
        result = engine.run(workflow, only="save")
        if result.outcome.failures:
            sys.exit(str(result.outcome.failures[0]))
        with Image.open(result.outcome.files[-1]) as picture:
            page = fitting(picture)
        (PICTURES / f"{file.stem}.webp").write_bytes(written(page))
        thumbnail(page).save(THUMBNAILS / f"{file.stem}.png", optimize=True)
        print(PICTURES / f"{file.stem}.webp")  # noqa: T201


if __name__ == "__main__":
    main()
