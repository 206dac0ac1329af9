"""The server as a whole: jobs are sent, followed, stopped and looked into, and survive whatever dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from running import Running, ask, client, running, start, until_ended

PLAIN = {
    "diffuscope": 1,
    "title": "A mask",
    "inputs": {"share": {"type": "float", "default": 0.5}},
    "nodes": {
        "picture": {"type": "load_image", "params": {"path": "pictures/beach.png"}},
        "mask": {"type": "draw_mask", "in": {"image": "picture", "width": "share"}},
        "seen": {"type": "mask_to_image", "in": {"mask": "mask"}},
        "save": {"type": "save_image", "in": {"image": "seen"}},
    },
}
"""A workflow that needs no model."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), "--exact") as started:
        yield started


def play(server: Running, test: Callable[[aiohttp.ClientSession], Coroutine[Any, Any, None]]) -> None:
    """Run a test with a client of its own."""

    async def whole() -> None:
        async with client(server) as session:
            await test(session)

    asyncio.run(asyncio.wait_for(whole(), 120))


def drawing(steps: int = 4, seed: int = 1, **more: Any) -> dict[str, Any]:
    """An order of a picture by the shipped model."""
    return {"template": "text_to_image", "inputs": {"steps": steps, "seed": seed}, **more}


async def send(session: aiohttp.ClientSession, order: dict[str, Any], **options: Any) -> str:
    id: str = (await ask(session, "POST", "/api/jobs", 201, json=order, **options))["id"]
    return id


async def events_of(session: aiohttp.ClientSession, id: str, after: int = 0) -> list[dict[str, Any]]:
    """What is told of a job by server-sent events, to its end."""
    async with session.get(f"/api/jobs/{id}/events", params={"after": str(after)}) as response:
        if response.status == 204:  # it has ended, and there is nothing left to tell
            return []
        assert response.content_type == "text/event-stream"
        lines = (await response.text()).splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


# ── sending and following ─────────────────────────────────────────────────────────────────────────────────────────────


