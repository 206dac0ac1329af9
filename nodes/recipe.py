"""What a saved picture knows about its making. The file may come from anywhere: it is measured before it is decoded."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import Fault, StorageError, WorkflowError
from engine.node import expect_json
from nodes.pictures import MARK
from nodes.stages import image as stage

if TYPE_CHECKING:
    from PIL import Image as Pillow


@contextmanager
def at_most(pixels: int) -> Iterator[None]:
    """While Pillow opens and decodes: a picture of more pixels raises, whatever its header says; nothing else warns."""
    from PIL import Image as Pillow

    before = Pillow.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Pillow.DecompressionBombWarning)
        Pillow.MAX_IMAGE_PIXELS = pixels
        try:
            yield
        finally:
            Pillow.MAX_IMAGE_PIXELS = before


def recipe_in(picture: Pillow.Image) -> dict[str, Any] | None:
    """The recipe that an opened picture carries, or None: a `workflow` and the `keys` of values, as JSON objects."""
    text = picture.info.get(MARK) if picture.format == "PNG" else None
    try:
        recipe = json.loads(text) if text else None
        expect_json(recipe)
    except (ValueError, TypeError, RecursionError):
        return None
    whole = isinstance(recipe, dict) and all(isinstance(recipe.get(part), dict) for part in ("workflow", "keys"))
    return recipe if whole else None


def read_recipe(picture: Path) -> dict[str, Any]:
    """What a picture that Diffuscope saved knows about its making: workflow, sweeps, keys.

    Raises:
        StorageError: the file cannot be read, or is no picture.
        WorkflowError: the picture carries no workflow.
    """
    from PIL import Image as Pillow

    try:
        with at_most(stage.MAX_PIXELS), Pillow.open(picture, formats=("PNG",)) as opened:
            opened.load()
            recipe = recipe_in(opened)
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise StorageError(f"{picture}: expected a PNG that Diffuscope saved: {error}") from None
    if recipe is None:
        hint = "was it edited, or sent through a service that strips it?"
        raise WorkflowError([Fault("(picture)", "carries no workflow", hint)], picture.name)
    return recipe
