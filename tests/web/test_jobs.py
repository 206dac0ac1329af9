"""The table of jobs: states, the queue, what survives, and what is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from web.server.jobs import Differs, Forbidden, Full, Job, Jobs, Order

TRIES = 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def jobs(path: Path) -> Iterator[Jobs]:
    opened = Jobs(path, queue=5, history=3)
    yield opened
    opened.close()


def order(title: str = "fox", **rest: Any) -> Order:
    return Order({"diffuscope": 1, "title": title, "nodes": {}}, **rest)


def add(jobs: Jobs, title: str = "fox", **options: Any) -> Job:
    return jobs.add(order(title), 7, **options)[0]


def told(jobs: Jobs) -> list[dict[str, Any]]:
    return [json.loads(one.text) for one in jobs.take_told()]


def finished(key: str, cached: bool = False, kept: bool = True) -> dict[str, Any]:
    return {"event": "finished", "label": key, "node": "step", "key": key, "cached": cached, "seconds": 0.1,
            "bytes": 3, "kept": kept}  # fmt: skip


# ── the queue ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_first_come_first_served_but_for_the_front(jobs: Jobs) -> None:
    ids = [add(jobs, name).id for name in "ab"]
    front = add(jobs, "c", front=True).id
    assert [job.id for job in jobs.waiting()] == [front, *ids]
    taken = [jobs.take() for _ in range(4)]
    assert [job.id if job else None for job in taken] == [front, *ids, None]
    assert all(job.state == "running" and job.starts == 1 for job in jobs.running())


def test_the_queue_has_an_end(jobs: Jobs) -> None:
    for _ in range(5):
        add(jobs)
    with pytest.raises(Full):
        add(jobs)
    jobs.take()
    add(jobs)  # one that runs does not wait


def test_the_same_key_gives_the_same_job(jobs: Jobs) -> None:
    first, new = jobs.add(order(), 1, "key")
    again, newer = jobs.add(order(), 1, "key")
    assert (again.id, new, newer) == (first.id, True, False)
    with pytest.raises(Differs):
        jobs.add(order("cat"), 1, "key")
    assert jobs.counts()["queued"] == 1


def test_jobs_are_moved(jobs: Jobs) -> None:
    a, b, c = (add(jobs, name).id for name in "abc")
    jobs.move(c, a)
    assert [job.id for job in jobs.waiting()] == [c, a, b]
    jobs.move(c, None)
    assert [job.id for job in jobs.waiting()] == [a, b, c]
    jobs.move(b, b)
    assert [job.id for job in jobs.waiting()] == [a, b, c]
    assert jobs.move("none", a) is None
    jobs.take()
    for id, before in ((a, b), (b, a)):  # a runs
        with pytest.raises(Forbidden):
            jobs.move(id, before)


def test_a_job_added_later_comes_last_even_after_moving(jobs: Jobs) -> None:
    a, b = add(jobs, "a").id, add(jobs, "b").id
    jobs.move(b, a)
    c = add(jobs, "c").id
    assert [job.id for job in jobs.waiting()] == [b, a, c]


# ── states ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_from_queued_to_done(jobs: Jobs) -> None:
    id = add(jobs).id
    jobs.take()
    jobs.record(id, [{"event": "planned", "run": 2, "cached": 1, "unneeded": 0}, finished("k0", cached=True),
                     finished("k1"), finished("k2")])  # fmt: skip
    jobs.end(id, "done", 1.5, ["a.png"], [])
    job = jobs.get(id)
    assert job is not None
    assert (job.state, job.to_run, job.ran, job.cached, job.seconds, job.files) == ("done", 2, 2, 1, 1.5, ["a.png"])
    assert job.finished is not None and job.started is not None and job.created <= job.started <= job.finished
    assert [event["event"] for event in told(jobs)] == [
        "queue", "queue", "planned", "finished", "finished", "finished", "done", "queue",
    ]  # fmt: skip
    assert jobs.job_of("k1") == id and jobs.job_of("k9") is None
    assert [call["key"] for call in jobs.calls(id)] == ["k0", "k1", "k2"]


def test_a_waiting_job_is_paused_resumed_and_cancelled(jobs: Jobs) -> None:
    a, b = add(jobs, "a").id, add(jobs, "b").id
    jobs.want(a, "paused")
    with pytest.raises(Forbidden):
        jobs.want(a, "paused")
    taken = jobs.take()
    assert taken is not None and taken.id == b
    assert jobs.take() is None
    jobs.queue_again(a, ["paused"])
    jobs.want(a, "cancelled")
    assert next(event for event in told(jobs) if event["event"] == "done")["status"] == "cancelled"
    for wanted in ("paused", "cancelled"):
        with pytest.raises(Forbidden):
            jobs.want(a, wanted)  # type: ignore[arg-type]
    assert jobs.want("none", "paused") is None and jobs.queue_again("none", ["paused"]) is None


@pytest.mark.parametrize("wanted", ["paused", "cancelled"])
@pytest.mark.parametrize("died", [False, True])
def test_a_running_job_becomes_what_was_wanted_when_it_stops(jobs: Jobs, wanted: Any, died: bool) -> None:
    id = add(jobs).id
    jobs.take()
    marked = jobs.want(id, wanted)
    assert marked is not None and (marked.state, marked.wanted) == ("running", wanted)
    job = jobs.give_back(id, died, TRIES, files=["a.png"])
    assert job is not None and (job.state, job.wanted, job.files) == (wanted, "", ["a.png"])


def test_resuming_before_it_has_stopped(jobs: Jobs) -> None:
    id = add(jobs).id
    jobs.take()
    jobs.want(id, "paused")
    jobs.queue_again(id, ["paused"])
    job = jobs.give_back(id, False, TRIES)
    assert job is not None and job.state == "queued"


def test_what_has_ended_can_be_retried_or_forgotten(jobs: Jobs) -> None:
    id = add(jobs).id
    with pytest.raises(Forbidden):
        jobs.remove(id)
    jobs.take()
    jobs.end(id, "failed", 1, [], ["step: no"])
    again = jobs.queue_again(id, ["failed", "cancelled"])
    assert again is not None and (again.state, again.finished) == ("queued", None)
    taken = jobs.take()
    assert taken is not None and (taken.id, taken.errors, taken.starts) == (id, [], 2)
    jobs.end(id, "done", 1, [], [])
    with pytest.raises(Forbidden):
        jobs.queue_again(id, ["failed", "cancelled"])
    assert jobs.remove(id) and not jobs.remove(id)
    assert jobs.events(0, id) == []


def test_a_result_that_comes_too_late_changes_nothing(jobs: Jobs) -> None:
    id = add(jobs).id
    jobs.take()
    jobs.give_back(id, False, TRIES)
    jobs.end(id, "done", 1, ["a.png"], [])
    job = jobs.get(id)
    assert job is not None and (job.state, job.files) == ("queued", [])


# ── deaths ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_that_gets_nowhere_is_given_up(jobs: Jobs) -> None:
    id = add(jobs).id
    states = []
    for _ in range(TRIES):
        jobs.take()
        job = jobs.give_back(id, True, TRIES, "SIGKILL, out of memory?, at step")
        assert job is not None
        states.append(job.state)
    assert states == ["queued", "queued", "failed"] and job is not None
    assert job.errors == ["the worker died 3 times without finishing another call: SIGKILL, out of memory?, at step"]


def test_a_job_that_gets_on_is_never_given_up(jobs: Jobs) -> None:
    id = add(jobs).id
    for i in range(3 * TRIES):
        jobs.take()
        jobs.record(id, [finished(f"k{i}")])
        job = jobs.give_back(id, True, TRIES)
        assert job is not None and job.state == "queued"
    jobs.take()
    jobs.record(id, [finished("k0", cached=True), finished("model", kept=False)])  # that is not further
    for state in ("queued", "failed"):
        job = jobs.give_back(id, True, TRIES)
        assert job is not None and job.state == state
        jobs.take()


def test_everything_is_there_in_the_next_process(jobs: Jobs, path: Path) -> None:
    a, b = add(jobs, "a").id, add(jobs, "b").id
    jobs.take()
    jobs.record(a, [finished("k")])
    number = jobs.first_and_last()[1]
    other = Jobs(path, queue=5, history=3)  # as after a SIGKILL: nothing was closed
    assert [job.id for job in other.running()] == [a] and [job.id for job in other.waiting()] == [b]
    for job in other.running():
        other.give_back(job.id, False, TRIES)
    assert [job.id for job in other.waiting()] == [a, b]  # in front, as it was taken first
    assert other.first_and_last()[1] > number
    other.close()


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pages_of_jobs(jobs: Jobs) -> None:
    ids = sorted((add(jobs, f"fox {i}").id for i in range(5)), reverse=True)
    first, total = jobs.find(limit=2)
    second, _ = jobs.find(after=first[-1].id, limit=5)
    assert total == 5 and [job.id for job in (*first, *second)] == ids
    assert jobs.find(text="FOX 3")[1] == 1 and jobs.find(text="%")[1] == 0
    assert jobs.find(["done", "running"])[0] == []


def test_only_so_much_history_is_kept(jobs: Jobs) -> None:
    ids = []
    for _ in range(5):
        ids.append(add(jobs).id)
        jobs.take()
        jobs.record(ids[-1], [finished(f"of {ids[-1]}")])
        jobs.end(ids[-1], "done", 0, [], [])
    add(jobs)
    kept = {job.id for job in jobs.find(["done"])[0]}
    assert kept == set(ids[-3:])
    assert jobs.events(0, ids[0]) == [] and jobs.job_of(f"of {ids[0]}") is None


def test_events_are_numbered_without_end(jobs: Jobs) -> None:
    id = add(jobs).id
    jobs.take()
    jobs.record(id, [finished(f"k{i}") for i in range(10)])
    numbers = [one.number for one in jobs.events(0)]
    assert numbers == sorted(set(numbers)) and len(numbers) == 12
    assert [one.number for one in jobs.events(numbers[3], id, 2)] == numbers[4:6]
    text = json.loads(jobs.events(numbers[1])[0].text)
    assert (text["number"], text["job"], text["event"], text["key"]) == (numbers[2], id, "finished", "k0")
    jobs.end(id, "done", 0, [], [])
    last = jobs.first_and_last()[1]
    jobs.remove(id)
    assert jobs.first_and_last()[1] == last  # no number comes twice, though the log is empty
    add(jobs)
    assert jobs.events(0)[0].number > last


def test_a_failed_change_tells_nothing(jobs: Jobs) -> None:
    jobs.take_told()
    for _ in range(5):
        add(jobs)
    told(jobs)
    with pytest.raises(Full):
        add(jobs)
    assert jobs.take_told() == []