def test_from_a_prompt_to_a_picture(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        id = await send(session, drawing(4, 7))
        told = await events_of(session, id)
        job = await ask(session, "GET", f"/api/jobs/{id}")
        assert (job["state"], job["ran"], job["errors"]) == ("done", job["to_run"], [])
        assert job["workflow"]["title"] == "Text to image" and job["inputs"] == {"steps": 4, "seed": 7}
        (picture,) = job["pictures"]
        async with session.get(picture["url"]) as response:
            assert response.content_type == "image/png"
            assert (await response.read())[:8] == b"\x89PNG\r\n\x1a\n"

        kept = [event for event in told if event["event"] != "progress"]
        assert [event["number"] for event in kept] == sorted({event["number"] for event in kept})
        kinds = [event["event"] for event in kept]
        assert kinds[:3] == ["queue", "queue", "planned"] and kinds[-2:] == ["done", "queue"]
        finished = [event for event in kept if event["event"] == "finished"]
        assert len(finished) == job["ran"] + job["cached"]
        assert {event["label"] for event in finished} >= {"sample[0].denoise", "sample[3].denoise", "image", "save"}
        previews = [event["preview"] for event in told if event["event"] == "progress" and event.get("preview")]
        for preview in previews:  # what is to be looked at meanwhile can be looked at
            async with session.get(f"/api/values/{preview['key']}/view", params={"output": preview["output"]}) as seen:
                assert (seen.status, seen.content_type) == (200, "image/png")

        again = await send(session, drawing(4, 7))
        job = await until_ended(session, again)
        assert (job["state"], job["ran"]) == ("done", 1)  # all but save_image comes from the cache

    play(server, test)


def test_coming_back_with_the_last_number_misses_nothing(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        id = await send(session, drawing(3, 8))
        whole = [event for event in await events_of(session, id) if event["event"] != "progress"]
        for at in (0, 1, len(whole) // 2, len(whole) - 1):
            rest = await events_of(session, id, whole[at]["number"])
            assert rest == whole[at + 1 :]
        headers = {"Last-Event-ID": str(whole[2]["number"])}
        async with session.get(f"/api/jobs/{id}/events", headers=headers) as response:
            assert (await response.text()).count("data: ") == len(whole) - 3

    play(server, test)


def test_a_websocket_tells_all(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        last = (await ask(session, "GET", "/api/stats"))["last_event"]
        async with session.ws_connect("/api/ws") as first:
            await first.send_str("nobody reads this")
            id = await send(session, drawing(3, 9))
            seen = []
            while True:
                message = json.loads((await first.receive(30)).data)
                seen.append(message)
                if message["event"] == "queue" and message["state"] == "done" and message["job"] == id:
                    break
        async with session.ws_connect("/api/ws", params={"after": str(last), "job": id}) as second:
            numbered = [event for event in seen if "number" in event and event["job"] == id]
            assert [json.loads((await second.receive(30)).data) for _ in numbered] == numbered

    play(server, test)


def test_a_workflow_without_a_model_is_quick_and_sweeps(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        id = await send(session, {"workflow": PLAIN, "sweeps": {"share": "0.2:0.6:0.2"}})
        job = await until_ended(session, id)
        names = [picture["name"] for picture in job["pictures"]]
        assert names == [f"A mask share={share}-0001.png" for share in (0.2, 0.4, 0.6)]
        listed = await ask(session, "GET", "/api/images", params={"limit": "500"})
        assert {image["url"] for image in listed["images"]} >= {picture["url"] for picture in job["pictures"]}
        recipe = await ask(session, "GET", job["pictures"][0]["url"].replace("/api/images/", "/api/recipes/"))
        assert recipe["workflow"]["title"] == "A mask" and recipe["sweeps"] == {"share": [0.2, 0.4, 0.6]}

    play(server, test)


def test_a_job_that_fails_says_why_and_can_be_retried(server: Running) -> None:
    order = {"workflow": {"diffuscope": 1, "title": "fails", "nodes": {
        "picture": {"type": "load_image", "params": {"path": "pictures/beach.png"}},
        "part": {"type": "crop_image", "in": {"image": "picture"}, "params": {"left": 9000, "width": 8, "height": 8}},
    }}}  # fmt: skip

    async def test(session: aiohttp.ClientSession) -> None:
        id = await send(session, order)
        job = await until_ended(session, id)
        assert job["state"] == "failed" and job["errors"][0].startswith("part: ")
        failed = [event for event in await events_of(session, id) if event["event"] == "failed"]
        assert failed[0]["label"] == "part" and failed[0]["inputs"].keys() == {"picture"}
        assert [c["event"] for c in (await ask(session, "GET", f"/api/jobs/{id}/calls"))["calls"]] == [
            "finished",
            "failed",
        ]
        await ask(session, "POST", f"/api/jobs/{id}/retry")
        assert (await until_ended(session, id))["starts"] == 2

    play(server, test)


def test_what_is_wrong_is_refused_before_it_is_queued(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        before = (await ask(session, "GET", "/api/jobs"))["total"]
        wrong = {"diffuscope": 1, "nodes": {"a": {"type": "mkae"}, "b": {"type": "load_image", "params": {"path": 1}}}}
        problem = await ask(session, "POST", "/api/jobs", 422, json={"workflow": wrong})
        assert [fault["where"] for fault in problem["faults"]] == ["nodes.a.type", "nodes.b.params.path"]
        assert "mkae" in problem["error"] and "\n" not in problem["error"]
        found = await ask(session, "POST", "/api/check", json={"workflow": wrong})
        assert found["faults"] == problem["faults"]
        large = drawing()
        large["inputs"]["width"] = 4096
        large["inputs"]["height"] = 4096
        problem = await ask(session, "POST", "/api/jobs", 422, json=large)
        assert "4194304" in problem["error"].replace(",", "")
        problem = await ask(session, "POST", "/api/jobs", 422, json=drawing(sweeps={"seed": "0:99999:1"}))
        assert "at most 20000" in problem["error"].replace(",", "")
        assert (await ask(session, "GET", "/api/jobs"))["total"] == before

    play(server, test)


def test_the_same_idempotency_key_makes_one_job(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        headers = {"Idempotency-Key": f"key-{time.time()}"}
        orders = [session.post("/api/jobs", json={"workflow": PLAIN}, headers=headers) for _ in range(8)]
        answers = await asyncio.gather(*orders)
        assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
        assert len({(await answer.json())["id"] for answer in answers}) == 1
        await ask(session, "POST", "/api/jobs", 409, json=drawing(), headers=headers)

    play(server, test)


# ── stopping, pausing, moving ─────────────────────────────────────────────────────────────────────────────────────────


async def until_running(session: aiohttp.ClientSession, id: str, ran: int = 1) -> None:
    for _ in range(1200):
        job = await ask(session, "GET", f"/api/jobs/{id}")
        if job["state"] == "running" and job["ran"] >= ran:
            return
        assert job["state"] in ("queued", "running"), job
        await asyncio.sleep(0.02)
    raise AssertionError(f"{id} does not run")


def test_a_running_job_is_paused_resumed_and_cancelled(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        id = await send(session, drawing(300, 21))
        await until_running(session, id, 20)
        waiting = await send(session, {"workflow": PLAIN})
        assert (await ask(session, "POST", f"/api/jobs/{id}/pause"))["wanted"] == "paused"
        assert (await until_ended(session, waiting))["state"] == "done"
        paused = await ask(session, "GET", f"/api/jobs/{id}")
        assert paused["state"] == "paused" and paused["wanted"] == "" and 20 <= paused["ran"] < 300
        await ask(session, "POST", f"/api/jobs/{id}/pause", 409)
        await ask(session, "POST", f"/api/jobs/{id}/resume")
        await until_running(session, id, paused["ran"] + 1)
        resumed = await ask(session, "GET", f"/api/jobs/{id}")
        assert resumed["to_run"] <= 312 - paused["ran"]  # what was finished was not done again
        await ask(session, "POST", f"/api/jobs/{id}/cancel")
        job = await until_ended(session, id)
        assert job["state"] == "cancelled" and job["ran"] < 310 and job["pictures"] == []
        await ask(session, "DELETE", f"/api/jobs/{id}", 204)
        await ask(session, "GET", f"/api/jobs/{id}", 404)

    play(server, test)


def test_jobs_that_wait_change_places(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        running = await send(session, drawing(200, 31))
        await until_running(session, running)
        a, b = [await send(session, {"workflow": PLAIN}) for _ in range(2)]
        c = await send(session, {"workflow": PLAIN, "front": True})
        queue = await ask(session, "GET", "/api/queue")
        assert [job["id"] for job in queue["waiting"]] == [c, a, b]
        assert [job["id"] for job in queue["running"]] == [running]
        queue = await ask(session, "POST", f"/api/jobs/{b}/move", json={"before": c})
        assert [job["id"] for job in queue["waiting"]] == [b, c, a]
        queue = await ask(session, "POST", f"/api/jobs/{b}/move", json={"before": None})
        assert [job["id"] for job in queue["waiting"]] == [c, a, b]
        await ask(session, "POST", f"/api/jobs/{running}/move", 409, json={"before": None})
        await ask(session, "POST", f"/api/jobs/{a}/cancel")
        await ask(session, "POST", f"/api/jobs/{running}/cancel")
        ended = [await until_ended(session, id) for id in (c, b, a)]
        assert [job["state"] for job in ended] == ["done", "done", "cancelled"]
        assert ended[0]["started"] < ended[1]["started"]

    play(server, test)


# ── what is saved ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_workflow_is_saved_with_a_version(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        address = "/api/workflows/a fox 狐 (2)"
        saved = await ask(session, "PUT", address, 201, json=PLAIN)
        async with session.get(address) as response:
            etag, text = response.headers["ETag"], await response.text()
        assert etag == f'"{saved["version"]}"' and json.loads(text)["nodes"] == PLAIN["nodes"]
        await ask(session, "PUT", address, 412, json=PLAIN)
        changed = PLAIN | {"title": "changed"}
        newer = await ask(session, "PUT", address, 200, json=changed, headers={"If-Match": etag})
        problem = await ask(session, "PUT", address, 412, json=PLAIN, headers={"If-Match": etag})
        assert newer["version"] in problem["error"]
        same = await ask(session, "PUT", address, 200, json=changed, headers={"If-Match": f'"{newer["version"]}"'})
        assert same == newer  # byte for byte
        listed = await ask(session, "GET", "/api/workflows")
        assert [one["title"] for one in listed["saved"] if one["name"] == "a fox 狐 (2)"] == ["changed"]
        assert {"text_to_image", "inpaint"} <= {one["name"] for one in listed["templates"]}
        id = await send(session, {"name": "a fox 狐 (2)"})
        assert (await until_ended(session, id))["title"] == "changed"
        await ask(session, "DELETE", address, 412, headers={"If-Match": etag})
        await ask(session, "DELETE", address, 204)
        await ask(session, "POST", "/api/jobs", 404, json={"name": "a fox 狐 (2)"})

    play(server, test)


def test_an_upload_is_read_by_a_workflow(server: Running, tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "red.png"
    Image.new("RGB", (24, 16), (255, 0, 0)).save(picture)

    async def test(session: aiohttp.ClientSession) -> None:
        headers = {"Content-Type": "image/png"}
        sent = await ask(session, "POST", "/api/uploads", 201, data=picture.read_bytes(), headers=headers)
        again = await ask(session, "POST", "/api/uploads", 200, data=picture.read_bytes(), headers=headers)
        assert sent == again and (sent["width"], sent["height"], sent["workflow"]) == (24, 16, False)
        workflow = json.loads(json.dumps(PLAIN))
        workflow["nodes"]["picture"]["params"]["path"] = sent["path"]
        job = await until_ended(session, await send(session, {"workflow": workflow}))
        assert job["state"] == "done", job["errors"]
        async with session.get(job["pictures"][0]["url"], params={"side": "16"}) as response:
            assert response.content_type == "image/png"
        carrying = await (await session.get(job["pictures"][0]["url"])).read()
        made = await ask(session, "POST", "/api/uploads", 201, data=carrying, headers=headers)
        assert made["workflow"] is True
        recipe = await ask(session, "GET", f"/api/uploads/{made['name']}/workflow")
        assert recipe["workflow"]["nodes"] == workflow["nodes"]
        await ask(session, "DELETE", f"/api/uploads/{sent['name']}", 204)
        await ask(session, "GET", f"/api/uploads/{sent['name']}", 404)

    play(server, test)


def test_a_plan_names_keys_that_can_be_looked_at(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        order = drawing(3, 41)
        plan = await ask(session, "POST", "/api/plan", json=order)
        key = next(call["key"] for call in plan["calls"] if call["label"] == "sample[1].denoise")
        assert {call["state"] for call in plan["calls"]} <= {"run", "cached", "unneeded"}
        await ask(session, "GET", f"/api/values/{key}", 404)
        await until_ended(session, await send(session, order))
        value = await ask(session, "GET", f"/api/values/{key}")
        assert value["label"] == "sample[1].denoise" and value["outputs"][""]["type"] == "Latent"
        assert value["outputs"][""]["parts"]["samples"]["shape"] == [1, 4, 16, 16]
        numbers = await ask(
            session, "GET", f"/api/values/{key}/view", params={"view": "channels", "channel": "2", "form": "json"}
        )
        assert numbers
        await ask(session, "GET", f"/api/values/{key}/view", 400, params={"view": "channels", "channel": "9"})
        plan = await ask(session, "POST", "/api/plan", json=order)
        assert plan["counts"] == {"run": 1, "cached": 1, "unneeded": plan["counts"]["unneeded"]}

    play(server, test)


# ── what dies ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_killed_worker_is_replaced_and_the_job_goes_on(server: Running) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        id = await send(session, drawing(60, 51))
        await until_running(session, id, 20)
        os.kill(server.children()["worker"], signal.SIGKILL)
        job = await until_ended(session, id)
        assert (job["state"], job["starts"], len(job["pictures"])) == ("done", 2, 1)
        assert 62 <= job["ran"] <= 72 and job["to_run"] <= 55  # what ran, and the model's handle, were made twice

    play(server, test)


@pytest.mark.parametrize("role", ["checker", "viewer"])
def test_a_killed_clerk_is_replaced(server: Running, role: str) -> None:
    async def test(session: aiohttp.ClientSession) -> None:
        id = await send(session, drawing(3, 61))
        await until_ended(session, id)
        key = (await ask(session, "GET", f"/api/jobs/{id}/calls"))["calls"][0]["key"]
        os.kill(server.children()[role], signal.SIGKILL)
        await ask(session, "GET", f"/api/values/{key}")
        await ask(session, "POST", "/api/check", json=drawing())
        await ask(session, "GET", "/api/stats")

    play(server, test)


@pytest.mark.slow
def test_a_worker_that_dies_again_and_again_fails_its_job_only(tmp_path: Path) -> None:
    async def test(session: aiohttp.ClientSession, server: Running) -> None:
        # the second call takes long, and the worker is killed in it each time
        terms = "\n".join(f"a {i}" for i in range(60_000))
        (tmp_path / "data" / "inputs" / "terms.txt").write_text(terms)
        nodes = {
            "clip": {"type": "load_clip"},
            "terms": {"type": "term_list", "params": {"name": "terms.txt"}},
            "vectors": {"type": "embed_terms", "in": {"clip": "clip", "terms": "terms"}},
        }
        order = {"workflow": {"diffuscope": 1, "title": "long", "nodes": nodes}}
        id, after = await send(session, order), await send(session, {"workflow": PLAIN})
        for turn in range(1, 6):
            while (await ask(session, "GET", f"/api/jobs/{id}"))["starts"] < turn:
                await asyncio.sleep(0.05)
            await asyncio.sleep(1.5)
            os.kill(server.children()["worker"], signal.SIGKILL)
        job = await until_ended(session, id)
        assert job["state"] == "failed" and job["errors"][0].startswith("the worker died 5 times"), job
        assert "SIGKILL" in job["errors"][0] and "vectors" in job["errors"][0]
        assert (await until_ended(session, after))["state"] == "done"

    with running(tmp_path) as server:
        asyncio.run(run_with(server, test))


async def run_with(
    server: Running, test: Callable[[aiohttp.ClientSession, Running], Coroutine[Any, Any, None]]
) -> None:
    async with client(server, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await asyncio.wait_for(test(session, server), 120)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_next_server_goes_on_with_everything(tmp_path: Path, how: int) -> None:
    server = start(tmp_path, "--exact")

    async def before() -> list[str]:
        async with client(server) as session:
            ids = [await send(session, drawing(60, seed)) for seed in (1, 2)]
            ids.append(await send(session, {"workflow": PLAIN}))
            await ask(session, "POST", f"/api/jobs/{ids[2]}/pause")
            await until_running(session, ids[0], 15)
            return ids

    ids = asyncio.run(before())
    children = server.children()
    began = time.monotonic()
    status = server.end(how)
    if how == signal.SIGTERM:
        assert status == 0 and time.monotonic() - began < 10
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in children.values()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())

    async def after(session: aiohttp.ClientSession, server: Running) -> None:
        jobs = [await until_ended(session, id) for id in ids[:2]]
        assert [(job["state"], len(job["pictures"])) for job in jobs] == [("done", 1)] * 2
        assert jobs[0]["starts"] == 2 and 70 <= jobs[0]["ran"] <= 72
        assert (await ask(session, "GET", f"/api/jobs/{ids[2]}"))["state"] == "paused"
        numbers = [event["number"] for event in await events_of(session, ids[0]) if "number" in event]
        assert numbers == sorted(set(numbers))

    with running(tmp_path, "--exact") as again:
        asyncio.run(run_with(again, after))


def test_two_servers_do_not_share_a_folder(server: Running) -> None:
    with pytest.raises(RuntimeError, match="another server uses it; end that one, or choose another with --data"):
        start(server.folder)


def test_another_address_needs_a_token_which_is_made_and_printed(tmp_path: Path) -> None:
    with running(tmp_path, "--host", "0.0.0.0") as server:
        token = server.address.partition("token=")[2]
        assert len(token) >= 32

        async def test(session: aiohttp.ClientSession, server: Running) -> None:
            problem = await ask(session, "GET", "/api/jobs", 401)
            assert "token" in problem["error"]
            await ask(session, "GET", "/api/jobs", headers={"Authorization": f"Bearer {token}"})
            async with session.get(f"/?token={token}") as response:
                assert response.status == 200
            await ask(session, "GET", "/api/jobs")  # by the cookie

        server.address = server.address.replace("0.0.0.0", "127.0.0.1")
        asyncio.run(run_with(server, test))
