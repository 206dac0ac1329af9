"""A hundred renderings that no training has seen, as one sheet for the tests, and what each of them shows.

`python -m models.recipe.held_out` renders them again.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from .data import test_scene
from .sampling import grid
from .scenes import Scene, colour_name, concept_of, render

SHEET = Path(__file__).parents[2] / "tests" / "models" / "held_out.png"
COUNT, COLUMNS = 100, 10
ABOUT = (
    "Renderings of Fluent Emoji (MIT), flat and shaded, and Noto Emoji (Apache-2.0); licences in "
    "models/emoji/LICENSES.md."
)


def scenes() -> list[Scene]:
    """The first test scenes that show one thing."""
    found: list[Scene] = []
    seed = 0
    while len(found) < COUNT:
        scene = test_scene(seed)
        seed += 1
        if len(scene.things) == 1:
            found.append(scene)
    return found


def label(scene: Scene) -> dict[str, str]:
    """Concept, style and background of a scene of one thing."""
    (thing,) = scene.things
    return {"concept": concept_of(thing), "style": thing.style, "background": colour_name(scene.background)}


def write() -> None:
    """Write the sheet, in rows of ten pictures, and beside it the labels in the order of reading."""
    chosen = scenes()
    Image.fromarray(grid(np.stack([render(scene) for scene in chosen]), COLUMNS)).save(SHEET, optimize=True)
    labels = ",\n".join(f"  {json.dumps(label(scene))}" for scene in chosen)
    SHEET.with_suffix(".json").write_text(f'{{\n "about": {json.dumps(ABOUT)},\n "pictures": [\n{labels}\n ]\n}}\n')


if __name__ == "__main__":
    write()
