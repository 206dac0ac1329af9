"""A saved picture carries its workflow: run it again, compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine import Fault, Workflow, WorkflowError, parse_workflow
from engine.run import run
from nodes.recipe import read_recipe

if TYPE_CHECKING:
    from diffuscope.engine import Engine


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
