"""Jobs: sent, listed, followed, stopped and moved."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from aiohttp import WSMsgType, web
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from engine import Fault
from engine.workflow import WORD
from web.server.api import Call, Link, Raw, Refusal, Reply, Routes
from web.server.jobs import ENDED, Differs, Forbidden, Full, Job, Order, State
from web.server.routes.saved import EXAMPLE, WorkflowName, read_saved, read_template
from web.server.server import Server
from web.server.settings import JSON_BYTES

routes = Routes()

HEARTBEAT = 15.0
"""Seconds between signs of life on a stream: proxies keep it open by them, and whoever has left is noticed."""

JobId = Annotated[str, Field(pattern=r"^[0-9]{8}-[0-9]{6}-[a-z2-9]{6}$", description="as `POST /api/jobs` gave it")]
Stream = AsyncGenerator[tuple[int | None, str]]
Scalar = Annotated[str, Field(max_length=100_000)] | bool | int | float
Swept = Annotated[str, Field(max_length=2_000)] | bool | int | float
"""One of many, so shorter: as many as there may be fit into a body."""


# ── what is sent and given ────────────────────────────────────────────────────────────────────────────────────────────


class Ordered(BaseModel):
    """A workflow with its inputs: in full, or by the name of a saved or of a shipped one."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"workflow": EXAMPLE, "inputs": {"side": 32}}]}
    )

    workflow: dict[str, JsonValue] | None = Field(None, description="a workflow as JSON")
    name: WorkflowName | None = Field(None, description="of a saved workflow, instead")
    template: WorkflowName | None = Field(None, description="of a shipped workflow, instead")
    inputs: dict[str, Scalar] = Field(
        default_factory=dict, max_length=1000, description="values that are not to have their defaults"
    )
    sweeps: dict[str, Annotated[list[Swept], Field(max_length=10_000)] | Annotated[str, Field(max_length=10_000)]] = (
        Field(
            default_factory=dict, max_length=1000, description="input → its values, or a text such as `0.6:0.99:0.01`"
        )
    )
    only: Annotated[str, Field(pattern=rf"^{WORD}$")] | None = Field(
        None, description="a top-level node, if not all is wanted"
    )

    @model_validator(mode="after")
    def _one_workflow(self) -> Ordered:
        given = [part for part in ("workflow", "name", "template") if getattr(self, part) is not None]
        if self.workflow is not None and self.template is None:
            return self  # a saved workflow that was changed since: paths begin where it is saved
        if len(given) != 1:
            raise ValueError('one of "workflow", "name" and "template"')
        return self

    def order(self, server: Server) -> Order:
        """What is to be computed; `Refusal` (404) if there is no such workflow."""
        workflow: dict[str, Any]
        if self.workflow is not None:
            workflow = dict(self.workflow)
        elif self.name is not None:
            workflow = read_saved(server, self.name).workflow
        else:
            workflow = read_template(self.template or "")
        return Order(workflow, self.name or "", self.template or "", dict(self.inputs), dict(self.sweeps), self.only)


class NewJob(Ordered):
    """A job to be run."""

    front: bool = Field(False, description="before all others that wait")


class Picture(BaseModel):
    """A file that a job wrote."""

    name: str
    url: str


class JobState(BaseModel):
    """A job, and what has become of it."""

    id: str
    state: State
    wanted: Literal["", "paused", "cancelled"] = Field(description="what a running job becomes as soon as it can stop")
    title: str
    name: str = Field(description="of the saved workflow, or empty")
    template: str = Field(description="of the shipped workflow, or empty")
    calls: int = Field(description="how many it has in all")
    to_run: int = Field(description="how many the latest start had to compute")
    ran: int = Field(description="how many were computed, in all starts")
    cached: int = Field(description="how many came from the cache at the latest start")
    starts: int = Field(description="how often a worker has taken it")
    created: datetime
    started: datetime | None
    finished: datetime | None
    seconds: float = Field(description="spent running")
    pictures: list[Picture] = Field(description="what it wrote")
    errors: list[str] = Field(description="a line for each failure")


