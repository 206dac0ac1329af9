"""Telling clients what happens: an event is kept first and sent then, so whoever comes back misses nothing.

Each follower has a cursor, the number of the last event it was sent, and is sent what comes after it as quickly as it
reads. One that does not read holds nothing back but its own cursor. Progress is not kept: a follower is sent the
latest of a job, at most ten times a second.
"""

from __future__ import annotations

import asyncio
import json
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable
from typing import Any

from web.server.jobs import Told

RECENT = 4000
"""Events at hand without asking the file."""
PROGRESS_SECONDS = 0.1
PAGE = 500


class Hub:
    """Hands events on to those who follow."""

    def __init__(self, load: Callable[[int, str | None, int], list[Told]], first: int, last: int) -> None:
        """Begin where the log ends.

        Args:
            load: reads events from the log: after which number, of which job, how many.
            first: the number of the oldest that is kept.
            last: of the newest that ever was.
        """
        self.load, self.first, self.last = load, first, last
        self.followers = 0
        self._recent: list[Told] = []
        self._progress: dict[str, tuple[int, str]] = {}
        self._versions = 0
        self._changed = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """End every stream, after what is there to send."""
        self._closed = True
        self._wake()

    def tell(self, told: list[Told]) -> None:
        """Hand on events that the log has."""
        if told:
            self._recent += told
            self.last = told[-1].number
            if len(self._recent) > 2 * RECENT:
                del self._recent[:-RECENT]
            self._wake()

    def progress(self, job: str, message: dict[str, Any] | None) -> None:
        """How far a job is; None when it no longer runs."""
        if message is None:
            self._progress.pop(job, None)
        else:
            self._versions += 1
            text = json.dumps({"event": "progress", "job": job, **message}, ensure_ascii=False, separators=(",", ":"))
            self._progress[job] = self._versions, text
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _after(self, cursor: int, job: str | None) -> tuple[int, list[Told]]:
        """The next events after a number, and the number up to which these are all."""
        recent, last = self._recent, self.last
        if recent and cursor >= recent[0].number - 1:
            start = bisect_right(recent, cursor, key=lambda told: told.number)
            page = recent[start : start + PAGE]
            return page[-1].number if page else last, [told for told in page if job is None or told.job == job]
        page = await asyncio.to_thread(self.load, cursor, job, PAGE)
        if len(page) == PAGE:
            return page[-1].number, page
        return max(last, page[-1].number) if page else last, page  # the log may have grown meanwhile

    async def follow(self, after: int | None = None, job: str | None = None) -> AsyncGenerator[tuple[int | None, str]]:
        """Events as JSON, each with its number, and progress, which has none, until the hub is closed.

        Args:
            after: the number of the last event that the follower knows; None for only what is to come.
            job: only what is about this job.
        """
        cursor = self.last if after is None else after
        if cursor > self.last or cursor < self.first - 1:  # of another log, or from before what is kept
            cursor = min(max(cursor, self.first - 1), self.last)
            yield None, json.dumps({"event": "reset", "number": cursor})
        seen, sent = self._versions, 0.0
        while True:
            changed = self._changed
            while cursor < self.last:
                cursor, page = await self._after(cursor, job)
                for told in page:
                    yield told.number, told.text
            if self._closed:
                return
            pause = sent + PROGRESS_SECONDS - time.monotonic()
            fresh = [
                (version, text)
                for of, (version, text) in self._progress.items()
                if version > seen and (job is None or of == job)
            ]
            if fresh and pause <= 0:
                seen, sent = self._versions, time.monotonic()
                for _, text in fresh:
                    yield None, text
            elif fresh:
                await _either(changed, pause)
            elif changed is self._changed:
                await changed.wait()


async def _either(changed: asyncio.Event, seconds: float) -> None:
    """Wait for a change, or so long."""
    try:
        await asyncio.wait_for(changed.wait(), seconds)
    except TimeoutError:
        return
