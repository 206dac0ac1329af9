"""Jobs, their states and their events, in SQLite: what was accepted once is there after any crash.

    queued ⇄ paused        pause, resume; a running job is paused at its next call
    queued → running       a worker takes it; back to queued when the worker or the server dies
    running → done | failed | cancelled
    failed | cancelled → queued        retry

Every change is one transaction together with the event that tells of it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
Wanted = Literal["", "paused", "cancelled"]

WAITING = ("queued", "paused")
ENDED = ("done", "failed", "cancelled")

SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, wanted TEXT NOT NULL DEFAULT '', place REAL NOT NULL,
    title TEXT NOT NULL, name TEXT NOT NULL, template TEXT NOT NULL, job_order TEXT NOT NULL, calls INTEGER NOT NULL,
    created REAL NOT NULL, started REAL, finished REAL, starts INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0, to_run INTEGER NOT NULL DEFAULT 0, ran INTEGER NOT NULL DEFAULT 0,
    cached INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0, files TEXT NOT NULL DEFAULT '[]',
    errors TEXT NOT NULL DEFAULT '[]', idempotency TEXT UNIQUE, digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS job_state ON job (state, place);
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, time REAL NOT NULL, key TEXT, data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS event_job ON event (job, number);
CREATE INDEX IF NOT EXISTS event_key ON event (key) WHERE key IS NOT NULL;
"""

NAMES = ("id", "state", "wanted", "place", "title", "job_order", "calls", "created", "started", "finished", "starts",
         "deaths", "to_run", "ran", "cached", "seconds", "files", "errors")  # fmt: skip
COLUMNS = ", ".join(NAMES)
LISTED = COLUMNS.replace(
    "job_order", "json_object('workflow', json_object(), 'name', name, 'template', template) AS job_order"
)
"""For lists: of an order only its names, as the workflows of many jobs would fill the memory."""


@dataclass(frozen=True)
class Order:
    """What a job is to compute.

    Attributes:
        workflow: as JSON.
        name: of the saved workflow that it is, or empty.
        template: of the shipped workflow that it is, or empty.
        inputs: values that are not to have their defaults.
        sweeps: input → values, each computed.
        only: a top-level node, if not everything is wanted.
    """

    workflow: dict[str, Any]
    name: str = ""
    template: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    sweeps: dict[str, Any] = field(default_factory=dict)
    only: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As the clerk and the workers read it."""
        return {"workflow": self.workflow, "name": self.name, "template": self.template, "inputs": self.inputs,
                "sweeps": self.sweeps, "only": self.only}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A row: what was ordered, and what has become of it.

    Attributes:
        id: date, time and six random letters; it sorts by age, and names the job's folder of pictures.
        state: see the module.
        wanted: what a running job is to become as soon as it can stop.
        place: the order of those that wait, smaller first.
        title: for people.
        order: what to compute.
        calls: how many calls it has.
        created: seconds since 1970, as all times.
        started: of the latest start.
        finished: when it ended.
        starts: how often a worker has taken it.
        deaths: of workers in a row, without a value made and kept between them.
        to_run: calls that the latest start planned to compute.
        ran: calls computed in all starts.
        cached: calls of the latest start that came from the cache.
        seconds: spent running, in all starts.
        files: names in its folder of pictures.
        errors: a line for each failure.
    """

    id: str
    state: State
    wanted: Wanted
    place: float
    title: str
    order: Order
    calls: int
    created: float
    started: float | None
    finished: float | None
    starts: int
    deaths: int
    to_run: int
    ran: int
    cached: int
    seconds: float
    files: list[str]
    errors: list[str]


@dataclass(frozen=True)
class Told:
    """An event as it is kept: its number is larger than that of every event before it."""

    number: int
    job: str
    text: str
    """The event as JSON."""


class Full(Exception):
    """The queue is full."""


class Differs(Exception):
    """The same idempotency key came with another order."""


class Forbidden(Exception):
    """A job in this state cannot do this."""


