"""Hostile inputs, in one table: each is refused with a 4xx that says why, leaves no trace and costs next to nothing."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import bombs
import psutil
import pytest
from PIL import Image as Pillow
from running import ROOT, Running, ask, client, running, until_ended
from yarl import URL

from engine import load_node_packages
from engine.node import NodeType
from web.server.api import Problem
from web.server.routes import ALL

GIB = 1 << 30
CHILDREN = ("worker", "checker", "viewer")
SECRET = "what nobody outside may read"
UNSPOKEN = "unspoken"
"""The name of a file outside that no request tells."""

LINKED, OWN = "20200101-000000-aaaaaa", "20200101-000000-bbbbbb"
"""Folders of jobs: one leads outside, one holds links and broken files."""
LINKED_UPLOAD = f"{0:032x}.png"

PLAIN = {
    "diffuscope": 1,
    "nodes": {
        "picture": {"type": "load_image", "params": {"path": "pictures/beach.png"}},
        "save": {"type": "save_image", "in": {"image": "picture"}, "params": {"name": "harmless"}},
    },
}


# ── the server, and what it costs ─────────────────────────────────────────────────────────────────────────────────────


class Watch(threading.Thread):
    """The memory of a server and of its children, looked at all the time: at rest, and at most."""

    def __init__(self, server: Running) -> None:
        super().__init__(daemon=True)
        self.server, self.ended = server, threading.Event()
        self.rest = self.memory()
        self.most = dict(self.rest)

    def memory(self) -> dict[str, int]:
        """Resident bytes by role."""
        found = {}
        for role, pid in {"server": self.server.process.pid, **self.server.children()}.items():
            try:
                found[role] = psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return found

    def run(self) -> None:
        """Look, every twenty milliseconds or so."""
        while not self.ended.wait(0.015):
            for role, size in self.memory().items():
                self.most[role] = max(self.most.get(role, 0), size)


@dataclass(frozen=True)
class Target:
    """A server under attack."""

    server: Running
    folder: Path
    """The server's own; everything beside it is outside."""
    job: str
    key: str
    watch: Watch

    @property
    def outside(self) -> Path:
        """What nobody may reach."""
        return self.folder.parent / "outside"

    def filled(self, text: str) -> str:
        """A text with what is only known now."""
        for name, value in (("JOB", self.job), ("KEY", self.key), ("OUTSIDE", str(self.outside))):
            text = text.replace(f"<{name}>", value)
        return text

    def traces(self) -> dict[str, Any]:
        """Every file outside, and every file of the server but the log of jobs and the values."""
        data = self.folder / "data"
        places = (self.outside, data / "workflows", data / "inputs", data / "outputs")
        files = [path for place in places for path in sorted(place.rglob("*"))]
        return {
            str(path): (path.lstat().st_mode, path.is_dir() or (path.lstat().st_size, path.lstat().st_mtime_ns))
            for path in files
        }


def plant(folder: Path) -> None:
    """Put files outside of a server's folder, and links to them into it."""
    outside, data = folder.parent / "outside", folder / "data"
    inputs, workflows, outputs = data / "inputs", data / "workflows", data / "outputs"
    for place in (outside, inputs / "uploads", inputs / "mixed", workflows / "folder.json", outputs / OWN):
        place.mkdir(parents=True)
    (outside / "secret.txt").write_text(SECRET)
    (outside / "secret.json").write_text(json.dumps({**PLAIN, "title": SECRET}))
    (outside / "model_index.json").write_text("{}")
    (outside / "config.json").write_text("{}")
    for path in (outside / "secret.png", outside / f"{UNSPOKEN}.png", inputs / "mixed" / "own.png"):
        Pillow.new("RGB", (8, 8)).save(path)
    for link, target in (
        (inputs / "link.png", "secret.png"), (inputs / "link.txt", "secret.txt"), (inputs / "link", "."),
        (inputs / "mixed" / "link.png", "secret.png"), (inputs / "uploads" / LINKED_UPLOAD, "secret.png"),
        (workflows / "link.json", "secret.json"), (workflows / "zero.json", "/dev/zero"),
        (workflows / "aside.json.tmp", "secret.txt"), (workflows / "new.json", "made.json"),
        (outputs / LINKED, "."), (outputs / OWN / "link.png", "secret.png"), (outputs / OWN / "link", "."),
    ):  # fmt: skip
        link.symlink_to(outside / target)
    os.mkfifo(inputs / "pipe.png")
    (workflows / "deep.json").write_text("[" * 10_000)
    (workflows / "list.json").write_text("[]")
    (outputs / OWN / "broken.png").write_bytes(bombs.truncated("PNG"))
    (outputs / OWN / "bomb.png").write_bytes(bombs.zip_bomb())
    (outputs / OWN / "wide.png").write_bytes(bombs.png(100_000, 1))
    (outputs / OWN / "recipe.png").write_bytes(bombs.recipe_bomb())
    (outputs / OWN / "notes.txt").write_text("no picture")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that has done a job, among traps."""
    folder = tmp_path_factory.mktemp("hostile") / "server-of-secrets"
    plant(folder)

    async def one_job(server: Running) -> tuple[str, str]:
        async with client(server) as session:
            while not all(child["ready"] for child in (await ask(session, "GET", "/api/stats"))["children"]):
                await asyncio.sleep(0.05)
            job = await until_ended(
                session, (await ask(session, "POST", "/api/jobs", 201, json={"workflow": PLAIN}))["id"]
            )
            calls = (await ask(session, "GET", f"/api/jobs/{job['id']}/calls"))["calls"]
            key = next(call["key"] for call in calls if call["node"] == "load_image")
            for way in ("", "/view"):
                async with session.get(f"/api/values/{key}{way}") as answer:
                    assert answer.status == 200
            await ask(session, "POST", "/api/plan", json={"template": "text_to_image"})
            return job["id"], key

    with running(folder) as server:
        job, key = asyncio.run(one_job(server))
        watch = Watch(server)
        watch.start()
        yield Target(server, folder, job, key, watch)
        watch.ended.set()
        watch.join()


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    head: str
    body: bytes


Send = Callable[[Target], Awaitable[Answer]]

ASK = "HTTP/1.1\nHost: localhost\nConnection: close\n"
"""How a request of our own bytes goes on after its address."""


@dataclass(frozen=True)
class Row:
    """An attack, and how it is refused: with this status, in a line in which the pattern occurs."""

    name: str
    status: int
    why: str
    send: Send
    api: bool = True
    slow: bool = False


def row(name: str, status: int, why: str, method: str, path: str, **options: Any) -> Row:
    """A request by aiohttp's client; `<JOB>` and its like are filled in, and data may be a function that makes them."""

    async def send(target: Target) -> Answer:
        sent = dict(options)
        if callable(sent.get("data")):
            sent["data"] = io.BytesIO(sent["data"]())
        if "json" in sent:
            sent["data"] = io.BytesIO(target.filled(json.dumps(sent.pop("json"))).encode())
            sent["headers"] = {"Content-Type": "application/json"} | sent.get("headers", {})
        url = URL(target.server.address + target.filled(path), encoded=True)
        async with client(target.server) as session, session.request(method, url, **sent) as answer:
            head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            return Answer(answer.status, head, await answer.read())

    return Row(name, status, why, send, path.startswith("/api"))


def raw(name: str, status: int, why: str, text: str | bytes, api: bool = False) -> Row:
    """A request of these bytes, which no client would send; one that is no HTTP is answered in plain text."""

    async def send(target: Target) -> Answer:
        data = text if isinstance(text, bytes) else target.filled(text).replace("\n", "\r\n").encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(target.server.address).port)
        writer.write(data)
        async with asyncio.timeout(20):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return Answer(int(head.split(b" ", 2)[1]), head.decode("latin-1"), body)

    return Row(name, status, why, send, api)


def posted(name: str, status: int, why: str, data: Any, path: str = "/api/jobs", **headers: str) -> Row:
    """Bytes that are said to be JSON."""
    headers = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return row(name, status, why, "POST", path, data=data, headers=headers)


