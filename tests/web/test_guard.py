"""Who is let in: hosts, origins, tokens, and what is no HTTP; and the headers that every answer carries."""

from __future__ import annotations

import asyncio
import random
import socket

import aiohttp
import pytest
from toy_routes import served

from web.server.guard import COOKIE, HEADERS, Access, new_token

TOKEN = "correct-horse-battery"
ANYWHERE = Access("0.0.0.0", token=TOKEN)


def ask(method="GET", path="/api/items", access=None, **options):
    """One question to a fresh server."""

    async def go():
        async with served(access) as toy:
            return await toy.ask(method, path, **options)

    return asyncio.run(go())


def raw(text, access=None):
    """What a fresh server answers to these bytes; PORT stands for its port."""

    async def go():
        async with served(access) as toy:
            return await toy.raw(text.replace("PORT", str(toy.port)))

    status, answer = asyncio.run(go())
    assert all(f"{name}: {value}\r\n" in answer for name, value in HEADERS.items()), answer
    assert "Traceback" not in answer
    assert "aiohttp" not in answer
    assert "Access-Control" not in answer
    head, _, body = answer.partition("\r\n\r\n")
    assert len(body.splitlines()) <= 1
    return status, head, body


def by_host(host, access=None):
    return raw(f"GET /api/health HTTP/1.1\nHost: {host}\nConnection: close\n\n", access)


# ── Host ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:PORT", "LocalHost:PORT", "127.0.0.1:PORT", "127.9.8.7:PORT", "[::1]:PORT",
     "[0:0:0:0:0:0:0:1]"],
)  # fmt: skip
def test_names_of_the_loopback_address(host):
    assert by_host(host)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.com", "evil.com:PORT", "127.0.0.1.evil.com", "127.0.0.1.evil.com:PORT", "localhost.evil.com", "localhost:1",
     "127.0.0.1:1", "localhost.", "127.0.0.1.", "2130706433", "0x7f.0.0.1", "127.1", "0177.0.0.1", "127.0.0.01",
     "192.168.0.2", "0.0.0.0", "[::]:PORT", "[::2]", "LOCALHOST.evil:PORT", "xn--lcalhost-54a"],
)  # fmt: skip
def test_names_that_are_not_ours(host):
    status, _, body = by_host(host)
    assert status == 421
    assert "--allow-host" in body


@pytest.mark.parametrize(
    "host",
    ["user@localhost", "localhost@evil.com", "localhost:PORT@evil.com", "user:pw@localhost", "localhost,evil.com",
     "localhost evil.com", "localhost/evil", "localhost:", "localhost:x", "localhost:999999", "localhost:+80", "[::1",
     "::1", "[::1%25lo]", "lócalhost", "\udcff\udcfe", "http://localhost", "*", "", "localhost\tx", "localhost#"],
)  # fmt: skip
def test_names_that_are_none(host):
    assert by_host(host)[0] == 400


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/health HTTP/1.1\nConnection: close\n\n",
        "GET /api/health HTTP/1.0\n\n",
        "GET /api/health HTTP/1.1\nHost: localhost\nHost: localhost\nConnection: close\n\n",
        "GET /api/health HTTP/1.1\nHost: localhost\nhost: evil.com\nConnection: close\n\n",
        "GET /api/health HTTP/1.1\nHost : localhost\nConnection: close\n\n",
        "GET /api/health HTTP/1.1\n Host: localhost\nConnection: close\n\n",
        "GET http://evil.com/api/health HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        "GET http://localhost:1/api/health HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        "GET http://localhost@evil.com/api/health HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        "GET ftp://localhost/api/health HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        "CONNECT evil.com:443 HTTP/1.1\nHost: localhost\nConnection: close\n\n",
    ],
)
def test_not_one_host(text):
    assert raw(text)[0] == 400


def test_an_absolute_address_that_is_ours():
    assert raw("GET http://localhost/api/health HTTP/1.1\nHost: localhost\nConnection: close\n\n")[0] == 200


def test_other_headers_name_no_host():
    more = "X-Forwarded-Host: localhost\nX-Host: localhost\nForwarded: host=localhost"
    assert by_host(f"evil.com\n{more}")[0] == 421
    assert by_host("localhost\nX-HTTP-Method-Override: DELETE\nX-Method-Override: DELETE")[0] == 200


