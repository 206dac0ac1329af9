"""Values by key, in two tiers behind one interface: host memory within a byte budget, and disk.

On disk a value with arrays is a safetensors file named by its key, written aside and then renamed; plain data lives in
the SQLite index itself. Every entry has a checksum, and a damaged one is a miss. Nothing is ever pickled.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import StorageError, describe
from engine.keys import EVERYTHING, canonical, content_digest, files_of
from engine.node import NodeType
from engine.types import JSON_TYPE, VALUE_TYPES, Encoded, ValueType

Outputs = Mapping[str, Any]
"""The value of a call: output name → value; a single output is named ""."""

MEMORY_BYTES = 1 << 30
DISK_BYTES = 20 << 30
PENDING_ROWS = 512
QUICK_SECONDS = 0.005
"""Rows of calls quicker than this may wait for others before they are written."""


def type_of(name: str) -> ValueType:
    """A value type by the name under which it was stored; KeyError if it is no longer known."""
    return JSON_TYPE if name == "json" else VALUE_TYPES[name].spec


def measure(type: NodeType, outputs: Outputs) -> int:
    """The memory that a call's value takes, in bytes."""
    return sum(output.type.codec.nbytes(outputs[name]) for name, output in type.outputs.items())


# ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class MemoryTier:
    """Values in host memory. What is evicted first costs little to recompute for the bytes it holds.

    The rule is GreedyDual-Size (Cao and Irani, 1997): an entry's worth is its seconds over its bytes, plus the worth
    of the last entry evicted before it was used, so that old entries lose against new ones.
    """

    def __init__(self, budget: int = MEMORY_BYTES) -> None:
        self.budget = budget
        self.used = 0
        self._entries: dict[str, tuple[Outputs, int, float, float]] = {}  # value, bytes, seconds, worth
        self._heap: list[tuple[float, str]] = []
        self._floor = 0.0

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Outputs | None:
        """The value of a key, or None; its worth is renewed."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        outputs, size, seconds, worth = entry
        if worth < self._worth(size, seconds):
            self._set(key, outputs, size, seconds)
        return outputs

    def put(self, key: str, outputs: Outputs, size: int, seconds: float) -> None:
        """Keep a value if it fits into the budget at all; evict others for it."""
        self.remove(key)
        if size > self.budget:
            return
        self.used += size
        self._set(key, outputs, size, seconds)
        while self.used > self.budget:
            worth, victim = heapq.heappop(self._heap)
            entry = self._entries.get(victim)
            if entry is not None and entry[3] == worth:
                self._floor = worth
                self.remove(victim)
        if len(self._heap) > 4 * len(self._entries) + 64:
            self._heap = [(entry[3], key) for key, entry in self._entries.items()]
            heapq.heapify(self._heap)

    def _worth(self, size: int, seconds: float) -> float:
        return self._floor + (seconds + 1e-6) / (size + 1)

    def _set(self, key: str, outputs: Outputs, size: int, seconds: float) -> None:
        worth = self._worth(size, seconds)
        self._entries[key] = (outputs, size, seconds, worth)
        heapq.heappush(self._heap, (worth, key))

    def remove(self, key: str) -> None:
        """Forget a key."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used -= entry[1]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._heap.clear()
        self.used = 0


# ── disk ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

