"""A small API with one route of each kind, and a real server for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from engine.errors import Fault, StorageError, WorkflowError
from web.server.api import Call, Link, Problem, Raw, Refusal, Reply, Routes
from web.server.guard import Access, Runner, application

ItemId = Annotated[str, Field(pattern=r"^[a-f0-9]{4}$", description="an item's name")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Page(BaseModel):
    limit: Annotated[int, Field(ge=1, le=100, description="how many")] = 10
    scale: float = 1.0
    reverse: bool = False
    order: Literal["name", "time"] = "name"
    after: str | None = None


class More(BaseModel):
    model_config = ConfigDict(extra="allow")
    size: int = 8


class Cached(BaseModel):
    if_none_match: str | None = None
    last: Annotated[int, Field(alias="Last-Event-ID", ge=0)] = 0


class NewItem(Strict):
    """What an item is made of."""

    name: Annotated[str, Field(min_length=1, max_length=20)]
    count: int = 1
    tags: list[Literal["red", "blue"]] = []
    inner: NewItem | None = None


class Item(NewItem):
    """An item."""

    id: ItemId


class Health(BaseModel):
    ok: Literal[True] = True


@dataclass
class Toys:
    """What handlers are given."""

    items: dict[str, Item]
    started: asyncio.Event


routes = Routes()


@routes.add("GET", "/api/health", gives={200: Health}, tag="server")
async def health(toys: Toys, call: Call[None, None]) -> Reply:
    """Whether the server answers."""
    return Reply(Health())


@routes.add("GET", "/api/items", query=Page, headers=Cached, gives={200: list[Item], 304: None})
async def list_items(toys: Toys, call: Call[Page, None]) -> Reply:
    """All items.

    In the order that was asked for.
    """
    if call.headers.if_none_match == '"same"':
        return Reply(None, 304)
    items = sorted(toys.items.values(), key=lambda item: item.name, reverse=call.query.reverse)
    return Reply(items[: call.query.limit], headers={"X-Last": str(call.headers.last), "Cache-Control": "max-age=5"})


@routes.add(
    "POST", "/api/items", body=NewItem, gives={201: Item}, refuses=[409], limit=10_000,
    links={201: {"item": Link("read_item", {"id": "$response.body#/id"})}},
)  # fmt: skip
async def make_item(toys: Toys, call: Call[None, NewItem]) -> Reply:
    """Make an item."""
    if any(item.name == call.body.name for item in toys.items.values()):
        raise Refusal(409, f"expected a new name, found {call.body.name!r}", where="name", hint="take another")
    item = Item(id=f"{len(toys.items):04x}", **call.body.model_dump())
    toys.items[item.id] = item
    return Reply(item, 201, {"Location": f"/api/items/{item.id}"})


@routes.add("GET", "/api/items/{id}", path={"id": ItemId}, gives={200: Item}, refuses=[404])
async def read_item(toys: Toys, call: Call[None, None]) -> Reply:
    """One item."""
    if call.path["id"] not in toys.items:
        raise Refusal(404, f"unknown item {call.path['id']}", where="path.id")
    return Reply(toys.items[call.path["id"]])


@routes.add("DELETE", "/api/items/{id}", path={"id": ItemId}, gives={204: None})
async def drop_item(toys: Toys, call: Call[None, None]) -> Reply:
    """Forget an item."""
    toys.items.pop(call.path["id"], None)
    return Reply(None, 204)


@routes.add(
    "GET", "/api/views/{name}/{index}", path={"name": str, "index": int}, query=More,
    gives={200: (Raw("image/png", "text/plain", description="a picture, or what it says"), Health)},
)  # fmt: skip
async def view(toys: Toys, call: Call[More, None]) -> web.Response:
    """A view of anything."""
    said = f"{call.path['name']} {call.path['index'] + 1} {call.query.size} {call.query.model_extra}"
    return web.Response(text=said)


@routes.add("PUT", "/api/pictures", body=Raw("image/png", "image/jpeg"), gives={200: Health}, limit=1000)
async def put_picture(toys: Toys, call: Call[None, bytes]) -> Reply:
    """Take a picture."""
    assert isinstance(call.body, bytes)
    return Reply(Health())


@routes.add("GET", "/api/events", gives={200: Raw("text/event-stream", description="events, one after the other")})
async def events(toys: Toys, call: Call[None, None]) -> web.StreamResponse:
    """What happens."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(call.request)
    await response.write(b"data: 1\n\n")
    raise ValueError("in the middle of a stream")


@routes.add("GET", "/api/socket", gives={101: Raw(description="a WebSocket that says what it hears")})
async def socket(toys: Toys, call: Call[None, None]) -> web.StreamResponse:
    """Talk."""
    response = web.WebSocketResponse()
    await response.prepare(call.request)
    async for message in response:
        await response.send_str(message.data)
    return response


@routes.add("POST", "/api/fail/{how}", path={"how": str}, gives={200: Health}, refuses=[409, 422, 500])
async def fail(toys: Toys, call: Call[None, None]) -> Reply:
    """Go wrong in some way."""
    if call.path["how"] == "workflow":
        raise WorkflowError(
            [Fault("nodes.a", "unknown", "try b"), Fault("nodes.b", "bad \udc80\n\u2028text")], "x.json"
        )
    if call.path["how"] == "storage":
        raise StorageError("/data: cannot be written: No space left on device")
    if call.path["how"] == "undeclared":
        return Reply(Health(), 202)
    if call.path["how"] == "slow":
        toys.started.set()
        await asyncio.sleep(60)
    raise KeyError("a secret of the inside")


@dataclass
class Served:
    """A running toy server and a client."""

    session: aiohttp.ClientSession
    port: int
    toys: Toys

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Status, JSON or text, and the answer; what is refused is checked to be one line of our form."""
        async with self.session.request(method, self.url + path, allow_redirects=False, **options) as answer:
            body: Any = await answer.text()
            if answer.content_type == "application/json" and body:
                body = await answer.json()
            if answer.status >= 400 and method != "HEAD" and path.startswith("/api"):
                assert len(Problem.model_validate(body, strict=True).error.splitlines()) == 1
            return answer.status, body, answer

    async def raw(self, data: bytes | str) -> tuple[int, str]:
        """What comes back for these bytes: status and text, to the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data if isinstance(data, bytes) else data.replace("\n", "\r\n").encode("utf-8", "surrogateescape"))
        await writer.drain()
        async with asyncio.timeout(20):
            text = (await reader.read()).decode("utf-8", "replace")
        writer.close()
        return int(text.split(" ", 2)[1]) if text else 0, text


@asynccontextmanager
async def served(access: Access | None = None) -> AsyncIterator[Served]:
    """The toy server on a free port of the loopback address, whatever `access` says it is bound to."""
    toys = Toys({}, asyncio.Event())
    app = application(routes, access or Access(), toys)
    app.router.add_get("/", page)
    runner = Runner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Served(session, runner.addresses[0][1], toys)
    finally:
        await runner.cleanup()


async def page(request: web.Request) -> web.Response:
    """The page of the editor."""
    return web.Response(text="<!doctype html>", content_type="text/html")
