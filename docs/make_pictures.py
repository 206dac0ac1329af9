"""Make the pictures of docs/ again, by running the shipped workflows: `make pictures`, or with the names of some."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from diffuscope import Engine, load_workflow

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
SCALE, WIDEST = 4, 1600
"""Single pictures are small: each of their pixels is drawn as a square of this side. Pages are no wider than this."""


def fitting(picture: Image.Image) -> Image.Image:
    """The picture with larger pixels, if it is small; scaled down, if it is too wide for a page."""
    picture = picture.convert("RGB")
    if picture.width < 200:
        return picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.NEAREST)
    if picture.width > WIDEST:
        return picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    return picture


def main() -> None:
    """Run shipped workflows and keep the picture that each saves last, under the workflow's name."""
    engine = Engine(cache=ROOT / "outputs" / "cache", out=ROOT / "outputs")
    for file in sorted((ROOT / "workflows").glob("*.json")):
        if sys.argv[1:] and file.stem not in sys.argv[1:]:
            continue
        workflow = load_workflow(file)
        result = engine.run(workflow, only="save")
        if result.outcome.failures:
            sys.exit(str(result.outcome.failures[0]))
        with Image.open(result.outcome.files[-1]) as picture:
            fitting(picture).save(PICTURES / f"{file.stem}.png", optimize=True)
        print(PICTURES / f"{file.stem}.png")  # noqa: T201


if __name__ == "__main__":
    main()
