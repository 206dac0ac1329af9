"""The real server, started as a user starts it, on a real socket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]
ENDED = ("done", "failed", "cancelled")


@dataclass
class Running:
    """A server's process and its address."""

    process: subprocess.Popen[str]
    address: str
    folder: Path

    def children(self) -> dict[str, int]:
        """The processes of its children, by role."""
        import psutil

        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                arguments = child.cmdline()
            except psutil.Error:
                continue
            if "child" in arguments:
                found[arguments[arguments.index("child") + 2]] = child.pid
        return found

    def end(self, how: int = signal.SIGTERM, seconds: float = 20) -> int:
        """End it by a signal; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(seconds)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def start(folder: Path, *options: str, env: dict[str, str] | None = None) -> Running:
    """Start a server over a folder and wait until it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "diffuscope", "serve", "--port", "0", "--data", str(folder / "data"), "--cache",
               str(folder / "cache"), "--device", "cpu", *options]  # fmt: skip
    log = (folder / "server.log").open("a")
    variables = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | (env or {})
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=variables)
    log.close()
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("Diffuscope at "):
        process.kill()
        process.wait()
        process.stdout.close()
        raise RuntimeError(f"the server did not start: {line}{(folder / 'server.log').read_text()}")
    return Running(process, line.split()[2], folder)


@contextmanager
def running(folder: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[Running]:
    """A server that ends with the block."""
    server = start(folder, *options, env=env)
    try:
        yield server
    finally:
        server.end(signal.SIGTERM)


@asynccontextmanager
async def client(server: Running, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server."""
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(server.address.partition("/?")[0], timeout=timeout, **options) as session:
        yield session


async def ask(session: aiohttp.ClientSession, method: str, path: str, status: int = 200, **options: Any) -> Any:
    """The JSON that is answered, which must come with this status."""
    async with session.request(method, path, **options) as response:
        text = await response.text()
        assert response.status == status, (method, path, response.status, text)
        return json.loads(text) if text else None


async def until_ended(session: aiohttp.ClientSession, id: str, seconds: float = 120) -> Any:
    """A job, once it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = await ask(session, "GET", f"/api/jobs/{id}")
        if job["state"] in ENDED:
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(f"{id} has not ended: {job}")
