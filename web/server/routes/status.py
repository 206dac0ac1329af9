"""How the server is: for people, for load balancers, for Prometheus, and for programs that generate clients."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal

import psutil
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from pydantic import BaseModel, Field

from web.server.api import Call, Raw, Reply, Routes
from web.server.child import Child
from web.server.server import Server

routes = Routes()


class Health(BaseModel):
    """Whether jobs are run."""

    status: Literal["ok", "starting"] = Field(description="`starting` while no worker is ready")


class ChildAbout(BaseModel):
    """A child process."""

    name: str
    pid: int | None = Field(description="of its process, while it runs")
    ready: bool
    starts: int
    memory: int = Field(description="resident bytes")
    job: str | None = Field(description="the job that it runs")


class Stats(BaseModel):
    """Memory, cache and queue."""

    version: str
    seconds: float = Field(description="since the server started")
    memory: int = Field(description="resident bytes of the server itself")
    children: list[ChildAbout]
    jobs: dict[str, int] = Field(description="how many of each state")
    cache: dict[str, int] = Field(description="values, bytes, and the bytes at which it is tidied")
    followers: int = Field(description="open streams of events")
    last_event: int


def memory_of(pid: int | None) -> int:
    """Resident bytes of a process; 0 if it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, ValueError):
        return 0


def children(server: Server) -> dict[Child, str | None]:
    """Every child, with the job that it runs."""
    workers = {child: job.id if job else None for child, job in server.dispatcher.running.items()}
    return {**workers, server.checker.child: None, server.viewer.child: None}


@routes.add("GET", "/api/health", gives={200: Health})
async def read_health(server: Server, call: Call[None, None]) -> Reply:
    """Whether the server answers; no token is needed."""
    ready = any(child.ready for child in server.dispatcher.running)
    return Reply(Health(status="ok" if ready else "starting"))


@routes.add("GET", "/api/stats", gives={200: Stats})
async def read_stats(server: Server, call: Call[None, None]) -> Reply:
    """Memory, cache, queue and children."""
    cache, _ = await server.ask("cache_info")
    about = [
        ChildAbout(
            name=child.name, pid=child.pid, ready=child.ready, starts=child.starts, memory=memory_of(child.pid), job=job
        )
        for child, job in children(server).items()
    ]
    return Reply(
        Stats(
            version=version("diffuscope"),
            seconds=time.time() - server.began,
            memory=memory_of(None),
            children=about,
            jobs=await server.dispatcher.change(server.jobs.counts),
            cache=cache,
            followers=server.hub.followers,
            last_event=server.hub.last,
        )
    )


class Collector:
    """The server's numbers in Prometheus' form."""

    def __init__(self, server: Server, counts: dict[str, int]) -> None:
        self.server, self.counts = server, counts

    def collect(self) -> list[Metric]:
        """The metrics."""
        jobs = GaugeMetricFamily("diffuscope_jobs", "Jobs by state.", labels=["state"])
        memory = GaugeMetricFamily("diffuscope_memory_bytes", "Resident memory by process.", labels=["process"])
        starts = CounterMetricFamily("diffuscope_child_starts", "Starts of child processes.", labels=["process"])
        ready = GaugeMetricFamily("diffuscope_child_ready", "Whether a child process is ready.", labels=["process"])
        for state, count in self.counts.items():
            jobs.add_metric([state], count)
        memory.add_metric(["server"], memory_of(None))
        for child in children(self.server):
            memory.add_metric([child.name], memory_of(child.pid))
            starts.add_metric([child.name], child.starts)
            ready.add_metric([child.name], child.ready)
        followers = GaugeMetricFamily("diffuscope_followers", "Open streams of events.", self.server.hub.followers)
        events = CounterMetricFamily("diffuscope_events", "Events that were kept.", self.server.hub.last)
        return [jobs, memory, starts, ready, followers, events]


@routes.add("GET", "/metrics", gives={200: Raw("text/plain", description="Prometheus' text format")})
async def read_metrics(server: Server, call: Call[None, None]) -> web.Response:
    """The server's numbers for Prometheus."""
    registry = CollectorRegistry()
    registry.register(Collector(server, await server.dispatcher.change(server.jobs.counts)))
    return web.Response(body=generate_latest(registry), headers={"Content-Type": "text/plain; version=0.0.4"})


@routes.add("GET", "/api/openapi.json", gives={200: dict[str, Any]})
async def read_openapi(server: Server, call: Call[None, None]) -> web.Response:
    """This document."""
    return web.json_response(text=document(server.settings.token is not None))


@lru_cache
def document(token: bool) -> str:
    """The OpenAPI document as JSON."""
    from web.server.openapi import document as openapi
    from web.server.routes import ALL

    return json.dumps(openapi(ALL, token=token), ensure_ascii=False)
