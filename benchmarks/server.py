"""The server under load and under fire: what it adds to a job, many clients at once, and processes that are killed.

The tests of `tests/web/` run the same functions with fewer jobs and fewer kills.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aiohttp
import psutil

from benchmarks.table import Row
from diffuscope import Engine, load_workflow
from tests.web.running import Running, ask, client, running, start, until_ended

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20


def rows() -> list[Row]:
    """The figures of the long form; about ten minutes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = [*added_rows(added(folder / "added", 40)), *view_rows(views(folder / "views"))]
        for target in ("worker", "server"):
            found.append(kill_row(killed(folder / target, target, jobs=20, kills=30)))
        found += load_rows(loaded(folder / "load", jobs=200, clients=20, sockets=50))
        return found


def drawing(steps: int, seed: int) -> dict[str, Any]:
    """An order of a picture by the shipped model."""
    return {"template": "text_to_image", "inputs": {"steps": steps, "seed": seed}}


# ── what the server adds ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Added:
    """Seconds of jobs, by the server and in a warm process, turn by turn."""

    server: list[float] = field(default_factory=list)
    engine: list[float] = field(default_factory=list)

    @property
    def milliseconds(self) -> float:
        """Median of the differences."""
        return 1e3 * statistics.median(a - b for a, b in zip(self.server, self.engine, strict=True))


def added(folder: Path, jobs: int) -> dict[str, Added]:
    """The same jobs to the server, from sending to being told that they are done, and to an engine in this process."""
    workflow = load_workflow(ROOT / "workflows" / "text_to_image.json")
    engine = Engine(folder / "cache-of-engine", folder / "out", "cpu")
    found = {"not cached": Added(), "all cached": Added()}

    async def play(server: Running) -> None:
        async with client(server) as session, session.ws_connect("/api/ws") as socket:
            for seed in range(-3, jobs):  # the first are to warm up
                for measured in found.values():
                    began = time.perf_counter()
                    engine.run(workflow, steps=4, seed=seed + 3)
                    mine = time.perf_counter() - began
                    began = time.perf_counter()
                    id = (await ask(session, "POST", "/api/jobs", 201, json=drawing(4, seed + 3)))["id"]
                    await told_done(socket, id)
                    if seed >= 0:
                        measured.server.append(time.perf_counter() - began)
                        measured.engine.append(mine)

    with running(folder) as server:
        asyncio.run(play(server))
    return found


async def told_done(socket: aiohttp.ClientWebSocketResponse, id: str) -> None:
    """Wait for the event that tells that a job is done."""
    while True:
        event = await socket.receive_json(timeout=60)
        if event["event"] == "done" and event["job"] == id:
            assert event["status"] == "done", event
            return


def added_rows(found: dict[str, Added]) -> list[Row]:
    """What is added to a job that has all to compute, and to one that has nothing to."""
    return [
        Row(f"added to a job, {kind}: server / warm engine",
            f"{1e3 * statistics.median(one.server):.0f} ms / {1e3 * statistics.median(one.engine):.0f} ms, "
            f"+{one.milliseconds:.1f} ms", "≤ 20 ms", one.milliseconds <= 20)
        for kind, one in found.items()
    ]  # fmt: skip


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def views(folder: Path) -> dict[str, float]:
    """Seconds of each view of each value of a picture from words, asked for over HTTP; the best of three."""
    found: dict[str, float] = {}

    async def play(server: Running) -> None:
        async with client(server) as session:
            id = (await ask(session, "POST", "/api/jobs", 201, json=drawing(20, 1)))["id"]
            await until_ended(session, id)
            for call in (await ask(session, "GET", f"/api/jobs/{id}/calls"))["calls"]:
                if call["node"] == "save_image":
                    continue  # what acts has no value
                value = await ask(session, "GET", f"/api/values/{call['key']}")
                for output, about in value["outputs"].items():
                    for view in about["views"]:
                        name = f"{about['type']} as {view['name']}"
                        best = min([await once(session, call["key"], output, view["name"]) for _ in range(3)])
                        found[name] = max(found.get(name, 0.0), best)

    with running(folder) as server:
        asyncio.run(play(server))
    return found


async def once(session: aiohttp.ClientSession, key: str, output: str, view: str) -> float:
    """Seconds of one view."""
    began = time.perf_counter()
    async with session.get(f"/api/values/{key}/view", params={"output": output, "view": view}) as response:
        assert response.status == 200, await response.text()
        await response.read()
    return time.perf_counter() - began


def view_rows(found: dict[str, float]) -> list[Row]:
    """The slowest view."""
    slowest = max(found, key=lambda name: found[name])
    return [Row(f"{len(found)} views of the values of text_to_image over HTTP; the slowest is {slowest}",
                f"{1e3 * found[slowest]:.0f} ms", "≤ 100 ms", found[slowest] <= 0.1)]  # fmt: skip


