"""Gives jobs to workers, and takes them back when something happens to a worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from web.server.child import Child
from web.server.events import Hub
from web.server.jobs import Job, Jobs
from web.server.settings import Settings
from web.server.wire import Message

log = logging.getLogger("diffuscope.server")

T = TypeVar("T")

CANCEL_SECONDS = 10.0
"""How long a call may go on after its job was cancelled; then its worker is ended."""
END_SECONDS = 7.0
"""How long running calls may take to finish when the server ends."""


class Dispatcher:
    """The workers, and what each is doing."""

    def __init__(self, settings: Settings, jobs: Jobs, hub: Hub, keep_open: tuple[int, ...] = ()) -> None:
        self.settings, self.jobs, self.hub = settings, jobs, hub
        self.running: dict[Child, Job | None] = {}
        self.started: dict[str, str] = {}
        """For each running job the label of the call that began last."""
        self.closing = False
        self._thread = ThreadPoolExecutor(1, "jobs")
        self._giving = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        for device in settings.devices:
            command = (*settings.child, "worker", device)
            child = Child(f"worker {device}", command, self._on_message, self._on_death, keep_open)
            self.running[child] = None

    def start(self) -> None:
        """Start the workers."""
        for child in self.running:
            child.start()

    def soon(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something beside what goes on."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def change(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call a method of `jobs` in its thread; then tell what it has noted."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, lambda: function(*arguments, **named))
        finally:
            self.hub.tell(self.jobs.take_told())

    # giving

    def wake(self) -> None:
        """There may be something to do."""
        self.soon(self._give())

    async def _give(self) -> None:
        """Give a job to each worker that has none."""
        async with self._giving:
            for child, busy in list(self.running.items()):
                if self.closing or busy is not None or not child.ready:
                    continue
                job = await self.change(self.jobs.take)
                if job is None:
                    return
                self.running[child] = job
                out = str(self.settings.out / job.id)
                if not child.send(
                    {"do": "run", "job": job.id, "start": job.starts, "order": job.order.to_json(), "out": out}
                ):
                    self.running[child] = None
                    await self.change(self.jobs.give_back, job.id, False, self.settings.limits.tries)

    def stop(self, id: str, insist: bool) -> None:
        """Tell the worker of a job to stop at its next call; `insist` ends one that goes on."""
        for child, job in self.running.items():
            if job is not None and job.id == id:
                child.send({"do": "stop", "job": id, "start": job.starts})
                if insist:
                    self.soon(self._insist(child, id, child.starts))

    async def _insist(self, child: Child, id: str, start: int) -> None:
        await asyncio.sleep(CANCEL_SECONDS)
        job = self.running.get(child)
        if job is not None and job.id == id and child.starts == start:
            child.kill()

    # hearing

    async def _on_message(self, child: Child, message: Message, blob: bytes) -> None:
        job = self.running.get(child)
        match message["tell"]:
            case "ready":
                self.wake()
            case "events" if job is not None and message["job"] == job.id:
                await self._on_events(job.id, message["events"])
            case "ended" if job is not None and message["job"] == job.id:
                await self._on_end(child, job, message)

    async def _on_events(self, id: str, events: list[Message]) -> None:
        kept = [event for event in events if event["event"] != "progress"]
        if kept:
            await self.change(self.jobs.record, id, kept)
        for event in kept:
            if event["event"] == "started":
                self.started[id] = event["label"]
        for event in reversed(events):
            if event["event"] == "progress":
                self.hub.progress(id, {name: value for name, value in event.items() if name != "event"})
                break

    async def _on_end(self, child: Child, job: Job, message: Message) -> None:
        self.hub.progress(job.id, None)
        self.started.pop(job.id, None)
        if message["status"] == "stopped":
            tries = self.settings.limits.tries
            await self.change(self.jobs.give_back, job.id, False, tries, files=message["files"])
        else:
            await self.change(
                self.jobs.end, job.id, message["status"], message["seconds"], message["files"], message["errors"]
            )
        self.running[child] = None
        self.wake()

    async def _on_death(self, child: Child, reason: str) -> None:
        job = self.running.get(child)
        self.running[child] = None
        if job is not None:
            self.hub.progress(job.id, None)
            label = self.started.pop(job.id, "")
            at = f"{reason}, at {label}" if label else reason
            await self.change(self.jobs.give_back, job.id, not self.closing, self.settings.limits.tries, at)

    # ending

    async def close(self) -> None:
        """Let running calls finish, keep them, and end the workers; their jobs wait for the next server."""
        self.closing = True
        for child, job in self.running.items():
            if job is not None:
                child.send({"do": "stop", "job": job.id, "start": job.starts})
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while any(self.running.values()):
                    await asyncio.sleep(0.02)
        await asyncio.gather(*(child.close() for child in self.running))
        for task in list(self._tasks):
            task.cancel()
        self._thread.shutdown()