def ordered(name: str, why: str, nodes: dict[str, Any], path: str = "/api/jobs", **more: Any) -> Row:
    """A job that is refused: nodes, perhaps with `inputs` of the workflow, and whatever else an order has."""
    workflow = {"diffuscope": 1, "nodes": nodes, "inputs": more.pop("known", {})}
    return row(name, 422, why, "POST", path, json={"workflow": workflow, **more})


def uploaded(name: str, status: int, why: str, data: Any, type: str = "image/png", **headers: str) -> Row:
    """A picture that is none."""
    headers = {"Content-Type": type} | {name.replace("_", "-"): value for name, value in headers.items()}
    return row(f"upload {name}", status, why, "POST", "/api/uploads", data=data, headers=headers)


# ── names of files ────────────────────────────────────────────────────────────────────────────────────────────────────

IN_ADDRESS = {
    "up": "..%2f..%2f..%2foutside%2fsecret.txt", "up once": "%2e%2e", "encoded twice": "%252e%252e%252fsecret.txt",
    "absolute": "%2fetc%2fpasswd", "home": "~", "home of root": "~root%2f.ssh", "NUL": "secret.txt%00.png",
    "backslashes": "..%5c..%5csecret.txt", "very long": "a" * 600, "signs like dots": "%e2%80%a5%e2%88%95secret",
    "wide dots": "%ef%bc%8e%ef%bc%8e%ef%bc%8fsecret", "trailing dots": "secret...", "trailing blank": "secret%20",
    "a device of Windows": "CON", "a device with a suffix": "nul.txt", "a drive": "C:secret", "an option": "-rf",
    "a stream": "a.png::$DATA", "line breaks": "%0d%0aSet-Cookie:%20a=b", "no Unicode": "%ff%fe", "hidden": ".ssh",
    "a star": "*",
}  # fmt: skip

NOT_FOUND = (
    r"^path\.\w+: expected |no such (file|job|address)|no (saved|shipped) workflow of this name|no value of this key"
)


def address(template: str, variable: str, spelled: str) -> str:
    """An address in which one variable is spelled like this, and the others fit."""
    fitting = {"id": "<JOB>", "job": "<JOB>", "key": "<KEY>", "name": "x.png"} | {variable: spelled}
    return re.sub(r"\{(\w+)\}", lambda found: fitting[found[1]], template)


def in_addresses() -> Iterator[Row]:
    """Every variable of every address."""
    for route in ALL:
        for variable in route.path:
            for kind, spelled in IN_ADDRESS.items():
                path = address(route.template, variable, spelled)
                body = {"json": PLAIN} if route.method == "PUT" else {"json": {"before": None}} if route.body else {}
                yield row(f"{route.name}, {variable}: {kind}", 404, NOT_FOUND, route.method, path, **body)
    for path in (
        "/api/images/<JOB>/../../jobs.sqlite", "/api/images/<JOB>/../../../../outside/secret.txt",
        "/api/images/../lock/x", "/api/images/<JOB>/..%2f..%2fjobs.sqlite", "/api/images/<JOB>/x/%2e%2e/%2e%2e/x",
        "/api/images/<JOB>//etc/passwd",
        "/api/recipes/<JOB>/../../../../outside/secret.png", "/api/workflows/../../../outside/secret",
        "/api/templates/..%2fsecret", "/api/uploads/../../../outside/secret.png", "/api/%2e%2e/%2e%2e/etc/passwd",
        f"/api/images/{LINKED}/secret.png", f"/api/images/{LINKED}/secret.txt", f"/api/recipes/{LINKED}/secret.png",
        f"/api/images/{OWN}/link.png", f"/api/images/{OWN}/link/secret.png", f"/api/recipes/{OWN}/link.png",
        f"/api/images/{OWN}/link.png?side=64", f"/api/uploads/{LINKED_UPLOAD}",
        f"/api/uploads/{LINKED_UPLOAD}/workflow", "/api/workflows/link", "/api/workflows/zero", "/api/workflows/folder",
    ):  # fmt: skip
        yield row(f"GET {path}", 404, NOT_FOUND, "GET", path)
    for path in ("/api/workflows/link", f"/api/uploads/{LINKED_UPLOAD}"):
        yield row(f"DELETE {path}", 404, NOT_FOUND, "DELETE", path)
    for name in ("link", "zero", "new", "aside"):
        for wanted in ({}, {"If-Match": "*"}):
            yield row(f"saving over a link: {name} {wanted}", 409, "expected a file of its own, found a link", "PUT",
                      f"/api/workflows/{name}", json=PLAIN, headers=wanted)  # fmt: skip
    yield row("saving over a folder", 409, "expected a file", "PUT", "/api/workflows/folder", json=PLAIN)
    yield row("reading deep JSON", 409, "the file is no JSON", "GET", "/api/workflows/deep")
    yield row("reading a list", 409, "expected an object, found list", "GET", "/api/workflows/list")
    yield row("a link as a job", 404, "no saved workflow of this name", "POST", "/api/jobs", json={"name": "link"})
    yield row("deep JSON as a job", 409, "the file is no JSON", "POST", "/api/jobs", json={"name": "deep"})
    for name in ("%2e%2e%2fserver%2fapi.py", "..%2f..%2fpyproject.toml", "%2fetc%2fpasswd", "a" * 400, "a%00b", ".."):
        yield row(f"a page: {name[:30]}", 404, "no such address", "GET", f"/static/{name}")


NAMES = {
    "up": "../../outside/secret", "absolute": "/etc/passwd", "home": "~/secret", "backslashes": "..\\secret",
    "NUL": "link\0", "very long": "a" * 10_000, "signs like dots": "‥∕secret", "a blank": "link ", "dots": "link...",
    "empty": "", "encoded": "%2e%2e%2fsecret", "a line break": "link\n", "half a letter": "\udc80", "a number": 7,
}  # fmt: skip


def in_orders() -> Iterator[Row]:
    """Each name in an order."""
    for path in ("/api/jobs", "/api/check", "/api/plan"):
        for place in ("name", "template"):
            for kind, name in NAMES.items():
                status, why = (400, "surrogate|hex escape") if name == "\udc80" else (422, f"^{place}: expected ")
                yield row(f"{path}, {place}: {kind}", status, why, "POST", path, json={place: name})
        yield row(f"{path}, only", 422, "^only: expected ", "POST", path, json={"workflow": PLAIN, "only": "../x"})


CLOSED = "expected a path in a folder that is open to workflows"
UPWARD = r"expected a path without ~ and \.\."
MISSING = r"expected a \S+( \S+)*, found none|expected a path, found none|has no model_index\.json"
PATHS = {
    "up": ("../../../outside/secret.png", UPWARD), "up within": ("mixed/../mixed/own.png", UPWARD),
    "only up": ("..", UPWARD), "up at the end": ("uploads/..", UPWARD), "home": ("~/.ssh/id_rsa", UPWARD),
    "home of root": ("~root", UPWARD), "home of nobody known": ("~nobody-known/x", UPWARD),
    "absolute": ("/etc/passwd", CLOSED), "absolute folder": ("/etc", CLOSED), "two slashes": ("//etc/passwd", CLOSED),
    "what is outside": ("<OUTSIDE>", CLOSED), "a file outside": ("<OUTSIDE>/secret.png", CLOSED),
    "a device": ("/dev/zero", CLOSED), "the environment": ("/proc/self/environ", CLOSED),
    "descriptors": ("/proc/self/fd/0", CLOSED), "the root": ("/", CLOSED),
    "NUL": ("/etc/passwd\0.png", f"{CLOSED}|embedded null|{MISSING}"),
    "a link": ("link.png", f"{CLOSED}|{MISSING}"), "a link to a folder": ("link", f"{CLOSED}|{MISSING}"),
    "through a link": ("link/secret.png", f"{CLOSED}|{MISSING}"),
    "nearly through a link": (f"link/{UNSPOKEN[:-1]}.pn", f"{CLOSED}|{MISSING}"),
    "a folder with a link": ("mixed", f"{CLOSED}|{MISSING}"), "a pipe": ("pipe.png", MISSING),
    "encoded": ("%2e%2e%2fsecret.png", MISSING), "backslashes": ("..\\..\\secret.png", MISSING),
    "wide dots": ("．．／secret.png", MISSING), "NUL inside": ("own\0.png", MISSING),
    "an address": ("file:///etc/passwd", MISSING), "another address": ("http://127.0.0.1/x.png", MISSING),
    "a share": ("\\\\host\\share", MISSING),
    "a device of Windows": ("NUL", MISSING), "very long": ("a" * 5000, MISSING), "long steps": ("a/" * 3000, MISSING),
    "empty": ("", f"{MISSING}|expected"),
}  # fmt: skip