def new_id() -> str:
    """An id that no other job has or had."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return time.strftime("%Y%m%d-%H%M%S-") + "".join(secrets.choice(letters) for _ in range(6))


class Jobs:
    """The table of jobs and the log of events. Any thread may call; each call is one transaction."""

    def __init__(self, path: Path, queue: int, history: int) -> None:
        """Open or make the file.

        Args:
            path: of the SQLite file.
            queue: how many jobs may wait.
            history: how many that have ended are remembered.
        """
        self.queue, self.history = queue, history
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        self._told: list[Told] = []
        self._new: list[Told] = []

    @contextmanager
    def _change(self, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction, with the events that are noted in it; `durable` waits until the disk has it."""
        with self._lock:
            if durable:
                self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("BEGIN IMMEDIATE")
            noted = len(self._new)
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                del self._new[noted:]
                raise
            finally:
                if durable:
                    self._db.execute("PRAGMA synchronous=NORMAL")
            self._told += self._new
            self._new = []

    def take_told(self) -> list[Told]:
        """The events kept since this was last asked."""
        with self._lock:
            told, self._told = self._told, []
            return told

    def _tell(self, job: str, event: Mapping[str, Any], key: str | None = None) -> None:
        """Note an event in the transaction that is going on."""
        now = time.time()
        number = self._db.execute(
            "INSERT INTO event (job, time, key, data) VALUES (?,?,?,?)",
            (job, now, key, text := json.dumps(event, ensure_ascii=False, separators=(",", ":"))),
        ).lastrowid
        assert number is not None
        self._new.append(Told(number, job, dressed(number, job, now, text)))

    def _tell_state(self, id: str, state: str) -> None:
        counts = self.counts()
        self._tell(id, {"event": "queue", "state": state, "queued": counts["queued"], "running": counts["running"]})

    def _tell_end(
        self, id: str, state: str, seconds: float, files: Sequence[str] = (), errors: Sequence[str] = ()
    ) -> None:
        event = {"event": "done", "status": state, "seconds": seconds, "files": list(files), "errors": list(errors)}
        self._tell(id, event)

    # looking

    def get(self, id: str) -> Job | None:
        """A job, or None."""
        with self._lock:
            row = self._db.execute(f"SELECT {COLUMNS} FROM job WHERE id = ?", (id,)).fetchone()
        return read(row) if row else None

    def find(
        self, states: Sequence[str] = (), text: str = "", after: str = "", limit: int = 50
    ) -> tuple[list[Job], int]:
        """Jobs, newest first, and how many there are of these.

        Args:
            states: only of these; all if empty.
            text: only those in whose title or id this occurs.
            after: the id of the last job of the page before.
            limit: how many.
        """
        where, values = ["1"], list[Any]()
        if states:
            where.append(f"state IN ({','.join('?' * len(states))})")
            values += states
        if text:
            where.append("(instr(lower(title), lower(?)) OR instr(id, ?))")
            values += [text, text]
        condition = " AND ".join(where)
        with self._lock:
            total = self._db.execute(f"SELECT COUNT(*) FROM job WHERE {condition}", values).fetchone()[0]
            if after:
                condition += " AND id < ?"
                values.append(after)
            query = f"SELECT {LISTED} FROM job WHERE {condition} ORDER BY id DESC LIMIT ?"
            rows = self._db.execute(query, [*values, limit]).fetchall()
        return [read(row) for row in rows], total

    def waiting(self) -> list[Job]:
        """The jobs that wait, in the order in which they will run."""
        with self._lock:
            query = f"SELECT {LISTED} FROM job WHERE state IN ('queued', 'paused') ORDER BY place, id"
            return [read(row) for row in self._db.execute(query).fetchall()]

    def running(self) -> list[Job]:
        """The jobs that a worker has."""
        with self._lock:
            query = f"SELECT {LISTED} FROM job WHERE state = 'running' ORDER BY place, id"
            return [read(row) for row in self._db.execute(query).fetchall()]

    def counts(self) -> dict[str, int]:
        """How many jobs there are of each state."""
        with self._lock:
            found = dict(self._db.execute("SELECT state, COUNT(*) FROM job GROUP BY state").fetchall())
        return dict.fromkeys(get_args(State), 0) | found

    def job_of(self, key: str) -> str | None:
        """The latest job in which the value of a key was made or read."""
        with self._lock:
            row = self._db.execute(
                "SELECT job FROM event WHERE key = ? ORDER BY number DESC LIMIT 1", (key,)
            ).fetchone()
        return row[0] if row else None

    def calls(self, id: str, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """What is known of a job's calls: the latest event of each that finished or failed, by number."""
        query = (
            "SELECT MAX(number), data FROM event WHERE job = ? AND key IS NOT NULL AND "
            "json_extract(data, '$.event') IN ('finished', 'failed') GROUP BY key HAVING MAX(number) > ? "
            "ORDER BY MAX(number) LIMIT ?"
        )
        with self._lock:
            rows = self._db.execute(query, (id, after, limit)).fetchall()
        return [{"number": number, **json.loads(data)} for number, data in rows]

    # events

    def first_and_last(self) -> tuple[int, int]:
        """The numbers of the oldest event that is kept, and of the newest that ever was."""
        with self._lock:
            first = self._db.execute("SELECT MIN(number) FROM event").fetchone()[0]
            row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        last = row[0] if row else 0
        return first or last + 1, last

    def events(self, after: int, job: str | None = None, limit: int = 500) -> list[Told]:
        """Events with larger numbers than `after`, of one job or of all."""
        only, values = ("AND job = ?", [after, job, limit]) if job else ("", [after, limit])
        query = f"SELECT number, job, time, data FROM event WHERE number > ? {only} ORDER BY number LIMIT ?"
        with self._lock:
            rows = self._db.execute(query, values).fetchall()
        return [Told(number, of, dressed(number, of, at, text)) for number, of, at, text in rows]

    def record(self, id: str, events: Iterable[Mapping[str, Any]]) -> None:
        """Keep what a worker tells of a running job, and count it."""
        with self._change() as db:
            for event in events:
                kind = event["event"]
                key = event.get("key") if kind in ("finished", "failed") else None
                self._tell(id, event, key)
                if kind == "planned":
                    db.execute("UPDATE job SET to_run = ?, cached = 0 WHERE id = ?", (event["run"], id))
                elif kind == "finished" and event["cached"]:
                    db.execute("UPDATE job SET cached = cached + 1 WHERE id = ?", (id,))
                elif kind == "finished":
                    further = ", deaths = 0" if event["kept"] else ""  # a handle of a model is made at every start
                    db.execute(f"UPDATE job SET ran = ran + 1{further} WHERE id = ?", (id,))

    # changing

    def add(self, order: Order, calls: int, idempotency: str | None = None, front: bool = False) -> tuple[Job, bool]:
        """Accept a job; it is on the disk when this returns.

        Args:
            order: what to compute.
            calls: how many calls that is.
            idempotency: the same key and order again give the same job.
            front: before all others that wait.

        Returns:
            The job, and whether it is new.

        Raises:
            Full: too many wait already.
            Differs: the idempotency key came before with another order.
        """
        text = json.dumps(order.to_json(), ensure_ascii=False, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._change(durable=True) as db:
            if idempotency is not None:
                row = db.execute(f"SELECT {COLUMNS}, digest FROM job WHERE idempotency = ?", (idempotency,)).fetchone()
                if row is not None and row[-1] != digest:
                    raise Differs
                if row is not None:
                    return read(row[:-1]), False
            waiting = db.execute("SELECT COUNT(*) FROM job WHERE state IN ('queued', 'paused')").fetchone()[0]
            if waiting >= self.queue:
                raise Full
            id, title = new_id(), str(order.workflow.get("title") or order.name or order.template or "")
            place = self._end_of_queue(front)
            db.execute(
                "INSERT INTO job (id, state, place, title, name, template, job_order, calls, created, idempotency, "
                "digest) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (id, "queued", place, title[:200], order.name, order.template, text, calls, time.time(), idempotency,
                 digest),
            )  # fmt: skip
            self._tell_state(id, "queued")
            self._forget_oldest()
        found = self.get(id)
        assert found is not None
        return found, True

    def _end_of_queue(self, front: bool = False) -> float:
        query = "SELECT MIN(place), MAX(place) FROM job WHERE state IN ('queued', 'paused', 'running')"
        least, most = self._db.execute(query).fetchone()
        return (least or 0.0) - 1 if front else (most or 0.0) + 1

    def _forget_oldest(self) -> None:
        query = f"SELECT id FROM job WHERE state IN {ENDED} ORDER BY finished DESC LIMIT -1 OFFSET ?"
        for (id,) in self._db.execute(query, (self.history,)).fetchall():
            self._forget(id)

    def _forget(self, id: str) -> None:
        self._db.execute("DELETE FROM event WHERE job = ?", (id,))
        self._db.execute("DELETE FROM job WHERE id = ?", (id,))

    def take(self) -> Job | None:
        """The next job that waits, now running; None if none does."""
        with self._change() as db:
            row = db.execute("SELECT id FROM job WHERE state = 'queued' ORDER BY place, id LIMIT 1").fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE job SET state = 'running', wanted = '', started = ?, starts = starts + 1, errors = '[]', "
                "files = '[]', to_run = 0, cached = 0 WHERE id = ?",
                (time.time(), row[0]),
            )
            self._tell_state(row[0], "running")
        return self.get(row[0])

    def give_back(self, id: str, died: bool, tries: int, reason: str = "", files: Sequence[str] = ()) -> Job | None:
        """A running job whose worker is gone, or was told to stop: queued again, or what was wanted of it, or failed.

        Args:
            id: of the job.
            died: whether the worker died of it.
            tries: deaths in a row, without a value made and kept between them, that are too many.
            reason: of the death.
            files: what was written before it was stopped.
        """
        with self._change() as db:
            job = self.get(id)
            if job is None or job.state != "running":
                return job
            deaths = job.deaths + died
            seconds = job.seconds + time.time() - (job.started or time.time())
            state: str = job.wanted or "queued"
            errors = list[str]()
            if died and deaths >= tries and state == "queued":
                state, errors = "failed", [f"the worker died {deaths} times without finishing another call: {reason}"]
            finished = time.time() if state in ENDED else None
            lists = [json.dumps(list(one), ensure_ascii=False) for one in (files, errors)]
            db.execute(
                "UPDATE job SET state = ?, wanted = '', deaths = ?, seconds = ?, finished = ?, files = ?, errors = ? "
                "WHERE id = ?",
                (state, deaths, seconds, finished, *lists, id),
            )
            if state in ENDED:
                self._tell_end(id, state, seconds, files, errors)
            self._tell_state(id, state)
        return self.get(id)

    def end(self, id: str, state: State, seconds: float, files: Sequence[str], errors: Sequence[str]) -> None:
        """A running job has come to its end; what was wanted of it meanwhile comes too late."""
        with self._change(durable=True) as db:
            job = self.get(id)
            if job is None or job.state != "running":
                return
            db.execute(
                "UPDATE job SET state = ?, wanted = '', deaths = 0, finished = ?, seconds = seconds + ?, files = ?, "
                "errors = ? WHERE id = ?",
                (state, time.time(), seconds, json.dumps(list(files), ensure_ascii=False),
                 json.dumps(list(errors), ensure_ascii=False), id),
            )  # fmt: skip
            self._tell_end(id, state, job.seconds + seconds, files, errors)
            self._tell_state(id, state)

    def want(self, id: str, wanted: Literal["paused", "cancelled"]) -> Job | None:
        """Pause or cancel: at once if it waits; a running one is marked, and its worker is to be told.

        Raises:
            Forbidden: it has ended, or is paused already.
        """
        with self._change() as db:
            job = self.get(id)
            if job is None:
                return None
            if job.state in ENDED or (job.state == "paused" and wanted == "paused"):
                raise Forbidden
            if job.state == "running":
                db.execute("UPDATE job SET wanted = ? WHERE id = ?", (wanted, id))
            else:
                finished = time.time() if wanted == "cancelled" else None
                db.execute("UPDATE job SET state = ?, finished = ? WHERE id = ?", (wanted, finished, id))
                if wanted == "cancelled":
                    self._tell(
                        id, {"event": "done", "status": wanted, "seconds": job.seconds, "files": [], "errors": []}
                    )
                self._tell_state(id, wanted)
        return self.get(id)

    def queue_again(self, id: str, states: Sequence[str]) -> Job | None:
        """Resume a paused job at its place, or retry one that ended at the end of the queue.

        Raises:
            Forbidden: it is in another state.
            Full: too many wait already.
        """
        with self._change() as db:
            job = self.get(id)
            if job is None:
                return None
            if job.state == "running" and job.wanted == "paused" and "paused" in states:
                db.execute("UPDATE job SET wanted = '' WHERE id = ?", (id,))  # it had not stopped yet
            elif job.state not in states:
                raise Forbidden
            else:
                counts = self.counts()
                if job.state in ENDED and counts["queued"] + counts["paused"] >= self.queue:
                    raise Full
                place = self._end_of_queue() if job.state in ENDED else job.place
                db.execute(
                    "UPDATE job SET state = 'queued', deaths = 0, finished = NULL, place = ? WHERE id = ?", (place, id)
                )
                self._tell_state(id, "queued")
        return self.get(id)

    def move(self, id: str, before: str | None) -> Job | None:
        """Put a waiting job before another that waits, or at the end.

        Raises:
            Forbidden: one of them does not wait.
        """
        with self._change() as db:
            job = self.get(id)
            if job is None:
                return None
            order = [other.id for other in self.waiting() if other.id != id]
            if job.state not in WAITING or (before is not None and before != id and before not in order):
                raise Forbidden
            if before != id:
                order.insert(len(order) if before is None else order.index(before), id)
                least = min(other.place for other in self.waiting())
                db.executemany(
                    "UPDATE job SET place = ? WHERE id = ?", [(least + i, other) for i, other in enumerate(order)]
                )
                self._tell_state(id, job.state)
        return self.get(id)

    def remove(self, id: str) -> bool:
        """Forget a job that has ended; its pictures stay.

        Raises:
            Forbidden: it has not ended.
        """
        with self._change():
            job = self.get(id)
            if job is None:
                return False
            if job.state not in ENDED:
                raise Forbidden
            self._forget(id)
        return True

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def read(row: Sequence[Any]) -> Job:
    """A job from its row."""
    found = dict(zip(NAMES, row, strict=True))
    found["order"] = Order(**json.loads(found.pop("job_order")))
    found |= {name: json.loads(found[name]) for name in ("files", "errors")}
    return Job(**found)


def dressed(number: int, job: str, at: float, text: str) -> str:
    """An event with its number, its job and its time, as JSON."""
    return f'{{"number":{number},"job":"{job}","time":{at:.3f},{text[1:]}'
