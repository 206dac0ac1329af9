"""docs/api.md and the README's section on the server: every command runs as written, every answer is as shown."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from running import ask, client, running

from diffuscope.serving import serve
from engine.events import Event
from web.server.routes import ALL
from web.server.settings import JSON_BYTES, MEBI, UPLOAD_BYTES, Limits

ROOT = Path(__file__).parents[2]
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

MORE = "…"
"""Stands in answers for what is left out."""
COMMON = {"event", "number", "job", "time"}
"""What events have in common."""

missing = [tool for tool in ("bash", "curl", "pkill") if shutil.which(tool) is None]
needs_tools = pytest.mark.skipif(bool(missing) and "CI" not in os.environ, reason=f"needs {', '.join(missing)}")


class Example(NamedTuple):
    """Commands, and the answer that is shown below them."""

    code: str
    shown: str
    kind: str
    """Of the answer: `json` or `text`; empty where none is shown."""

    @property
    def refused(self) -> bool:
        """Whether the answer is a refusal."""
        return self.kind == "json" and self.shown.lstrip().startswith(('{"error"', '{\n  "error"'))


def examples(markdown: str) -> list[Example]:
    """Every block of shell commands, each with the answer that comes before the next."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)
    found = []
    for (language, code), (kind, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language == "sh":
            found.append(Example(code, *((shown, kind) if kind in ("json", "text") else ("", ""))))
    return found


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_shown(text: str) -> Any:
    """JSON in which … stands for further members, for further items, for a value, or for a part of a text."""
    place = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<members>(?<=[{,])\s*…(?=\s*\}))|…')
    return json.loads(place.sub(lambda of: '"…": 0' if of["members"] else '"…"' if of[0] == MORE else of[0], text))


def plain(text: str) -> str:
    """A text without what is different each time: ids, times, digests."""
    text = re.sub(r"\d{8}-\d{6}-[a-z2-9]{6}", "<id>", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>", re.sub(r"\b[0-9a-f]{8,64}(…|\b)", "<digest>", text))


def matches(shown: str, real: str) -> bool:
    """Whether a text is as it is shown."""
    pattern = ".*".join(re.escape(part) for part in plain(shown).split(MORE))
    return re.fullmatch(pattern, plain(real), re.DOTALL) is not None


def differences(shown: Any, real: Any, where: str = "answer") -> Iterator[str]:
    """Where JSON is of another shape than what is shown: keys, items, kinds of values, and texts."""
    if shown == MORE:
        return
    if isinstance(shown, dict) and isinstance(real, dict):
        names = shown.keys() - {MORE}
        if lacking := names - real.keys():
            yield f"{where}: has no {sorted(lacking)}"
        if MORE not in shown and (more := real.keys() - names):
            yield f"{where}: has {sorted(more)} too"
        for name in names & real.keys():
            yield from differences(shown[name], real[name], f"{where}.{name}")
    elif isinstance(shown, list) and isinstance(real, list):
        cut = shown.index(MORE) if MORE in shown else len(shown)
        head, tail = shown[:cut], shown[cut + 1 :]
        if len(real) < len(head + tail) or (len(real) > len(head) and MORE not in shown):
            yield f"{where}: expected {len(head + tail)} items, found {len(real)}"
        else:
            for i, (one, other) in enumerate(zip(head + tail, real[:cut] + real[len(real) - len(tail) :], strict=True)):
                yield from differences(one, other, f"{where}[{i}]")
    elif isinstance(shown, str) and isinstance(real, str):
        if not matches(shown, real):
            yield f"{where}: shown as {shown!r}, found {real!r}"
    elif isinstance(shown, bool) or shown is None:
        if shown is not real:
            yield f"{where}: shown as {shown}, found {real!r}"
    elif not (isinstance(shown, int | float) and isinstance(real, int | float)):
        yield f"{where}: shown as {shown!r}, found {str(real)[:100]!r}"


def told(line: str) -> Any:
    """The event in a line of a stream, or None."""
    text = line.removeprefix("data: ")
    return read_shown(text) if text.startswith('{"') else None


def line_differences(shown: str, real: list[str]) -> list[str]:
    """How no line of an answer is as a shown one; empty if one is."""
    event = told(shown)
    if event is None:
        return [] if any(matches(shown, line) for line in real) else [f"no line {shown!r}"]
    found = [list(differences(event, other)) for line in real if (other := told(line))]
    return min(found, key=len, default=[f"no event {shown!r}"])


def faults(example: Example, answer: str) -> list[str]:
    """Where an answer is not as it is shown."""
    if example.kind == "json":
        return [*differences(read_shown(example.shown), json.loads(answer))]
    lines = answer.splitlines()
    return [fault for line in example.shown.splitlines() for fault in line_differences(line, lines)]


def test_what_is_left_out_is_not_compared() -> None:
    shown = read_shown('{"a": 1, "b": [1, …, {"c": "x…", …}], "d": …, "e": null}')
    assert not [*differences(shown, {"a": 2.5, "b": [1, 2, 3, {"c": "xy", "f": 1}], "d": [], "e": None})]
    for real in (
        {"a": 1, "b": [1, {"c": "x"}], "d": 1},  # no e
        {"a": 1, "b": [1, {"c": "x"}], "d": 1, "e": None, "f": 1},
        {"a": "1", "b": [1, {"c": "x"}], "d": 1, "e": None},
        {"a": 1, "b": [1], "d": 1, "e": None},
        {"a": 1, "b": [1, {"c": "y"}], "d": 1, "e": None},
    ):
        assert len([*differences(shown, real)]) == 1


# ── running ───────────────────────────────────────────────────────────────────────────────────────────────────────────

STRICT = """
set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body --max-time 300 "$@"; }
"""


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, as somebody would who has installed Diffuscope; nothing that it started stays."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env=os.environ | variables | {"PATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=400)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return subprocess.CompletedProcess(script, process.returncode, output)


