"""Step 5: which calls ran, what is told meanwhile, and what is kept when something goes wrong."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toys
from toys import Num, loop, twenty, workflow

from engine import Cache, CallError, DiffuscopeError, Engine, Workflow, report, warn
from engine.context import current
from engine.events import Done, Event, Failed, Finished, Planned, Progress, Started, Warned

OpenEngine = Callable[[], Engine]


def chain(*types: str) -> Workflow:
    """A node after the other, each reading the one before."""
    nodes: dict[str, Any] = {"start": {"type": "make"}}
    before = "start"
    for i, type in enumerate(types):
        nodes[f"{type}{i}"] = {"type": type, "in": {next(iter(toys.TOYS[type].ports)): before}}
        before = f"{type}{i}"
    return workflow(nodes)


# ── what runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_call_runs_once_and_then_never_again(engine: Engine, log: list[str]) -> None:
    first = engine.run(twenty())
    assert first.outcome.ran == [
        "start", *(f"early[{i}].add" for i in range(15)), *(f"late[{i}].add" for i in range(15, 20)), "end",
    ]  # fmt: skip
    assert first.outcome.cached == []
    assert first["end"] == Num(211.0)
    log.clear()
    second = engine.run(twenty())
    assert (second.outcome.ran, second.outcome.cached, log) == ([], ["end"], [])
    assert second["end"] == Num(211.0)


@pytest.mark.parametrize("between", ["same engine", "another process"])
def test_changing_the_last_5_of_20_steps_keeps_the_first_15(on_disk: OpenEngine, log: list[str], between: str) -> None:
    engine = on_disk()
    engine.run(twenty())
    log.clear()
    if between == "another process":
        engine = on_disk()
    outcome = engine.run(twenty(gain_of_the_last_five=2.0)).outcome
    assert outcome.ran == [*(f"late[{i}].add" for i in range(15, 20)), "end"]
    assert outcome.cached == ["early[14].add"]
    assert log == ["step 15", "step 16", "step 17", "step 18", "step 19", "combine"]


def test_splitting_a_loop_in_two_runs_nothing_new(engine: Engine) -> None:
    engine.run(workflow({"start": {"type": "make"}, "l": loop(0, 20, "start")}))
    assert engine.run(twenty()).outcome.ran == ["end"]


def test_equal_calls_run_once(engine: Engine, log: list[str]) -> None:
    nodes = {
        "a": {"type": "make"}, "b": {"type": "make"},
        "c": {"type": "combine", "in": {"left": "a", "right": "b"}},
    }  # fmt: skip
    result = engine.run(workflow(nodes))
    assert (result.outcome.ran, log, result["c"]) == (["a", "c"], ["make", "combine"], Num(2.0))
    assert result["b"] == Num(1.0)


def test_what_acts_always_runs_and_nothing_else_does(on_disk: OpenEngine, tmp_path: Path, log: list[str]) -> None:
    nodes = {"a": {"type": "make"}, "s": {"type": "store", "in": {"num": "a"}}}
    first = on_disk().run(workflow(nodes))
    assert first.outcome.files == [tmp_path / "out" / "number.txt"]
    assert first["s"] == "number.txt"
    (tmp_path / "out" / "number.txt").unlink()
    log.clear()
    second = on_disk().run(workflow(nodes)).outcome
    assert (second.ran, second.cached, log) == (["s"], ["a"], ["store"])
    assert (tmp_path / "out" / "number.txt").read_text() == "1.0"


def test_only_one_node_is_wanted(engine: Engine, log: list[str]) -> None:
    nodes = {
        "a": {"type": "make"},
        "b": {"type": "grid", "in": {"num": "a"}},
        "s": {"type": "store", "in": {"num": "a"}},
        "l": loop(0, 2, "a"),
    }
    assert engine.run(workflow(nodes), only="l").outcome.ran == ["a", "l[0].add", "l[1].add"]
    assert engine.run(workflow(nodes), only="b").outcome.ran == ["b"]
    assert engine.run(workflow(nodes), only="s").outcome.ran == ["s"]


def test_several_outputs_travel_apart(engine: Engine) -> None:
    nodes = {
        "a": {"type": "make", "params": {"value": 2.5}},
        "p": {"type": "parts", "in": {"num": "a"}},
        "b": {"type": "combine", "in": {"left": "p.rest", "right": "p.whole"}},
    }
    result = engine.run(workflow(nodes))
    assert (result["p.whole"], result["p.rest"], result["b"]) == (Num(2.0), Num(0.5), Num(2.5))


def test_a_param_may_be_computed(engine: Engine) -> None:
    nodes = {
        "a": {"type": "make", "params": {"value": 3}},
        "g": {"type": "grid", "in": {"num": "a"}},
        "m": {"type": "mean", "in": {"grid": "g"}},
        "s": {"type": "step", "in": {"num": "a", "gain": "m"}},
    }
    assert engine.run(workflow(nodes))["s"] == Num(6.0)
    nodes["a"] = {"type": "make", "params": {"value": 30}}
    outcome = engine.run(workflow(nodes)).outcome
    assert [str(failure) for failure in outcome.failures] == ["s: expected less than or equal to 10, found 30.0"]


def test_nothing_is_entered_when_nothing_is_computed(tmp_path: Path) -> None:
    entered: list[str] = []

    @contextmanager
    def around() -> Iterator[None]:
        entered.append("in")
        yield
        entered.append("out")

    engine = Engine(toys.TOYS, around=around)
    engine.run(twenty())
    assert entered == ["in", "out"]
    engine.run(twenty())
    assert entered == ["in", "out"]


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────────


def listen(engine: Engine, file: Workflow, **options: Any) -> list[Event]:
    events: list[Event] = []
    engine.run(file, on_event=events.append, **options)
    return events


def brief(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.event, getattr(event, "label", "")) for event in events]


def test_events_come_in_order(engine: Engine) -> None:
    events = listen(engine, chain("grid"))
    assert brief(events) == [
        ("planned", ""), ("started", "start"), ("finished", "start"), ("started", "grid0"), ("finished", "grid0"),
        ("done", ""),
    ]  # fmt: skip
    assert events[0] == Planned(["start", "grid0"], 0, 0)
    started, finished, done = events[3], events[4], events[5]
    assert isinstance(started, Started) and isinstance(finished, Finished) and isinstance(done, Done)
    assert started.key == finished.key and re.fullmatch("[0-9a-f]{64}", started.key)
    assert (finished.node, finished.cached, finished.bytes) == ("grid", False, 16)
    assert 0 < finished.seconds < 5
    assert (done.status, done.ran, done.cached, done.failed, done.skipped, done.files) == ("done", 2, 0, 0, 0, [])


def test_a_cached_value_is_a_finished_one(engine: Engine) -> None:
    engine.run(chain("grid"))
    events = listen(engine, chain("grid", "mean"))
    assert brief(events) == [
        ("planned", ""), ("finished", "grid0"), ("started", "mean1"), ("finished", "mean1"), ("done", ""),
    ]  # fmt: skip
    assert events[0] == Planned(["mean1"], 1, 1)
    assert isinstance(events[1], Finished) and events[1].cached
    assert brief(listen(engine, chain("grid", "mean"))) == [("planned", ""), ("finished", "mean1"), ("done", "")]


def test_every_event_is_a_line_of_json(engine: Engine) -> None:
    nodes = {
        "a": {"type": "make"},
        "c": {"type": "chatty", "in": {"num": "a"}},
        "b": {"type": "brittle", "in": {"num": "a"}},
        "s": {"type": "store", "in": {"num": "a"}},
    }
    events = listen(engine, workflow(nodes))
    lines = [json.loads(json.dumps(event.to_json())) for event in events]
    assert [line["event"] for line in lines] == [event.event for event in events]
    assert {line["event"] for line in lines} == {
        "planned", "started", "progress", "warning", "finished", "failed", "done",
    }  # fmt: skip
    finished = next(line for line in lines if line["event"] == "finished")
    assert list(finished) == ["event", "label", "node", "key", "cached", "seconds", "bytes"]
    assert all("preview" not in line for line in lines)
    assert lines[-1]["files"] == [str(engine.out / "number.txt")]


def test_outside_a_call_there_is_nobody_to_tell(engine: Engine) -> None:
    before = current()
    listen(engine, chain("chatty"))
    assert current() is before
    report(0.5)
    warn("nobody hears this")


def test_progress_and_warnings_name_the_call(engine: Engine) -> None:
    events = listen(engine, chain("chatty"))
    progress, warned = events[4], events[5]
    assert isinstance(progress, Progress) and isinstance(warned, Warned)
    assert (progress.label, progress.node, progress.fraction, progress.preview) == ("chatty0", "chatty", 0.5, Num(1.0))
    assert (warned.label, warned.message) == ("chatty0", "that was close")


def test_a_call_may_ask_where_it_is(engine: Engine) -> None:
    nodes = {
        "v": {"type": "axis", "params": {"name": "size", "values": [1, 2]}},
        "a": {"type": "make", "in": {"value": "v"}},
        "s": {"type": "store", "in": {"num": "a", "name": "word"}},
    }
    file = workflow(nodes, {"word": {"type": "string", "default": "one"}}, title="Fox")
    seen: list[Any] = []

    def look(num: Num, name: str) -> str:
        seen.append(current())
        return name

    registry = {**toys.TOYS, "store": replace(toys.TOYS["store"], function=look)}
    result = Engine(registry, out="here").run(file, word="two")
    assert [context.coordinates for context in seen] == ["size=1", "size=2"]
    first = seen[0]
    assert (first.label, first.title, first.out) == ("s @ size=1", "Fox", Path("here"))
    assert first.inputs == {"num": result.graph.keys[0]}
    assert first.key == result.graph.keys[2]
    assert first.workflow["inputs"]["word"]["default"] == "two"
    assert file.inputs["word"].default == "one"


# ── failures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def brittle() -> Workflow:
    return workflow({
        "a": {"type": "make", "params": {"value": 2}},
        "bad": {"type": "brittle", "in": {"num": "a"}},
        "below": {"type": "combine", "in": {"left": "bad", "right": "a"}},
        "further": {"type": "combine", "in": {"left": "below"}},
        "other": {"type": "grid", "in": {"num": "a"}},
        "saved": {"type": "store", "in": {"num": "a"}},
    })  # fmt: skip


def test_a_failure_stops_only_what_depends_on_it(on_disk: OpenEngine, log: list[str]) -> None:
    engine = on_disk()
    events: list[Event] = []
    result = engine.run(brittle(), on_event=events.append)
    outcome = result.outcome
    assert outcome.status == "failed"
    assert outcome.ran == ["a", "other", "saved"]
    assert outcome.skipped == ["below", "further"]
    assert [str(failure) for failure in outcome.failures] == ["bad: ZeroDivisionError: 2.0 is too much"]

    failure = outcome.failures[0]
    assert failure.label == "bad"
    assert isinstance(failure.cause, ZeroDivisionError) and failure.__cause__ is failure.cause
    assert failure.inputs == {"a": result.key("a")}
    failed = next(event for event in events if isinstance(event, Failed))
    assert (failed.label, failed.node, failed.error) == ("bad", "brittle", "ZeroDivisionError: 2.0 is too much")
    assert failed.inputs == {"a": result.key("a")}
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.status, done.ran, done.failed, done.skipped) == ("failed", 3, 1, 2)

    log.clear()
    toys.SWITCHES.add("mended")
    again = on_disk().run(brittle()).outcome
    assert (again.status, again.ran) == ("done", ["bad", "below", "further", "saved"])


def test_asking_for_a_failed_value_raises(engine: Engine) -> None:
    result = engine.run(brittle())
    assert result["other"].cells.sum() == 8
    with pytest.raises(CallError, match=r"^bad: ZeroDivisionError"):
        result["bad"]
    with pytest.raises(DiffuscopeError, match=r"^below: was left out, because something above it failed: bad: Zero"):
        result["below"]


def test_a_branch_of_a_sweep_fails_alone(engine: Engine) -> None:
    nodes = {
        "v": {"type": "axis", "params": {"name": "v", "values": [1, 2, 3]}},
        "a": {"type": "make", "in": {"value": "v"}},
        "b": {"type": "brittle", "in": {"num": "a"}, "params": {"limit": 2.5}},
        "c": {"type": "combine", "in": {"left": "b"}},
        "all": {"type": "sheet", "in": {"nums": "c"}},
    }
    outcome = engine.run(workflow(nodes)).outcome
    assert [failure.label for failure in outcome.failures] == ["b @ v=3"]
    assert outcome.skipped == ["c @ v=3", "all"]
    assert {"c @ v=1", "c @ v=2"} <= set(outcome.ran)


@pytest.mark.parametrize(
    ("type", "message"),
    [
        ("lie", "TypeError: lie returned int where its signature promises Num"),
        ("lie_about_parts", "TypeError: lie_about_parts returned int where its signature promises whole, rest"),
        ("not_a_number", "expected JSON data with finite numbers, found nan"),
    ],
)
def test_a_node_must_keep_its_promise(on_disk: OpenEngine, type: str, message: str) -> None:
    outcome = on_disk().run(chain(type)).outcome
    assert [str(failure) for failure in outcome.failures] == [f"{type}0: {message}"]


# ── interruptions ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ctrl_c_keeps_what_is_finished(on_disk: OpenEngine, log: list[str]) -> None:
    file = chain("slow", "stopping", "combine")
    toys.SWITCHES.add("stop")
    events: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        on_disk().run(file, on_event=events.append)
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.status, done.ran) == ("interrupted", 2)
    assert log == ["make", "slow", "stopping"]

    toys.SWITCHES.clear()
    outcome = on_disk().run(file).outcome
    assert (outcome.ran, outcome.cached) == (["stopping1", "combine2"], ["slow0"])


def test_a_run_that_is_stopped_goes_on_later(on_disk: OpenEngine, log: list[str]) -> None:
    file, events, engine = chain("slow", "slow", "slow"), list[Event](), on_disk()
    finished = lambda: sum(isinstance(event, Finished) for event in events) >= 2  # noqa: E731
    result = engine.run_graph(file, engine.graph(file), {}, {}, None, events.append, stop=finished)
    done = events[-1]
    assert isinstance(done, Done)
    assert (result.outcome.status, done.status, result.outcome.ran) == ("stopped", "stopped", ["start", "slow0"])
    outcome = on_disk().run(file).outcome
    assert (outcome.ran, outcome.cached, log.count("slow")) == (["slow1", "slow2"], ["slow0"], 3)


def test_a_call_stops_where_it_reports_its_progress(engine: Engine) -> None:
    file, asked = chain("chatty"), list[bool]()

    def third() -> bool:
        asked.append(True)
        return len(asked) == 3

    outcome = engine.run_graph(file, engine.graph(file), {}, {}, None, lambda event: None, stop=third).outcome
    assert (outcome.status, outcome.ran, outcome.failures) == ("stopped", ["start"], [])


def test_after_a_run_even_quick_calls_are_on_disk(on_disk: OpenEngine, tmp_path: Path) -> None:
    def stored() -> int:
        other = sqlite3.connect(tmp_path / "cache" / "index.sqlite")
        count = other.execute("SELECT COUNT(*) FROM value").fetchone()[0]
        other.close()
        return int(count)

    engine = on_disk()
    engine.run(chain("combine", "combine"))
    assert stored() == 3
    toys.SWITCHES.add("stop")
    with pytest.raises(KeyboardInterrupt):
        engine.run(chain("combine", "combine", "combine", "stopping"))
    assert stored() == 4


KILLED = """
import sys
from pathlib import Path
import toys
from engine import Cache, Engine
nodes = {"start": {"type": "make"}}
for i in range(200):
    nodes[f"n{i}"] = {"type": "slow", "in": {"num": f"n{i - 1}" if i else "start"}}
