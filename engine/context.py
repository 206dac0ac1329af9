"""What a running call may ask of the run around it: to report progress, to warn, and where files go.

Values never depend on it: only nodes that act use more than `report` and `warn`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Context:
    """The run, as seen from one call."""

    label: str = ""
    key: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    """Port → key of what it was given."""
    out: Path = Path("outputs")
    workflow: dict[str, Any] | None = None
    """The workflow as JSON, with the inputs of this run as defaults."""
    sweeps: dict[str, list[Any]] = field(default_factory=dict)
    """The inputs that were swept from outside."""
    title: str = "picture"
    coordinates: str = ""
    """`strength=0.75, seed=3` inside a sweep."""
    on_progress: Callable[[float, Any], None] | None = None
    on_warning: Callable[[str], None] | None = None
    on_file: Callable[[Path], None] | None = None


_current: ContextVar[Context] = ContextVar("diffuscope_call", default=Context())  # noqa: B039 - it is frozen


def current() -> Context:
    """The context of the call that is running."""
    return _current.get()


@contextmanager
def entered(context: Context) -> Iterator[None]:
    """Make a context current."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def report(fraction: float, preview: Any = None) -> None:
    """Tell how far the running call has come, 0 … 1, with something to look at if there is."""
    context = current()
    if context.on_progress is not None:
        context.on_progress(fraction, preview)


def warn(message: str) -> None:
    """Tell the user something that stops nothing."""
    context = current()
    if context.on_warning is not None:
        context.on_warning(message)


def saved(path: Path) -> None:
    """Tell that the running call has written a file for the user."""
    context = current()
    if context.on_file is not None:
        context.on_file(path)
