"""What a run tells while it goes on. Each event is one JSON object: `{"event": "finished", "label": …}`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """The root of all events."""

    event: ClassVar[str] = ""

    def to_json(self) -> dict[str, Any]:
        """The event as plain JSON data; a preview is left out."""
        data = {name: value for name, value in asdict(self).items() if name != "preview"}
        return {"event": self.event, **data}


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """How much there is to do: labels to run, how many values come from the cache, how many are not needed."""

    event: ClassVar[str] = "planned"
    run: list[str]
    cached: int
    unneeded: int


@dataclass(frozen=True, slots=True)
class Started(Event):
    """A call begins."""

    event: ClassVar[str] = "started"
    label: str
    node: str
    key: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """A call has come some way, 0 … 1; `preview` is whatever the node gives to look at."""

    event: ClassVar[str] = "progress"
    label: str
    node: str
    key: str
    fraction: float
    preview: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something worth knowing that stops nothing."""

    event: ClassVar[str] = "warning"
    label: str
    message: str


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """A call has its value, computed or from the cache."""

    event: ClassVar[str] = "finished"
    label: str
    node: str
    key: str
    cached: bool
    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """A call failed; what does not depend on it goes on."""

    event: ClassVar[str] = "failed"
    label: str
    node: str
    key: str
    error: str
    inputs: dict[str, str]
    """Label → key of each value the call was given."""


@dataclass(frozen=True, slots=True)
class Done(Event):
    """The end: `done`, `failed`, `stopped` or `interrupted`; how many calls ran, were cached, failed, were left out."""

    event: ClassVar[str] = "done"
    status: str
    ran: int
    cached: int
    failed: int
    skipped: int
    seconds: float
    files: list[str]


Emit = Callable[[Event], None]
