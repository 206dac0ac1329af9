"""Routes read what they declare, and refuse the rest in one line that says why."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from aiohttp import web
from pydantic import BaseModel
from toy_routes import Health, ItemId, NewItem, Served, routes, served

from web.server.api import Call, Refusal, Reply, Routes, read_json, read_model


def ask(method, path, **options):
    """One question to a fresh server."""

    async def go():
        async with served() as toy:
            return await toy.ask(method, path, **options)

    return asyncio.run(go())


# ── what fits ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_item_is_made_read_listed_and_dropped():
    async def go():
        async with served() as toy:
            status, item, answer = await toy.ask("POST", "/api/items", json={"name": "fox", "tags": ["red"]})
            assert (status, item["id"], answer.headers["Location"]) == (201, "0000", "/api/items/0000")
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Content-Type"] == "application/json"
            await toy.ask("POST", "/api/items", json={"name": "owl", "inner": {"name": "mouse"}})
            assert (await toy.ask("GET", "/api/items/0000"))[1] == item
            _, listed, answer = await toy.ask("GET", "/api/items?limit=5&reverse=true", headers={"Last-Event-ID": "7"})
            assert [item["name"] for item in listed] == ["owl", "fox"]
            assert (answer.headers["X-Last"], answer.headers["Cache-Control"]) == ("7", "max-age=5")
            assert (await toy.ask("GET", "/api/items", headers={"If-None-Match": '"same"'}))[0] == 304
            assert (await toy.ask("DELETE", "/api/items/0000"))[:2] == (204, "")
            assert (await toy.ask("GET", "/api/items/0000"))[0] == 404

    asyncio.run(go())


def test_variables_and_further_keys_are_read():
    status, text, _ = ask("GET", "/api/views/a%2Fb%20c/41?size=16&cmap=gray&x=%E2%98%83")
    assert (status, text) == (200, "a/b c 42 16 {'cmap': 'gray', 'x': '☃'}")


def test_head_answers_like_get_but_for_streams():
    assert ask("HEAD", "/api/items")[0] == 200
    assert ask("HEAD", "/api/events")[0] == 405
    assert ask("HEAD", "/api/socket")[0] == 405


def test_a_raw_body_is_handed_on():
    assert ask("PUT", "/api/pictures", data=b"\x89PNG", headers={"Content-Type": "image/png"})[0] == 200
    assert ask("PUT", "/api/pictures", data=b"\x89PNG", headers={"Content-Type": "image/gif"})[0] == 415
    assert ask("PUT", "/api/pictures", data=b"x" * 1001, headers={"Content-Type": "image/png"})[0] == 413


def test_a_socket_talks():
    async def go():
        async with served() as toy, toy.session.ws_connect(toy.url + "/api/socket") as talk:
            await talk.send_str("hello")
            assert (await talk.receive()).data == "hello"
            status, body, _ = await toy.ask("GET", "/api/socket")
            assert (status, body["error"]) == (426, "headers.Upgrade: expected websocket, found another or none")

    asyncio.run(go())


# ── addresses ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_unknown_addresses_and_methods():
    status, body, _ = ask("GET", "/api/jbos")
    assert (status, body["error"]) == (404, "GET '/api/jbos': no such address; /api/openapi.json lists all")
    status, body, answer = ask("PATCH", "/api/items")
    assert (status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert body["error"] == "PATCH '/api/items': expected GET or HEAD or POST"
    status, text, answer = ask("GET", "/nowhere")
    assert (status, answer.content_type, text.count("\n")) == (404, "text/plain", 1)


@pytest.mark.parametrize(
    "path",
    ["/api/items/00000", "/api/items/..%2F..%2Fetc", "/api/items/0000%0A", "/api/items/%FF", "/api/items/%00",
     "/api/views/a/b", "/api/views/a/1.0", "/api/views/a/" + "9" * 5000],
)  # fmt: skip
def test_a_variable_that_does_not_fit_is_no_address(path):
    status, body, _ = ask("GET", path)
    assert status == 404
    assert "expected" in body["error"]


# ── query and headers ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("limt=5", "query: unknown key 'limt'; did you mean \"limit\"?"),
        ("limit=5&limit=6", "query.limit: expected one value, found several"),
        ("limit=0", "query.limit: expected greater than or equal to 1, found '0'"),
        ("limit=x", "query.limit: expected a valid integer, found 'x'"),
        ("limit=%205", "query.limit: expected an integer, found ' 5'"),
        ("limit=1_0", "query.limit: expected an integer, found '1_0'"),
        ("limit=5.0", "query.limit: expected an integer, found '5.0'"),
        ("scale=nan", "query.scale: expected a number, found 'nan'"),
        ("scale=1e999", "query.scale: expected a number, found '1e999'"),
        ("reverse=yes", "query.reverse: expected true or false, found 'yes'"),
        ("order=size", "query.order: expected 'name' or 'time', found 'size'"),
        ("%FF=1", None),
        ("a" * 70 + "=1", None),
    ],
)
def test_a_query_that_does_not_fit(query, error):
    status, body, _ = ask("GET", f"/api/items?{query}")
    assert (status, error or body["error"]) == (400, body["error"])


def test_no_query_where_none_is_declared():
    assert ask("GET", "/api/health?a=1")[1]["error"] == "query: unknown key 'a'"


def test_headers_that_do_not_fit():
    assert ask("GET", "/api/items", headers={"Last-Event-ID": "-1"})[0] == 400
    status, body, _ = ask("GET", "/api/items", headers=[("Last-Event-ID", "1"), ("Last-Event-ID", "2")])
    assert (status, body["error"]) == (400, "headers.Last-Event-ID: expected one value, found several")


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────────────────

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        (b"", 400, "body: expected JSON, found nothing"),
        (b'{"name": "a"', 400, "body: expected JSON: Expecting ',' delimiter (line 1, column 13)"),
        (b'{"name": "a", "name": "b"}', 400, "body: expected JSON: an object has the key 'name' twice"),
        (b'{"name": "a", "count": NaN}', 400, "body: expected JSON: NaN is not in it"),
        (b'{"name": "a", "count": 1e999}', 400, "body: expected JSON: '1e999' is beyond what a float holds"),
        (b'{"name": "\xff"}', 400, "body: expected UTF-8, found another byte at 10"),
        (b'{"name": "\\ud800"}', 400, None),
        (b'{"name": "a", "count": ' + b"1" * 5000 + b"}", 400, None),
        (b"[" * 9000, 400, "body: expected at most 100 levels of nesting, found more"),
        (b'{"inner":' * 1100, 400, "body: expected at most 100 levels of nesting, found more"),
        (b'"' + b"[" * 9000 + b'"', 422, None),  # brackets within text do not nest
        (b"x" * 10_001, 413, "body: expected at most 10,000 bytes, found more"),
        (b"[]", 422, "body: expected an object, found []"),
        (b"{}", 422, "name: expected a value, found nothing"),
        (b'{"name": "a", "count": "5"}', 422, "count: expected a valid integer, found '5'"),
        (b'{"name": "a", "cuont": 5}', 422, "cuont: unknown key; did you mean \"count\"?"),
        (b'{"name": "a", "inner": {"name": ""}}', 422,
         "inner.name: expected at least 1 character, found ''"),
    ],
)  # fmt: skip
def test_a_body_that_does_not_fit(data, status, error):
    found, body, _ = ask("POST", "/api/items", data=data, headers=JSON)
    assert (found, error or body["error"]) == (status, body["error"])


def test_every_fault_is_listed():
    status, body, _ = ask("POST", "/api/items", json={"count": None, "tags": ["red", "green"], "inner": {}})
    assert status == 422
    assert [fault["where"] for fault in body["faults"]] == ["name", "count", "tags.1", "inner.name"]
    assert body["error"] == "name: expected a value, found nothing (and 3 more)"


def test_of_many_faults_the_first_are_listed():
    status, body, _ = ask("POST", "/api/items", json={"name": "fox", "tags": [0] * 1000})
    assert (status, len(body["faults"])) == (422, 101)
    assert body["faults"][-1]["message"] == "900 faults more"
    begun = time.perf_counter()
    with pytest.raises(Refusal, match="found 300,000 faults"):
        read_model(NewItem, json.dumps({"name": "fox", "tags": [0] * 300_000}).encode())
    assert time.perf_counter() - begun < 30  # linear, not more: no time is measured here


@pytest.mark.parametrize(
    "lines",
    ["", "Content-Type:\n", "Content-Type: text/plain\n", "Content-Type: application/x-www-form-urlencoded\n",
     "Content-Type: application/json; charset=utf-16\n", "Content-Type: application/jsonx\n",
     "Content-Type: application/json\nContent-Encoding: br\n"],
)  # fmt: skip
def test_a_body_of_another_type(lines):
    async def go():
        async with served() as toy:
            return await toy.raw(
                f"POST /api/items HTTP/1.1\nHost: localhost\n{lines}Content-Length: 2\nConnection: close\n\n{{}}"
            )

    status, text = asyncio.run(go())
    assert status == 415, text


def test_a_body_without_length_is_measured_as_it_comes():
    async def chunks():
        for _ in range(20):
            yield b" " * 1000

    assert ask("POST", "/api/items", data=chunks(), headers=JSON)[0] == 413


def test_a_compressed_body_is_not_read():
    assert ask("POST", "/api/items", data=b"{}", compress="gzip", headers=JSON)[0] == 415


def test_a_body_that_stops_arriving(monkeypatch):
    monkeypatch.setattr("web.server.api.BODY_SECONDS", 0.1)

    async def go():
        async with served() as toy:
            toy_request = "POST /api/items HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
            reader, writer = await asyncio.open_connection("127.0.0.1", toy.port)
            writer.write((toy_request + "Content-Length: 9\n\n{").replace("\n", "\r\n").encode())
            line = await reader.readline()
            writer.close()
            return line

    assert asyncio.run(go()).startswith(b"HTTP/1.1 408 ")


def test_broken_chunks():
    async def go():
        async with served() as toy:
            return await toy.raw(
                "POST /api/items HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
                "Transfer-Encoding: chunked\n\nzz\n{}\n"
            )

    assert asyncio.run(go())[0] == 400


def test_hostile_json_is_refused_quickly():
    for data in (b'"' + b'\\"' * 400_000, b'["x",' * 200_000, b"[" * 1_000_000, b'"a\\' * 300_000,
                 b"{" + b",".join(b'"%d":0' % i for i in range(90_000)) + b',"1":0}'):  # fmt: skip
        begun = time.perf_counter()
        with pytest.raises(Refusal):
            read_json(data)
        assert time.perf_counter() - begun < 30  # linear, not more: no time is measured here


def test_depth_is_counted_as_json_counts_it():
    assert read_json(b"[" * 100 + b"]" * 100) is not None
    assert len(read_json(b"[" + b",".join([b'{"a]":"}\\"["}'] * 1000) + b"]")) == 1000
    with pytest.raises(Refusal):
        read_json(b"[" * 101 + b"]" * 101)


# ── whatever happens ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_our_errors_keep_their_words():
    status, body, _ = ask("POST", "/api/fail/workflow")
    assert status == 422
    assert body["error"] == "x.json: nodes.a: unknown; try b (and 1 more)"
    assert body["faults"][0] == {"where": "nodes.a", "message": "unknown", "hint": "try b"}
    assert body["faults"][1]["message"] == "bad \\udc80 text"
    status, body, _ = ask("POST", "/api/fail/storage")
    assert (status, body["error"]) == (409, "/data: cannot be written: No space left on device")


@pytest.mark.parametrize("how", ["crash", "undeclared"])
def test_unexpected_errors_are_logged_and_not_shown(how, caplog):
    status, body, _ = ask("POST", f"/api/fail/{how}")
    assert (status, body) == (500, {"error": "the server failed; its log says why", "faults": []})
    (record,) = caplog.records
    assert record.exc_info is not None


def test_a_stream_that_fails_is_broken_off(caplog):
    async def go():
        async with served() as toy:
            return await toy.raw("GET /api/events HTTP/1.1\nHost: localhost\n\n")

    status, text = asyncio.run(go())
    assert status == 200
    assert text.count("HTTP/1.1") == 1
    assert [record.message for record in caplog.records] == ["GET /api/events failed"]


def test_a_client_that_leaves_is_no_error(caplog):
    async def leave(toy: Served, text: str) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", toy.port)
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()

    async def go():
        async with served() as toy:
            await leave(toy, "POST /api/fail/slow HTTP/1.1\nHost: localhost\n\n")
            assert toy.toys.started.is_set()
            head = "POST /api/items HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 99\n\n"
            await leave(toy, head + "{")
            assert (await toy.ask("GET", "/api/health"))[0] == 200

    asyncio.run(go())
    assert caplog.records == []


def test_cancelling_passes():
    async def go():
        async with served() as toy:
            asking = asyncio.create_task(toy.ask("POST", "/api/fail/slow"))
            await toy.toys.started.wait()
            asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(go())


# ── declaring ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_declarations_that_contradict_themselves():
    some = Routes()
    with pytest.raises(ValueError, match=r"expected types for \['id'\], found \[\]"):
        some.add("GET", "/api/a/{id}", gives={200: Health})

    with pytest.raises(ValueError, match=r"expected links of statuses it gives, found \[201\]"):
        some.add("GET", "/api/a", gives={200: Health}, links={201: {}})

    async def bare(toys, call): ...

    with pytest.raises(ValueError, match="bare: expected an async function with a docstring"):
        some.add("GET", "/api/a", gives={200: Health})(bare)

    async def told(toys, call):
        """Tell."""

    some.add("GET", "/api/a/{id}", path={"id": ItemId}, gives={200: Health})(told)
    with pytest.raises(ValueError, match="declared twice"):
        some.add("GET", "/api/b", gives={200: Health})(told)
    assert [route.tag for route in some] == ["test_routes"]
    assert len(Routes(some, routes)) == len(routes) + 1


def test_an_address_with_a_pattern():
    some = Routes()

    @some.add("GET", "/api/files/{path:.+}", path={"path": str}, gives={200: Health})
    async def read_file(toys, call):
        """Read."""

    (route,) = some
    assert route.template == "/api/files/{path}"


def test_a_reply_is_written_by_alias_and_keeps_its_headers():
    class Sent(BaseModel):
        value: list[int] | None = None

    answer = Reply([Sent(value=[1])], headers={"ETag": '"x"'}).answer()
    assert isinstance(answer, web.Response)
    assert json.loads(answer.body) == [{"value": [1]}]
    assert answer.headers["ETag"] == '"x"'
    assert Call(None, {}, None, None).headers is None
