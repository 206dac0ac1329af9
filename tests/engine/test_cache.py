"""Values by key: a budget in memory, files that survive everything on disk, and never an exception for damage."""

import errno
import hashlib
import json
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from toys import Grid, Num, loop, workflow

from engine import Cache, Engine, StorageError, Workflow
from engine.cache import DiskTier, MemoryTier, decode, encode
from engine.events import Event, Warned

OpenEngine = Callable[[], Engine]
GRID, NUM, PARTS = toys.TOYS["grid"], toys.TOYS["make"], toys.TOYS["parts"]


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def grid(value: float = 1.0, side: int = 4) -> dict[str, Any]:
    return {"": Grid(np.full((side, side), value, np.float32), "square")}


def files(folder: Path) -> list[Path]:
    """The values on disk."""
    return sorted(path for path in (folder / "values").rglob("*") if path.is_file())


# ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cheap_and_big_goes_first() -> None:
    tier = MemoryTier(budget=1000)
    tier.put("cheap big", {"": 1}, 400, seconds=0.01)
    tier.put("dear big", {"": 2}, 400, seconds=10)
    tier.put("cheap small", {"": 3}, 100, seconds=0.01)
    assert tier.used == 900
    tier.put("new", {"": 4}, 300, seconds=1)
    assert "cheap big" not in tier
    assert all(name in tier for name in ("dear big", "cheap small", "new"))
    assert tier.used == 800
    tier.put("newer", {"": 5}, 300, seconds=1)
    assert "cheap small" not in tier
    assert "dear big" in tier


def test_what_is_used_stays() -> None:
    tier = MemoryTier(budget=300)
    for name in ("a", "b", "c"):
        tier.put(name, {"": name}, 100, seconds=1)
    tier.put("d", {"": "d"}, 100, seconds=1)
    gone = {"a", "b", "c"} - {name for name in "abc" if name in tier}
    assert len(gone) == 1
    used, unused = sorted({"a", "b", "c"} - gone)
    assert tier.get(used) == {"": used}
    tier.put("e", {"": "e"}, 100, seconds=1)
    assert used in tier
    assert unused not in tier


def test_old_worth_fades() -> None:
    tier = MemoryTier(budget=200)
    tier.put("dear", {"": 0}, 100, seconds=3)
    for i in range(50):
        tier.put(f"cheap {i}", {"": i}, 100, seconds=1)
    assert "dear" not in tier


def test_what_is_larger_than_the_budget_is_not_kept() -> None:
    tier = MemoryTier(budget=100)
    tier.put("a", {"": 1}, 50, seconds=1)
    tier.put("b", {"": 2}, 101, seconds=100)
    assert "a" in tier
    assert "b" not in tier
    assert tier.get("b") is None


def test_the_budget_is_never_passed() -> None:
    tier = MemoryTier(budget=1000)
    random = np.random.default_rng(0)
    for _ in range(500):
        tier.put(str(random.integers(60)), {"": 0}, int(random.integers(1, 400)), float(random.random()))
        tier.get(str(random.integers(60)))
        assert 0 <= tier.used <= 1000
    assert tier.used == sum(entry[1] for entry in tier._entries.values())
    tier.clear()
    assert (len(tier), tier.used) == (0, 0)


def test_reading_again_and_again_takes_no_memory() -> None:
    tier = MemoryTier()
    tier.put("a", {"": 1}, 10, seconds=1)
    for _ in range(1000):
        tier.get("a")
    assert len(tier._heap) < 10


# ── values as bytes ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.int64).reshape(2, 3).T,
        np.array(3.5),
        np.zeros((0, 4), np.float16),
        np.array([True, False]),
        np.array([np.nan, np.inf], np.float64),
        np.arange(10, dtype=np.uint8)[::2],
    ],
    ids=str,
)
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    arrays, data = encode(GRID, {"": Grid(array, "狐")})
    assert arrays
    assert decode(data, arrays=True) == {"": Grid(array, "狐")}


def test_values_without_arrays_are_json() -> None:
    arrays, data = encode(PARTS, {"whole": Num(2.0), "rest": Num(0.5)})
    assert not arrays
    assert json.loads(data) == {"whole": {"type": "Num", "meta": 2.0}, "rest": {"type": "Num", "meta": 0.5}}
    assert decode(data, arrays=False) == {"whole": Num(2.0), "rest": Num(0.5)}


