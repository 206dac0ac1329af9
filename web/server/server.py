"""The server: its parts, started and ended in order. It never computes itself, so it always answers."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import sqlite3
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine import Fault, StorageError
from web.server.api import Refusal
from web.server.child import Clerk
from web.server.dispatcher import Dispatcher
from web.server.events import Hub
from web.server.jobs import Jobs
from web.server.settings import Settings
from web.server.wire import Message

log = logging.getLogger("diffuscope.server")

LOCK_SECONDS = 10.0
"""How long to wait for the children of a server that was killed."""


@dataclass
class Server:
    """What handlers work with.

    Attributes:
        settings: as given.
        jobs: the queue, the history and the log of events.
        hub: hands events on.
        dispatcher: has the workers.
        checker: the clerk that checks, plans and inspects.
        viewer: the clerk that shows values.
        began: when this server started.
    """

    settings: Settings
    jobs: Jobs
    hub: Hub
    dispatcher: Dispatcher
    checker: Clerk
    viewer: Clerk
    lock: int
    began: float

    @classmethod
    async def start(cls, settings: Settings) -> Server:
        """Open everything, take up what an earlier server left, start the children.

        Raises:
            StorageError: a folder cannot be used, or another server uses it.
        """
        try:
            for folder in (settings.data, settings.workflows, settings.uploads, settings.out, settings.cache):
                folder.mkdir(parents=True, exist_ok=True)
            lock = await lock_folder(settings.data)
            jobs = Jobs(settings.data / "jobs.sqlite", settings.limits.queue, settings.limits.history)
        except OSError as error:
            raise StorageError(f"{error.filename}: cannot be used: {error.strerror or error}") from None
        except sqlite3.Error as error:
            hint = "set it aside, or choose another folder with --data"
            raise StorageError(f"{settings.data / 'jobs.sqlite'}: cannot be used: {error}; {hint}") from None
        for job in jobs.running():
            jobs.give_back(job.id, False, settings.limits.tries)
        jobs.take_told()
        hub = Hub(jobs.events, *jobs.first_and_last())
        settings = replace(settings, child=(*settings.child, to_text(settings)))
        dispatcher = Dispatcher(settings, jobs, hub, keep_open=(lock,))
        checker, viewer = (
            Clerk(role, (*settings.child, role, "cpu"), keep_open=(lock,)) for role in ("checker", "viewer")
        )
        server = cls(settings, jobs, hub, dispatcher, checker, viewer, lock, time.time())
        for clerk in (checker, viewer):
            clerk.child.start()
        dispatcher.start()
        return server

    async def close(self) -> None:
        """End in order: what runs is finished and kept, and goes on with the next server."""
        await self.dispatcher.close()
        await asyncio.gather(self.checker.child.close(), self.viewer.child.close())
        self.jobs.close()
        os.close(self.lock)

    async def ask(self, do: str, **arguments: Any) -> tuple[Message, bytes]:
        """What the checking clerk answers; a refusal of its is raised as one."""
        return await self._ask(self.checker, do, self.settings.limits.check_seconds, arguments)

    async def look(self, do: str, **arguments: Any) -> tuple[Message, bytes]:
        """What the viewing clerk answers."""
        return await self._ask(self.viewer, do, self.settings.limits.view_seconds, arguments)

    async def _ask(self, clerk: Clerk, do: str, seconds: float, arguments: dict[str, Any]) -> tuple[Message, bytes]:
        try:
            answer, blob = await clerk.ask(do, seconds, **arguments)
        except TimeoutError:
            raise Refusal(
                422, f"{do}: expected within {seconds:.0f} seconds, took longer", hint="ask for less"
            ) from None
        except ConnectionError as error:
            raise Refusal(422, f"{do}: cannot be done: {error}", hint="ask for less") from None
        if "refused" in answer:
            refused = answer["refused"]
            faults = [Fault(**fault) for fault in refused.get("faults", [])]
            raise Refusal(refused["status"], refused["message"], where=refused.get("where", ""),
                          hint=refused.get("hint", ""), faults=faults)  # fmt: skip
        if "broken" in answer:
            raise RuntimeError(f"{do}: {answer['broken']}")
        return answer["ok"], blob


async def lock_folder(folder: Path) -> int:
    """A lock on the data folder that children inherit: it is free when the last of them is gone."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise StorageError(
                    f"{folder}: another server uses it; end that one, or choose another with --data"
                ) from None
            await asyncio.sleep(0.05)
        else:
            return descriptor


def to_text(settings: Settings) -> str:
    """Settings for a child, as JSON; the token is not its business."""
    return json.dumps(asdict(replace(settings, token=None)), default=str)