def file_params() -> list[tuple[NodeType, str]]:
    """Every param of every node that names a file."""
    types = load_node_packages().values()
    return [(type, param.name) for type in types for param in type.params.values() if param.file is not None]


def in_params() -> Iterator[Row]:
    """Every param that names a file: as a literal, from an input, swept, along an axis, and built by a node."""
    for type, param in file_params():
        about = f"{type.name}.{param}"
        for kind, (text, why) in PATHS.items():
            yield ordered(f"{about}: {kind}", why, {"a": {"type": type.name, "params": {param: text}}})
            order = {"workflow": {"diffuscope": 1, "nodes": {"a": {"type": type.name, "params": {param: text}}}}}
            yield row(f"{about} beside a saved one: {kind}", 422, why, "POST", "/api/jobs", json=order | {"name": "x"})
        linked = {"a": {"type": type.name, "in": {param: "path"}}}
        for text, why in (PATHS["up"], PATHS["absolute"], PATHS["a link"]):
            known = {"path": {"type": "string", "default": "default"}}
            yield ordered(
                f"{about} by default: {text}", why, linked, known={"path": {"type": "string", "default": text}}
            )
            yield ordered(f"{about} as input: {text}", why, linked, known=known, inputs={"path": text})
            yield ordered(f"{about} swept: {text}", why, linked, known=known, sweeps={"path": [text]})
            axis = {"type": "axis", "params": {"name": "p", "values": [text]}}
            yield ordered(f"{about} on an axis: {text}", why, {"path": axis, **linked})
            built = {"type": "fill_text", "params": {"text": f"{{}}{text[1:]}", "word": text[0]}}
            yield ordered(f"{about} built: {text}", why, {"path": built, **linked})


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────

PIXELS, UNREADABLE, NO_PICTURE = (
    "expected at most 32,000,000 pixels",
    "the picture cannot be read",
    "expected a picture",
)


def pictures() -> Iterator[Row]:
    """Uploads, and what lies in a job's folder."""
    side = "expected at most 16,384 pixels a side, found "
    yield uploaded("zip bomb of 50,000 × 50,000", 422, PIXELS, bombs.zip_bomb)
    yield uploaded("100,000 × 1", 422, f"{side}100000 × 1$", lambda: bombs.png(100_000, 1))
    yield uploaded("1 × 100,000", 422, f"{side}1 × 100000$", lambda: bombs.png(1, 100_000))
    yield uploaded("6,000 × 6,000", 422, f"{PIXELS}, found", lambda: bombs.png(6000, 6000))
    yield uploaded("2³¹ a side", 422, f"{PIXELS}|{side}|{UNREADABLE}", lambda: bombs.png(2**31 - 1, 2**31 - 1, rows=0))
    yield uploaded("no pixels at all", 422, UNREADABLE, lambda: bombs.png(0, 0))
    yield uploaded("PNG text bomb", 422, UNREADABLE, bombs.text_bomb)
    yield uploaded("PNG recipe bomb", 422, UNREADABLE, bombs.recipe_bomb)
    yield uploaded("PNG of many texts", 422, UNREADABLE, bombs.texts_bomb)
    yield uploaded("PNG profile bomb", 422, UNREADABLE, bombs.profile_bomb)
    yield uploaded("APNG bomb", 422, UNREADABLE, lambda: bombs.animated(50_000, 50_000))
    yield uploaded("GIF bomb", 422, PIXELS, lambda: bombs.gif(65_535, 65_535), "image/gif")
    yield uploaded("BMP bomb", 422, PIXELS, lambda: bombs.bmp(2**31 - 1, 2**31 - 1), "image/bmp")
    yield uploaded("BMP that lies", 422, UNREADABLE, lambda: bombs.bmp(5000, 5000), "image/bmp")
    yield uploaded("JPEG bomb", 422, PIXELS, lambda: bombs.jpeg(65_535, 65_535), "image/jpeg")
    yield uploaded("WebP bomb", 422, PIXELS, lambda: bombs.webp(16_383), "image/webp")
    for format in ("PNG", "JPEG", "WEBP"):
        yield uploaded(f"half a {format}", 422, UNREADABLE, lambda format=format: bombs.truncated(format))
    for name, data in {
        "SVG": bombs.SVG, "entities": bombs.ENTITIES, "EPS": bombs.EPS, "empty": b"", "one byte": b"\x89",
        "a program": b"\x7fELF" + bytes(100), "an archive": b"PK\3\4" + bytes(100),
    }.items():  # fmt: skip
        yield uploaded(name, 415, NO_PICTURE, data)
    yield uploaded("TIFF", 415, NO_PICTURE, bombs.tiff)
    yield uploaded("a page in a picture", 422, UNREADABLE, bombs.POLYGLOT)
    yield uploaded("33 MB", 413, "expected at most 33,554,432 bytes, found more", lambda: bytes(33 * bombs.MIB))
    for type in ("text/plain", "image/svg+xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                 "image/tiff", "image/png; charset=utf-16", "*/*", "image/pngx"):  # fmt: skip
        yield uploaded(f"as {type}", 415, "headers.Content-Type: expected image/png or", b"x", type)
    for coding in ("gzip", "deflate", "br"):
        yield uploaded(f"in {coding}", 415, f"expected a body that is not compressed, found '{coding}'", b"x",
                       Content_Encoding=coding)  # fmt: skip
    together = "expected at most 2,147,483,648 bytes of uploads together"
    yield Row("upload beyond all uploads together", 413, together, beyond_all_uploads)
    for side in ("15", "2049", "-1", "1e3", "0x40", "99999999999999999999", "9" * 5000, "64;64", "NaN", ""):
        yield row(
            f"side {side[:20]} × {len(side)}",
            400,
            "^query.side: expected ",
            "GET",
            f"/api/images/<JOB>/x.png?side={side}",
        )
    for name, status, why in (
        ("bomb.png", 422, PIXELS), ("wide.png", 422, "pixels a side"), ("notes.txt", 415, NO_PICTURE),
        ("recipe.png", 422, UNREADABLE), ("broken.png", 422, UNREADABLE),
    ):  # fmt: skip
        yield row(f"{name} made smaller", status, why, "GET", f"/api/images/{OWN}/{name}?side=64")
        yield row(f"the recipe of {name}", status, why, "GET", f"/api/recipes/{OWN}/{name}")


async def beyond_all_uploads(target: Target) -> Answer:
    """An upload where two gigabytes (of nothing) are kept already."""
    full = target.folder / "data" / "inputs" / "uploads" / f"{1:032x}.png"
    with full.open("wb") as file:
        file.truncate(2 * GIB)
    try:
        return await uploaded("more", 413, "", bombs.png(8, 8)).send(target)
    finally:
        full.unlink()


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_order_of(text: bytes) -> bytes:
    """An order of a workflow with this in its layout."""
    return b'{"workflow": {"diffuscope": 1, "nodes": {"a": {"type": "noise"}}, "layout": {"x": %s}}}' % text


BODIES: dict[str, tuple[int, str, Any]] = {
    "10,000 lists deep": (400, "at most 100 levels of nesting", lambda: in_order_of(b"[" * 10_000 + b"]" * 10_000)),
    "10,000 objects deep": (400, "at most 100 levels", lambda: in_order_of(b'{"a":' * 10_000 + b"0" + b"}" * 10_000)),
    "a million deep": (400, "at most 100 levels", lambda: b"[" * 1_000_000),
    "a million deep, with an end": (400, "at most 100 levels", lambda: b"[" * 1_000_000 + b"]" * 1_000_000),
    "5 MB": (413, "expected at most 4,194,304 bytes", lambda: in_order_of(b'"' + b"a" * 5_000_000 + b'"')),
    "NaN": (400, "NaN is not in it", in_order_of(b"NaN")),
    "Infinity": (400, "Infinity is not in it", in_order_of(b"Infinity")),
    "-Infinity": (400, "-Infinity is not in it", in_order_of(b"-Infinity")),
    "1e999": (400, "'1e999' is beyond what a float holds", in_order_of(b"1e999")),
    "5,000 digits": (400, "expected JSON: Exceeds the limit", in_order_of(b"9" * 5000)),
    "a key twice": (400, "has the key 'x' twice", in_order_of(b'{"x": 1, "x": 2}')),
    "half a letter": (400, "expected JSON: .*(surrogate|hex escape)", in_order_of(b'"\\ud800"')),
    "no UTF-8": (400, "expected UTF-8", in_order_of(b'"\xff"')),
    "overlong UTF-8": (400, "expected UTF-8", in_order_of(b'"\xc0\xae\xc0\xae\xc0\xaf"')),
    "a byte order mark": (400, "expected JSON: Unexpected UTF-8 BOM", b"\xef\xbb\xbf{}"),
    "UTF-16": (400, "expected UTF-8|expected JSON", '{"name": "x"}'.encode("utf-16")),
    "UTF-32": (400, "expected UTF-8|expected JSON", '{"name": "x"}'.encode("utf-32-le")),
    "nothing": (400, "expected JSON, found nothing", b""),
    "blanks": (400, "expected JSON, found nothing", b" \n"),
    "a comment": (400, "expected JSON: Expecting property name", b'{/* no */ "name": "x"}'),
    "single quotes": (400, "expected JSON: Expecting property name", b"{'name': 'x'}"),
    "a comma too many": (400, "expected JSON: ", b'{"name": "x",}'),
    "two values": (400, "expected JSON: Extra data", b"{}{}"),
    "an unclosed text": (400, "expected JSON: Unterminated string", b'{"name": "x'),
    "a control sign in a text": (400, "expected JSON: Invalid control character", b'{"name": "a\nb"}'),
    "a list": (422, "^body: expected an object, found \\[\\]$", b"[]"),
    "a text": (422, "^body: expected an object, found 'x'$", b'"x"'),
    "null": (422, "^body: expected an object, found None$", b"null"),
    "a pickle": (400, "expected UTF-8", b"\x80\x04\x95\x10"),
}