# ── under fire ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Killed:
    """What came of jobs whose worker or server was killed again and again."""

    target: str
    kills: int
    jobs: int
    done: int
    once: int
    """Jobs that were told to be done once, and have one picture."""
    identical: int
    """Pictures that are, pixel for pixel, what an engine in this process makes."""
    seconds: float


def killed(folder: Path, target: Literal["worker", "server"], jobs: int, kills: int, steps: int = 60) -> Killed:
    """Send jobs, and kill the worker or the whole server at random moments until all are done or so many kills."""
    orders = [drawing(steps, seed) for seed in range(jobs)]
    server = start(folder, "--exact")
    began, moments = time.perf_counter(), random.Random(0)
    try:
        ids = asyncio.run(send_all(server, orders))
        count = 0
        while count < kills and asyncio.run(left(server, ids)):
            asyncio.run(until_ready(server))  # one that is killed before would only be started again, ever later
            time.sleep(moments.uniform(0.05, 2.5))
            if target == "worker":
                worker = server.children().get("worker")
                if worker is not None:
                    os.kill(worker, signal.SIGKILL)
                    count += 1
            else:
                server.end(signal.SIGKILL)
                count += 1
                server = start(folder, "--exact")
        done, once = asyncio.run(all_done(server, ids))
    finally:
        server.end()
    seconds = time.perf_counter() - began
    return Killed(target, count, jobs, done, once, identical(folder, ids, orders), seconds)


async def send_all(server: Running, orders: Sequence[dict[str, Any]]) -> list[str]:
    """The ids of jobs that were accepted."""
    async with client(server) as session:
        return [(await ask(session, "POST", "/api/jobs", 201, json=order))["id"] for order in orders]


async def until_ready(server: Running) -> None:
    """Wait for a worker that takes jobs."""
    async with client(server) as session:
        while (await ask(session, "GET", "/api/health"))["status"] != "ok":
            await asyncio.sleep(0.05)


async def left(server: Running, ids: Sequence[str]) -> int:
    """How many have not ended."""
    async with client(server) as session:
        states = [(await ask(session, "GET", f"/api/jobs/{id}"))["state"] for id in ids]
    return sum(state in ("queued", "running") for state in states)


async def all_done(server: Running, ids: Sequence[str]) -> tuple[int, int]:
    """How many jobs are done in the end, and how many of these were done once."""
    done = once = 0
    async with client(server) as session:
        for id in ids:
            job = await until_ended(session, id, 600)
            done += job["state"] == "done"
            async with session.get(f"/api/jobs/{id}/events", params={"after": "0"}) as response:
                told = (await response.text()).count('"event":"done"')
            images = await ask(session, "GET", "/api/images", params={"limit": "500"})
            there = [image for image in images["images"] if image["job"] == id]
            once += told == 1 and len(job["pictures"]) == 1 == len(there)
    return done, once


def identical(folder: Path, ids: Sequence[str], orders: Sequence[dict[str, Any]]) -> int:
    """How many pictures are what an engine in this process makes of the same orders."""
    import numpy as np
    import torch
    from PIL import Image

    torch.set_num_threads(1)  # as the server's worker
    engine = Engine(device="cpu", exact=True)
    workflow = load_workflow(ROOT / "workflows" / "text_to_image.json")
    same = 0
    for id, order in zip(ids, orders, strict=True):
        pictures = list((folder / "data" / "outputs" / id).glob("*.png"))
        wanted = engine.run(workflow, only="image", **order["inputs"])["image"].to_pillow()
        same += len(pictures) == 1 and np.array_equal(np.asarray(Image.open(pictures[0])), np.asarray(wanted))
    return same


def kill_row(found: Killed) -> Row:
    """Whether nothing was lost and nothing done twice."""
    whole = found.done == found.once == found.identical == found.jobs
    return Row(
        f"SIGKILL of the {found.target} at {found.kills} random moments, {found.jobs} jobs queued",
        f"{found.done} done, {found.once} once, {found.identical} pictures identical ({found.seconds:.0f} s)",
        "all", whole,
    )  # fmt: skip


# ── under load ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Loaded:
    """What many clients at once have met."""

    jobs: int
    done: int
    seconds: float
    health: list[float]
    """Seconds of each `GET /api/health`."""
    memory: list[tuple[float, int]]
    """Seconds since the start, and resident bytes of the server."""
    others: dict[str, tuple[int, int]]
    """Of each child, resident bytes at the first minute's end and at the end."""
    missed: int
    """Events that a socket which reads was not sent."""

    @property
    def p99(self) -> float:
        """The 99th percentile of health's seconds."""
        return statistics.quantiles(self.health, n=100)[98]

    @property
    def growth(self) -> int:
        """Bytes between least and most after the first minute, or after the first third of a short run."""
        settled = min(60.0, self.seconds / 3)
        after = [size for at, size in self.memory if at >= settled]
        return max(after) - min(after)


