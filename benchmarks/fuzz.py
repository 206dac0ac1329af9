"""Requests that nobody would think of: schemathesis makes them from the OpenAPI document and checks every answer.

First come the examples of the document, then values at the edges of each schema and beyond them, then random ones, and
chains of requests by the document's links, as long as there is time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import Row
from tests.web.running import Running, ask, client, running, until_ended
from web.server.routes import ALL
from web.server.routes.saved import EXAMPLE

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "tests" / "web" / "schemathesis.toml"
TOKEN = "no-secret-0123456789"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
OPERATIONS = {f"{route.method} {route.template}" for route in ALL}


@dataclass
class Fuzzed:
    """What came of it.

    Attributes:
        answers: operation → status → how many; also what is no operation, such as `PATCH /metrics`.
        failures: operation and check of each answer that is not as it should be.
        text: what schemathesis printed.
        log: what the server logged.
    """

    answers: dict[str, Counter[int]]
    failures: list[tuple[str, str]]
    text: str
    log: str

    @property
    def requests(self) -> int:
        """How many were answered."""
        return sum(counts.total() for counts in self.answers.values())

    @property
    def server_errors(self) -> int:
        """How many were answered 500 or above."""
        return sum(count for counts in self.answers.values() for status, count in counts.items() if status >= 500)

    @property
    def accepted(self) -> set[str]:
        """The operations that were answered 2xx."""
        return {name for name, counts in self.answers.items() if any(200 <= status < 300 for status in counts)}


def rows() -> list[Row]:
    """The figures of the long form; five minutes."""
    with tempfile.TemporaryDirectory() as folder:
        found = fuzzed(Path(folder), 300)
    told = f"{found.requests:,} requests to {len(OPERATIONS & found.answers.keys())} operations"
    wrong = f"{found.server_errors} server errors, {len(found.failures)} violations"
    return [Row("schemathesis, stateful, 5 minutes", f"{told}: {wrong}", "0, 0",
                not found.server_errors and not found.failures)]  # fmt: skip


def fuzzed(folder: Path, seconds: int, seed: int = 0) -> Fuzzed:
    """Let schemathesis at a server of its own for about so many seconds."""
    report = folder / "report.ndjson"
    with running(folder / "server", "--token", TOKEN) as server, ExitStack() as stack:
        asyncio.run(furnish(server))
        stack.enter_context(standing_still(server, 0.75 * seconds))
        asyncio.run(crowd(server))
        document = f"{server.address.partition('/?')[0]}/api/openapi.json"
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", document, "--no-color",
             "--header", f"Authorization: Bearer {TOKEN}", "--seed", str(seed), "--max-time", str(seconds),
             "--continue-on-failure", "--report", "ndjson", "--report-ndjson-path", str(report)],
            cwd=folder, capture_output=True, text=True, timeout=2 * seconds + 120,
        )  # fmt: skip
    found = Fuzzed({}, [], done.stdout + done.stderr, (server.folder / "server.log").read_text())
    for name, status, failed in answers(report):
        found.answers.setdefault(name, Counter())[status] += 1
        found.failures += [(name, check) for check in failed]
    if done.returncode and not found.failures:
        found.failures.append(("schemathesis", f"exit status {done.returncode}"))
    return found


def answers(report: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Operation, status (0 for no answer) and failed checks of each request."""
    with report.open(encoding="utf-8") as lines:
        for line in lines:
            recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            for id, interaction in recorder.get("interactions", {}).items():
                case, response = recorder["cases"][id]["value"], interaction["response"]
                failed = [check["name"] for check in recorder["checks"].get(id, []) if check["status"] != "success"]
                yield f"{case['method']} {case['path']}", response["status_code"] if response else 0, failed


async def furnish(server: Running) -> None:
    """Put something of each kind there: a job that is done, what it computed and wrote, a picture that was sent."""
    async with client(server, headers=AUTHORIZATION) as session:
        id = (await ask(session, "POST", "/api/jobs", 201, json={"workflow": EXAMPLE}))["id"]
        job = await until_ended(session, id)
        async with session.get(job["pictures"][0]["url"]) as response:
            data = await response.read()
        await ask(session, "POST", "/api/uploads", 201, data=data, headers={"Content-Type": "image/png"})
        await ask(session, "PUT", "/api/workflows/thumbnail", 201, json=EXAMPLE)


async def crowd(server: Running) -> None:
    """Let jobs wait, every other one paused."""
    async with client(server, headers=AUTHORIZATION) as session:
        for i in range(20):
            id = (await ask(session, "POST", "/api/jobs", 201, json={"workflow": EXAMPLE}))["id"]
            if i % 2:
                await ask(session, "POST", f"/api/jobs/{id}/pause")


@contextmanager
def standing_still(server: Running, seconds: float) -> Iterator[None]:
    """Let the worker do nothing for a while, so that there are jobs that wait, and can be moved and paused."""
    worker = server.children()["worker"]

    def go() -> None:
        with suppress(ProcessLookupError):  # it was ended, as one that does not stop when its job is cancelled
            os.kill(worker, signal.SIGCONT)

    os.kill(worker, signal.SIGSTOP)
    timer = threading.Timer(seconds, go)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        go()
