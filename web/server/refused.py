"""How a child process says no to what it was asked; the server answers with this status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import Fault

LONGEST_LINE = 1000
"""Characters of a text that is sent; a longer one, made of what somebody put into a request, is cut in the middle."""

FAULTS_SHOWN = 100
"""Of more faults the rest are counted."""


class Refused(Exception):
    """What was asked for is wrong, is not there, or is too much.

    Args:
        status: the HTTP status, 400 and above.
        message: what was expected and what was found.
        where: what it is about, or empty.
        hint: what to do about it, or empty.
        faults: all that is wrong, where it is more than this.
    """

    def __init__(
        self, status: int, message: str, *, where: str = "", hint: str = "", faults: Sequence[Fault] = ()
    ) -> None:
        self.status, self.message, self.where, self.hint, self.faults = status, message, where, hint, tuple(faults)
        super().__init__(message)

    @classmethod
    def of_faults(cls, faults: Sequence[Fault], source: str) -> Refused:
        """Several faults in one (422)."""
        return cls(422, in_one(faults), where=source, faults=faults)

    def to_json(self) -> dict[str, Any]:
        """As it travels to the server, every text on one line."""
        return {
            "status": self.status,
            "message": line(self.message),
            "where": line(self.where),
            "hint": line(self.hint),
            "faults": faults_json(self.faults),
        }


def in_one(faults: Sequence[Fault]) -> str:
    """The first of some faults, and how many others there are."""
    return f"{faults[0]} (and {len(faults) - 1} more)" if len(faults) > 1 else str(faults[0])


def first_of(faults: Sequence[Fault]) -> list[Fault]:
    """As many faults as are shown, and one that counts the rest; a rest of one is shown in its place."""
    rest = len(faults) - FAULTS_SHOWN
    if rest <= 1:
        return list(faults)
    return [*faults[:FAULTS_SHOWN], Fault(faults[0].where.partition(".")[0], f"{rest:,} faults more")]


def faults_json(faults: Sequence[Fault]) -> list[dict[str, str]]:
    """The first of many faults as JSON, and how many more there are."""
    return [fault_json(fault) for fault in first_of(faults)]


def fault_json(fault: Fault) -> dict[str, str]:
    """A fault as JSON, every text on one line."""
    return {"where": line(fault.where), "message": line(fault.message), "hint": line(fault.hint)}


def line(text: str) -> str:
    """Text as one line that can be sent, whatever was put into it."""
    if len(text) > LONGEST_LINE:
        text = f"{text[: LONGEST_LINE // 2]} … {text[-LONGEST_LINE // 2 :]}"
    return " ".join(text.split()).encode(errors="backslashreplace").decode()
