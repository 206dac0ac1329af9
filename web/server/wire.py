"""How the server and its child processes talk: frames of JSON with bytes beside it, over a socket pair. No pickles.

A frame is two lengths (four bytes each, big-endian), so many bytes of JSON, and so many bytes of anything else.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from typing import Any

LENGTHS = struct.Struct(">II")

Message = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def pack(message: Message, blob: bytes = b"") -> bytes:
    """A frame."""
    text = _encode(message).encode()
    return LENGTHS.pack(len(text), len(blob)) + text + blob


async def receive(reader: asyncio.StreamReader) -> tuple[Message, bytes]:
    """The next frame; IncompleteReadError at the end."""
    size, extra = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
    return json.loads(await reader.readexactly(size)), await reader.readexactly(extra)


class Wire:
    """The child's end: blocking, and any thread may send."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._reader = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: Message, blob: bytes = b"") -> None:
        """Send a frame; OSError when nobody is there any more."""
        frame = pack(message, blob)
        with self._lock:
            self._socket.sendall(frame)

    def receive(self) -> tuple[Message, bytes] | None:
        """The next frame, or None when the server is gone."""
        try:
            lengths = self._reader.read(LENGTHS.size)
            if len(lengths) < LENGTHS.size:
                return None
            size, extra = LENGTHS.unpack(lengths)
            text, blob = self._reader.read(size), self._reader.read(extra)
        except OSError:
            return None
        return (json.loads(text), blob) if len(text) == size and len(blob) == extra else None
