"""The hub: whoever comes back misses nothing, and whoever does not read slows nobody."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

from web.server.events import RECENT, Hub
from web.server.jobs import Told


class Log:
    """A log of events, as the file is one."""

    def __init__(self, count: int = 0) -> None:
        self.told = [self.make(i + 1) for i in range(count)]
        self.asked = 0

    def make(self, number: int) -> Told:
        job = f"job{number % 2}"
        return Told(number, job, json.dumps({"number": number, "job": job}))

    def load(self, after: int, job: str | None, limit: int) -> list[Told]:
        self.asked += 1
        return [one for one in self.told if one.number > after and job in (None, one.job)][:limit]

    def hub(self, first: int = 1) -> Hub:
        return Hub(self.load, first, len(self.told))

    def add(self, hub: Hub, count: int) -> None:
        new = [self.make(len(self.told) + i + 1) for i in range(count)]
        self.told += new
        hub.tell(new)


def play(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


async def read(hub: Hub, count: int, after: int | None = None, job: str | None = None) -> list[int | None]:
    """The numbers of the next events."""
    found: list[int | None] = []
    async for number, _ in hub.follow(after, job):
        found.append(number)
        if len(found) == count:
            break
    return found


def test_from_a_number_on() -> None:
    async def test() -> None:
        hub = Log(1200).hub()
        assert await read(hub, 1200, 0) == [*range(1, 1201)]
        assert await read(hub, 3, 1197) == [1198, 1199, 1200]
        assert await read(hub, 600, 0, "job1") == [*range(1, 1200, 2)]

    play(test)


def test_only_what_is_to_come() -> None:
    async def test() -> None:
        log = Log(10)
        hub = log.hub()
        reading = asyncio.create_task(read(hub, 3))
        await asyncio.sleep(0.01)
        log.add(hub, 3)
        assert await reading == [11, 12, 13]
        assert log.asked == 0

    play(test)


def test_nobody_misses_anything_while_events_come() -> None:
    async def test() -> None:
        log = Log(100)
        hub = log.hub()
        readers = [asyncio.create_task(read(hub, 5000 - after, after)) for after in (0, 50, 100)]
        mine = asyncio.create_task(read(hub, 2450, 100, "job0"))
        for _ in range(49):
            log.add(hub, 100)
            await asyncio.sleep(0)
        for reader, after in zip(readers, (0, 50, 100), strict=True):
            assert await reader == [*range(after + 1, 5001)]
        assert await mine == [*range(102, 5001, 2)]

    play(test)


def test_one_who_does_not_read_holds_nothing_back() -> None:
    async def test() -> None:
        log = Log()
        hub = log.hub()
        slow = hub.follow(0)
        log.add(hub, 1)
        assert (await anext(slow))[0] == 1
        for _ in range(5):
            log.add(hub, RECENT)
        assert len(hub._recent) <= 2 * RECENT  # nothing is kept for it
        assert [(await anext(slow))[0] for _ in range(1000)] == [*range(2, 1002)]  # and nothing is lost
        await slow.aclose()

    play(test)


def test_progress_is_the_latest_and_seldom() -> None:
    async def test() -> None:
        hub = Log().hub()
        seen: list[tuple[float, int]] = []

        async def follow() -> None:
            async for number, text in hub.follow():
                assert number is None
                seen.append((asyncio.get_running_loop().time(), json.loads(text)["done"]))

        task = asyncio.create_task(follow())
        for i in range(60):
            hub.progress("job", {"done": i})
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.15)
        task.cancel()
        gaps = [b - a for (a, _), (b, _) in pairwise(seen)]
        assert 2 <= len(seen) < 60 and min(gaps) >= 0.099
        assert seen[-1][1] == 59

    play(test)


def test_a_follower_from_another_log_is_told() -> None:
    async def test() -> None:
        hub = Log(10).hub()
        followed = hub.follow(500)
        assert json.loads((await anext(followed))[1]) == {"event": "reset", "number": 10}
        await followed.aclose()
        late = Hub(Log(20).load, 11, 20)  # the first ten are no longer kept
        followed = late.follow(3)
        assert json.loads((await anext(followed))[1]) == {"event": "reset", "number": 10}
        assert (await anext(followed))[0] == 11
        await followed.aclose()

    play(test)


def test_closing_ends_every_stream_after_the_last_event() -> None:
    async def test() -> None:
        log = Log()
        hub = log.hub()
        reading = asyncio.create_task(read(hub, 10, 0))
        await asyncio.sleep(0)
        log.add(hub, 2)
        hub.close()
        assert await reading == [1, 2]

    play(test)