def test_a_name_that_was_allowed():
    access = Access(names=("Draw.example.org",))
    assert by_host("draw.example.org", access)[0] == 200
    assert by_host("DRAW.example.org:443", access)[0] == 200
    assert by_host("localhost", access)[0] == 200
    assert by_host("x.draw.example.org", access)[0] == 421


def test_bound_elsewhere_any_address_and_the_bound_name():
    for host in ("192.168.0.2:9000", "[fe80::1]", "localhost:1", "127.0.0.1"):
        assert by_host(host, ANYWHERE)[0] == 200
    assert by_host("evil.com", ANYWHERE)[0] == 421
    assert by_host("2130706433", ANYWHERE)[0] == 421
    assert by_host("box.lan:8188", Access("box.lan", token=TOKEN))[0] == 200


def test_what_access_asks_for():
    for host in ("0.0.0.0", "::", "192.168.0.2", "box.lan", ""):
        with pytest.raises(ValueError, match="expected a token"):
            Access(host)
    assert Access("::1").loopback and Access("localhost").loopback and Access("127.3.3.3").loopback
    for token in ("", "short", "with a space in it", 'quoted"quoted"quoted', "ünïcödé-ünïcödé-ünïcödé"):
        with pytest.raises(ValueError, match="token: expected 16 to 512"):
            Access(token=token)
    with pytest.raises(ValueError, match="without scheme and port"):
        Access(names=("http://example.org",))
    assert Access("0.0.0.0", token=new_token()).token != new_token()


# ── Origin and Sec-Fetch-Site ─────────────────────────────────────────────────────────────────────────────────────────


def with_headers(lines, start="POST /api/items"):
    status, _, _ = raw(
        f"{start} HTTP/1.1\nHost: localhost:PORT\nConnection: close\nContent-Type: application/json\n"
        f'Content-Length: 15\n{lines}\n{{"name": "fox"}}'
    )
    return status


@pytest.mark.parametrize("origin", ["http://localhost:PORT", "https://localhost:PORT", "HTTP://LOCALHOST:PORT"])
def test_our_own_origin(origin):
    assert with_headers(f"Origin: {origin}\n") == 201


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.com", "http://localhost", "http://localhost:1", "http://127.0.0.1:PORT", "localhost:PORT",
     "http://localhost:PORT.evil.com", "http://localhost:PORT@evil.com", "http://localhost:PORT/", "ws://localhost:PORT",
     "file://", "chrome-extension://localhost:PORT", "", "http://löcalhost:PORT", "http://localhost:PORT http://evil.com",
     "http://localhost:PORT\nOrigin: http://evil.com"],
)  # fmt: skip
def test_other_origins(origin):
    assert with_headers(f"Origin: {origin}\n") in (400, 403)
    assert with_headers(f"Origin: {origin}\n", "GET /") in (400, 403)


def test_origins_of_a_proxy_leave_default_ports_out():
    access = Access(names=("draw.example.org",))

    def ask_by(host, origin):
        return raw(f"GET / HTTP/1.1\nHost: {host}\nOrigin: {origin}\nConnection: close\n\n", access)[0]

    assert ask_by("draw.example.org", "https://draw.example.org") == 200
    assert ask_by("draw.example.org:443", "https://draw.example.org") == 200
    assert ask_by("draw.example.org", "http://draw.example.org:80") == 200
    assert ask_by("draw.example.org:443", "http://draw.example.org") == 403


