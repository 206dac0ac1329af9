"""Everything that can go wrong, as one tree.

DiffuscopeError
├── DeclarationError   a node is declared wrongly (its author's mistake)
├── WorkflowError      a workflow, its inputs or its sweeps are wrong; lists every fault
├── CallError          a call failed while running; names its label, its inputs and the cause
└── StorageError       a folder that must be read or written cannot be
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class DiffuscopeError(Exception):
    """The root of every error that Diffuscope raises on purpose."""


class DeclarationError(DiffuscopeError):
    """A node or value type is declared wrongly; names the function and the parameter."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a workflow.

    Attributes:
        where: dotted path inside the file, such as `nodes.sample.body.denoise.in.latent`.
        message: what was expected and what was found.
        hint: what to do about it, or empty.
    """

    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" + (f"; {self.hint}" if self.hint else "")
        return text.encode(errors="backslashreplace").decode()  # a name that is no Unicode text can be printed too


class WorkflowError(DiffuscopeError):
    """A workflow is wrong; `faults` lists everything that is, each as one line."""

    def __init__(self, faults: Sequence[Fault], source: str = "workflow") -> None:
        self.faults = tuple(faults)
        self.source = source
        super().__init__("\n".join(f"{source}: {fault}" for fault in self.faults))


class CallError(DiffuscopeError):
    """A call failed: `sample[3].denoise @ seed=7: …`, with the keys of what it was given."""

    def __init__(self, label: str, cause: BaseException, inputs: Mapping[str, str]) -> None:
        self.label, self.cause, self.inputs = label, cause, dict(inputs)
        super().__init__(f"{label}: {describe(cause)}")


class StorageError(DiffuscopeError):
    """A folder or file cannot be read or written; says which, why, and what to do."""


def describe(cause: BaseException) -> str:
    """An exception in one line; its type is named where its text alone would not tell."""
    text = " ".join(str(cause).split())
    if isinstance(cause, DiffuscopeError | ValueError | FileNotFoundError | PermissionError) and text:
        return text
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__


def shown(value: Any) -> str:
    """A value as it stands in a message: cut where it is long."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        return f"a very large {type(value).__name__}"
    return text if len(text) < 60 else text[:57] + "…"


MANY = 1000
"""Names among which no near one is looked for."""


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean "x"?` for the closest known name, or the known names if there are few, else empty."""
    names = sorted(known)
    if len(names) > MANY or len(name) > 200:  # comparing takes long, and nobody finds a name among as many anyway
        return ""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {', '.join(names)}" if 0 < len(names) <= 12 else ""
