"""A worker: the child process in which jobs run, one after the other, with the weights of the last ones still warm.

What takes long is on disk before it is told to be finished, what is quick is a moment later. When the server is gone it
ends at once; the next one goes on from there.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from engine import DiffuscopeError, Result, WorkflowError
from engine.cache import Cache
from engine.engine import Engine
from engine.errors import describe
from engine.events import Event, Failed, Finished, Planned, Progress, Started, Warned
from engine.keys import Graph
from engine.view import views_of
from web.server.bounds import open_to_workflows
from web.server.orders import prepare
from web.server.settings import Settings
from web.server.wire import Message, Wire

log = logging.getLogger("diffuscope.worker")

GATHER_SECONDS = 0.01
"""How long events wait for others that travel with them."""
FLUSH_SECONDS = 0.2
"""How long a quick value may wait before the index of the cache has it."""
PREVIEW_SECONDS = 0.1


class Sender:
    """Sends events in bundles, from a thread of its own, so that telling never slows the run."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._waiting: deque[tuple[str, Message]] = deque()
        self._some, self._urgent, self._idle = threading.Event(), threading.Event(), threading.Event()
        self._idle.set()
        threading.Thread(target=self._send_all, name="sender", daemon=True).start()

    def put(self, job: str, event: Message) -> None:
        """Send an event of a job soon."""
        self._waiting.append((job, event))
        self._idle.clear()
        self._some.set()

    def flush(self) -> None:
        """Return when everything is sent."""
        self._urgent.set()
        self._idle.wait()
        self._urgent.clear()

    def _send_all(self) -> None:
        while True:
            self._some.wait()
            self._urgent.wait(GATHER_SECONDS)
            self._some.clear()
            bundles: dict[str, list[Message]] = {}
            while self._waiting:
                job, event = self._waiting.popleft()
                bundles.setdefault(job, []).append(event)
            for job, events in bundles.items():
                ended = {event["key"] for event in events if event["event"] in ("finished", "failed")}
                kept = [event for event in events if event["event"] != "started" or event["key"] not in ended]
                try:
                    self.wire.send({"tell": "events", "job": job, "events": kept})
                except OSError:
                    os._exit(1)  # nobody is there any more
            if not self._waiting:
                self._idle.set()


class Worker:
    """Runs the jobs that the server sends."""

    def __init__(self, wire: Wire, engine: Engine, settings: Settings) -> None:
        self.wire, self.engine, self.settings = wire, engine, settings
        self.sender = Sender(wire)
        self.orders: SimpleQueue[Message | None] = SimpleQueue()
        self.stopped: tuple[str, int] | None = None
        """The job and the start of it that are to stop."""

    def serve(self, warm: Callable[[], Any]) -> None:
        """Do as told until told to end.

        Args:
            warm: imports what jobs will need; done before the first is taken.
        """
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        warm()
        self.wire.send({"tell": "ready", "pid": os.getpid()})
        while (order := self.orders.get()) is not None:
            self.run(order)
        self.engine.close()

    def _listen(self) -> None:
        """Hear the server while a job runs."""
        while (received := self.wire.receive()) is not None:
            message, _ = received
            match message["do"]:
                case "run":
                    self.orders.put(message)
                case "stop":
                    self.stopped = message["job"], message["start"]
                case "end":
                    self.orders.put(None)
        os._exit(1)  # the server is gone

    def run(self, message: Message) -> None:
        """Run one job and tell how it ended."""
        job, began = message["job"], time.perf_counter()
        ended: Message = {"status": "failed", "files": [], "errors": []}
        try:
            result = self.compute((job, message["start"]), message["order"], Path(message["out"]))
            outcome = result.outcome
            ended["status"] = outcome.status
            ended["files"] = [str(file.relative_to(message["out"])) for file in outcome.files]
            ended["errors"] = [str(failure) for failure in outcome.failures]
        except WorkflowError as error:
            ended["errors"] = [str(fault) for fault in error.faults]
        except DiffuscopeError as error:
            ended["errors"] = str(error).splitlines()
        except Exception as error:
            log.exception("job %s", job)
            ended["errors"] = [describe(error)]
        self.sender.flush()
        self.wire.send({"tell": "ended", "job": job, "seconds": time.perf_counter() - began, **ended})

    def compute(self, start: tuple[str, int], order: Message, out: Path) -> Result:
        """Run a job's workflow; what an earlier start of the same job wrote is written again."""
        self.engine.bounds = open_to_workflows(self.settings)
        workflow, inputs, sweeps = prepare(order, self.settings.workflows)
        graph = self.engine.graph(workflow, inputs, sweeps)
        shutil.rmtree(out, ignore_errors=True)
        listener = Listener(start[0], graph, self.engine.cache, self.sender)
        return self.engine.run_graph(
            workflow, graph, inputs, sweeps, order.get("only"), listener, out, lambda: self.stopped == start
        )


class Listener:
    """Turns a run's events into messages."""

    def __init__(self, job: str, graph: Graph, cache: Cache, sender: Sender) -> None:
        self.job, self.graph, self.cache, self.sender = job, graph, cache, sender
        self.done = self.to_run = 0
        self.flushed = self.shown = 0.0

    def __call__(self, event: Event) -> None:
        """Tell the server."""
        match event:
            case Planned():
                self.to_run = len(event.run)
                self.put(
                    {"event": "planned", "run": len(event.run), "cached": event.cached, "unneeded": event.unneeded}
                )
            case Finished():
                self.put({**event.to_json(), "kept": self.graph.calls[event.key].type.stored})
                if not event.cached:
                    self.done += 1
                    self.keep(event)
                    self.progress(event, 0.0)
            case Progress():
                self.progress(event, event.fraction)
            case Started() | Failed() | Warned():
                self.put(event.to_json())

    def put(self, message: Message) -> None:
        """Send a message soon."""
        self.sender.put(self.job, message)

    def keep(self, event: Finished) -> None:
        """See that what is told to be finished can soon be looked at: quick values wait to be indexed together."""
        now = time.monotonic()
        if event.seconds > FLUSH_SECONDS or now - self.flushed > FLUSH_SECONDS:
            self.flushed = now
            self.cache.flush()

    def progress(self, event: Finished | Progress, fraction: float) -> None:
        """How far the job and the running call are, with the latest picture that there is to see."""
        now = time.monotonic()
        if now - self.shown < PREVIEW_SECONDS and self.done < self.to_run:
            return
        self.shown = now
        message = {"event": "progress", "label": event.label, "node": event.node, "fraction": round(fraction, 4),
                   "done": self.done, "of": self.to_run}  # fmt: skip
        if isinstance(event, Finished):
            message["preview"] = self.preview(event.key)
        self.put(message)

    def preview(self, key: str) -> Message | None:
        """Which value to look at, if this call gave one that is seen as a picture."""
        type = self.graph.calls[key].type
        for name, output in type.outputs.items():
            views = views_of(output.kind) if output.type.stored and not type.effect else {}
            for view in views.values():
                return {"key": key, "output": name} if view.shows == "picture" else None
        return None
