"""A child process of the server, started again whenever it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from web.server.wire import Message, pack, receive

log = logging.getLogger("diffuscope.server")

PATIENCE = 10.0
"""Seconds between starts, at most, for a child that dies before it is ready; one that was is started again at once."""


class Child:
    """One child, and all that follow it.

    Attributes:
        name: for people: `worker cpu`, `clerk`.
        process: the one that runs now, if one does.
        ready: whether it has said so.
        starts: how many there have been.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        on_message: Callable[[Child, Message, bytes], Awaitable[None]],
        on_death: Callable[[Child, str], Awaitable[None]],
        keep_open: Sequence[int] = (),
    ) -> None:
        """Describe a child; `start` starts it.

        Args:
            name: for people.
            command: program and arguments; the number of the descriptor to talk by is added.
            on_message: is given what it says, one message after the other; "ready" comes here too.
            on_death: is given why, after the last message, and before the next child is started.
            keep_open: descriptors that it inherits.
        """
        self.name, self.command, self.on_message, self.on_death = name, tuple(command), on_message, on_death
        self.keep_open = tuple(keep_open)
        self.process: asyncio.subprocess.Process | None = None
        self.ready, self.starts = False, 0
        self._writer: asyncio.StreamWriter | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    def start(self) -> None:
        """Start the first, and keep one running from here on."""
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    async def _keep_running(self) -> None:
        delay = 0.0
        while not self._closing:
            try:
                reason = await self._live()
            except OSError as error:  # no process, no socket: the machine is full
                reason = f"cannot be started: {error}"
            settled, self.ready, self._writer = self.ready, False, None
            if self._closing:
                reason = "told to end"
            else:
                log.warning("%s ended: %s", self.name, reason)
            await self.on_death(self, reason)
            delay = 0.0 if settled else min(PATIENCE, 2 * delay + 0.1)
            if not self._closing:
                await asyncio.sleep(delay)

    async def _live(self) -> str:
        """One process from its start to its end; why it ended."""
        ours, theirs = socket.socketpair()
        with theirs:
            fds = (theirs.fileno(), *self.keep_open)
            self.process = await asyncio.create_subprocess_exec(
                *self.command, str(theirs.fileno()), pass_fds=fds, stdin=asyncio.subprocess.DEVNULL,
                stdout=sys.stderr.fileno(), start_new_session=True,
            )  # fmt: skip
        self.starts += 1
        reader, self._writer = await asyncio.open_connection(sock=ours)
        try:
            while True:
                message, blob = await receive(reader)
                if message.get("tell") == "ready":
                    self.ready = True
                await self.on_message(self, message, blob)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writer.close()
            self.kill()  # it says nothing any more, so it is of no use
            code = await self.process.wait()
        return describe_end(code)

    def send(self, message: Message, blob: bytes = b"") -> bool:
        """Send a message; False if there is nobody to read it."""
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(pack(message, blob))
        return True

    def kill(self) -> None:
        """End the process at once; the next is started."""
        with suppress(ProcessLookupError):
            if self.pid is not None:  # Process.kill would take the exit status away from asyncio
                os.kill(self.pid, signal.SIGKILL)

    async def close(self) -> None:
        """End the process for good."""
        self._closing = True
        self.kill()
        if self._task is not None:
            with suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, 5)


def describe_end(code: int) -> str:
    """Why a process ended, for people."""
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name}, out of memory?" if name == "SIGKILL" else name


class Clerk:
    """A child that answers questions, several on their way at once."""

    def __init__(self, name: str, command: Sequence[str], keep_open: Sequence[int] = ()) -> None:
        """See `Child`."""
        self.child = Child(name, command, self._answered, self._died, keep_open)
        self._waiting: dict[int, asyncio.Future[tuple[Message, bytes]]] = {}
        self._last = 0
        self._up = asyncio.Event()

    async def ask(self, do: str, seconds: float, **arguments: Any) -> tuple[Message, bytes]:
        """The answer to a question, and bytes if they come with it.

        A clerk that dies meanwhile is asked once more, since others' questions may have killed it.

        Raises:
            TimeoutError: it took too long; the clerk was ended.
            ConnectionError: it died twice.
        """
        for attempt in range(2):
            await asyncio.wait_for(self._up.wait(), 60)
            self._last += 1
            number = self._last
            future = self._waiting[number] = asyncio.get_running_loop().create_future()
            try:
                if not self.child.send({"id": number, "do": do, **arguments}):
                    self._up.clear()  # it has just ended; the next says when it is there
                    continue
                return await asyncio.wait_for(future, seconds)
            except TimeoutError:
                self.child.kill()
                self._up.clear()
                raise
            except ConnectionError:
                if attempt:
                    raise
            finally:
                self._waiting.pop(number, None)
        raise ConnectionError(f"{self.child.name} is not there")

    async def _answered(self, child: Child, message: Message, blob: bytes) -> None:
        if message.get("tell") == "ready":
            self._up.set()
            return
        future = self._waiting.get(message.get("id", 0))
        if future is not None and not future.done():
            future.set_result((message, blob))

    async def _died(self, child: Child, reason: str) -> None:
        self._up.clear()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError(f"{child.name} ended: {reason}"))