@pytest.mark.parametrize(
    ("start", "lines", "status"),
    [
        ("GET /api/items", "Sec-Fetch-Site: same-origin\n", 200),
        ("GET /api/items", "Sec-Fetch-Site: none\nSec-Fetch-Mode: navigate\n", 200),
        ("GET /api/items", "Sec-Fetch-Site: cross-site\n", 403),
        ("GET /api/items", "Sec-Fetch-Site: same-site\n", 403),
        ("GET /api/items", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\n", 403),
        ("GET /api/items", "Sec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site\n", 403),
        ("GET /api/items", "Sec-Fetch-Site: other\n", 403),
        ("GET /%61pi/items", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\n", 403),
        ("GET /", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\n", 200),
        ("GET /", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\n", 403),
        ("POST /", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\n", 403),
    ],
)
def test_where_a_browser_says_a_request_comes_from(start, lines, status):
    assert raw(f"{start} HTTP/1.1\nHost: localhost\nConnection: close\n{lines}\n")[0] == status


def test_sockets_are_checked_alike():
    async def go(**options):
        async with served(ANYWHERE) as toy:
            try:
                async with toy.session.ws_connect(toy.url.replace("http", "ws") + "/api/socket", **options):
                    return 101
            except aiohttp.WSServerHandshakeError as error:
                return error.status

    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert asyncio.run(go(headers=bearer)) == 101
    assert asyncio.run(go()) == 401
    assert asyncio.run(go(headers=bearer, origin="http://evil.com")) == 403
    assert asyncio.run(go(headers=bearer | {"Host": "evil.com"})) == 421
    assert asyncio.run(go(headers=bearer | {"Sec-Fetch-Site": "cross-site"})) == 403


# ── the token ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": f"bearer  {TOKEN}"}, 200),
        ({"Cookie": f"a=b; {COOKIE}={TOKEN}"}, 200),
        ({"Authorization": "Bearer stale-stale-stale", "Cookie": f"{COOKIE}={TOKEN}"}, 200),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Bearer ünïcödé"}, 401),
        ({"Cookie": f"{COOKIE}="}, 401),
        ({"Cookie": f"x{COOKIE}={TOKEN}"}, 401),
        ({}, 401),
    ],
)
def test_tokens(headers, status):
    found, body, answer = ask(access=ANYWHERE, headers=headers)
    assert found == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="diffuscope"'
        assert TOKEN not in str(body)


def test_pages_need_the_token_too_and_health_does_not():
    assert ask(path="/", access=ANYWHERE)[0] == 401
    assert ask(path="/api/nowhere", access=ANYWHERE)[0] == 401
    assert ask(path=f"/api/items?token={TOKEN}", access=ANYWHERE)[0] == 401
    assert ask(path="/api/health", access=ANYWHERE)[:2] == (200, {"ok": True})
    assert ask(path="/api/health/", access=ANYWHERE)[0] == 401


def test_the_link_is_turned_into_a_cookie():
    async def go():
        async with served(ANYWHERE) as toy:
            status, _, answer = await toy.ask("GET", f"/?token={TOKEN}")
            assert (status, answer.headers["Location"]) == (303, "/")
            cookie = answer.headers["Set-Cookie"]
            assert cookie == f"{COOKIE}={TOKEN}; HttpOnly; Path=/; SameSite=Strict"
            cookies = {"Cookie": cookie.partition(";")[0]}
            assert (await toy.ask("GET", "/", headers=cookies))[0] == 200
            assert (await toy.ask("GET", "/?token=wrong-wrong-wrong", headers=cookies))[0] == 401
            assert (await toy.ask("POST", f"/?token={TOKEN}"))[0] == 401
            _, _, answer = await toy.ask("GET", f"/?token={TOKEN}", headers={"X-Forwarded-Proto": "https"})
            assert answer.headers["Set-Cookie"].endswith("; SameSite=Strict; Secure")

    asyncio.run(go())
    assert ask(path="/?token=x")[0] == 200  # no token is asked for


# ── what is no HTTP ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "\x16\x03\x01\x02\x00\x01\x00\n\n",
        "GET / HTTP/9.9\nHost: localhost\n\n",
        "GET /\n\n",
        "G<T / HTTP/1.1\nHost: localhost\n\n",
        "GET / HTTP/1.1\nHost: localhost\nBad Name: x\n\n",
        "GET / HTTP/1.1\nHost: localhost\nNo colon\n\n",
        "GET / HTTP/1.1\nHost: localhost\nX: a\x00b\n\n",
        "GET / HTTP/1.1\nHost: localhost\nX: a\x0bb\x7f\n\n",
        "GET / HTTP/1.1\nHost: localhost\nContent-Length: -1\n\n",
        "GET / HTTP/1.1\nHost: localhost\nContent-Length: 1\nContent-Length: 2\n\n",
        "POST / HTTP/1.1\nHost: localhost\nContent-Length: 1\nTransfer-Encoding: chunked\n\n0\n\n",
        "POST / HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked, identity\n\n0\n\n",
        f"GET /{'a' * 9000} HTTP/1.1\nHost: localhost\n\n",
        f"GET / HTTP/1.1\nHost: localhost\nX: {'a' * 9000}\n\n",
        "GET / HTTP/1.1\nHost: localhost\n" + "X: a\n" * 200 + "\n",
        "PRI * HTTP/2.0\n\nSM\n\n",
    ],
)  # fmt: skip
def test_bad_http_is_refused_in_one_line(text, caplog):
    status, _, body = raw(text)
    assert status == 400, body
    assert 0 < len(body) < 250
    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("OPTIONS * HTTP/1.1", 404), ("OPTIONS /api/items HTTP/1.1", 405), ("TRACE / HTTP/1.1", 405),
        ("GET //evil.com/api HTTP/1.1", 404), ("GET /../../etc/passwd HTTP/1.1", 404),
        ("GET /api/items/%ff%fe%00 HTTP/1.1", 404), ("GET /api/items?%zz&&=&a HTTP/1.1", 400),
        ("GET /\udcff\udcfe HTTP/1.1", 400), ("GET /api/☃ HTTP/1.1", 400), ("FOO /api/items HTTP/1.1", 400),
        ("GET /api/items HTTP/1.1\nExpect: magic", 417), ("GET /api/items#x HTTP/1.1", 200),
    ],
)  # fmt: skip
def test_odd_requests_are_answered(text, status, caplog):
    found, _, body = raw(f"{text}\nHost: localhost\nConnection: close\n\n")
    assert (found, body) == (status, body)
    assert caplog.records == []


