"""Files: pictures that are sent, and pictures that jobs wrote."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel, Field

from web.server.api import Call, Link, Raw, Refusal, Reply, Routes
from web.server.routes.jobs import JobId
from web.server.server import Server
from web.server.settings import UPLOAD_BYTES

routes = Routes()

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif",
         ".bmp": "image/bmp"}  # fmt: skip
PICTURE = Raw(*dict.fromkeys(TYPES.values()), description="a picture")
OTHER = "application/octet-stream"

OTHER_FILE = Raw(OTHER, description="another kind of file")
FILE = {200: (PICTURE, OTHER_FILE), 206: (PICTURE, OTHER_FILE), 304: None, 412: None, 416: None}
"""What a file's address gives: all of it, or what a conditional or a range request asks for."""

UploadName = Annotated[str, Field(pattern=r"^[0-9a-f]{32}\.(png|jpg|webp|gif|bmp)$", description="digest and suffix")]
FileName = Annotated[
    str, Field(pattern=r"^[^/\\\x00-\x1f]+(/[^/\\\x00-\x1f]+)*$", max_length=500, description="as the job names it")
]


class Upload(BaseModel):
    """A picture that was sent."""

    name: str
    path: str = Field(description="what `load_image` is given as its path")
    url: str
    digest: str = Field(description="SHA-256 of the bytes")
    bytes: int
    width: int
    height: int
    workflow: bool = Field(description="whether it carries the workflow that made it")


class Uploads(BaseModel):
    """The pictures that were sent, newest first."""

    uploads: list[dict[str, Any]]
    bytes: int = Field(description="of all together")
    limit: int


class ImageAbout(BaseModel):
    """A file that a job wrote."""

    job: str
    name: str
    url: str
    bytes: int
    changed: datetime


class Images(BaseModel):
    """Files that jobs wrote, newest job first."""

    images: list[ImageAbout]
    next: str | None = Field(description="the `after` of the next page, or null")


class ImagesQuery(BaseModel):
    """Which to list."""

    after: JobId | None = Field(None, description="the `next` of the page before")
    limit: Annotated[int, Field(ge=1, le=500)] = Field(100, description="how many at least, if there are as many")


class SideQuery(BaseModel):
    """How large."""

    side: Annotated[int, Field(ge=16, le=2048)] | None = Field(
        None, description="at most so many pixels a side, as PNG"
    )


class Recipe(BaseModel):
    """The workflow inside a picture."""

    workflow: dict[str, Any]
    sweeps: dict[str, Any]
    keys: dict[str, Any]


OF_UPLOAD = {
    "read": Link("read_upload", {"name": "$response.body#/name"}),
    "workflow": Link("read_upload_workflow", {"name": "$response.body#/name"}),
    "delete": Link("delete_upload", {"name": "$response.body#/name"}),
}
FIRST = {"job": "$response.body#/images/0/job", "name": "$response.body#/images/0/name"}
OF_IMAGE = {"read": Link("read_image", FIRST), "workflow": Link("read_recipe", FIRST)}


# ── pictures that are sent ────────────────────────────────────────────────────────────────────────────────────────────


@routes.add(
    "POST", "/api/uploads", body=Raw(*dict.fromkeys(TYPES.values()), description="the picture's bytes"),
    gives={201: Upload, 200: Upload}, refuses=[415, 422], links={201: OF_UPLOAD, 200: OF_UPLOAD},
    limit=UPLOAD_BYTES,
)  # fmt: skip
async def upload(server: Server, call: Call[None, bytes]) -> Reply:
    """Send a picture (or a mask) for workflows to read. It is kept by its content: the same again is the same (200)."""
    data, settings = call.body, server.settings
    digest = hashlib.sha256(data).hexdigest()
    total = sum(size for _, size, _ in await asyncio.to_thread(lambda: list(uploaded(settings.uploads))))
    if total + len(data) > settings.limits.uploads_bytes:
        raise Refusal(413, f"expected at most {settings.limits.uploads_bytes:,} bytes of uploads together, found more",
                      hint="DELETE /api/uploads/{name} makes room")  # fmt: skip
    aside = settings.uploads / f".{secrets.token_hex(8)}.part"
    try:
        await asyncio.to_thread(aside.write_bytes, data)
        found, _ = await server.ask("inspect_upload", path=str(aside))
        name = f"{digest[:32]}{found['suffix']}"
        path = settings.uploads / name
        new = not path.exists()
        os.replace(aside, path)  # noqa: PTH105 - in one step
    finally:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
    answer = Upload(
        name=name, path=f"uploads/{name}", url=f"/api/uploads/{name}", digest=digest, bytes=len(data),
        width=found["width"], height=found["height"], workflow=found["workflow"],
    )  # fmt: skip
    return Reply(answer, 201 if new else 200, {"Location": answer.url})