def test_nothing_is_pickled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, on_disk: OpenEngine) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("pickled")

    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert on_disk().run(grids()).outcome.status == "done"
    assert on_disk().run(grids())["grid"] == Grid(np.full((8, 8), 3.0, np.float32), "square")
    header = files(tmp_path / "cache")[0].read_bytes()
    assert json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]


# ── disk ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def grids() -> Workflow:
    return workflow({
        "start": {"type": "make", "params": {"value": 2}},
        "add": {"type": "step", "in": {"num": "start"}},
        "grid": {"type": "grid", "in": {"num": "add"}, "params": {"side": 8}},
        "mean": {"type": "mean", "in": {"grid": "grid"}},
        "end": {"type": "make", "in": {"value": "mean"}},
    })  # fmt: skip


def test_values_survive_the_process(tmp_path: Path) -> None:
    with_value = DiskTier(tmp_path)
    with_value.put(key("a"), GRID, "a", grid(), 1.5)
    with_value.put(key("b"), NUM, "b", {"": Num(2.0)}, 0.0001)
    assert key("b") in with_value  # its row waits for others, but can be read
    assert with_value.get(key("b")) == ({"": Num(2.0)}, 0.0001)
    with_value.close()

    again = DiskTier(tmp_path)
    assert key("a") in again and key("b") in again and key("c") not in again
    assert again.get(key("a")) == (grid(), 1.5)
    assert again.get(key("b")) == ({"": Num(2.0)}, 0.0001)
    assert again.get(key("c")) is None
    assert files(tmp_path) == [tmp_path / "values" / key("a")[:2] / f"{key('a')}.safetensors"]
    again.close()


def test_another_process_reads_them_too(tmp_path: Path, on_disk: OpenEngine) -> None:
    on_disk().run(grids())
    on_disk()
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "import toys, json; from pathlib import Path; from engine import Cache\n"
        "disk = Cache(Path(sys.argv[1])).disk\n"
        "print(sum(disk.get(entry.key) is not None for entry in disk.entries()))"
    )
    paths = [str(Path(toys.__file__).parent), str(Path(toys.__file__).parents[2])]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cache"), *paths], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "5"


def test_what_is_never_stored_stays_in_memory(on_disk: OpenEngine, log: list[str]) -> None:
    file = workflow({"h": {"type": "handle"}, "u": {"type": "use", "in": {"handle": "h"}}})
    engine = on_disk()
    engine.run(file)
    assert [entry.label for entry in engine.cache.disk.entries()] == ["u"]  # type: ignore[union-attr]
    assert engine.run(file, only="h").outcome.ran == []
    log.clear()
    engine = on_disk()
    assert engine.run(file).outcome.ran == []
    assert engine.run(file, only="h").outcome.ran == ["h"]