FORMS = {
    "text/plain": b'{"template": "text_to_image"}', "application/x-www-form-urlencoded": b"template=text_to_image",
    "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: form-data; name="template"\r\n\r\nx\r\n--x--\r\n',
    "application/json; charset=utf-16": b"{}", "application/jsonx": b"{}", "application/x-ndjson": b"{}",
    "text/json": b"{}",
}  # fmt: skip


def bodies() -> Iterator[Row]:
    """What is no JSON, or no order."""
    for path in ("/api/jobs", "/api/check", "/api/plan"):
        for kind, (status, why, data) in BODIES.items():
            yield posted(f"{path}: {kind}", status, why, data, path)
        for type, data in FORMS.items():
            yield posted(f"{path} as {type}", 415, "headers.Content-Type: expected application/json", data, path,
                         Content_Type=type)  # fmt: skip
        yield posted(
            f"{path} in gzip", 415, "expected a body that is not compressed", b"{}", path, Content_Encoding="gzip"
        )
    for kind in ("10,000 lists deep", "5 MB", "NaN", "a key twice", "half a letter", "a list"):
        status, why, data = BODIES[kind]
        yield row(f"saving {kind}", status, why, "PUT", "/api/workflows/hostile", data=data,
                  headers={"Content-Type": "application/json"})  # fmt: skip
    yield row(
        "moving before a path", 422, "^before: expected ", "POST", "/api/jobs/<JOB>/move", json={"before": "../x"}
    )
    for kind, order, why in (
        ("both", {"name": "a", "template": "b"}, 'expected one of "workflow", "name" and "template"'),
        ("none", {}, 'expected one of "workflow", "name" and "template"'),
        ("an unknown key", {"workflow": PLAIN, "__class__": {}}, "^__class__: unknown key"),
        ("no version", {"workflow": {"nodes": {}}}, "expected a format version, found nothing"),
        ("a newer version", {"workflow": {"diffuscope": 10**9}}, "expected format 1 or older"),
        ("a huge version", {"workflow": {"diffuscope": 10**4000}}, "expected format 1 or older"),
        ("no nodes", {"workflow": {"diffuscope": 1, "nodes": {}}}, "nodes: expected at least one node, found none"),
        ("nodes that are none", {"workflow": {"diffuscope": 1, "nodes": {"a": 7}}}, "nodes.a: expected an object"),
        ("a name that is none", {"workflow": {"diffuscope": 1, "nodes": {"../a": {"type": "x"}}}}, "expected a name"),
        ("a type as a path", {"workflow": {"diffuscope": 1, "nodes": {"a": {"type": "../x"}}}}, 'unknown node "../x"'),
        ("a type of dunders", {"workflow": {"diffuscope": 1, "nodes": {"a": {"type": "__import__"}}}}, "unknown node"),
        ("a list as an input", {"workflow": PLAIN, "inputs": {"a": []}}, r"^inputs\.a"),
        ("a long text as an input", {"workflow": PLAIN, "inputs": {"a": "x" * 100_001}}, "at most 100000 characters"),
        ("a long sweep", {"workflow": PLAIN, "sweeps": {"a": list(range(10_001))}}, "at most 10000 items"),
        ("an unknown input", {"workflow": PLAIN, "inputs": {"__proto__": 1}}, "inputs.__proto__: unknown input"),
    ):  # fmt: skip
        yield row(f"an order of {kind}", 422, why, "POST", "/api/jobs", json=order)


# ── expansion and sizes ───────────────────────────────────────────────────────────────────────────────────────────────


def fill(text: str, word: str) -> dict[str, Any]:
    """A node that puts a word into a text, both by reference."""
    return {"type": "fill_text", "in": {"text": text, "word": word}}


def loop(first: Any, stop: Any, body: dict[str, Any], carry: str, following: str) -> dict[str, Any]:
    """A loop that carries one value, `x`."""
    return {
        "type": "repeat",
        "for": {"i": [first, stop]},
        "carry": {"x": carry},
        "body": body,
        "next": {"x": following},
    }


def large(kind: str, why: str, data: Callable[[], bytes], slow: bool = False) -> Row:
    """An order of almost four megabytes."""
    return replace(posted(f"4 MB of {kind}", 422, why, data), slow=slow)


def many(what: str, one: str, count: int) -> Callable[[], bytes]:
    """An order in which something stands often: `what` holds it, `one` is it, each with a `#` for the other's place."""
    return lambda: what.replace("#", ",".join(one.replace("#", str(i)) for i in range(count))).encode()


