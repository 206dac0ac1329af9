"""Diffuscope: a node-graph workflow engine that opens the black box of latent diffusion.

from diffuscope import Engine, load_workflow
result = Engine().run(load_workflow("workflows/text_to_image.json"), prompt="a fox")
result["image"].to_pillow().show()
"""

import nodes.values  # noqa: F401 - so that a node declared elsewhere may name Image, Latent …
from diffuscope.engine import Engine
from engine import (
    CallError,
    Collected,
    DiffuscopeError,
    Fault,
    File,
    Result,
    Seen,
    StorageError,
    Workflow,
    WorkflowError,
    load_workflow,
    node,
    parse_workflow,
    report,
    save_workflow,
    saved,
    value_type,
    view,
    warn,
)

__all__ = [
    "CallError", "Collected", "DiffuscopeError", "Engine", "Fault", "File", "Result", "Seen", "StorageError",
    "Workflow", "WorkflowError", "load_workflow", "node", "parse_workflow", "report", "save_workflow", "saved",
    "value_type", "view", "warn",
]  # fmt: skip