def test_no_temporary_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = DiskTier(tmp_path)
    disk.put(key("a"), GRID, "a", grid(), 1)

    def interrupted(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        disk.put(key("b"), GRID, "b", grid(), 1)
    monkeypatch.undo()
    assert [path.name for path in files(tmp_path)] == [f"{key('a')}.safetensors"]
    assert key("b") not in disk
    disk.close()


def test_a_crash_between_file_and_row_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = DiskTier(tmp_path)

    def crash() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(disk, "flush", crash)
    with pytest.raises(KeyboardInterrupt):
        disk.put(key("a"), GRID, "a", grid(), 1)
    monkeypatch.undo()
    disk._db.close()  # without writing what waits, as if killed

    again = DiskTier(tmp_path)
    assert len(files(tmp_path)) == 1
    assert key("a") not in again
    assert again.get(key("a")) is None
    again.put(key("a"), GRID, "a", grid(2.0), 1)
    assert again.get(key("a")) == (grid(2.0), 1)
    again.close()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a byte flipped": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "empty": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "something else": lambda path: path.write_bytes(b"\x89PNG" * 99),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_a_miss(tmp_path: Path, damage: str) -> None:
    disk = DiskTier(tmp_path)
    disk.put(key("a"), GRID, "a", grid(), 1)
    DAMAGES[damage](disk.path(key("a")))
    assert disk.get(key("a")) is None
    assert key("a") not in disk
    if damage != "a folder":
        disk.put(key("a"), GRID, "a", grid(), 1)
        assert disk.get(key("a")) == (grid(), 1)
    disk.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_computed_again_with_what_is_above_it(
    tmp_path: Path, on_disk: OpenEngine, damage: str, log: list[str]
) -> None:
    engine = on_disk()
    engine.run(grids())
    disk = engine.cache.disk
    assert disk is not None
    path = files(tmp_path / "cache")[0]
    # the grid is damaged, and of what is above it the last is gone: only the first is still there
    keys = {entry.label: entry.key for entry in disk.entries()}
    disk.remove([keys["add"], keys["mean"], keys["end"]])
    engine = on_disk()
    DAMAGES[damage](path)
    log.clear()
    result = engine.run(grids())
    assert result.outcome.status == "done"
    assert result.outcome.ran == ["add", "grid", "mean", "end"]
    assert result.outcome.cached == ["start"]
    assert log == ["step 0", "grid", "mean", "make"]
    assert result["end"] == Num(3.0)


def test_a_damaged_target_is_computed_when_it_is_asked_for(tmp_path: Path, on_disk: OpenEngine, log: list[str]) -> None:
    file = workflow({"start": {"type": "make"}, "grid": {"type": "grid", "in": {"num": "start"}}})
    on_disk().run(file)
    engine = on_disk()
    flip(files(tmp_path / "cache")[0])
    log.clear()
    assert engine.run(file)["grid"] == Grid(np.ones((2, 2), np.float32), "square")
    assert log == ["grid"]


def test_an_entry_that_cannot_even_be_removed_is_computed_again(
    tmp_path: Path, on_disk: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk().run(grids())
    engine = on_disk()
    assert engine.cache.disk is not None
    flip(files(tmp_path / "cache")[0])
    keys = {entry.label: entry.key for entry in engine.cache.disk.entries()}
    engine.cache.disk.remove([keys["mean"], keys["end"]])

    def refuse(self: DiskTier, keys: object) -> None:
        raise StorageError("read-only")

    monkeypatch.setattr(DiskTier, "remove", refuse)
    assert engine.run(grids()).outcome.ran == ["grid", "mean", "end"]


def test_a_value_of_other_outputs_is_a_miss(on_disk: OpenEngine) -> None:
    """The author of a node has changed its outputs and forgotten to raise its version."""
    engine = on_disk()
    engine.run(grids())
    assert engine.cache.disk is not None
    keys = {entry.label: entry.key for entry in engine.cache.disk.entries()}
    engine = on_disk()
    assert engine.cache.has(keys["grid"])
    assert engine.cache.get(keys["grid"], PARTS) is None
    assert not engine.cache.has(keys["grid"])


def test_an_entry_of_an_unknown_type_is_a_miss(tmp_path: Path) -> None:
    disk = DiskTier(tmp_path)
    for name, stored in (("a", '{"":{"type":"Gone","meta":1}}'), ("b", "[]"), ("c", '{"":{"type":"Grid","meta":1}}')):
        data = stored.encode()
        row = (key(name), "n", "l", 1.0, 9, 0.0, 0.0, hashlib.sha256(data).hexdigest(), data)
        disk._db.execute("INSERT INTO value VALUES (?,?,?,?,?,?,?,?,?)", row)
        assert disk.get(key(name)) is None
        assert key(name) not in disk
    disk.close()


# ── the index ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("garbage", [b"this is no database", b"\x00" * 5000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_garbage_index_is_set_aside(tmp_path: Path, on_disk: OpenEngine, garbage: bytes) -> None:
    on_disk().run(grids())
    on_disk().close()
    (tmp_path / "cache" / "index.sqlite").write_bytes(garbage)
    result = on_disk().run(grids())
    assert result.outcome.status == "done"
    assert len(result.outcome.ran) == 5
    assert (tmp_path / "cache" / "index.sqlite.damaged").read_bytes() == garbage
    assert on_disk().run(grids()).outcome.ran == []


def test_an_index_damaged_in_the_middle_stops_no_run(tmp_path: Path, on_disk: OpenEngine) -> None:
    nodes: dict[str, Any] = {"start": {"type": "make"}, "l": loop(0, 600, "start")}
    engine = on_disk()
    engine.run(workflow(nodes))
    engine.close()
    index = tmp_path / "cache" / "index.sqlite"
    data = bytearray(index.read_bytes())
    data[4096 * 3 :] = b"\xff" * (len(data) - 4096 * 3)
    index.write_bytes(data)
    result = on_disk().run(workflow(nodes))
    assert result.outcome.status == "done"
    assert result["l"].value == 1 + sum(range(1, 601))


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError) as caught:
        Cache(tmp_path / "cache")
    assert str(caught.value).startswith(f"{tmp_path / 'cache'}: cannot be used as a cache: ")
    assert str(caught.value).endswith("; choose another folder with --cache, or run with --no-cache")
    with pytest.raises(StorageError, match="cannot be used as a cache"):
        Cache(tmp_path / "cache" / "below")


def test_an_index_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").mkdir()
    with pytest.raises(StorageError, match="cannot be used as a cache"):
        Cache(tmp_path)


# ── a disk that gives out ─────────────────────────────────────────────────────────────────────────────────────────────


def warnings_of(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


def test_a_full_disk_does_not_stop_the_run(on_disk: OpenEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    nodes: dict[str, Any] = {"v": {"type": "axis", "params": {"name": "v", "values": [1, 2, 3]}}}
    nodes |= {"a": {"type": "make", "in": {"value": "v"}}, "g": {"type": "grid", "in": {"num": "a"}}}
    events: list[Event] = []
    engine = on_disk()
    monkeypatch.setattr(Path, "write_bytes", full)
    result = engine.run(workflow(nodes), on_event=events.append)
    assert result.outcome.status == "done"
    assert len(result.outcome.ran) == 6
    assert len(warnings_of(events)) == 1
    assert "No space left on device; going on without storing values" in warnings_of(events)[0]
    assert result["g"].values[1] == Grid(np.full((2, 2), 2, np.float32), "square")
    assert engine.run(workflow(nodes)).outcome.ran == []  # from memory


def test_an_index_that_becomes_read_only_does_not_stop_the_run(on_disk: OpenEngine) -> None:
    engine = on_disk()
    assert engine.cache.disk is not None
    engine.cache.disk._db.execute("PRAGMA query_only = ON")
    events: list[Event] = []
    result = engine.run(grids(), on_event=events.append)
    assert (result.outcome.status, len(result.outcome.ran)) == ("done", 5)
    assert len(warnings_of(events)) == 1
    assert "cannot be written: attempt to write a readonly database" in warnings_of(events)[0]
    assert engine.run(grids()).outcome.ran == []


def test_a_value_that_its_codec_cannot_take_is_kept_in_memory(
    on_disk: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, value: object) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr(toys.GridCodec, "encode", broken)
    events: list[Event] = []
    engine = on_disk()
    result = engine.run(grids(), on_event=events.append)
    assert result.outcome.status == "done"
    assert warnings_of(events) == ["grid: cannot be stored: AttributeError: no such thing"]
    assert sorted(entry.label for entry in engine.cache.disk.entries()) == ["add", "end", "mean", "start"]  # type: ignore[union-attr]


# ── looking and tidying ───────────────────────────────────────────────────────────────────────────────────────────────


def test_prune_deletes_what_is_cheap_for_its_bytes(tmp_path: Path) -> None:
    disk = DiskTier(tmp_path)
    for name, side, seconds in (("cheap big", 64, 0.01), ("dear big", 64, 10.0), ("cheap small", 4, 0.01)):
        disk.put(key(name), GRID, name, grid(side=side), seconds)
    total = disk.total()
    assert total == sum(path.stat().st_size for path in files(tmp_path))
    assert disk.prune(total) == 0
    assert disk.prune(total - 1) == 1
    assert {entry.label for entry in disk.entries()} == {"cheap small", "dear big"}
    assert len(files(tmp_path)) == 2
    assert disk.total() == sum(path.stat().st_size for path in files(tmp_path))
    disk.close()


def test_what_was_not_used_for_long_loses_worth(tmp_path: Path) -> None:
    disk = DiskTier(tmp_path)
    disk.put(key("old"), GRID, "old", grid(), 10.0)
    disk.put(key("new"), GRID, "new", grid(), 1.0)
    disk._db.execute("UPDATE value SET used = used - 30 * 86400 WHERE key = ?", (key("old"),))
    assert disk.prune(disk.total() - 1) == 1
    assert [entry.label for entry in disk.entries()] == ["new"]
    disk.close()


def test_the_budget_of_the_disk_is_kept(tmp_path: Path) -> None:
    disk = DiskTier(tmp_path, budget=20_000)
    for i in range(20):
        disk.put(key(str(i)), GRID, str(i), grid(side=32), 1.0)
        assert sum(path.stat().st_size for path in files(tmp_path)) <= 20_000
    assert 1 <= len(files(tmp_path)) < 20
    disk.close()


def test_entries_are_found_by_key_and_by_label(tmp_path: Path) -> None:
    disk = DiskTier(tmp_path)
    disk.put(key("a"), GRID, "sample[3].denoise @ strength=0.75", grid(), 2.0)
    disk.put(key("b"), NUM, "start", {"": Num(1.0)}, 0.5)
    (found,) = disk.entries("sample[3].denoise @ strength=0.75")
    assert (found.key, found.node, found.seconds) == (key("a"), "grid", 2.0)
    assert [entry.label for entry in disk.entries(key("b")[:10])] == ["start"]
    assert len(disk.entries()) == 2
    assert disk.entries("nothing of the kind!") == []
    disk.close()


def test_clear_leaves_nothing(tmp_path: Path) -> None:
    disk = DiskTier(tmp_path)
    disk.put(key("a"), GRID, "a", grid(), 1)
    disk.put(key("b"), NUM, "b", {"": Num(1.0)}, 1)
    (tmp_path / "values" / "ab").mkdir(exist_ok=True)
    (tmp_path / "values" / "ab" / "left.123.tmp").write_bytes(b"from a run that was killed")
    assert disk.clear() == 2
    assert disk.entries() == [] and disk.total() == 0 and files(tmp_path) == []
    assert disk.get(key("a")) is None
    disk.close()


# ── digests of files ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    from engine.keys import content_digest

    def counted(path: Path, parts: tuple[str, ...]) -> str:
        read.append(path)
        return content_digest(path, parts)

    monkeypatch.setattr("engine.cache.content_digest", counted)
    file = tmp_path / "model.bin"
    file.write_bytes(b"one")
    cache = Cache(tmp_path / "cache")
    first = cache.digest(file)
    assert first == hashlib.sha256(b"one").hexdigest()
    assert cache.digest(file) == first
    cache.close()
    cache = Cache(tmp_path / "cache")
    assert cache.digest(file) == first
    assert len(read) == 1
    file.write_bytes(b"three")
    assert cache.digest(file) == hashlib.sha256(b"three").hexdigest()
    assert len(read) == 2
    cache.close()


def test_a_file_in_a_folder_changes_the_digest_of_the_folder(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "unet").mkdir(parents=True)
    (model / "unet" / "weights").write_bytes(b"one")
    cache = Cache(tmp_path / "cache")
    first = cache.digest(model)
    (model / "unet" / "weights").write_bytes(b"three")
    second = cache.digest(model)
    (model / "config").write_bytes(b"")
    assert len({first, second, cache.digest(model)}) == 3
    cache.close()


def test_a_damaged_index_costs_only_the_memory_of_digests(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    cache = Cache(tmp_path / "cache")
    assert cache.disk is not None
    cache.disk._db.execute("DROP TABLE digest")
    assert cache.digest(tmp_path / "a") == hashlib.sha256(b"one").hexdigest()
    cache.close()


# ── both tiers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_memory_comes_before_disk_and_is_filled_from_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    value = grid()
    cache.put(key("a"), GRID, "a", value, 64, 1.0)
    assert cache.get(key("a"), GRID) is value
    cache.close()
    cache = Cache(tmp_path)
    first = cache.get(key("a"), GRID)
    assert first == value
    assert cache.get(key("a"), GRID) is first
    cache.close()


def test_what_falls_out_of_memory_is_still_on_disk(tmp_path: Path, log: list[str]) -> None:
    engine = Engine(toys.TOYS, Cache(tmp_path, memory=300))
    file = workflow({"start": {"type": "make"}, "l": loop(0, 30, "start")})
    engine.run(file)
    assert engine.cache.memory.used <= 300
    log.clear()
    assert engine.run(file).outcome.ran == []
    assert engine.run(file, only="start")["start"] == Num(1.0)
    assert log == []
    engine.close()


def test_without_room_a_run_still_ends_and_a_value_is_made_again(log: list[str]) -> None:
    engine = Engine(toys.TOYS, Cache(memory=64))
    file = workflow(
        {"start": {"type": "make"}, "l": loop(0, 5, "start"), "e": {"type": "combine", "in": {"left": "l"}}}
    )
    result = engine.run(file)
    assert len(log) == 7
    assert result["e"] == Num(16.0)
    assert result["start"] == Num(1.0)


def test_rows_of_quick_calls_wait_for_each_other(tmp_path: Path) -> None:
    disk = DiskTier(tmp_path)
    other = sqlite3.connect(tmp_path / "index.sqlite")

    def rows() -> int:
        return int(other.execute("SELECT COUNT(*) FROM value").fetchone()[0])

    disk.put(key("quick"), NUM, "quick", {"": Num(1.0)}, 0.0001)
    assert rows() == 0
    disk.put(key("slow"), NUM, "slow", {"": Num(1.0)}, 0.1)
    assert rows() == 2
    other.close()
    disk.close()
