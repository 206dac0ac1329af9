"""A saved picture carries its workflow: read it, run it again, compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import Fault, StorageError, Workflow, WorkflowError, parse_workflow
from engine.run import run
from nodes.pictures import MARK

if TYPE_CHECKING:
    from diffuscope.engine import Engine


def read_recipe(picture: Path) -> dict[str, Any]:
    """What a picture that Diffuscope saved knows about its making: workflow, sweeps, keys.

    Raises:
        StorageError: the file cannot be read, or is no picture.
        WorkflowError: the picture carries no workflow.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(picture) as opened:
            opened.load()
            text = opened.info.get(MARK)
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise StorageError(f"{picture}: expected a PNG that Diffuscope saved: {error}") from None
    try:
        recipe = json.loads(text) if text else None
    except ValueError:
        recipe = None
    if not isinstance(recipe, dict) or not all(isinstance(recipe.get(part), dict) for part in ("workflow", "keys")):
        hint = "was it edited, or sent through a service that strips it?"
        raise WorkflowError([Fault("(picture)", "carries no workflow", hint)], picture.name)
    return recipe


def open_workflow(picture: Path) -> Workflow:
    """The workflow inside a picture; its inputs have the values of that run as defaults."""
    return parse_workflow(read_recipe(picture)["workflow"], picture.name)


def verify_picture(picture: Path, engine: Engine) -> int:
    """Compute a picture again and give the largest difference of a channel, 0 … 255.

    Raises:
        WorkflowError: its workflow cannot be run here, or gives other keys (another model, another version).
        CallError: a call failed.
    """
    import numpy as np
    from PIL import Image

    recipe = read_recipe(picture)
    workflow = open_workflow(picture)
    workflow._source = Path.cwd() / picture.name  # relative paths in it are looked for in the working directory
    graph = engine.graph(workflow, {}, recipe.get("sweeps") or {})
    key = recipe["keys"].get("image", "")
    if key not in graph.calls:
        hint = "a file, the model, or a node's version is another than when it was made"
        raise WorkflowError([Fault("keys.image", f"key {key[:12]} is not among those computed", hint)], picture.name)
    outcome = run(graph, engine.cache, [key], around=engine.around)
    if outcome.failures:
        raise outcome.failures[0]
    outputs = engine.cache.get(key, graph.calls[key].type)
    assert outputs is not None
    again = next(iter(outputs.values())).to_pillow()
    with Image.open(picture) as opened:
        before = opened.convert(again.mode)
    if before.size != again.size:
        return 255
    difference = np.asarray(before, dtype=np.int16) - np.asarray(again, dtype=np.int16)
    return int(np.abs(difference).max())
