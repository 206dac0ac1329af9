"""What a child process does: the end of the wire that works."""

from __future__ import annotations

import importlib
import logging
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
from pydantic import TypeAdapter

from engine.engine import Engine
from web.server.settings import MEBI, Settings
from web.server.wire import Wire

ROOM = 900 * MEBI
"""By how much the clerk may grow that is shown what nobody vouches for."""

MakeEngine = Callable[[Settings, str], Engine]
"""Settings and the name of a device → an engine there."""


def run_child(settings_text: str, role: str, device: str, descriptor: int, make_engine: MakeEngine) -> None:
    """Work for a server until it ends.

    Args:
        settings_text: the server's settings as JSON.
        role: `worker`, `checker` or `viewer`.
        device: of a worker.
        descriptor: of the socket to the server.
        make_engine: makes a worker's engine.
    """
    logging.basicConfig(format=f"%(asctime)s {role}: %(message)s")
    settings = read_settings(settings_text)
    os.chdir(settings.inputs)  # relative paths in workflows begin there
    wire = Wire(descriptor)
    if role == "worker":
        from web.server.worker import Worker

        engine = make_engine(settings, device)
        Worker(wire, engine, settings).serve(lambda: importlib.import_module("nodes.codecs"))
        return
    from web.server.clerk import serve

    if role == "viewer":
        serve(wire, settings, warm=True, around=make_engine(settings, device).around)
    else:
        importlib.import_module("nodes.picture_codecs")  # numpy reserves room for its threads before room is counted
        bound_memory(ROOM)
        serve(wire, settings)


def bound_memory(room: int) -> None:
    """Let this process grow by so many bytes, where the system can see to it; beyond that there is a `MemoryError`."""
    most = psutil.Process().memory_info().vms + room
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def read_settings(text: str) -> Settings:
    """Settings from the JSON that a server gives its children."""
    adapter: TypeAdapter[Any] = TypeAdapter(Settings)
    settings: Settings = adapter.validate_json(text)
    return settings
