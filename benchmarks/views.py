"""Every view of every value of a picture from words: making its PNG, and its numbers as JSON, in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.table import Row, best
from diffuscope import Engine, load_workflow

ROOT = Path(__file__).resolve().parent.parent
MOST = 0.1
"""Seconds that either may take once torch is imported."""


def rows() -> list[Row]:
    """A row for each view of each value."""
    from engine.types import VALUE_TYPES
    from engine.view import views_of

    types = {token.spec.class_name: token.spec.name for token in VALUE_TYPES.values()}
    found = []
    for where, value, made in values():
        type = types.get(value.__class__.__name__, "json")
        for view in views_of(type).values():
            params, given = view.read({}), {name: made[kind] for name, (kind, _) in view.given.items()}

            def draw(view: Any = view, value: Any = value, inputs: Any = params | given) -> object:
                return (view.function(value, **inputs).png or bytes)()

            def tell(view: Any = view, value: Any = value, inputs: Any = params | given) -> object:
                return json.dumps(view.function(value, **inputs).data(), allow_nan=False)

            picture, data = best(draw, 5), best(tell, 5)
            drawn = f"picture {1e3 * picture:.1f} ms" if view.function(value, **params, **given).png else "no picture"
            found.append(Row(f"{where}: {type} as {view.name}", f"{drawn}, data {1e3 * data:.1f} ms",
                             f"≤ {1e3 * MOST:.0f} ms", max(picture, data) <= MOST))  # fmt: skip
    return found


def values() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """The values of the workflow by name, each with what its views may be given."""
    from nodes.seeing import fit_preview

    result = Engine().run(load_workflow(ROOT / "workflows" / "text_to_image.json"), only="image")
    made = {"Preview": fit_preview(result["model.vae"])}
    names = ("model.unet", "model.vae", "model.text_encoder", "model.tokenizer", "words", "positive", "noise",
             "schedule", "start", "sample.latent", "image")  # fmt: skip
    yield from ((name, result[name], made) for name in names)
