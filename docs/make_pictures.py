"""Make the pictures of docs/ again, by running the shipped workflows: `make pictures`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from diffuscope import Engine, load_workflow

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
SCALE = 4
"""Single pictures are small; each of their pixels is drawn as a square of this side."""

SHOWN = {
    "text_to_image": "image",
    "denoising_film": "film",
    "image_to_image": "image",
    "strength_sweep": "sheet",
    "inpaint": "image",
    "steps_and_samplers": "sheet",
}
"""Workflow → the node whose picture is shown."""

BEFORE = {"image_to_image": ["source"], "inpaint": ["source", "mask_file"]}
"""What is shown to the left of it."""


def enlarged(picture: Image.Image) -> Image.Image:
    """The picture with larger pixels, if it is small."""
    factor = SCALE if picture.width < 200 else 1
    return picture.convert("RGB").resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def main() -> None:
    """Run every shipped workflow and save what it shows."""
    engine = Engine(cache=ROOT / "outputs" / "cache", out=ROOT / "outputs")
    for name, node in SHOWN.items():
        result = engine.run(load_workflow(ROOT / "workflows" / f"{name}.json"))
        pictures = [enlarged(result[part].to_pillow()) for part in (*BEFORE.get(name, ()), node)]
        row = Image.new("RGB", (sum(p.width + 8 for p in pictures) - 8, max(p.height for p in pictures)), "white")
        left = 0
        for picture in pictures:
            row.paste(picture, (left, 0))
            left += picture.width + 8
        row.save(PICTURES / f"{name}.png", optimize=True)
        print(PICTURES / f"{name}.png")  # noqa: T201


if __name__ == "__main__":
    main()