def uploaded(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """The pictures that were sent, with bytes and time."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.suffix in TYPES and not path.is_symlink():
                status = path.stat()
                yield path, status.st_size, status.st_mtime


@routes.add("GET", "/api/uploads", gives={200: Uploads})
async def list_uploads(server: Server, call: Call[None, None]) -> Reply:
    """List the pictures that were sent, newest first."""
    found = await asyncio.to_thread(lambda: sorted(uploaded(server.settings.uploads), key=lambda one: -one[2]))
    listed = [
        {"name": path.name, "path": f"uploads/{path.name}", "url": f"/api/uploads/{path.name}", "bytes": size}
        for path, size, _ in found
    ]
    return Reply(
        Uploads(uploads=listed, bytes=sum(size for _, size, _ in found), limit=server.settings.limits.uploads_bytes)
    )


@routes.add("GET", "/api/uploads/{name}", path={"name": UploadName}, query=SideQuery, gives=FILE, refuses=[404, 422])
async def read_upload(server: Server, call: Call[SideQuery, None]) -> web.StreamResponse:
    """A picture that was sent, as it was sent, or smaller."""
    return await picture(server, inside(server.settings.uploads, call.path["name"]), call.query.side)


@routes.add("GET", "/api/uploads/{name}/workflow", path={"name": UploadName}, gives={200: Recipe}, refuses=[404, 422])
async def read_upload_workflow(server: Server, call: Call[None, None]) -> Reply:
    """The workflow inside a picture that was sent."""
    found, _ = await server.ask("recipe", path=str(inside(server.settings.uploads, call.path["name"])))
    return Reply(Recipe(**found))


@routes.add("DELETE", "/api/uploads/{name}", path={"name": UploadName}, gives={204: None}, refuses=[404])
async def delete_upload(server: Server, call: Call[None, None]) -> Reply:
    """Delete a picture that was sent. Workflows that read it will say that it is missing."""
    inside(server.settings.uploads, call.path["name"]).unlink(missing_ok=True)
    return Reply(None, 204)


# ── pictures that jobs wrote ──────────────────────────────────────────────────────────────────────────────────────────


def written(folder: Path, after: str | None, limit: int) -> tuple[list[ImageAbout], str | None]:
    """What the newest jobs wrote, and where the next page begins."""
    found: list[ImageAbout] = []
    jobs = sorted((path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()), reverse=True)
    jobs = [job for job in jobs if after is None or job.name < after]
    for i, job in enumerate(jobs):
        for path in sorted(job.rglob("*")):
            with contextlib.suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    name, status = path.relative_to(job).as_posix(), path.stat()
                    changed = datetime.fromtimestamp(status.st_mtime, UTC)
                    url = f"/api/images/{job.name}/{quote(name)}"
                    found.append(ImageAbout(job=job.name, name=name, url=url, bytes=status.st_size, changed=changed))
        if len(found) >= limit:
            return found, job.name if i + 1 < len(jobs) else None
    return found, None


@routes.add("GET", "/api/images", query=ImagesQuery, gives={200: Images}, links={200: OF_IMAGE})
async def list_images(server: Server, call: Call[ImagesQuery, None]) -> Reply:
    """List what jobs wrote, newest first, whole jobs at a time."""
    found, following = await asyncio.to_thread(written, server.settings.out, call.query.after, call.query.limit)
    return Reply(Images(images=found, next=following))


@routes.add(
    "GET", "/api/images/{job}/{name:.+}", path={"job": JobId, "name": FileName}, query=SideQuery,
    gives=FILE, refuses=[404, 422],
)  # fmt: skip
async def read_image(server: Server, call: Call[SideQuery, None]) -> web.StreamResponse:
    """A file that a job wrote; a picture also smaller."""
    return await picture(server, written_file(server, call.path), call.query.side)


@routes.add(
    "GET",
    "/api/recipes/{job}/{name:.+}",
    path={"job": JobId, "name": FileName},
    gives={200: Recipe},
    refuses=[404, 422],
)
async def read_recipe(server: Server, call: Call[None, None]) -> Reply:
    """The workflow inside a picture that a job wrote: `/api/images/…` with another beginning."""
    path = written_file(server, call.path)
    found, _ = await server.ask("recipe", path=str(path))
    return Reply(Recipe(**found))


def written_file(server: Server, path: dict[str, Any]) -> Path:
    """A file in a job's folder."""
    return inside(server.settings.out, f"{path['job']}/{path['name']}")


def inside(folder: Path, name: str) -> Path:
    """A file in a folder, itself and not by a link; `Refusal` (404) for everything else."""
    path = folder / name
    try:
        fits = ".." not in Path(name).parts and path.resolve() == folder.resolve() / name and path.is_file()
    except (OSError, ValueError):
        fits = False
    if not fits:
        raise Refusal(404, "no such file")
    return path


async def picture(server: Server, path: Path, side: int | None) -> web.StreamResponse:
    """A file's bytes, or a picture made smaller. What is no picture is sent for keeping, never for showing."""
    kind = TYPES.get(path.suffix.lower(), OTHER)
    if side is not None:
        _, blob = await server.ask("thumbnail", path=str(path), side=side)
        return web.Response(body=blob, content_type="image/png", headers={"Cache-Control": "private, max-age=86400"})
    disposition = "inline" if kind != OTHER else "attachment"
    headers = {"Cache-Control": "private, max-age=86400", "Content-Type": kind,
               "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(path.name)}"}  # fmt: skip
    return web.FileResponse(path, headers=headers)
