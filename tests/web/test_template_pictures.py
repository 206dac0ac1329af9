"""Every shipped workflow has a small picture of what it makes, and browsers keep it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from nodes.paths import shipped
from web.server.guard import Access, application
from web.server.routes.saved import in_order, listed, routes

FOLDER = shipped("workflows")[0]
THUMBNAILS = sorted((FOLDER / "thumbnails").iterdir())


def test_every_shipped_workflow_has_one() -> None:
    assert [file.name for file in THUMBNAILS] == [f"{file.stem}.png" for file in sorted(FOLDER.glob("*.json"))]
    assert {one.picture for one in listed(FOLDER, "templates", saved=False)} == {
        f"/api/templates/{file.stem}/picture" for file in THUMBNAILS
    }


def test_all_are_listed_in_an_order_of_their_own() -> None:
    order = (FOLDER / "order.txt").read_text().split()
    assert sorted(order) == sorted(file.stem for file in FOLDER.glob("*.json"))
    assert [one.name for one in in_order(FOLDER)] == order


def test_a_folder_without_an_order_is_listed_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.json").write_text("{}")
    assert [one.name for one in in_order(tmp_path)] == ["a", "b"]
    assert in_order(tmp_path / "nowhere") == []


def test_they_are_small() -> None:
    for file in THUMBNAILS:
        with Image.open(file) as picture:
            assert (picture.format, picture.mode) == ("PNG", "P") and max(picture.size) <= 320, file.name
    assert sum(file.stat().st_size for file in THUMBNAILS) <= 600_000


def test_a_saved_workflow_has_none(tmp_path: Path) -> None:
    (tmp_path / "attention.json").write_text("{}")
    (one,) = listed(tmp_path, "workflows", saved=True)
    assert one.picture is None


def test_one_is_sent_and_kept() -> None:
    async def go() -> None:
        address = "/api/templates/attention/picture"
        async with TestClient(TestServer(application(routes, Access(), None))) as client:
            answer = await client.get(address)
            assert (answer.status, answer.content_type) == (200, "image/png")
            assert await answer.read() == (FOLDER / "thumbnails" / "attention.png").read_bytes()
            assert "no-cache" in answer.headers["Cache-Control"]
            again = await client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
            assert again.status == 304
            missing = await client.get("/api/templates/atention/picture")
            assert (missing.status, missing.content_type) == (404, "application/json")

    asyncio.run(go())