SCHEMA = """
CREATE TABLE IF NOT EXISTS value (
    key TEXT PRIMARY KEY, node TEXT NOT NULL, label TEXT NOT NULL, seconds REAL NOT NULL, bytes INTEGER NOT NULL,
    created REAL NOT NULL, used REAL NOT NULL, checksum TEXT NOT NULL, inline BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS value_label ON value (label);
CREATE TABLE IF NOT EXISTS digest (
    path TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Entry:
    """A row of the index."""

    key: str
    node: str
    label: str
    seconds: float
    bytes: int
    created: float
    used: float


class DiskTier:
    """Values in a folder: `index.sqlite` and `values/ab/abcd….safetensors`."""

    def __init__(self, folder: Path, budget: int = DISK_BYTES) -> None:
        """Open or make the folder; raise `StorageError` if it can be neither."""
        self.folder, self.budget = folder, budget
        self._lock = threading.RLock()
        self._rows: dict[str, tuple[Any, ...]] = {}
        self._touched: dict[str, float] = {}
        self._total: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._db = self._open()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # no database at all: set it aside, its values are misses
                (folder / "index.sqlite").replace(folder / "index.sqlite.damaged")
                self._db = self._open()
        except (OSError, sqlite3.Error) as error:
            hint = "choose another folder with --cache, or run with --no-cache"
            raise StorageError(f"{folder}: cannot be used as a cache: {error}; {hint}") from None

    def _open(self) -> sqlite3.Connection:
        index = self.folder / "index.sqlite"
        db = sqlite3.connect(index, timeout=10, check_same_thread=False, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(SCHEMA)
        return db

    def path(self, key: str) -> Path:
        """Where the arrays of a key are."""
        return self.folder / "values" / key[:2] / f"{key}.safetensors"

    def __contains__(self, key: str) -> bool:
        with self._lock:
            if key in self._rows:
                return True
            try:
                row = self._db.execute("SELECT inline IS NOT NULL FROM value WHERE key = ?", (key,)).fetchone()
            except sqlite3.Error:
                return False
        return row is not None and (bool(row[0]) or self.path(key).exists())

    def get(self, key: str) -> tuple[Outputs, float] | None:
        """The value of a key and the seconds it took, or None; a damaged entry is removed and None."""
        query = "SELECT seconds, checksum, inline FROM value WHERE key = ?"
        try:
            with self._lock:
                row = self._rows.get(key)
                found = (row[3], row[7], row[8]) if row else self._db.execute(query, (key,)).fetchone()
                if found is None:
                    return None
                seconds, checksum, inline = found
                self._touched[key] = time.time()
            data = inline if inline is not None else self.path(key).read_bytes()
            if hashlib.sha256(data).hexdigest() != checksum:
                raise ValueError("checksum")
            return decode(data, arrays=inline is None), seconds
        except Exception:  # whatever a codec makes of bytes that another version of it wrote
            with suppress(StorageError):
                self.remove([key])
            return None

    def put(self, key: str, type: NodeType, label: str, outputs: Outputs, seconds: float) -> None:
        """Store a value; raise `StorageError` if the folder does not take it."""
        arrays, data = encode(type, outputs)
        now = time.time()
        row = (key, type.name, label, seconds, len(data), now, now, hashlib.sha256(data).hexdigest(),
               None if arrays else data)  # fmt: skip
        try:
            if arrays:
                self._write(self.path(key), data)
            with self._lock:
                self._rows[key] = row
                if arrays or seconds > QUICK_SECONDS or len(self._rows) >= PENDING_ROWS:
                    self.flush()
            self._make_room(len(data))
        except (OSError, sqlite3.Error) as error:
            self._rows.pop(key, None)
            raise StorageError(f"{self.folder}: cannot be written: {error}") from None

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def flush(self) -> None:
        """Write waiting rows to the index, in one transaction."""
        with self._lock:
            if not self._rows and not self._touched:
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR REPLACE INTO value VALUES (?,?,?,?,?,?,?,?,?)", self._rows.values())
                self._db.executemany(
                    "UPDATE value SET used = ? WHERE key = ?", [(at, key) for key, at in self._touched.items()]
                )
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    self._db.execute("ROLLBACK")
                raise
            self._rows.clear()
            self._touched.clear()

    def _make_room(self, added: int) -> None:
        with self._lock:
            if self._total is None:
                self._total = self.total()
            else:
                self._total += added
            if self._total > self.budget:
                self.prune(int(self.budget * 0.9))

    # looking and tidying

    def total(self) -> int:
        """Bytes stored."""
        return int(self._db.execute("SELECT COALESCE(SUM(bytes), 0) FROM value").fetchone()[0])

    def entries(self, like: str | None = None) -> list[Entry]:
        """The index, newest first; `like` is the beginning of a key, or a label."""
        self.flush()
        columns = "key, node, label, seconds, bytes, created, used"
        where = "WHERE key GLOB ? OR label = ?" if like else ""
        glob = "".join(c for c in like or "" if c.isalnum()) + "*"
        query = f"SELECT {columns} FROM value {where} ORDER BY created DESC"
        return [Entry(*row) for row in self._db.execute(query, (glob, like) if like else ())]

    def remove(self, keys: Iterable[str]) -> None:
        """Delete entries and their files."""
        keys = list(keys)
        try:
            with self._lock:
                for key in keys:
                    self._rows.pop(key, None)
                self._db.executemany("DELETE FROM value WHERE key = ?", [(key,) for key in keys])
                self._total = None
            for key in keys:
                self.path(key).unlink(missing_ok=True)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"{self.folder}: cannot be written: {error}") from None

    def prune(self, budget: int) -> int:
        """Delete entries until at most `budget` bytes are left; return how many were deleted.

        First go those that cost little to recompute for their bytes; a week without use halves an entry's worth.
        """
        now, week = time.time(), 7 * 86400.0
        rows = [(e.seconds / (e.bytes + 1) * 0.5 ** ((now - e.used) / week), e.bytes, e.key) for e in self.entries()]
        rows.sort()
        left, gone = sum(size for _, size, _ in rows), []
        for _, size, key in rows:
            if left <= budget:
                break
            left -= size
            gone.append(key)
        self.remove(gone)
        return len(gone)

    def clear(self) -> int:
        """Delete every entry, and what a run that was killed has left; return how many entries there were."""
        keys = [entry.key for entry in self.entries()]
        self.remove(keys)
        for left in (self.folder / "values").glob("*/*"):
            left.unlink(missing_ok=True)
        return len(keys)

    def file_digest(self, path: Path, parts: tuple[str, ...] = EVERYTHING) -> str:
        """The digest of a file or folder, remembered until a name, size or time of change in it differs."""
        place = str(path.resolve())
        status = [(str(file), file.stat()) for file in files_of(path, parts)]
        stamp = hashlib.sha256(canonical([[name, s.st_size, s.st_mtime_ns] for name, s in status])).hexdigest()
        with self._lock:
            found = None
            with suppress(sqlite3.Error):
                found = self._db.execute("SELECT stamp, sha256 FROM digest WHERE path = ?", (place,)).fetchone()
            if found is not None and found[0] == stamp:
                return str(found[1])
            digest = content_digest(path, parts)
            with suppress(sqlite3.Error):
                self._db.execute("INSERT OR REPLACE INTO digest VALUES (?,?,?)", (place, stamp, digest))
        return digest

    def close(self) -> None:
        """Write what waits and close the index."""
        with suppress(sqlite3.Error):
            self.flush()
        self._db.close()


def encode(type: NodeType, outputs: Outputs) -> tuple[bool, bytes]:
    """A call's value as bytes, and whether it has arrays: then safetensors, else JSON."""
    arrays: dict[str, Any] = {}
    document: dict[str, Any] = {}
    for name, output in type.outputs.items():
        encoded = output.type.codec.encode(outputs[name])
        document[name] = {"type": output.type.name, "meta": encoded.meta}
        arrays |= {f"{name}/{part}": array for part, array in encoded.arrays.items()}
    text = canonical(document)
    if not arrays:
        return False, text
    import numpy as np
    from safetensors.numpy import save

    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return True, save(contiguous, metadata={"value": text.decode()})