def large_orders() -> Iterator[Row]:
    """As much as may be sent, of what takes most memory or time."""
    workflow = '{"workflow": {"diffuscope": 1, "nodes": {%s}, "layout": {%s}}}'
    unknown = '"a": {"type": "x"}'
    yield large("lists", 'unknown node "x"', many(workflow % (unknown, '"a": [#]'), "[]", 1_350_000), slow=True)
    yield large("objects", 'unknown node "x"', many(workflow % (unknown, '"a": [#]'), "{}", 1_350_000), slow=True)
    yield large("keys", 'unknown node "x"', many(workflow % (unknown, "#"), '"#":0', 370_000))
    yield large(
        "nodes", "expected at most 20000 nodes, found 150000", many(workflow % ("#", ""), '"a#":{"type":"x"}', 150_000)
    )
    yield large(
        "nodes that are none", "nodes.a0: expected an object", many(workflow % ("#", ""), '"a#":0', 300_000), slow=True
    )
    yield large(
        "inputs", "^inputs: expected at most 1000 items", many('{"template": "x", "inputs": {#}}', '"a#":0', 300_000)
    )
    yield large(
        "sweeps", "^sweeps: expected at most 1000 items", many('{"template": "x", "sweeps": {#}}', '"a#":[]', 300_000)
    )
    yield large("unknown keys", "found 300,000 faults", many("{#}", '"a#":0', 300_000))
    yield large("text", 'unknown node "x"', lambda: (workflow % (unknown, f'"a": "{"é" * 2_000_000}"')).encode())
    node = '"a": {"type": "load_image", %s}'
    yield large("params", "unknown param", many(workflow % (node % '"params": {#}', ""), '"a#":0', 300_000), slow=True)
    yield large("links", "unknown name", many(workflow % (node % '"in": {#}', ""), '"a#":"b"', 200_000), slow=True)


def nested(depth: int, count: int) -> dict[str, Any]:
    """Loops in loops."""
    inner: dict[str, Any] = {"more0": fill("x0", "t")}
    for i in range(depth):
        inner = {f"more{i + 1}": {"type": "repeat", "for": {f"i{i}": [0, count]}, "carry": {f"x{i}": f"x{i + 1}"},
                                  "body": inner, "next": {f"x{i}": f"more{i}"}}}  # fmt: skip
    inner[f"more{depth}"]["carry"] = {f"x{depth - 1}": "t"}
    return inner


def axis(name: str, **params: Any) -> dict[str, Any]:
    """A node that stands for many values."""
    return {"type": "axis", "params": {"name": name, **params}}


TEXT = {"t": {"type": "string", "default": "{}"}, "n": {"type": "int", "default": 5}}
TWICE = {"t": {"type": "string", "default": "{}"}, "w": {"type": "string", "default": "{}{}"}}
LONG = {"t": {"type": "string", "default": "{}" + "x" * 5000}}
LONGER = {"t": {"type": "string", "default": "{}" + "x" * 990_000}}
PICTURE = {"type": "load_image", "params": {"path": "pictures/beach.png"}}
COUNTED = {"b": fill("x", "t")}
CALLS, TURNS = "expected at most 20000 calls", "expected at most 20000 iterations"
CHARACTERS = "text: expected at most 1000000 characters, found "
SWEEPS = ("0:1e12:1e-9", "0:1:1e-300", "-1e308:1e308:1", "0:1:0", "1:0:1", "0:1e400:1", f"0:{10**400}:1")
THOUSAND = [f"{{}}{i}" for i in range(1000)]


def expansions() -> Iterator[Row]:
    """Little that stands for much."""
    for stop in (10**9, 2**63, 10**4000):
        turns = {"a": loop(0, stop, COUNTED, "t", "b")}
        yield ordered(f"a loop to a number of {len(str(stop))} digits", TURNS, turns, known=TEXT)
    yield ordered("a loop from below", TURNS, {"a": loop(-(10**9), 0, COUNTED, "t", "b")}, known=TEXT)
    by_input = {"a": loop(0, "n", COUNTED, "t", "b")}
    yield ordered("a loop by an input", TURNS, by_input, known=TEXT, inputs={"n": 10**9})
    yield ordered("a loop by a sweep", TURNS, by_input, known=TEXT, sweeps={"n": [15_000, 15_001]})
    yield ordered("nested loops", f"{TURNS}|{CALLS}", nested(6, 100), known=TEXT)
    yield ordered("loops nested 45 deep", TURNS, nested(45, 2), known=TEXT)

    words = {f"a{i}": axis(f"a{i}", values=THOUSAND) for i in range(4)}
    joined = {"b0": fill("t", "a0")} | {f"b{i}": fill(f"b{i - 1}", f"a{i}") for i in range(1, 4)}
    yield ordered("a product of axes", CALLS, words | joined, known=TEXT)
    values = "expected at most 20000 values on all axes"
    yield ordered("many long axes", values, {f"a{i}": axis(f"a{i}", seeds=100_000) for i in range(200)})
    yield ordered("two axes too long together", values, {f"a{i}": axis(f"a{i}", seeds=10_001) for i in range(2)})
    for digits in (9, 4000):
        yield ordered(
            f"an axis of 10^{digits} seeds", "params.seeds: expected less", {"a": axis("a", seeds=10**digits)}
        )
    for name, ends in {
        "a tiny step": (0, 1e12, 1e-9),
        "a huge end": (0, 10**400, 1),
        "a step of almost nothing": (0, 1e308, 5e-324),
    }.items():
        params = dict(zip(("from", "to", "step"), ends, strict=True))
        yield ordered(f"an axis with {name}", "expected at most 100000 values", {"a": axis("a", **params)})
    for spec in SWEEPS:
        yield ordered(f"the sweep {spec[:20]}", r"sweeps\.n: (expected|a step)", {"a": fill("t", "t")}, known=TEXT,
                      sweeps={"n": spec})  # fmt: skip
    yield ordered("a cycle", "cycle: a → b → a", {"a": fill("b", "b"), "b": fill("a", "a")})
    yield ordered("a node that reads itself", "cycle: a → a", {"a": fill("a", "a")})
    places = {f"a{i}": axis(f"a{i}", **{"from": 0.01, "to": 0.8, "step": 0.01}) for i in range(2)}
    sheets = {f"sheet{i}": {"type": "contact_sheet", "in": {"images": "drawn"}} for i in range(200)}
    yield ordered("lists of lists, squared", "expected at most 1000000 gathered values", {
        **places, **sheets, "picture": PICTURE, "drawn": {"type": "mask_to_image", "in": {"mask": "mask"}},
        "mask": {"type": "draw_mask", "in": {"image": "picture", "left": "a0", "top": "a1"}},
    })  # fmt: skip

    yield ordered("doubling text", CHARACTERS, {"a": loop(0, 40, {"b": fill("x", "w")}, "t", "b")}, known=TWICE)
    yield ordered("squaring text", CHARACTERS, {"a": loop(0, 40, {"b": fill("x", "x")}, "w", "b")}, known=TWICE)
    yield ordered("growing text", CHARACTERS, {"a": loop(0, 15_000, COUNTED, "t", "b")}, known=LONG)
    once = {"type": "fill_text", "params": {"text": "{}" * 40_000, "word": "x" * 50_000}}
    yield ordered("two gigabytes of text at once", CHARACTERS, {"a": once})
    texts = {"a": axis("a", values=[str(i) for i in range(15_000)]), "b": fill("t", "a")}
    yield ordered("large texts along an axis", "expected at most 256000000 bytes of data", texts, known=LONGER)


def sizes() -> Iterator[Row]:
    """Pictures that are larger than allowed, in each way that a size is told."""
    pixels = "expected at most 4194304 pixels, found 8192 × 8192"
    beyond = "expected less than or equal to 8192, found 1000000000"
    sides = {"width": 8192, "height": 8192}
    literal = {"picture": PICTURE, "a": {"type": "resize_image", "in": {"image": "picture"}, "params": sides}}
    linked = {
        "picture": PICTURE,
        "a": {"type": "resize_image", "in": {"image": "picture", "width": "w", "height": "w"}},
    }
    known = {"w": {"type": "int", "default": 64}}
    yield ordered("a large picture", pixels, literal)
    yield ordered("a large picture by input", pixels, linked, known=known, inputs={"w": 8192})
    yield ordered("a large picture in a sweep", pixels, linked, known=known, sweeps={"w": [64, 8192]})
    yield ordered("a large picture on an axis", pixels, linked | {"w": axis("w", values=[64, 8192])})
    yield ordered("a picture beyond all sizes", beyond, linked, known=known, inputs={"w": 10**9})
    for params, why in ((sides, pixels), ({"width": 10**9}, beyond), ({"width": -8}, "greater than or equal to 0")):
        noise = {"type": "noise", "in": {"unet": "model.unet", "vae": "model.vae"}, "params": params}
        yield ordered(f"noise of {params}", why, {"model": {"type": "load_checkpoint"}, "a": noise})
    for name, inputs, why in (("sides", sides, pixels), ("steps", {"steps": 10**9}, r"inputs\.steps: expected less")):
        order = {"template": "text_to_image", "inputs": inputs}
        yield row(f"a template with too many {name}", 422, why, "POST", "/api/jobs", json=order)
        swept = order | {"inputs": {}, "sweeps": {name: [value] for name, value in inputs.items()}}
        yield row(f"a template swept to too many {name}", 422, why, "POST", "/api/jobs", json=swept)


