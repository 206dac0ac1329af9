"""Who is let in: checks that come before every handler, and headers that go out with every answer.

A page of another site can make a browser send requests here, or give its own name our address (DNS rebinding). So each
request, the WebSocket's too, goes: address → Host → Origin → Sec-Fetch-Site → token.

What a request may measure: its line and each header 8190 bytes, 128 headers (aiohttp's parser; `Connection` answers for
it), a body what its route says, and whatever else reads one `BODY_LIMIT` (`client_max_size`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from web.server.api import API, BODIES, BODY_LIMIT, SERVER, Refusal, Routes, problems

COOKIE = "diffuscope_token"
"""What a browser keeps the token in."""

OPEN = frozenset({"/api/health"})
"""What needs no token."""

NAME = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+"
HOST = rf"(?P<name>{NAME})(?::(?P<port>[0-9]{{1,5}}))?"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Server": "diffuscope",  # without it aiohttp tells its version, and Python's
}
"""What every answer carries: a page runs our files only, and no other site embeds or reads them."""


# ── what is allowed ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Access:
    """Where the server listens, and who may call it.

    Attributes:
        host: the address it is bound to.
        port: the port; 0 for the one that a connection came in by.
        token: what clients must show, 16 or more letters, digits or `-._~`; only a loopback address can do without.
        names: hosts by which a proxy calls it, at any port.

    Raises:
        ValueError: the token is missing, or cannot travel in a link, a cookie and a header; a name is none.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.token is None and not self.loopback:
            raise ValueError(f"host {self.host}: expected a token, found none; only a loopback address can do without")
        if self.token is not None and not re.fullmatch(r"[A-Za-z0-9._~-]{16,512}", self.token):
            raise ValueError("token: expected 16 to 512 letters, digits or -._~, found others")
        for name in self.names:
            if not re.fullmatch(NAME, name):
                raise ValueError(f"allowed host {name!a}: expected a name without scheme and port")

    @property
    def loopback(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return self.host == "localhost" or _is_loopback(self.host)

    def allows(self, name: str, port: int | None, ours: int) -> bool:
        """Whether a request may call the server by this name and port.

        No page can give its own site an IP literal or `localhost` for a name, so these are safe; any other name could
        be a page's that points here. Bound to loopback, the port is checked too; elsewhere it may have been mapped.
        """
        if name in (known.lower() for known in self.names):
            return True
        if self.loopback:
            return (name == "localhost" or _is_loopback(name)) and port in (None, ours)
        return name in ("localhost", self.host.lower()) or _address(name) is not None


def new_token() -> str:
    """A token that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(32)


def _address(name: str) -> Any:
    """The IP address that a host is written as (IPv6 in brackets or bare), or None."""
    try:
        return ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_loopback


# ── the way in ────────────────────────────────────────────────────────────────────────────────────────────────────────


def application(routes: Routes, access: Access, server: object) -> web.Application:
    """An application that serves these routes, guarded; more can be added to its router.

    Args:
        routes: the API.
        access: who may call it.
        server: what handlers are given first.
    """
    app = web.Application(middlewares=[problems, guard(access)], client_max_size=BODY_LIMIT)
    app[SERVER], app[BODIES] = server, Counter()
    app.on_response_prepare.append(_finish)
    routes.install(app)
    return app


def guard(access: Access) -> Middleware:
    """A middleware that lets pass what `access` allows, and refuses the rest with one line that says why."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = _check_host(request, access)
        _check_origin(request, host)
        if access.token is None or request.path in OPEN:
            return await handler(request)
        by_link = request.method == "GET" and request.path == "/" and "token" in request.query
        _check_token(request, [request.query["token"]] if by_link else _tokens(request), access.token)
        return _welcome(request, access.token) if by_link else await handler(request)

    return check


Host = tuple[str, int | None]


def _check_host(request: web.Request, access: Access) -> Host:
    """The name and port that a request was sent to: one that is ours."""
    found = request.headers.getall("Host", [])
    match = re.fullmatch(HOST, found[0]) if len(found) == 1 else None
    if match is None:
        shown = ascii(", ".join(found))[:60] if found else "nothing"
        raise Refusal(400, f"expected one host and port, found {shown}", where="headers.Host")
    target = request.raw_path
    if not target.startswith("/") and target != "*":  # `GET http://host/path`, as a proxy is asked
        authority = re.match(r"https?://([^/?#]*)", target, re.IGNORECASE)
        if authority is None or authority[1].lower() != found[0].lower():
            raise Refusal(400, "expected a path, or the address of Host, found another", where="address")
    name, port = match["name"].lower(), int(match["port"]) if match["port"] else None
    ours = access.port or (request.transport.get_extra_info("sockname")[1] if request.transport else 0)
    if not access.allows(name, port, ours):
        message = f"expected a name of this server, found {found[0][:60]}"
        raise Refusal(421, message, where="headers.Host", hint=f"--allow-host {name[:60]} allows it")
    return name, port


def _check_origin(request: web.Request, host: Host) -> None:
    """Only our own pages, and programs that are no browsers, may call; a link from elsewhere may open a page."""
    for origin in request.headers.getall("Origin", []):
        match = re.fullmatch(rf"(?P<scheme>https?)://{HOST}", origin, re.IGNORECASE)
        default = 443 if match and match["scheme"].lower() == "https" else 80
        if match is None or (match["name"].lower(), int(match["port"] or default)) != (host[0], host[1] or default):
            message = f"expected the server's own, found {ascii(origin)[:60]}"
            raise Refusal(403, message, where="headers.Origin", hint="pages of other sites cannot call this server")
    for site in request.headers.getall("Sec-Fetch-Site", []):
        opens_page = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.method in ("GET", "HEAD")
        if site not in ("same-origin", "none") and (request.path.startswith(API) or not opens_page):
            message = f"expected same-origin, found {ascii(site)[:60]}"
            hint = "pages of other sites cannot call this server"
            raise Refusal(403, message, where="headers.Sec-Fetch-Site", hint=hint)


# ── the token ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tokens(request: web.Request) -> list[str]:
    """The tokens that a request shows: its header's and its cookie's."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    found = [bearer.strip()] if scheme.lower() == "bearer" else []
    return found + ([request.cookies[COOKIE]] if COOKIE in request.cookies else [])


def _check_token(request: web.Request, found: list[str], token: str) -> None:
    """Compare in constant time; digests, so that lengths do not show either."""
    digests = [hashlib.sha256(text.encode(errors="backslashreplace")).digest() for text in found]
    if any(hmac.compare_digest(digest, hashlib.sha256(token.encode()).digest()) for digest in digests):
        return
    raise Refusal(
        401,
        f"expected the server's token, found {'another' if found else 'none'}",
        hint="open the link that the server printed, or send it as `Authorization: Bearer TOKEN`",
        headers={"WWW-Authenticate": 'Bearer realm="diffuscope"'},
    )


def _welcome(request: web.Request, token: str) -> web.Response:
    """Keep the token in the browser, and take it out of the address that it shows."""
    response = web.Response(status=303, headers={"Location": "/", "Cache-Control": "no-store"})
    secure = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(COOKIE, token, path="/", httponly=True, samesite="Strict", secure=secure)
    return response


# ── the way out ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _finish(request: web.BaseRequest, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


class Connection(web.RequestHandler):
    """A connection that answers what is no HTTP in one line, and never with a traceback."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to a request that could not be read, or whose handler failed before `problems` was reached."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionResetError("the answer broke off") from exc
        if status == 400:
            reason = (message or "").partition("\n")[0].rstrip(":")[:120]
            refusal = Refusal(400, f"expected sound HTTP: {reason}")
        else:
            self.log_exception("%s %s failed", request.method, ascii(request.path), exc_info=exc)
            refusal = Refusal(500, "the server failed; its log says why")
        response = refusal.answer(request)
        response.headers.update(HEADERS)
        response.force_close()
        return response


class Runner(web.AppRunner):
    """An application's runner with such connections.

    It logs no addresses, as they may hold the token, and unpacks no bodies, as a few bytes may unpack to gigabytes.
    """

    def __init__(self, app: web.Application, **options: Any) -> None:
        super().__init__(app, **{"access_log": None, "auto_decompress": False} | options)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,
        )


class _Server(web.Server):
    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)
