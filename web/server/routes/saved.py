"""Workflows: those that are saved, those that ship, and what one would do."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from engine import parse_workflow, save_workflow
from nodes.paths import shipped
from web.server.api import Call, Link, Raw, Refusal, Reply, Routes
from web.server.server import Server
from web.server.settings import JSON_BYTES

routes = Routes()


DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever suffix follows."""


def plain_name(name: str) -> str:
    """A name that is a file's name on every system; ValueError if it is none."""
    name = unicodedata.normalize("NFC", name)
    if DEVICE.fullmatch(name):
        raise ValueError("a file's name, not that of a device of Windows")
    if not name.isprintable() or name != name.strip(" .") or len(name.encode()) > 120:
        raise ValueError("a file's name of at most 120 bytes, without a blank or a dot at its ends")
    return name


WorkflowName = Annotated[
    str, Field(pattern=r"^\w[\w .+=,()-]*$", max_length=120, description="letters, digits, blanks and . + = , ( ) - _"),
    AfterValidator(plain_name),
]  # fmt: skip


EXAMPLE: dict[str, Any] = {
    "diffuscope": 1,
    "title": "A thumbnail",
    "inputs": {"side": {"type": "int", "default": 64, "description": "in pixels"}},
    "nodes": {
        "picture": {"type": "load_image", "params": {"path": "pictures/beach.png"}},
        "small": {"type": "resize_image", "in": {"image": "picture", "width": "side", "height": "side"}},
        "save": {"type": "save_image", "in": {"image": "small"}},
    },
}
"""A workflow that the document shows: it needs no model, so trying it costs nothing."""


class WorkflowFile(RootModel[dict[str, Any]]):
    """A workflow as JSON: `diffuscope schema` prints its schema."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


class WorkflowAbout(BaseModel):
    """What a list says of a workflow."""

    name: str
    title: str
    description: str
    url: str
    changed: datetime | None = Field(description="when it was saved; null for one that ships")
    version: str = Field(description="digest of its content")
    picture: str | None = Field(description="address of a small picture of what it makes; null where there is none")


class Workflows(BaseModel):
    """Workflows, by name."""

    saved: list[WorkflowAbout]
    templates: list[WorkflowAbout] = Field(description="those that ship with Diffuscope")


class Saved(BaseModel):
    """A workflow that was saved."""

    name: str
    version: str = Field(description="digest of its content, for `If-Match` when it is saved again")


class SaveHeaders(BaseModel):
    """Which version is replaced."""

    if_match: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="the version that was read, in quotes; without it only a new name is taken, and `*` takes any"
    )


@dataclass(frozen=True)
class Stored:
    """A workflow's file."""

    workflow: dict[str, Any]
    version: str


def version_of(data: bytes) -> str:
    """A digest of a file's content."""
    return hashlib.sha256(data).hexdigest()[:32]


def read_stored(path: Path, what: str) -> Stored:
    """A workflow's file; `Refusal`: 404 if there is none, 409 if it is no JSON."""
    try:
        data = path.read_bytes() if path.resolve().parent == path.parent.resolve() else None
    except OSError:
        data = None
    if data is None:
        raise Refusal(404, f"no {what} of this name", hint="GET /api/workflows lists all")
    try:
        workflow = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(409, f"the file is no JSON: {error}") from None
    if not isinstance(workflow, dict):
        raise Refusal(409, f"the file is no workflow: expected an object, found {type(workflow).__name__}")
    return Stored(workflow, version_of(data))


def read_saved(server: Server, name: str) -> Stored:
    """A saved workflow."""
    return read_stored(server.settings.workflows / f"{name}.json", "saved workflow")


def read_template(name: str) -> dict[str, Any]:
    """A workflow that ships."""
    return read_stored(shipped("workflows")[0] / f"{name}.json", "shipped workflow").workflow


def thumbnail(name: str) -> Path:
    """Where a small picture of what a shipped workflow makes would lie."""
    return shipped("workflows")[0] / "thumbnails" / f"{name}.png"


def about(path: Path, group: str, saved: bool) -> WorkflowAbout:
    """What a list says of a workflow's file."""
    found = read_stored(path, "workflow")
    title, description = (str(found.workflow.get(part, "")) for part in ("title", "description"))
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC) if saved else None
    url = f"/api/{group}/{quote(path.stem)}"
    picture = None if saved or not thumbnail(path.stem).is_file() else f"{url}/picture"
    return WorkflowAbout(name=path.stem, title=title, description=description, changed=changed, version=found.version,
                         url=url, picture=picture)  # fmt: skip