# ── keys, views, numbers and headers ──────────────────────────────────────────────────────────────────────────────────


def looking() -> Iterator[Row]:
    """Values, views and lists."""
    misfit = "path.key: expected text of the pattern"
    for key, why in (
        ("0" * 64, "no value of this key is kept"),
        ("0" * 63, misfit),
        ("G" * 64, misfit),
        ("0" * 65, misfit),
    ):
        for way in ("", "/view"):
            yield row(f"value {key[:1]} × {len(key)}{way}", 404, why, "GET", f"/api/values/{key}{way}")
    view = "/api/values/<KEY>/view?"
    for query, why in (
        ("output=nothing", 'unknown output "nothing"'), ("output=../x", "^query.output: expected"),
        ("view=nothing", 'unknown view "nothing"'), ("view=__class__", 'unknown view "__class__"'),
        ("form=exe", "^query.form: expected"), ("side=-1", "side: "), ("side=1025", "side: "),
        ("side=1e9", "side: "), ("side=-1025", "side: "), (f"side={'9' * 5000}", "side: "), ("side=NaN", "side: "),
        ("side=Infinity", "side: "), ("side=1e999", "side: "), ("side=true", "side: "), ("side=null", "side: "),
        (f"side={'[' * 1000}", "side: "), ("side=%22x%22", "side: "),
        ("side=1&side=2", "^query.side: expected one value"),
        ("nonsense=1", "nonsense: unknown param"), ("__class__=1", "__class__: unknown param"),
        ("side=%ed%a0%80", "side"), ("job=../x", "^query.job: expected"), (f"{'a' * 300}=1", "unknown param"),
    ):  # fmt: skip
        yield row(f"view?{query[:40]}", 400, why, "GET", view + query)
    yield row("a value in no job", 404, "no such job", "GET", "/api/values/<KEY>?job=20200101-000000-zzzzzz")
    huge = ("-1", "1e3", "0x10", "1_000", " 5", "5.0", "99999999999999999999", "9" * 5000, "", "NaN", "%D9%A1")
    for path in ("/api/jobs?limit", "/api/images?limit", "/api/jobs/<JOB>/calls?limit", "/api/jobs/<JOB>/calls?after",
                 "/api/jobs/<JOB>/events?after"):  # fmt: skip
        name = path.partition("?")[2]
        for number in huge:
            yield row(
                f"{path}={number[:20]} × {len(number)}",
                400,
                rf"^query\.{name}: expected ",
                "GET",
                f"{path}={number.replace(' ', '%20')}",
            )
    yield row("WebSocket after nothing", 400, r"^query\.after: expected", "GET", "/api/ws?after=x", headers=UPGRADE)
    for path in ("/api/jobs?limit=0", "/api/jobs?limit=201", "/api/images?limit=501", "/api/jobs/<JOB>/calls?limit=0",
                 "/api/jobs/<JOB>/calls?limit=5001", f"/api/jobs/<JOB>/calls?after={2**63}", "/api/jobs?after=../x",
                 "/api/images?after=../x",
                 "/api/jobs?state=running;DROP", "/api/jobs?state=running,", f"/api/jobs?text={'x' * 201}",
                 "/api/health?x=1", "/api/jobs?__proto__=1", "/api/jobs?limit=1&limit=2"):  # fmt: skip
        yield row(f"GET {path[:50]}", 400, "^query", "GET", path)


def headers() -> Iterator[Row]:
    """Headers that are read."""
    for kind, value in {
        "a blank": "a b",
        "empty": "",
        "201": "a" * 201,
        "a letter beyond": "ключ",
        "DEL": "a\x7fb",
    }.items():
        why = "sound HTTP|headers.idempotency_key"
        yield raw(f"Idempotency-Key: {kind}", 400, why,
                  f"POST /api/jobs HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 2\n"
                  f"Idempotency-Key: {value}\nConnection: close\n\n{{}}", api=kind != "DEL")  # fmt: skip
    yield raw(
        "Idempotency-Key: 10,000",
        400,
        "sound HTTP",
        f"POST /api/jobs HTTP/1.1\nHost: localhost\nIdempotency-Key: {'a' * 10_000}\n\n",
    )
    yield raw("two of Idempotency-Key", 400, "expected one value, found several",
              "POST /api/jobs HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 2\n"
              "Idempotency-Key: a\nIdempotency-Key: b\nConnection: close\n\n{}", api=True)  # fmt: skip
    for kind, status, value, why in (
        ("long", 400, "x" * 101, "headers.if_match: expected at most 100"),
        ("a path", 412, "../../x", "expected a workflow of this name, found none"),
        ("a weak one", 412, 'W/"x"', "expected a workflow of this name, found none"),
        ("two", 412, '"a", "b"', "expected a workflow of this name, found none"),
    ):  # fmt: skip
        yield row(
            f"If-Match: {kind}", status, why, "PUT", "/api/workflows/hostile", json=PLAIN, headers={"If-Match": value}
        )
    for value in ("x", "-1", "1e3", "1.5", str(2**63), "9" * 5000, "", "+1", "0x1"):
        yield row(f"Last-Event-ID: {value[:20]}", 400, "^headers.last_event_id: expected", "GET",
                  "/api/jobs/<JOB>/events", headers={"Last-Event-ID": value})  # fmt: skip


# ── other sites ───────────────────────────────────────────────────────────────────────────────────────────────────────

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip

FORGED = (
    ("Host", "evil.example", 421, "headers.Host: expected a name of this server"),
    ("Host", "127.0.0.1.evil.example", 421, "headers.Host: expected a name of this server"),
    ("Host", "localhost.evil.example:8188", 421, "headers.Host"), ("Host", "localhost:1", 421, "headers.Host"),
    ("Host", "0.0.0.0", 421, "headers.Host"), ("Host", "2130706433", 421, "headers.Host"),
    ("Host", "[::2]", 421, "headers.Host"), ("Host", "localhost/x", 400, "headers.Host"),
    ("Host", "user@localhost", 400, "headers.Host: expected one host and port"),
    ("Origin", "null", 403, "headers.Origin: expected the server's own"),
    ("Origin", "http://evil.example", 403, "headers.Origin"),
    ("Origin", "http://localhost:1", 403, "headers.Origin"), ("Origin", "https://127.0.0.1", 403, "headers.Origin"),
    ("Origin", "http://127.0.0.1.evil.example", 403, "headers.Origin"), ("Origin", "file://", 403, "headers.Origin"),
    ("Origin", "chrome-extension://abc", 403, "headers.Origin"), ("Origin", "", 403, "headers.Origin"),
    ("Sec-Fetch-Site", "cross-site", 403, "headers.Sec-Fetch-Site: expected same-origin"),
    ("Sec-Fetch-Site", "same-site", 403, "headers.Sec-Fetch-Site"),
    ("Sec-Fetch-Site", "", 403, "headers.Sec-Fetch-Site"),
)  # fmt: skip