@pytest.mark.parametrize(
    "start",
    ["GET /api/health", "GET /", "GET /api/nowhere", "GET /nowhere", "DELETE /", "POST /api/fail/crash",
     "HEAD /api/items"],
)  # fmt: skip
def test_every_answer_carries_the_headers(start):
    _, head, _ = raw(f"{start} HTTP/1.1\nHost: localhost\nConnection: close\n\n")  # which looks for all of them
    assert head.count("\r\nServer: ") == head.count("\r\nContent-Security-Policy: ") == 1


def test_streams_carry_the_headers_too():
    async def go():
        async with served() as toy:
            return await toy.raw("GET /api/events HTTP/1.1\nHost: localhost\n\n")

    _, text = asyncio.run(go())
    assert all(f"{name}: {value}\r\n" in text for name, value in HEADERS.items())


def test_a_header_cannot_be_put_into_an_answer():
    async def go():
        async with served() as toy:
            for path in (
                "/api/x%0d%0aSet-Cookie:a=b",
                "/api/items/%0d%0aSet-Cookie:a=b",
                "/api/items?a%0d%0aSet-Cookie:=1",
            ):
                _, text = await toy.raw(f"GET {path} HTTP/1.1\nHost: localhost\nConnection: close\n\n")
                assert "Set-Cookie" not in text.partition("\r\n\r\n")[0]

    asyncio.run(go())


def test_random_bytes_never_break_the_server(caplog):
    draw = random.Random(0)
    start = (
        b"GET /api/items?limit=5 HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: close\r\n\r\n"
    )

    async def go():
        async with served() as toy:
            for _ in range(300):
                data = bytearray(start)
                for _ in range(draw.randint(1, 4)):
                    data[draw.randrange(len(data) - 4)] = draw.randrange(256)
                reader, writer = await asyncio.open_connection("127.0.0.1", toy.port)
                writer.write(data)
                writer.write_eof()
                answer = await asyncio.wait_for(reader.read(), 5)
                assert not answer.startswith(b"HTTP/1.1 5"), (data, answer)
                writer.close()

    asyncio.run(go())
    assert caplog.records == []


def test_a_port_of_its_own_can_be_named():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert by_host(f"localhost:{port}", Access(port=port))[0] == 200
    assert by_host("localhost:PORT", Access(port=port))[0] == 421