def listed(folder: Path, group: str, saved: bool) -> list[WorkflowAbout]:
    """Every workflow in a folder; files that are none are left out."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(about(path, group, saved))
        except (Refusal, OSError):
            continue
    return found


def in_order(folder: Path) -> list[WorkflowAbout]:
    """The workflows in a folder as its `order.txt`, if there is one, names them; the others come last."""
    names = folder / "order.txt"
    order = {name: i for i, name in enumerate(names.read_text("utf-8").split() if names.is_file() else ())}
    return sorted(listed(folder, "templates", saved=False), key=lambda one: order.get(one.name, len(order)))


BY_NAME = {
    "read": Link("read_workflow", {"name": "$response.body#/name"}),
    "delete": Link("delete_workflow", {"name": "$response.body#/name"}),
}
LISTED = {
    "read": Link("read_workflow", {"name": "$response.body#/saved/0/name"}),
    "template": Link("read_shipped", {"name": "$response.body#/templates/0/name"}),
    "picture": Link("read_shipped_picture", {"name": "$response.body#/templates/0/name"}),
}


@routes.add("GET", "/api/workflows", gives={200: Workflows}, links={200: LISTED})
async def list_workflows(server: Server, call: Call[None, None]) -> Reply:
    """List the saved workflows, and those that ship in the order in which one would try them."""
    templates = [one for place in shipped("workflows") for one in in_order(place)]
    return Reply(Workflows(saved=listed(server.settings.workflows, "workflows", saved=True), templates=templates))


@routes.add("GET", "/api/templates/{name}", path={"name": WorkflowName}, gives={200: WorkflowFile}, refuses=[404])
async def read_shipped(server: Server, call: Call[None, None]) -> Reply:
    """A workflow that ships with Diffuscope."""
    return Reply(WorkflowFile(read_template(call.path["name"])))


THUMBNAIL = Raw("image/png", description="a picture")


@routes.add(
    "GET", "/api/templates/{name}/picture", path={"name": WorkflowName},
    gives={200: THUMBNAIL, 206: THUMBNAIL, 304: None, 412: None, 416: None}, refuses=[404],
)  # fmt: skip
async def read_shipped_picture(server: Server, call: Call[None, None]) -> web.FileResponse:
    """A small picture of what a shipped workflow makes, at most 320 pixels a side."""
    path = thumbnail(call.path["name"])
    if not path.is_file():
        raise Refusal(404, "no picture of a shipped workflow of this name", hint="GET /api/workflows tells who has one")
    return web.FileResponse(path, headers={"Cache-Control": "private, no-cache"})


@routes.add("GET", "/api/workflows/{name}", path={"name": WorkflowName}, gives={200: WorkflowFile}, refuses=[404, 409])
async def read_workflow(server: Server, call: Call[None, None]) -> Reply:
    """A saved workflow; its version is the `ETag`."""
    found = read_saved(server, call.path["name"])
    return Reply(WorkflowFile(found.workflow), headers={"ETag": f'"{found.version}"'})


@routes.add(
    "PUT", "/api/workflows/{name}", path={"name": WorkflowName}, body=WorkflowFile, headers=SaveHeaders,
    gives={200: Saved, 201: Saved}, refuses=[409, 412, 422], links={200: BY_NAME, 201: BY_NAME}, limit=JSON_BYTES,
)  # fmt: skip
async def save(server: Server, call: Call[None, WorkflowFile]) -> Reply:
    """Save a workflow. One that is there already is replaced only if `If-Match` names the version that was read.

    It must have a workflow's shape; what else is wrong with it (`POST /api/check`) does not matter yet.
    """
    name, wanted = call.path["name"], (call.headers.if_match or "").strip()
    path = server.settings.workflows / f"{name}.json"
    workflow = parse_workflow(call.body.root, f"{name}.json")
    expect_own_file(path)
    try:
        there: str | None = version_of(path.read_bytes())
    except FileNotFoundError:
        there = None
    if there is not None and wanted not in ("*", f'"{there}"'):
        hint = "read it again, or send If-Match: * to replace it all the same"
        raise Refusal(412, f"expected the version that is saved ({there}), found {wanted or 'none'}", hint=hint)
    if there is None and wanted not in ("", "*"):
        raise Refusal(412, f"expected a workflow of this name, found none; {wanted} is gone")
    save_workflow(workflow, path)
    version = version_of(path.read_bytes())
    return Reply(Saved(name=name, version=version), 201 if there is None else 200, {"ETag": f'"{version}"'})


def expect_own_file(path: Path) -> None:
    """Raise `Refusal` (409) where a link or a folder stands in the way of a file, or of that written aside first."""
    for place in (path, path.with_name(f"{path.name}.tmp")):
        if place.is_symlink() or place.is_dir():
            raise Refusal(409, f"expected a file of its own, found a {'link' if place.is_symlink() else 'folder'}")


@routes.add(
    "DELETE", "/api/workflows/{name}", path={"name": WorkflowName}, headers=SaveHeaders, gives={204: None},
    refuses=[404, 412],
)  # fmt: skip
async def delete_workflow(server: Server, call: Call[None, None]) -> Reply:
    """Delete a saved workflow; with `If-Match`, only this version."""
    found, wanted = read_saved(server, call.path["name"]), (call.headers.if_match or "*").strip()
    if wanted not in ("*", f'"{found.version}"'):
        raise Refusal(412, f"expected the version that is saved ({found.version}), found {wanted}")
    (server.settings.workflows / f"{call.path['name']}.json").unlink(missing_ok=True)
    return Reply(None, 204)