def decode(data: bytes, arrays: bool) -> Outputs:
    """The reverse of `encode`; ValueError or KeyError for bytes that are none of ours."""
    if not arrays:
        document, parts = json.loads(data), {}
    else:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            parts = load(data)
        except SafetensorError as error:
            raise ValueError(str(error)) from None
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        document = json.loads(header["__metadata__"]["value"])
    outputs = {}
    for name, stored in document.items():
        prefix = f"{name}/"
        mine = {part.removeprefix(prefix): array for part, array in parts.items() if part.startswith(prefix)}
        outputs[name] = type_of(stored["type"]).codec.decode(Encoded(mine, stored["meta"]))
    return outputs


# ── both ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Cache:
    """Memory before disk. If the disk fails while writing, the run goes on without it and says so once."""

    def __init__(self, folder: Path | None = None, memory: int = MEMORY_BYTES, disk: int = DISK_BYTES) -> None:
        """Values in memory, and on disk if a folder is given; `StorageError` if the folder cannot be used."""
        self.memory = MemoryTier(memory)
        self.disk = DiskTier(folder, disk) if folder is not None else None
        self.trouble: Callable[[str], None] | None = None
        self._writable = True
        self._lost: set[str] = set()
        """Keys whose entry on disk turned out to be of no use."""

    def has(self, key: str) -> bool:
        """Whether a value is there (a damaged one on disk is found out only when it is read)."""
        return key in self.memory or (self.disk is not None and key not in self._lost and key in self.disk)

    def get(self, key: str, type: NodeType) -> Outputs | None:
        """The value of a key, or None."""
        outputs = self.memory.get(key)
        if outputs is None and self.disk is not None:
            found = self.disk.get(key)
            if found is not None and found[0].keys() == type.outputs.keys():
                outputs, seconds = found
                self.memory.put(key, outputs, measure(type, outputs), seconds)
            else:
                self._lost.add(key)
        return outputs

    def put(self, key: str, type: NodeType, label: str, outputs: Outputs, size: int, seconds: float) -> None:
        """Keep a value."""
        self.memory.put(key, outputs, size, seconds)
        if self.disk is not None and self._writable and type.stored:
            try:
                self.disk.put(key, type, label, outputs, seconds)
                self._lost.discard(key)
            except StorageError as error:
                self._writable = False
                self._tell(f"{error}; going on without storing values")
            except Exception as error:  # the codec's own mistake
                self._tell(f"{label}: cannot be stored: {describe(error)}")

    def _tell(self, message: str) -> None:
        if self.trouble is not None:
            self.trouble(message)

    def digest(self, path: Path, parts: tuple[str, ...] = EVERYTHING) -> str:
        """The digest of a file's or folder's content."""
        return self.disk.file_digest(path, parts) if self.disk is not None else content_digest(path, parts)

    def flush(self) -> None:
        """Write what waits."""
        if self.disk is not None and self._writable:
            try:
                self.disk.flush()
            except sqlite3.Error as error:
                self._writable = False
                self._tell(f"{self.disk.folder}: cannot be written: {error}; values of this run are not kept")

    def close(self) -> None:
        """Write what waits and close the disk tier."""
        if self.disk is not None:
            self.disk.close()
