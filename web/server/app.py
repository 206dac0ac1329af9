"""`diffuscope serve`: the server on its address, from its start to a signal that ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from aiohttp import web

from engine import StorageError
from web.server.api import SERVER
from web.server.guard import Access, Runner, application
from web.server.routes import ALL
from web.server.server import Server
from web.server.settings import Settings

log = logging.getLogger("diffuscope.server")

STATIC = Path(__file__).parents[1] / "static"


async def serve(settings: Settings, started: Callable[[str], None] = lambda address: None) -> None:
    """Serve until SIGTERM or SIGINT; running calls are finished and kept.

    Args:
        settings: where and what.
        started: is told the address, once it answers.

    Raises:
        StorageError: a folder or the address cannot be used.
        ValueError: the address needs a token, or the token cannot be one.
    """
    access = Access(settings.host, settings.port, settings.token, settings.allow_hosts)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        server = await Server.start(settings)
        stack.push_async_callback(server.close)
        app = application(ALL, access, server)
        app.on_shutdown.append(say_goodbye)
        add_pages(app)
        runner = Runner(app, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            reason = error.strerror or error
            raise StorageError(
                f"{settings.host}:{settings.port}: cannot be listened at: {reason}; see --port"
            ) from None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        started(address_of(runner, settings))
        await ended.wait()
        log.info("ending")


def address_of(runner: web.AppRunner, settings: Settings) -> str:
    """The server's URL, with the port that it got."""
    port = runner.addresses[0][1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}"


async def say_goodbye(app: web.Application) -> None:
    """Close every stream of events, so that clients come back to the next server."""
    server: Server = app[SERVER]
    server.hub.close()


def add_pages(app: web.Application) -> None:
    """The pages: files of the editor's bundle, by name."""

    async def page(request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name") or "index.html"
        path = STATIC / name
        with suppress(OSError, ValueError):  # a name that no file can have
            if path.parent == STATIC and path.is_file():
                return web.FileResponse(path, headers={"Cache-Control": "no-cache"})
        raise web.HTTPNotFound

    app.router.add_get("/", page)
    app.router.add_get("/static/{name}", page)
