"""The style that was left out of all training: five pictures to teach it from, twenty to measure by.

`python -m models.recipe.unseen` renders them again.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from .artwork import CONCEPTS
from .sampling import grid
from .scenes import PALETTE, Scene, Thing, render, with_article

ROOT = Path(__file__).parents[2]
STYLE = "openmoji"

TAUGHT = {"cat": "white", "house": "light blue", "strawberry": "yellow", "penguin": "light green", "rocket": "pink"}
"""What the five pictures show, and before what."""
HELD_OUT = (
    "dog", "fox", "panda", "frog", "fish", "octopus", "butterfly", "ladybug", "turtle", "pig", "cactus", "mushroom",
    "sun", "star", "snowman", "car", "green apple", "pizza", "heart", "robot",
)  # fmt: skip
"""What the model knows in other styles, and is to draw in this one."""


def picture(concept: str, background: str) -> np.ndarray:
    """A thing in the style, upright in the middle: (SIZE, SIZE, 3)."""
    return render(Scene(PALETTE[background], (Thing(CONCEPTS[concept], STYLE),)))


def background(i: int) -> str:
    """That of held-out picture `i`: the five in turn."""
    return list(TAUGHT.values())[i % len(TAUGHT)]


def write() -> None:
    """Write the five with their captions beside the workflows, and the twenty as one sheet for the tests."""
    folder = ROOT / "workflows" / "pictures" / STYLE
    folder.mkdir(parents=True, exist_ok=True)
    for concept, colour in TAUGHT.items():
        Image.fromarray(picture(concept, colour)).save(folder / f"{concept}.png", optimize=True)
        caption = f"{with_article(concept)}, {STYLE} style, on a {colour} background\n"
        (folder / f"{concept}.txt").write_text(caption, encoding="utf-8")
    shown = [(concept, background(i)) for i, concept in enumerate(HELD_OUT)]
    sheet = ROOT / "tests" / "models" / f"{STYLE}.png"
    Image.fromarray(grid(np.stack([picture(*each) for each in shown]), 10)).save(sheet, optimize=True)
    sheet.with_suffix(".json").write_text(json.dumps(shown, indent=1) + "\n")


if __name__ == "__main__":
    write()