def other_sites() -> Iterator[Row]:
    """Requests that a page of another site makes a browser send."""
    for method, path in (
        ("GET", "/api/health"), ("GET", "/api/images"), ("GET", f"/api/images/{OWN}/broken.png"),
        ("GET", "/api/jobs/<JOB>/events"), ("GET", "/api/ws"), ("POST", "/api/jobs"), ("POST", "/api/uploads"),
        ("PUT", "/api/workflows/hostile"), ("DELETE", "/api/jobs/<JOB>"),
    ):  # fmt: skip
        for header, value, status, why in FORGED:
            more = (UPGRADE if path == "/api/ws" else {}) | {header: value}
            body = {"json": {"template": "text_to_image"}} if method in ("POST", "PUT") else {}
            yield row(f"{method} {path} by {header} {value}", status, why, method, path, headers=more, **body)
    yield raw("another host in the address", 400, "address: expected a path",
              f"GET http://evil.example/api/health {ASK}\n", api=True)  # fmt: skip
    yield raw("an origin twice", 403, "headers.Origin",
              f"GET /api/health {ASK}Origin: http://localhost\nOrigin: http://evil.example\n\n", api=True)  # fmt: skip
    preflight = f"OPTIONS /api/jobs {ASK}Origin: http://evil.example\nAccess-Control-Request-Method: POST\n\n"
    yield raw("a preflight", 403, "headers.Origin", preflight, api=True)
    yield row("a plain request for the WebSocket", 426, "headers.Upgrade: expected websocket", "GET", "/api/ws")
    yield row("a WebSocket of another version", 400, "expected a WebSocket's upgrade", "GET", "/api/ws",
              headers=UPGRADE | {"Sec-WebSocket-Version": "99"})  # fmt: skip
    yield row("a WebSocket without a key", 400, "expected a WebSocket's upgrade", "GET", "/api/ws",
              headers={name: value for name, value in UPGRADE.items() if name != "Sec-WebSocket-Key"})  # fmt: skip


# ── no sound HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────


GET, POST = f"GET /api/health {ASK}", f"POST /api/jobs {ASK}"
UNSOUND: dict[str, str | bytes] = {
    "a bare return in a header": GET.replace("\n", "\r\n").encode() + b"X: a\rSet-Cookie: injected=1\r\n\r\n",
    "a bare return in the path": b"GET /api/health\rSet-Cookie:x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "NUL in a header": f"{GET}X: a\0b\n\n",
    "a name with a blank": f"{GET}Bad Name: x\n\n",
    "a name before a blank": f"{GET}X : x\n\n",
    "no colon": f"{GET}No colon\n\n",
    "length with chunks": f"{POST}Content-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n{GET}\n",
    "two lengths": f"{POST}Content-Length: 2\nContent-Length: 30\n\n{{}}{GET}\n",
    "two lengths in one": f"{POST}Content-Length: 2, 30\n\n{{}}",
    "a negative length": f"{POST}Content-Length: -1\n\n",
    "a length with a sign": f"{POST}Content-Length: +2\n\n{{}}",
    "a length in hex": f"{POST}Content-Length: 0x2\n\n{{}}",
    "chunks twice": f"{POST}Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n0\n\n",
    "chunks in disguise": f"{POST}Transfer-Encoding: chunked, identity\n\n0\n\n",
    "chunks after a tab": f"{POST}Transfer-Encoding:\x0bchunked\n\n0\n\n",
    "an unknown method": f"HACK /api/jobs {ASK}\n",
    "a method with signs": f"G<T /api/jobs {ASK}\n",
    "another version": "GET /api/health HTTP/9.9\nHost: localhost\n\n",
    "HTTP/2": "PRI * HTTP/2.0\n\nSM\n\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "a page of bytes": bytes(range(1, 256)) * 40 + b"\r\n\r\n",
    "letters beyond": f"GET /api/☃ {ASK}\n",
    "100 kB of an address": f"GET /api/{'a' * 100_000} {ASK}\n",
    "100 kB of a query": f"GET /api/jobs?text={'a' * 100_000} {ASK}\n",
    "100 kB of a header": f"{GET}X: {'a' * 100_000}\n\n",
    "200 headers": f"{GET}{'X: a' * 200}\n\n".replace("aX", "a\nX"),
    "10,000 headers": f"{GET}{'X: a' * 10_000}\n\n".replace("aX", "a\nX"),
    "no host": "GET /api/health HTTP/1.1\nConnection: close\n\n",
    "no host for the WebSocket": "GET /api/ws HTTP/1.1\nConnection: close\n\n",
    "two hosts": f"{GET}Host: evil.example\n\n",
    "two hosts for the WebSocket": f"GET /api/ws {ASK}Host: evil.example\n\n",
    "broken chunks": f"{POST}Content-Type: application/json\nTransfer-Encoding: chunked\n\nzz\n{{}}\n",
}


def no_http() -> Iterator[Row]:
    """Bytes that break the rules of HTTP, or bend them."""
    for kind, text in UNSOUND.items():
        yield raw(kind, 400, "^expected sound HTTP: .", text)
    yield raw("CONNECT", 400, "^address: expected a path", f"CONNECT evil.example:443 {ASK}\n")
    yield raw("an expectation", 417, "^Unknown Expect: magic$", f"{POST}Expect: magic\n\n")
    yield raw("TRACE with a cookie", 405, "expected GET", f"TRACE /api/health {ASK}Cookie: a=b\n\n", api=True)
    for method in ("TRACE", "OPTIONS", "PATCH", "PUT", "DELETE", "POST"):
        for path in ("/api/health", "/api/nodes"):
            yield row(f"{method} {path}", 405, "expected GET", method, path)
    injected = "%0d%0aSet-Cookie:%20injected=1%0d%0a%0d%0a"
    for path, status, why in (
        (f"/{injected}", 404, "no such address"), (f"/static/{injected}", 404, "no such address"),
        (f"/api/{injected}", 404, "no such address"), (f"/api/workflows/{injected}", 404, "^path.name: expected"),
        (f"/api/jobs?x{injected}=1", 400, "^query: unknown key"), (f"/api/jobs?limit={injected}", 400, "^query.limit"),
    ):  # fmt: skip
        yield raw(f"a header in {path[:25]}", status, why, f"GET {path} {ASK}\n", api=path.startswith("/api"))


ROWS = [
    *in_addresses(), *in_orders(), *in_params(), *pictures(), *bodies(), *expansions(), *sizes(), *large_orders(),
    *looking(), *headers(), *other_sites(), *no_http(),
]  # fmt: skip


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def line_of(answer: Answer, api: bool) -> str:
    """The line that says why."""
    json_body = "application/json" in answer.head
    assert json_body or not api, answer
    line = (
        Problem.model_validate_json(answer.body, strict=True).error
        if json_body
        else answer.body.decode().removesuffix("\n")
    )
    assert len(line.splitlines()) == 1 and len(line) < 1500, line
    return line


def expect_no_leak(target: Target, answer: Answer) -> None:
    """Nothing of the inside, nothing of the outside, and no header of theirs."""
    text = answer.head + answer.body.decode(errors="replace")
    for word in (str(target.folder), str(ROOT), f"{Path.home()}/", SECRET, UNSPOKEN, "Traceback", 'File "', "aiohttp"):
        assert word not in text, (word, text[:1000])
    for word in ("injected", "Set-Cookie", "Access-Control"):
        assert not re.search(rf"(?im)^{word}", answer.head), answer.head


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name, marks=[pytest.mark.slow] * row.slow) for row in ROWS])
def test_hostile_inputs_are_refused(row: Row, target: Target) -> None:
    before = target.traces()

    async def go() -> Answer:
        answer = await row.send(target)
        async with client(target.server) as session:
            assert (await ask(session, "GET", "/api/health"))["status"] == "ok"
        return answer

    answer = asyncio.run(asyncio.wait_for(go(), 60))
    assert answer.status == row.status, answer
    assert re.search(row.why, line_of(answer, row.api)), line_of(answer, row.api)
    expect_no_leak(target, answer)
    assert target.traces() == before


def test_the_table_is_long_and_knows_every_param_that_names_a_file(target: Target) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        nodes = (await ask(session, "GET", "/api/nodes"))["nodes"]
        found = {(node["name"], name) for node in nodes for name, param in node["params"].items() if param.get("file")}
        assert found == {(type.name, param) for type, param in file_params()}

    play(target, test)
    assert len(ROWS) >= 80 and len({row.name for row in ROWS}) == len(ROWS)