def script_of(found: list[Example]) -> str:
    """All examples as one script, the answer of each in a file; it ends at the first that does not go as it should."""
    parts = [STRICT]
    for i, example in enumerate(found):
        block = f"{{\n{example.code}\n}} > answer-{i}"
        parts.append(f"if {block}; then exit 99; fi" if example.refused else block)
    return "\n".join(parts)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each example in docs/api.md answers."""
    folder, found = tmp_path_factory.mktemp("docs"), examples(API)

    async def make_ready() -> None:
        async with client(server) as session:
            while (await ask(session, "GET", "/api/health"))["status"] != "ok":
                await asyncio.sleep(0.1)

    with running(folder / "server") as server:
        asyncio.run(asyncio.wait_for(make_ready(), 120))
        script = script_of(found).replace("http://127.0.0.1:8188", server.address)
        ended = run(script, folder, TOKEN="of-the-server-16")
    given = [path.read_text() if (path := folder / f"answer-{i}").exists() else None for i in range(len(found))]
    done = sum(answer is not None for answer in given)
    assert ended.returncode == 0, f"{found[done - 1].code}\n{given[done - 1]}\n{ended.stdout}"
    return [answer or "" for answer in given]


@pytest.mark.slow
@needs_tools
def test_every_example_is_answered_as_shown(answers: list[str]) -> None:
    found = {example.code: faults(example, answer) for example, answer in zip(examples(API), answers, strict=True)}
    assert {code: some for code, some in found.items() if some} == {}


@pytest.mark.slow
@needs_tools
def test_every_event_has_the_fields_that_the_table_names(answers: list[str]) -> None:
    found = [event for answer in answers for line in answer.splitlines() if (event := told(line)) and "event" in event]
    section = API.partition("\n## Events")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", section, re.MULTILINE)
    table = {kind: set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", fields))) for kind, fields in rows}
    assert table.keys() == {"queue", "reset", *(kind.event for kind in Event.__subclasses__())}
    assert table.pop("reset") == set()  # nobody comes with a wrong number in the examples
    for kind, fields in table.items():
        real = next(event for event in found if event["event"] == kind)
        assert real.keys() - COMMON == fields, kind


@pytest.mark.slow
@needs_tools
def test_the_server_of_the_readme_draws_though_its_worker_is_killed(tmp_path: Path) -> None:
    section = README.partition("\n## As a server\n")[2].partition("\n## ")[0]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (tmp_path / "workflows").symlink_to(ROOT / "workflows")
    code = "".join(example.code for example in examples(section))
    assert "8188" in code and "diffuscope serve" in code
    started = f"diffuscope serve --port {port} --device cpu"
    script = STRICT + code.replace("8188", port).replace("diffuscope serve", started)
    ended = run(
        script, tmp_path, DIFFUSCOPE_DATA=str(tmp_path / "data"), DIFFUSCOPE_CACHE=str(tmp_path / "cache"),
        HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    (job,) = (json.loads(line) for line in re.findall(r'^\{"id":.*?"only":\w+\}', ended.stdout, re.MULTILINE))
    assert (job["state"], job["starts"], job["errors"]) == ("done", 2, [])
    assert job["ran"] + job["cached"] >= job["calls"]
    assert (tmp_path / "rocket.png").read_bytes().startswith(b"\x89PNG")


# ── nothing is left out ───────────────────────────────────────────────────────────────────────────────────────────────


def requests() -> Iterator[tuple[str, str]]:
    """Method and path of every request in docs/api.md."""
    for example in examples(API):
        for path in re.findall(r"\{server\}(/[^\s\"'?]*)", example.code):
            yield "GET", path
        for command in re.split(r"\bcurl\b", example.code)[1:]:
            method = re.search(r"-X (\w+)", command)
            sends = re.search(r" (-d|--data-binary) ", command)
            for path in re.findall(r"\$SERVER(/[^\s\"'?|)]*)", command):
                yield method[1] if method else "POST" if sends else "GET", path


@pytest.mark.parametrize("route", [*ALL], ids=lambda route: route.name)
def test_every_route_has_an_example(route: Any) -> None:
    assert f"**`{route.method} {route.template}`**" in API
    pattern = re.sub(r"\{\w+:(.+?)\}", r"\1", route.address)
    pattern = re.sub(r"\{\w+\}", "[^/]+", pattern)
    assert any(method == route.method and re.fullmatch(pattern, path) for method, path in requests())


def test_every_option_is_told_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(--[\w-]+)` \| (.*?) \|", API, re.MULTILINE))
    assert rows.keys() == {option.opts[0] for option in serve.params}
    for option in serve.params:
        default = option.default[0] if isinstance(option.default, tuple) and option.default else option.default
        if isinstance(default, str | int) and not isinstance(default, bool):
            assert rows[option.opts[0]] == str(default)


def test_every_limit_is_told() -> None:
    table = API.partition("\n### Limits")[2].partition("\n## ")[0]
    limits = vars(Limits()) | {"json_bytes": JSON_BYTES, "upload_bytes": UPLOAD_BYTES}
    for name, value in limits.items():
        if name.endswith("_bytes"):
            assert f"{value // MEBI} MiB" in table or f"{value // MEBI // 1024} GiB" in table, name
        else:
            assert f" {value:,.0f}" in table, name


def test_every_status_is_told() -> None:
    told_of = {int(status) for status in re.findall(r"^\| (\d{3}) \|", API, re.MULTILINE)}
    assert told_of >= {status for route in ALL for status in route.refuses}