def loaded(folder: Path, jobs: int, clients: int, sockets: int, steps: int = 10) -> Loaded:
    """Jobs from many clients at once, with open WebSockets of which two never read."""
    with running(folder) as server:
        return asyncio.run(load(server, jobs, clients, sockets, steps))


async def load(server: Running, jobs: int, clients: int, sockets: int, steps: int) -> Loaded:
    """See `loaded`."""
    began = time.perf_counter()
    found = Loaded(jobs, 0, 0.0, [], [], {}, 0)
    over = asyncio.Event()
    heard = [set[int]() for _ in range(sockets - 2)]
    deaf = [await connect_and_never_read(server.address) for _ in range(2)]
    async with asyncio.TaskGroup() as group:
        for numbers in heard:
            group.create_task(listen(server, numbers, over))
        group.create_task(watch_health(server, found, over))
        group.create_task(watch_memory(server, found, over, began))
        async with client(server, connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.sleep(0.5)
            sent = await asyncio.gather(
                *(one_client(session, [drawing(steps, c + clients * i) for i in range(jobs // clients)])
                  for c in range(clients))
            )  # fmt: skip
            states = [state for states in sent for state in states]
            last = (await ask(session, "GET", "/api/stats"))["last_event"]
        found.seconds = time.perf_counter() - began
        for _ in range(100):
            if all(last in numbers for numbers in heard):
                break
            await asyncio.sleep(0.1)
        over.set()
    found.done = states.count("done")
    found.missed = sum(len(set(range(1, last + 1)) - numbers) for numbers in heard)
    for _, writer in deaf:
        writer.close()
    return found


async def one_client(session: aiohttp.ClientSession, orders: Sequence[dict[str, Any]]) -> list[str]:
    """Send orders as quickly as they are taken, and wait for all."""
    ids = [(await ask(session, "POST", "/api/jobs", 201, json=order))["id"] for order in orders]
    states = []
    for id in ids:
        while (state := (await ask(session, "GET", f"/api/jobs/{id}"))["state"]) not in ("done", "failed", "cancelled"):
            await asyncio.sleep(0.5)
        states.append(state)
    return states


async def listen(server: Running, numbers: set[int], over: asyncio.Event) -> None:
    """Read all events."""
    async with client(server) as session, session.ws_connect("/api/ws", params={"after": "0"}) as socket:
        while not over.is_set():
            with suppress(TimeoutError):
                event = await socket.receive_json(timeout=0.5)
                if "number" in event:
                    numbers.add(event["number"])


async def connect_and_never_read(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket whose client takes nothing from the wire, not even pings."""
    host = address.removeprefix("http://")
    name, _, port = host.rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port), limit=1024)
    lines = (
        "GET /api/ws?after=0 HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", "",
    )  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    return reader, writer


async def watch_health(server: Running, found: Loaded, over: asyncio.Event) -> None:
    """Ask for health twenty times a second."""
    async with client(server) as session:
        while not over.is_set():
            began = time.perf_counter()
            await ask(session, "GET", "/api/health")
            found.health.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)


async def watch_memory(server: Running, found: Loaded, over: asyncio.Event, began: float) -> None:
    """Weigh the server, and at times its children."""
    weigh: Callable[[int], int] = lambda pid: psutil.Process(pid).memory_info().rss  # noqa: E731
    early: dict[str, int] = {}
    while not over.is_set():
        now = time.perf_counter() - began
        found.memory.append((now, weigh(server.process.pid)))
        children = {role: weigh(pid) for role, pid in server.children().items()}
        if now < 60:
            early = children
        found.others = {role: (early.get(role, 0), size) for role, size in children.items()}
        await asyncio.sleep(1.0)


def load_rows(found: Loaded) -> list[Row]:
    """Whether all was done, at what pace it went on answering, and how flat its memory was."""
    what = f"{found.jobs} jobs from clients at once, 50 WebSockets of which two never read"
    settled = [size for at, size in found.memory if at >= min(60.0, found.seconds / 3)]
    grown = ", ".join(f"{role} {(b - a) / MIB:+.0f}" for role, (a, b) in found.others.items())
    return [
        Row(f"{what}", f"{found.done} done in {found.seconds:.0f} s; {found.missed} events missed", "all; 0",
            found.done == found.jobs and not found.missed),
        Row("… memory of the server after the first minute",
            f"{min(settled) / MIB:.0f} … {max(settled) / MIB:.0f} MB ({grown})", "± 50 MB", found.growth <= 100 * MIB),
        Row("… GET /api/health, p99", f"{1e3 * found.p99:.0f} ms of {len(found.health)}", "≤ 100 ms", found.p99 <= 0.1),
    ]  # fmt: skip
