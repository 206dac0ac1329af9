"""Typed routes over aiohttp: what a route takes and gives is declared once; checking and documenting read it there.

    routes = Routes()

    @routes.add("GET", "/api/jobs/{id}", path={"id": JobId}, query=View, gives={200: Job}, refuses=[404])
    async def read_job(server: Server, call: Call[View, None]) -> Reply:
        '''One job: its state, and how far it is.'''
        return Reply(server.jobs[call.path["id"]].describe(call.query.detail))

A request goes address → path → query → headers → body → handler; whatever does not fit is a `Refusal`, answered as one
line of JSON (`Problem`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import getdoc, iscoroutinefunction
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from engine.errors import Fault, StorageError, WorkflowError, shown, suggest
from engine.workflow import DEPTH_LIMIT
from web.server.refused import FAULTS_SHOWN, first_of, in_one, line

API = "/api"
"""Addresses below this are refused in JSON, others in a line of text."""

BODY_LIMIT = 1 << 20
"""Bytes of a body, unless a route says other."""

BODY_SECONDS = 60
"""How long a body may take to arrive."""

BODIES_LIMIT = 256 << 20
"""Bytes of memory for all bodies together that are at hand at once, so that many requests cannot fill it."""

LARGE = 1 << 16
"""Bytes of JSON that are not read at once."""

JSON_WEIGHT = 32
"""Bytes of memory for one of JSON, at worst: `[],` becomes a list, twice over while it is checked."""

BODIES: web.AppKey[Counter[int]] = web.AppKey("BODIES", Counter)
"""Where an application keeps how much memory each request has for its body, by the request's id."""

SERVER: web.AppKey[Any] = web.AppKey("SERVER", object)
"""Where an application keeps what its handlers are given first."""

logger = logging.getLogger(__name__)

FAULTS_READ = 10_000
"""More faults are only counted, which is quick."""

Q = TypeVar("Q")
B = TypeVar("B")
M = TypeVar("M", bound=BaseModel)
Handler = Callable[..., Awaitable["Reply | web.StreamResponse"]]
H = TypeVar("H", bound=Handler)


# ── refusing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class ProblemFault(BaseModel):
    """One thing that is wrong."""

    where: str = Field(description="a dotted path, such as `nodes.sample.in.latent` or `query.limit`")
    message: str = Field(description="what was expected and what was found")
    hint: str = Field("", description="what to do about it, or empty")


class Problem(BaseModel):
    """Why a request was refused."""

    error: str = Field(description="one line: where, what was expected, what was found, what to do")
    faults: list[ProblemFault] = Field(default_factory=list, description="every fault, where there can be several")


