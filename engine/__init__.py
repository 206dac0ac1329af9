"""The engine: nodes as typed functions, workflows as JSON, five pure steps, a cache. Knows nothing of diffusion.

A workflow goes check → expand → key → plan → run; each step is a module of that name.
"""

from engine.cache import Cache
from engine.context import report, saved, warn
from engine.engine import Engine, Result
from engine.errors import CallError, DeclarationError, DiffuscopeError, Fault, StorageError, WorkflowError
from engine.node import REGISTRY, Registry, load_node_packages, node
from engine.types import Collected, File, value_type
from engine.view import Seen, view
from engine.workflow import Workflow, load_workflow, parse_workflow, save_workflow

__all__ = [
    "REGISTRY", "Cache", "CallError", "Collected", "DeclarationError", "DiffuscopeError", "Engine", "Fault", "File",
    "Registry", "Result", "Seen", "StorageError", "Workflow", "WorkflowError", "load_node_packages", "load_workflow",
    "node", "parse_workflow", "report", "save_workflow", "saved", "value_type", "view", "warn",
]  # fmt: skip
