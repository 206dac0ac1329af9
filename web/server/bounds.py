"""Which files the workflows that a server is sent may read, and how many calls they may have."""

from __future__ import annotations

from engine.expand import Bounds
from nodes.paths import TERM_PACKAGE, known_models, model_folders, shipped
from web.server.settings import Settings


def open_to_workflows(settings: Settings) -> Bounds:
    """The bounds as the folders are now: a model that has just come is open too.

    Open are the server's own folders, and what ships: workflows with their pictures and terms. The model folders were
    chosen by whoever started the server, so what lies in them may link elsewhere.
    """
    own = (settings.inputs, settings.workflows, settings.out)
    terms = (place / "data" for place in shipped(TERM_PACKAGE.replace("-", "_")))
    models = [folder.absolute() for folder in model_folders()]
    models += [model.resolve() for model in known_models().values()]
    for part in ("clip", "captioner"):
        models += [(model / part).resolve() for model in known_models(f"{part}/config.json").values()]
    return Bounds(
        calls=settings.limits.calls,
        folders=tuple(folder.resolve() for folder in (*own, *shipped("workflows"), *terms)),
        trusted=tuple(dict.fromkeys(models)),
    )