class Refusal(Exception):
    """An answer of 400 and above, given on purpose.

    Args:
        status: the HTTP status.
        message: what was expected and what was found.
        where: the part of the request it is about, or empty.
        hint: what to do about it, or empty.
        faults: all that is wrong, where it is more than this.
        headers: to send with the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.headers = status, dict(headers or {})
        self.faults = tuple(faults) or ((Fault(where, message, hint),) if where else ())
        self.line = line(": ".join(filter(None, (where, "; ".join(filter(None, (message, hint)))))))
        super().__init__(self.line)

    @classmethod
    def of_faults(cls, status: int, faults: Sequence[Fault], source: str = "") -> Refusal:
        """Several faults in one: the line shows the first and counts the others."""
        return cls(status, in_one(faults), where=source, faults=first_of(faults))

    @property
    def problem(self) -> Problem:
        """The answer's body."""
        faults = [
            ProblemFault(where=line(fault.where), message=line(fault.message), hint=line(fault.hint))
            for fault in self.faults
        ]
        return Problem(error=self.line, faults=faults)

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The answer: JSON for the API, a line of text for a person who opened a page."""
        json_body = request.path.startswith(API)
        return web.Response(
            status=self.status,
            body=self.problem.model_dump_json().encode() if json_body else f"{self.line}\n".encode(),
            headers={"Cache-Control": "no-store"} | self.headers,
            content_type="application/json" if json_body else "text/plain",
            charset=None if json_body else "utf-8",
        )


# ── what handlers take and give ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Call(Generic[Q, B]):
    """A request that was checked.

    Attributes:
        request: as aiohttp has it.
        path: the path's variables, by name.
        query: the route's query model, or None.
        body: the route's body model, the bytes of a raw body, or None.
        headers: the route's headers model, or None.
    """

    request: web.Request
    path: dict[str, Any]
    query: Q
    body: B
    headers: Any = None


@dataclass(frozen=True)
class Reply:
    """A JSON answer; no value makes an empty one."""

    value: BaseModel | list[Any] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self) -> web.Response:
        """The answer as aiohttp sends it; not to be kept by caches unless its headers say other."""
        headers = {"Cache-Control": "no-store"} | dict(self.headers)
        if self.value is None:
            return web.Response(status=self.status, headers=headers)
        body = to_json(self.value, by_alias=True)
        return web.Response(status=self.status, body=body, headers=headers, content_type="application/json")


class Raw:
    """What travels otherwise than as JSON.

    Args:
        content_types: such as `image/png`; none for an answer without a body.
        description: what it is.
    """

    def __init__(self, *content_types: str, description: str = "") -> None:
        self.content_types, self.description = content_types, description


@dataclass(frozen=True)
class Link:
    """From an answer to the operation that goes on from it.

    Attributes:
        operation: the name of its handler.
        parameters: by name, where each value is found, such as `$response.body#/id`.
    """

    operation: str
    parameters: Mapping[str, str]


class Nothing(BaseModel):
    """The query of a route that has none."""


Given = Any
"""A model or other type that pydantic knows (JSON), `Raw`, a tuple of these, or None (no body)."""


# ── routes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class Route:
    """One operation: everything about it that a program or a reader may ask."""

    method: str
    address: str
    handler: Handler
    path: Mapping[str, TypeAdapter[Any]]
    query: type[BaseModel] | None
    body: type[BaseModel] | Raw | None
    headers: type[BaseModel] | None
    gives: Mapping[int, Given]
    refuses: tuple[int, ...]
    links: Mapping[int, Mapping[str, Link]]
    tag: str
    limit: int

    @property
    def name(self) -> str:
        """The operation's name: its handler's."""
        return getattr(self.handler, "__name__", "")

    @property
    def help(self) -> str:
        """The handler's docstring."""
        return getdoc(self.handler) or ""

    @property
    def template(self) -> str:
        """The address without the patterns that variables may carry (`{name:.+}`)."""
        return re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", self.address)

    @property
    def endless(self) -> bool:
        """Whether it answers with a stream that goes on (events, a WebSocket)."""
        kinds = [kind for given in self.gives.values() for kind in parts(given) if isinstance(kind, Raw)]
        return 101 in self.gives or any("text/event-stream" in kind.content_types for kind in kinds)

    async def read(self, request: web.Request) -> Call[Any, Any]:
        """Check a request against the declaration.

        Raises:
            Refusal: something does not fit.
        """
        path = {name: self._variable(name, kind, request.match_info[name]) for name, kind in self.path.items()}
        query = read_query(self.query or Nothing, request) if self.query or request.query_string else None
        headers = None if self.headers is None else read_headers(self.headers, request)
        body: Any = None
        if isinstance(self.body, Raw):
            _expect_type(request, self.body.content_types)
            body = await read_bytes(request, self.limit)
        elif self.body is not None:
            _expect_type(request, ("application/json",))
            kind, data = self.body, await read_bytes(request, self.limit, JSON_WEIGHT)
            large = len(data) > LARGE  # this takes seconds, in which others are answered
            body = await asyncio.to_thread(read_model, kind, data) if large else read_model(kind, data)
        return Call(request, path, query, body, headers)

    @staticmethod
    def _variable(name: str, kind: TypeAdapter[Any], text: str) -> Any:
        try:
            value = kind.validate_strings(text)
        except ValidationError as error:
            (fault, *_) = faults_of(error, f"path.{name}")
            raise Refusal(404, fault.message, where=fault.where) from None
        if not exact(text, value):
            raise Refusal(404, f"expected {EXACTLY[type(value)][0]}, found {shown(text)}", where=f"path.{name}")
        return value

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Read the request, call the handler, write its reply."""
        if 101 in self.gives and request.headers.get("Upgrade", "").lower() != "websocket":
            message = "expected websocket, found another or none"
            raise Refusal(426, message, where="headers.Upgrade", headers={"Upgrade": "websocket"})
        try:
            reply = await self.handler(request.app[SERVER], await self.read(request))
        finally:
            request.app[BODIES].pop(id(request), None)
        if reply.status not in self.gives:
            raise RuntimeError(f"{self.name}: answered {reply.status}, which its route does not declare")
        return reply.answer() if isinstance(reply, Reply) else reply


class Routes:
    """The routes of an API, in the order they were declared.

    Args:
        parts: routes to begin with, such as those of other modules.
    """

    def __init__(self, *parts: Iterable[Route]) -> None:
        self._routes: list[Route] = []
        for route in (route for part in parts for route in part):
            self._append(route)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def add(
        self,
        method: str,
        address: str,
        /,
        *,
        path: Mapping[str, Any] | None = None,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | Raw | None = None,
        headers: type[BaseModel] | None = None,
        gives: Mapping[int, Given],
        refuses: Sequence[int] = (),
        links: Mapping[int, Mapping[str, Link]] | None = None,
        tag: str = "",
        limit: int = BODY_LIMIT,
    ) -> Callable[[H], H]:
        """Declare the function below as a route's handler; its docstring is the operation's help.

        Args:
            method: such as `GET`.
            address: such as `/api/jobs/{id}`.
            path: the type of each variable in the address; one that does not fit is answered 404.
            query: what may stand behind `?`. Unknown keys are refused, unless the model allows extra ones (as text).
            body: a model (JSON), or `Raw` (bytes of these content types).
            headers: headers that are read, by alias or name (`last_event_id` is `Last-Event-ID`).
            gives: status → what the answer holds.
            refuses: the statuses that the handler itself refuses with.
            links: status → name → the operation that goes on from that answer.
            tag: the group it is listed under; the name of the handler's module if left out.
            limit: the most bytes that the body may have.

        Raises:
            ValueError: the declaration contradicts itself.
        """
        variables = set(re.findall(r"\{(\w+)", address))
        if variables != set(path or {}):
            raise ValueError(f"{method} {address}: expected types for {sorted(variables)}, found {sorted(path or {})}")
        if linked := sorted(set(links or {}) - set(gives)):
            raise ValueError(f"{method} {address}: expected links of statuses it gives, found {linked}")

        def declare(handler: H) -> H:
            route = Route(
                method, address, handler,
                path={name: TypeAdapter(kind) for name, kind in (path or {}).items()},
                query=query, body=body, headers=headers, gives=dict(gives), refuses=tuple(refuses), links=links or {},
                tag=tag or handler.__module__.rpartition(".")[2], limit=limit,
            )  # fmt: skip
            if not route.help or not iscoroutinefunction(route.handler):
                raise ValueError(f"{route.name}: expected an async function with a docstring")
            self._append(route)
            return handler

        return declare

    def _append(self, route: Route) -> None:
        for other in self._routes:
            if other.name == route.name or (other.method, other.template) == (route.method, route.template):
                raise ValueError(f"{route.name}: {route.method} {route.template} or its name is declared twice")
        self._routes.append(route)

    def install(self, app: web.Application) -> None:
        """Give an application these routes; `GET` answers `HEAD` too, unless its answer has no end."""
        for route in self._routes:
            if route.method == "GET":
                app.router.add_get(route.address, route.__call__, allow_head=not route.endless)
            else:
                app.router.add_route(route.method, route.address, route.__call__)


def parts(given: Given) -> tuple[Any, ...]:
    """What an answer may hold, each alone."""
    return given if isinstance(given, tuple) else () if given is None else (given,)


# ── query and headers ─────────────────────────────────────────────────────────────────────────────────────────────────

EXACTLY: Mapping[type, tuple[str, str]] = {
    bool: ("true or false", r"true|false"),
    int: ("an integer", r"-?(0|[1-9][0-9]*)"),
    float: ("a number", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"),
}
"""How values are written, as the document says: pydantic alone would take `yes`, ` 5 `, `1_000` and `nan` too."""


def exact(text: str, value: Any) -> bool:
    """Whether text that was read as this value is how JSON writes one."""
    _, pattern = EXACTLY.get(type(value), ("", "(?s:.*)"))
    return re.fullmatch(pattern, text) is not None and value not in (math.inf, -math.inf)


def read_query(model: type[M], request: web.Request) -> M:
    """What stands behind `?`, as a model; raise `Refusal` (400) for what does not fit, is unknown or stands twice."""
    names = [info.alias or name for name, info in model.model_fields.items()]
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise Refusal(400, "expected one value, found several", where=f"query.{name}")
        if name not in names and model.model_config.get("extra") != "allow":
            hint = suggest(name, names) if len(name) < 60 else ""
            raise Refusal(400, f"unknown key {shown(name)}", where="query", hint=hint)
    return _read_strings(model, dict(request.query), "query")


def read_headers(model: type[M], request: web.Request) -> M:
    """The headers that a model asks for; raise `Refusal` (400) for one that does not fit or stands twice."""
    values: dict[str, str] = {}
    for name, info in model.model_fields.items():
        header = header_name(name, info.alias)
        found = request.headers.getall(header, [])
        if len(found) > 1:
            raise Refusal(400, "expected one value, found several", where=f"headers.{header}")
        if found:
            values[info.alias or name] = found[0]
    return _read_strings(model, values, "headers")


def header_name(name: str, alias: str | None) -> str:
    """The header that a field of a headers model stands for."""
    return alias or name.replace("_", "-").title()


def _read_strings(model: type[M], values: dict[str, str], where: str) -> M:
    try:
        read = model.model_validate_strings(values)
    except ValidationError as error:
        raise Refusal.of_faults(400, faults_of(error, where)) from None
    for name, info in model.model_fields.items():
        text, value = values.get(info.alias or name), getattr(read, name)
        if text is not None and not exact(text, value):
            message = f"expected {EXACTLY[type(value)][0]}, found {shown(text)}"
            raise Refusal(400, message, where=f"{where}.{info.alias or name}")
    for name, text in (read.model_extra or {}).items():
        if any("\ud800" <= c <= "\udfff" for c in f"{name}{text}"):
            raise Refusal(400, f"expected Unicode text, found {shown(text)}", where=f"{where}.{name}")
    return read


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _expect_type(request: web.Request, content_types: Sequence[str]) -> None:
    """A form that another site makes a browser post cannot have the type JSON; nothing else is read."""
    found = request.headers.get("Content-Type", "nothing")
    fits = request.content_type in content_types and (request.charset or "utf-8").lower() in ("utf-8", "utf8")
    if not fits or request.content_type not in found.lower():
        expected = " or ".join(content_types)
        raise Refusal(415, f"expected {expected}, found {shown(found)}", where="headers.Content-Type")
    if (coding := request.headers.get("Content-Encoding", "identity")) != "identity":
        message = f"expected a body that is not compressed, found {shown(coding)}"
        raise Refusal(415, message, where="headers.Content-Encoding")


async def read_bytes(request: web.Request, limit: int, weight: int = 1) -> bytes:
    """The body of a request; raise `Refusal` when it is too large (413), too slow (408) or broken (400).

    Args:
        request: what takes memory for it is counted until it is answered.
        limit: bytes of this body.
        weight: bytes of memory that what is made of it takes for each of its own.
    """
    bodies = request.app[BODIES]
    too_large = Refusal(413, f"expected at most {limit:,} bytes, found more", where="body")
    if (request.content_length or 0) > limit:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                data += chunk
                bodies[id(request)] += weight * len(chunk)
                if len(data) > limit:
                    raise too_large
                if bodies.total() > BODIES_LIMIT:
                    message = f"expected at most {BODIES_LIMIT:,} bytes for all bodies at hand, found more"
                    hint = "try again when others are answered"
                    raise Refusal(413, message, where="body", hint=hint, headers={"Retry-After": "1"})
        return bytes(data)
    except TimeoutError:
        raise Refusal(408, f"expected within {BODY_SECONDS} seconds, found its end missing", where="body") from None
    except web.RequestPayloadError as error:
        raise Refusal(400, f"expected a complete body, found {shown(str(error))}", where="body") from None
    finally:
        data.clear()  # a traceback would keep it


def read_model(model: type[M], data: bytes) -> M:
    """JSON as a model, strictly; raise `Refusal`: 400 for what is no sound JSON, 422 with all that does not fit."""
    read_json(data)
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] == "json_invalid":  # a lone surrogate, which Python lets pass
            message = error.errors(include_url=False)[0]["msg"].removeprefix("Invalid JSON: ")
            raise Refusal(400, f"expected JSON: {message}", where="body") from None
        raise Refusal.of_faults(422, faults_of(error, known=model.model_fields)) from None


def read_json(data: bytes) -> Any:
    """Parse JSON as RFC 8259 has it, and no more: UTF-8, no NaN, no key twice, at most `DEPTH_LIMIT` levels.

    Raises:
        Refusal: with status 400.
    """
    if _too_deep(data):
        raise Refusal(400, f"expected at most {DEPTH_LIMIT} levels of nesting, found more", where="body")
    try:
        return json.loads(data.decode(), parse_constant=_constant, parse_float=_float, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise Refusal(400, f"expected UTF-8, found another byte at {error.start}", where="body") from None
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        message = f"expected JSON: {error.msg} ({at})" if data.strip() else "expected JSON, found nothing"
        raise Refusal(400, message, where="body") from None
    except ValueError as error:
        raise Refusal(400, f"expected JSON: {str(error).partition(';')[0]}", where="body") from None


_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""No alternative can give back what it took, so the time is linear in the text, closed strings or not."""