class JobInFull(JobState):
    """A job with what was ordered."""

    workflow: dict[str, Any]
    inputs: dict[str, Any]
    sweeps: dict[str, Any]
    only: str | None


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobState]
    total: int = Field(description="how many there are of these, on all pages")
    next: str | None = Field(description="the `after` of the next page, or null")


class Queue(BaseModel):
    """What runs, and what waits in the order in which it will run."""

    running: list[JobState]
    waiting: list[JobState]


class CallState(BaseModel):
    """The latest that is known of a call."""

    model_config = ConfigDict(extra="allow")

    number: int = Field(description="of the event that told of it")
    event: Literal["finished", "failed"]
    label: str
    node: str
    key: str
    cached: bool = False
    kept: bool = Field(False, description="whether the value is kept, and not made anew at every start")
    seconds: float = 0.0
    bytes: int = 0
    error: str = ""


class Calls(BaseModel):
    """A page of a job's calls, in the order in which they were told of."""

    calls: list[CallState]
    next: int | None = Field(description="the `after` of the next page, or null")


class JobQuery(BaseModel):
    """Which jobs to list."""

    state: (
        Annotated[
            str,
            Field(
                pattern=r"^(queued|running|paused|done|failed|cancelled)(,(queued|running|paused|done|failed|cancelled))*$"
            ),
        ]
        | None
    ) = Field(None, description="one or more of queued, running, paused, done, failed, cancelled, with commas")
    text: Annotated[str, Field(max_length=200)] = Field("", description="occurs in the title or the id")
    after: JobId | None = Field(None, description="the last id of the page before")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class CallQuery(BaseModel):
    """Which calls to list."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="the `next` of the page before")
    limit: Annotated[int, Field(ge=1, le=5000)] = 1000


class Following(BaseModel):
    """From where to follow."""

    after: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="the number of the last event that is known; without it, only what is to come is sent"
    )


class FollowingAll(Following):
    """From where to follow, and what."""

    job: JobId | None = Field(None, description="only events of this job")


class PostHeaders(BaseModel):
    """Headers of a job that is sent."""

    idempotency_key: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")] | None = Field(
        None, description="the same key and the same job again give the job that was made at first"
    )


class EventHeaders(BaseModel):
    """Headers of a stream of events."""

    last_event_id: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="sent by browsers that come back; like `after`"
    )


class Before(BaseModel):
    """A place in the queue."""

    model_config = ConfigDict(extra="forbid")

    before: JobId | None = Field(description="the job to stand before; null for the end of the queue")


def state_of(job: Job, **more: Any) -> dict[str, Any]:
    """A job as JSON models have it."""
    times = {
        name: None if at is None else datetime.fromtimestamp(at, UTC)
        for name, at in (("created", job.created), ("started", job.started), ("finished", job.finished))
    }
    pictures = [Picture(name=file, url=f"/api/images/{job.id}/{quote(file)}") for file in job.files]
    same = ("id", "state", "wanted", "title", "calls", "to_run", "ran", "cached", "starts", "errors")
    return {name: getattr(job, name) for name in same} | times | {
        "name": job.order.name, "template": job.order.template, "seconds": round(job.seconds, 3), "pictures": pictures,
    } | more  # fmt: skip


def shown(job: Job | None) -> JobState:
    """A job to be sent; `Refusal` (404) for none."""
    if job is None:
        raise Refusal(404, "no such job")
    return JobState(**state_of(job))


# ── sending and listing ───────────────────────────────────────────────────────────────────────────────────────────────

OF_JOB = {
    part: Link(f"{part}_job", {"id": "$response.body#/id"})
    for part in ("read", "follow", "cancel", "pause", "resume", "retry", "move", "forget")
} | {"calls": Link("list_calls", {"id": "$response.body#/id"})}
OF_CALL = {
    "value": Link("read_value", {"key": "$response.body#/calls/0/key"}),
    "view": Link("view_value", {"key": "$response.body#/calls/0/key"}),
}


@routes.add(
    "POST", "/api/jobs", body=NewJob, headers=PostHeaders, gives={201: JobState, 200: JobState},
    refuses=[404, 409, 422, 429], links={200: OF_JOB, 201: OF_JOB}, limit=JSON_BYTES,
)  # fmt: skip
async def send_job(server: Server, call: Call[None, NewJob]) -> Reply:
    """Send a job. It is checked first; what is accepted (201) is on the disk and will be run.

    With an `Idempotency-Key` that was used before, the same order gives the job that was made then (200), and another
    order is refused (409).
    """
    order = call.body.order(server)
    found, _ = await server.ask("check", job=order.to_json())
    if found["faults"]:
        raise refusal_of(found["faults"])
    try:
        job, new = await server.dispatcher.change(
            server.jobs.add, order, found["calls"], call.headers.idempotency_key, call.body.front
        )
    except Full:
        raise full(server) from None
    except Differs:
        raise Refusal(409, "expected the order that came first with this Idempotency-Key, found another") from None
    server.dispatcher.wake()
    return Reply(shown(job), 201 if new else 200, {"Location": f"/api/jobs/{job.id}"})


def refusal_of(faults: list[dict[str, str]]) -> Refusal:
    """The refusal of a workflow with faults."""
    return Refusal.of_faults(422, [Fault(**fault) for fault in faults])


def full(server: Server) -> Refusal:
    """The refusal of one job more than may wait."""
    limit = server.settings.limits.queue
    return Refusal(429, f"expected at most {limit} waiting jobs, found as many", hint="wait until some are done",
                   headers={"Retry-After": "10"})  # fmt: skip


@routes.add("GET", "/api/jobs", query=JobQuery, gives={200: JobPage})
async def list_jobs(server: Server, call: Call[JobQuery, None]) -> Reply:
    """List jobs, newest first, a page at a time."""
    query = call.query
    states = query.state.split(",") if query.state else []
    after, limit = query.after or "", query.limit
    jobs, total = await server.dispatcher.change(server.jobs.find, states, query.text, after, limit + 1)
    following = jobs[limit - 1].id if len(jobs) > limit else None
    return Reply(JobPage(jobs=[shown(job) for job in jobs[:limit]], total=total, next=following))


@routes.add("GET", "/api/queue", gives={200: Queue})
async def read_queue(server: Server, call: Call[None, None]) -> Reply:
    """What runs, and what waits, in the order in which it will run; paused jobs keep their place."""
    running = await server.dispatcher.change(server.jobs.running)
    waiting = await server.dispatcher.change(server.jobs.waiting)
    return Reply(Queue(running=[shown(job) for job in running], waiting=[shown(job) for job in waiting]))


@routes.add("GET", "/api/jobs/{id}", path={"id": JobId}, gives={200: JobInFull}, refuses=[404])
async def read_job(server: Server, call: Call[None, None]) -> Reply:
    """One job, with what was ordered."""
    job = await server.dispatcher.change(server.jobs.get, call.path["id"])
    if job is None:
        raise Refusal(404, "no such job")
    order = job.order
    return Reply(
        JobInFull(**state_of(job, workflow=order.workflow, inputs=order.inputs, sweeps=order.sweeps, only=order.only))
    )


@routes.add(
    "GET", "/api/jobs/{id}/calls", path={"id": JobId}, query=CallQuery, gives={200: Calls}, refuses=[404],
    links={200: OF_CALL},
)  # fmt: skip
async def list_calls(server: Server, call: Call[CallQuery, None]) -> Reply:
    """What is known of each call that has finished or failed: label, node, key, seconds, bytes."""
    await expect_job(server, call.path["id"])
    query = call.query
    found = await server.dispatcher.change(server.jobs.calls, call.path["id"], query.after, query.limit + 1)
    following = found[query.limit - 1]["number"] if len(found) > query.limit else None
    return Reply(Calls(calls=[CallState(**one) for one in found[: query.limit]], next=following))


async def expect_job(server: Server, id: str) -> Job:
    """A job; `Refusal` (404) if there is none of this id."""
    job = await server.dispatcher.change(server.jobs.get, id)
    if job is None:
        raise Refusal(404, "no such job")
    return job


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@routes.add(
    "POST", "/api/jobs/{id}/cancel", path={"id": JobId}, gives={200: JobState}, refuses=[404, 409], links={200: OF_JOB}
)
async def cancel_job(server: Server, call: Call[None, None]) -> Reply:
    """Cancel a job. A running one stops at its next call; what it has finished is kept."""
    return await want(server, call.path["id"], "cancelled")


@routes.add(
    "POST", "/api/jobs/{id}/pause", path={"id": JobId}, gives={200: JobState}, refuses=[404, 409], links={200: OF_JOB}
)
async def pause_job(server: Server, call: Call[None, None]) -> Reply:
    """Pause a job that waits or runs; it keeps its place in the queue."""
    return await want(server, call.path["id"], "paused")


async def want(server: Server, id: str, wanted: Literal["paused", "cancelled"]) -> Reply:
    """Pause or cancel a job."""
    try:
        job = await server.dispatcher.change(server.jobs.want, id, wanted)
    except Forbidden:
        raise await conflict(server, id, f"one that can still be {wanted}") from None
    if job is not None and job.state == "running":
        server.dispatcher.stop(id, insist=wanted == "cancelled")
    return Reply(shown(job))


async def conflict(server: Server, id: str, expected: str) -> Refusal:
    """The refusal of what a job in its state cannot do."""
    job = await server.dispatcher.change(server.jobs.get, id)
    return Refusal(409, f"expected {expected}, found a job that is {job.state if job else 'gone'}")


@routes.add(
    "POST", "/api/jobs/{id}/resume", path={"id": JobId}, gives={200: JobState}, refuses=[404, 409], links={200: OF_JOB}
)
async def resume_job(server: Server, call: Call[None, None]) -> Reply:
    """Let a paused job go on, from where it was."""
    return await queue_again(server, call.path["id"], ["paused"], "a paused job")


@routes.add(
    "POST", "/api/jobs/{id}/retry", path={"id": JobId}, gives={200: JobState}, refuses=[404, 409, 429],
    links={200: OF_JOB},
)  # fmt: skip
async def retry_job(server: Server, call: Call[None, None]) -> Reply:
    """Queue a job again that failed or was cancelled; what it has finished comes from the cache."""
    return await queue_again(server, call.path["id"], ["failed", "cancelled"], "one that failed or was cancelled")


async def queue_again(server: Server, id: str, states: list[str], expected: str) -> Reply:
    """Queue a job that is in one of some states."""
    try:
        job = await server.dispatcher.change(server.jobs.queue_again, id, states)
    except Forbidden:
        raise await conflict(server, id, expected) from None
    except Full:
        raise full(server) from None
    server.dispatcher.wake()
    return Reply(shown(job))


@routes.add("POST", "/api/jobs/{id}/move", path={"id": JobId}, body=Before, gives={200: Queue}, refuses=[404, 409])
async def move_job(server: Server, call: Call[None, Before]) -> Reply:
    """Put a job that waits before another one, or at the end of the queue; gives the queue."""
    id = call.path["id"]
    try:
        job = await server.dispatcher.change(server.jobs.move, id, call.body.before)
    except Forbidden:
        raise await conflict(server, id, "two jobs that wait") from None
    shown(job)
    return await read_queue(server, Call(call.request, {}, None, None))


@routes.add("DELETE", "/api/jobs/{id}", path={"id": JobId}, gives={204: None}, refuses=[404, 409])
async def forget_job(server: Server, call: Call[None, None]) -> Reply:
    """Forget a job that has ended. Its pictures stay where they are."""
    try:
        if not await server.dispatcher.change(server.jobs.remove, call.path["id"]):
            raise Refusal(404, "no such job")
    except Forbidden:
        raise await conflict(server, call.path["id"], "one that has ended") from None
    return Reply(None, 204)


# ── following ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def following(server: Server, after: int | None, job: str | None) -> AsyncIterator[Stream]:
    """A stream of events, within the number of those that may be open; `Refusal` (429) beyond it."""
    hub, limit = server.hub, server.settings.limits.followers
    if hub.followers >= limit:
        raise Refusal(429, f"expected at most {limit} open streams, found as many", headers={"Retry-After": "10"})
    hub.followers += 1
    try:
        async with aclosing(hub.follow(after, job)) as events:
            yield events
    finally:
        hub.followers -= 1


@routes.add(
    "GET", "/api/jobs/{id}/events", path={"id": JobId}, query=Following, headers=EventHeaders,
    gives={200: Raw("text/event-stream", description="events of the job, numbered by `id`"), 204: None},
    refuses=[404, 429],
)  # fmt: skip
async def follow_job(server: Server, call: Call[Following, None]) -> web.StreamResponse:
    """Follow one job by server-sent events, from its beginning or from a number on; it ends when the job has ended.

    Where it has ended and nothing is left to tell, the answer is empty (204), which ends a browser's `EventSource` too.
    """
    id = call.path["id"]
    await expect_job(server, id)
    after = (call.headers.last_event_id if call.query.after is None else call.query.after) or 0
    after = after if after <= server.hub.last else 0  # a number of another log
    if await is_over(server, id, after):
        return web.Response(status=204)
    async with following(server, after, id) as events:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(call.request)

        async def send() -> None:
            async for number, text in events:
                head = f"id: {number}\n" if number is not None else ""
                await response.write(f"{head}data: {text}\n\n".encode())
                if number is not None and json.loads(text).get("state") in ENDED and await is_over(server, id, number):
                    return

        async def beat() -> None:
            while True:
                await asyncio.sleep(HEARTBEAT)
                await response.write(b":\n\n")

        await first_of(send(), beat())
    return response


async def first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Do several things until one of them is done."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def is_over(server: Server, id: str, number: int) -> bool:
    """Whether a job has ended or is forgotten, and nothing was told of it since an event."""
    more = await server.dispatcher.change(server.jobs.events, number, id, 1)
    job = await server.dispatcher.change(server.jobs.get, id)
    return not more and (job is None or job.state in ENDED)


@routes.add(
    "GET", "/api/ws", query=FollowingAll, gives={101: Raw(description="a WebSocket that sends events, JSON each")},
    refuses=[400, 429],
)  # fmt: skip
async def follow_all(server: Server, call: Call[FollowingAll, None]) -> web.StreamResponse:
    """Follow all jobs by WebSocket. What a client sends is not read, but for its closing."""
    response = web.WebSocketResponse(heartbeat=30, max_msg_size=4096)
    if not response.can_prepare(call.request).ok:
        raise Refusal(400, "expected a WebSocket's upgrade, found a plain request")
    async with following(server, call.query.after, call.query.job) as events:
        await response.prepare(call.request)
        await carry(response, events)
    return response


async def carry(socket: web.WebSocketResponse, events: Stream) -> None:
    """Send events until the client goes."""

    async def send() -> None:
        async for _, text in events:
            await socket.send_str(text)

    async def listen() -> None:
        async for message in socket:
            if message.type in (WSMsgType.CLOSE, WSMsgType.ERROR):
                return

    try:
        with suppress(ConnectionError):
            await first_of(send(), listen())
    finally:
        await socket.close()