# ── what is not refused, and does no harm ─────────────────────────────────────────────────────────────────────────────


def play(target: Target, test: Callable[[aiohttp.ClientSession], Awaitable[None]]) -> None:
    """Run a test with a client of its own."""

    async def whole() -> None:
        async with client(target.server) as session:
            await test(session)

    asyncio.run(asyncio.wait_for(whole(), 120))


def test_lists_tell_nothing_of_what_is_outside(target: Target) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        for path in ("/api/images?limit=500", "/api/uploads", "/api/workflows", "/api/jobs", "/api/models"):
            async with session.get(path) as answer:
                text = await answer.text()
                assert answer.status == 200
                expect_no_leak(target, Answer(answer.status, "", text.encode()))
                assert "link" not in text and LINKED not in text and "secret" not in text

    play(target, test)


def test_files_stay_in_the_folder_of_their_job(target: Target) -> None:
    names = ["../../../outside/made", "/etc/made", "~/made", "..", "a/../../b", "a\\..\\b", "NUL\0", "made\n.png",
             "x" * 5000, "％２ｅ", "\u202egnp.exe", ". .", "CON", "-rf", "$(id)", "`id`", "<script>", ""]  # fmt: skip
    nodes: dict[str, Any] = {"picture": {"type": "load_image", "params": {"path": "pictures/beach.png"}}}
    for i, name in enumerate(names):
        nodes[f"save{i}"] = {"type": "save_image", "in": {"image": "picture"}, "params": {"name": name}}
    before = target.traces()

    async def test(session: aiohttp.ClientSession) -> None:
        order = {"workflow": {"diffuscope": 1, "title": "../../../outside/title", "nodes": nodes}}
        job = await until_ended(session, (await ask(session, "POST", "/api/jobs", 201, json=order))["id"])
        assert (job["state"], len(job["pictures"])) == ("done", len(names))
        folder = target.folder / "data" / "outputs" / job["id"]
        made = {Path(path) for path in target.traces().keys() - before.keys()}
        assert made == {folder, *(folder / picture["name"] for picture in job["pictures"])}
        for picture in job["pictures"]:
            assert re.fullmatch(r"[\w .,=+-]+-\d{4}\.png", picture["name"]) and len(picture["name"].encode()) < 140
            async with session.get(URL(target.server.address + picture["url"], encoded=True)) as answer:
                assert (answer.status, answer.content_type) == (200, "image/png")

    play(target, test)


def test_the_largest_pictures_cost_what_may_be_spent(target: Target) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        for data in (bombs.png(5656, 5656, colour=6), bombs.png(16_384, 1953, depth=16)):
            made = await ask(
                session, "POST", "/api/uploads", 201, data=io.BytesIO(data), headers={"Content-Type": "image/png"}
            )
            async with session.get(made["url"], params={"side": "64"}) as answer:
                assert answer.status == 200 and len(await answer.read()) < 10_000
            await ask(session, "DELETE", made["url"], 204)

    play(target, test)


@pytest.mark.slow
def test_large_orders_cost_little_when_they_are_listed(target: Target) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        data = json.dumps({"workflow": {**PLAIN, "layout": {"x": [[]] * 1_000_000}}}, separators=(",", ":")).encode()
        for _ in range(3):
            job = await ask(
                session, "POST", "/api/jobs", 201, data=io.BytesIO(data), headers={"Content-Type": "application/json"}
            )
        await until_ended(session, job["id"])
        for path in ("/api/jobs?limit=200", "/api/queue", "/api/jobs?text=x"):
            begun = time.monotonic()
            await ask(session, "GET", path)
            assert time.monotonic() - begun < 0.5

    play(target, test)


def test_many_large_bodies_at_once_are_not_all_kept(target: Target) -> None:
    length = 31 * bombs.MIB
    head = f"POST /api/uploads {ASK}Content-Type: image/png\nContent-Length: {length + 1}\n\n".replace("\n", "\r\n")

    async def never_ends() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(target.server.address).port)
        try:
            writer.write(head.encode())
            for _ in range(31):
                writer.write(bytes(bombs.MIB))
                await writer.drain()
            return await asyncio.wait_for(reader.readuntil(b"}"), 5)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return b""
        finally:
            writer.transport.abort()

    async def test(session: aiohttp.ClientSession) -> None:
        answers = [answer for answer in await asyncio.gather(*(never_ends() for _ in range(40))) if answer]
        assert answers
        for answer in answers:
            assert b" 413 " in answer.splitlines()[0] and b"for all bodies at hand, found more; try again" in answer
        options = {"data": bombs.truncated("PNG"), "headers": {"Content-Type": "image/png"}}
        await ask(session, "POST", "/api/uploads", 422, **options)  # there is room again

    play(target, test)


def test_a_body_that_comes_slowly_holds_nobody_up(target: Target) -> None:
    head = (
        "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"
    )

    async def test(session: aiohttp.ClientSession) -> None:
        slow = [await asyncio.open_connection("127.0.0.1", URL(target.server.address).port) for _ in range(50)]
        for _, writer in slow:
            writer.write(head.encode())
        begun = time.monotonic()
        for _ in range(20):
            await ask(session, "GET", "/api/health")
            assert (await ask(session, "POST", "/api/check", json={"workflow": PLAIN}))["faults"] == []
        assert time.monotonic() - begun < 5
        for _, writer in slow:
            writer.transport.abort()

    play(target, test)


@pytest.mark.slow
def test_a_large_order_holds_nobody_up(target: Target) -> None:
    data = json.dumps({"workflow": {**PLAIN, "layout": {"x": [[]] * 1_390_000}}}, separators=(",", ":")).encode()

    async def test(session: aiohttp.ClientSession) -> None:
        options = {"data": io.BytesIO(data), "headers": {"Content-Type": "application/json"}}
        checking = asyncio.create_task(ask(session, "POST", "/api/check", **options))
        while not checking.done():
            begun = time.monotonic()
            await ask(session, "GET", "/api/health")
            assert time.monotonic() - begun < 2
            await asyncio.sleep(0.01)
        assert (await checking)["faults"] == []

    play(target, test)


@pytest.mark.parametrize("compress", [0, 15], ids=["plain", "packed"])
def test_a_large_message_ends_its_websocket_only(target: Target, compress: int) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect("/api/ws", compress=compress) as socket, session.ws_connect("/api/ws") as other:
            with suppress(ConnectionError):
                await socket.send_str("a" * 10 * bombs.MIB)
            while (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:  # what is told, until it ends
                continue
            assert socket.closed and socket.close_code in (1006, 1009)
            job = await ask(session, "POST", "/api/jobs", 201, json={"workflow": PLAIN})
            while (await other.receive_json(timeout=10))["job"] != job["id"]:  # it goes on
                continue
            await until_ended(session, job["id"])

    play(target, test)


def test_garbage_ends_its_websocket_only(target: Target) -> None:
    draw = random.Random(0)
    start = "GET /api/ws HTTP/1.1\r\nHost: localhost\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in UPGRADE.items()
    )

    async def test(session: aiohttp.ClientSession) -> None:
        for size in (1, 2, 10, 100, 10_000, 1_000_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", URL(target.server.address).port)
            writer.write(f"{start}\r\n".encode() + draw.randbytes(size))
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 101 ")
            writer.transport.abort()
            await ask(session, "GET", "/api/health")

    play(target, test)


# ── what it all cost ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_process_grew_by_a_gigabyte_or_was_ended(target: Target) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        children = (await ask(session, "GET", "/api/stats"))["children"]
        assert {child["name"]: child["starts"] for child in children} == {"worker cpu": 1, "checker": 1, "viewer": 1}

    grown = {role: (most - target.watch.rest[role]) / GIB for role, most in target.watch.most.items()}
    assert grown.keys() == {"server", "worker", "checker", "viewer"} and max(grown.values()) < 1, grown
    assert "Traceback" not in (target.folder / "server.log").read_text()
    assert {path.name for path in target.folder.iterdir()} == {"data", "cache", "server.log"}
    play(target, test)