def _too_deep(data: bytes) -> bool:
    """Whether brackets nest beyond the limit; found by counting, before anything recurses."""
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(data):
        first = match[0][:1]
        depth += (first in b"[{") - (first in b"]}")
        if depth > DEPTH_LIMIT:
            return True
    return False


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not in it")


def _float(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{shown(text)} is beyond what a float holds")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object has the key {shown(twice)} twice")
    return made


def faults_of(error: ValidationError, root: str = "", known: Iterable[str] = ()) -> list[Fault]:
    """Pydantic's errors as faults; `root` stands before each place, `known` are the names it may suggest."""
    count = error.error_count()
    if count > FAULTS_READ:
        return [Fault(root or "body", f"expected what the document says, found {count:,} faults")]
    faults = []
    for detail in error.errors(include_url=False, include_context=False)[:FAULTS_SHOWN]:
        steps = [step if len(step := str(part)) < 60 else f"{step[:57]}…" for part in detail["loc"]]
        where = ".".join(([root] if root else []) + steps) or "body"
        found, kind, message = shown(detail.get("input")), detail["type"], detail["msg"]
        if kind == "missing":
            faults.append(Fault(where, "expected a value, found nothing"))
        elif kind == "extra_forbidden":
            hint = suggest(steps[0], known) if len(steps) == 1 else ""
            faults.append(Fault(where, "unknown key", hint))
        else:
            expected = re.sub(r"^(Value error, |\w+ should (be|have) )", "", message).partition(", unable to")[0]
            expected = expected.replace("String should match pattern", "text of the pattern")
            faults.append(Fault(where, f"expected {expected[:1].lower()}{expected[1:]}, found {found}"))
    if count > FAULTS_SHOWN:
        faults.append(Fault(root or "body", f"{count - FAULTS_SHOWN:,} faults more"))
    return faults


