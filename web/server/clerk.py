"""A clerk: the child process that answers what takes more than a moment, or that hostile input could make expensive.

It checks, plans, inspects, draws and lists, one question after the other. A question is a message
`{"id": 7, "do": "plan", …}` with the arguments of the function of that name; the answer has its `id` and

    "ok"        what the function returned; of a file its type, with its bytes beside the message
    "refused"   why not, with an HTTP status
    "broken"    one line, where the clerk itself is at fault; the traceback is logged
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from engine import Cache, Registry, StorageError, WorkflowError, load_node_packages
from engine.errors import describe
from engine.run import Around
from web.server.listing import Lists
from web.server.looking import Looker, Sent
from web.server.pictures_checked import Pictures
from web.server.planning import Planner
from web.server.refused import Refused, line
from web.server.settings import MEBI, Settings
from web.server.wire import Message, Wire

log = logging.getLogger("diffuscope.clerk")

MEMORY_BYTES = 256 * MEBI
"""Of values that are kept at hand."""


class Clerk:
    """All that can be asked."""

    def __init__(self, settings: Settings, registry: Registry | None = None, around: Around = nullcontext) -> None:
        """Open the cache; raise `StorageError` if its folder cannot be used.

        Args:
            settings: where the folders are, and the limits.
            registry: known node types; by default those of every installed node package.
            around: entered around all computing, such as the choice of a device.
        """
        registry = load_node_packages() if registry is None else registry
        cache = Cache(settings.cache, memory=MEMORY_BYTES)
        self.planner = Planner(settings, registry, cache)
        self.looker = Looker(self.planner, around)
        self.lists = Lists(registry, self.planner.disk)
        self.pictures = Pictures(settings.limits)
        asked = (
            self.planner.check, self.planner.plan,
            self.looker.value, self.looker.view,
            self.pictures.inspect_upload, self.pictures.recipe, self.pictures.thumbnail,
            self.lists.models, self.lists.nodes, self.lists.cache_info,
        )  # fmt: skip
        self.functions: Mapping[str, Callable[..., Any]] = {function.__name__: function for function in asked}

    def answer(self, message: Message) -> tuple[Message, bytes]:
        """The answer to a message, and bytes if they come with it."""
        arguments = dict(message)
        id, name = arguments.pop("id", None), arguments.pop("do", None)
        try:
            found = self.functions[name](**arguments)
        except Refused as error:
            return {"id": id, "refused": error.to_json()}, b""
        except WorkflowError as error:
            return {"id": id, "refused": Refused.of_faults(error.faults, error.source).to_json()}, b""
        except StorageError as error:
            return {"id": id, "refused": Refused(409, str(error)).to_json()}, b""
        except (MemoryError, RecursionError) as error:
            found = "more than the memory holds" if isinstance(error, MemoryError) else "data nested too deeply"
            refused = Refused(422, f"expected less, found {found}", where=str(name), hint="ask for less")
            return {"id": id, "refused": refused.to_json()}, b""
        except Exception as error:
            log.exception("%s failed", name)
            return {"id": id, "broken": line(describe(error))}, b""
        if isinstance(found, Sent):
            return {"id": id, "ok": {"type": found.type}}, found.data
        return {"id": id, "ok": found}, b""


def serve(wire: Wire, settings: Settings, warm: bool = False, around: Around = nullcontext) -> None:
    """Answer until the server is gone, and end the process.

    Args:
        wire: to the server; "ready" is told first.
        settings: the server's.
        warm: import at once what decoding values takes.
        around: entered around all computing.
    """
    clerk = Clerk(settings, around=around)
    if warm:
        importlib.import_module("nodes.codecs")
    wire.send({"tell": "ready", "pid": os.getpid()})
    while (received := wire.receive()) is not None:
        answer, blob = clerk.answer(received[0])
        try:
            wire.send(answer, blob)
        except ValueError as error:  # what was found cannot be written as JSON
            log.exception("%s", received[0].get("do"))
            wire.send({"id": answer["id"], "broken": line(describe(error))})
        except OSError:
            break
    os._exit(0)