engine = Engine(toys.TOYS, Cache(Path(sys.argv[1])))
engine.run(toys.workflow(nodes), on_event=lambda event: print(event.event, flush=True))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_resumes_where_it_was(tmp_path: Path, log: list[str]) -> None:
    folder = tmp_path / "cache"
    paths = os.pathsep.join([str(Path(toys.__file__).parent), str(Path(toys.__file__).parents[2])])
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": paths},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        finished = 0
        deadline = time.monotonic() + 60
        while finished < 12 and time.monotonic() < deadline:
            finished += process.stdout.readline().strip() == "finished"
        process.send_signal(signal.SIGKILL)
        finished += sum(line.strip() == "finished" for line in process.stdout)
    assert process.returncode == -signal.SIGKILL
    assert 12 <= finished < 200

    nodes: dict[str, Any] = {"start": {"type": "make"}}
    for i in range(finished + 5):
        nodes[f"n{i}"] = {"type": "slow", "in": {"num": f"n{i - 1}" if i else "start"}, "params": {"milliseconds": 20}}
    engine = Engine(toys.TOYS, Cache(folder))
    outcome = engine.run(workflow(nodes)).outcome
    engine.close()
    # The first call (`make`) told that it had finished, so n(finished - 2) is the last of which we were told; the one
    # after it may have been stored in the moment before the signal came.
    assert len(outcome.ran) in (5, 6)
    assert len(log) == len(outcome.ran)
    assert outcome.ran[-1] == f"n{finished + 4}"