# ── answering whatever happens ────────────────────────────────────────────────────────────────────────────────────────


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """The outermost middleware: every error is answered as a `Problem`, and nothing of the inside is shown."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        refusal = _refusal_of(request, error)
    except Refusal as error:
        refusal = error
    except WorkflowError as error:
        refusal = Refusal.of_faults(422, error.faults, error.source)
    except StorageError as error:
        # 507 would fit a full disk only, and say that the server is broken: what stands on the disk, which the user put
        # there and can change, conflicts with the request
        refusal = Refusal(409, str(error))
    except Exception as error:
        if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
            return web.Response(status=400)  # the client went away: nobody reads this
        logger.exception("%s %s failed", request.method, line(request.path))
        refusal = Refusal(500, "the server failed; its log says why")
    try:
        if request.writer.output_size > 0:  # an answer has begun: another cannot follow it
            raise ConnectionResetError(refusal.line) from None
        return refusal.answer(request)
    finally:
        del refusal  # its traceback holds this frame, and all that was made of the request: a circle


def _refusal_of(request: web.Request, error: web.HTTPException) -> Refusal:
    """Aiohttp's own errors in our form."""
    place = f"{request.method} {shown(request.path)}"
    if error.status == 404:
        return Refusal(404, "no such address", where=place, hint="/api/openapi.json lists all")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = sorted(error.allowed_methods)
        return Refusal(405, f"expected {' or '.join(allowed)}", where=place, headers={"Allow": ", ".join(allowed)})
    return Refusal(error.status, error.text or HTTPStatus(error.status).phrase, where=place)
