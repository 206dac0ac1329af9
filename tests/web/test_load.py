"""Under load, in short: `python -m benchmarks server` has 200 jobs and 50 sockets. What is asserted is no time."""

from pathlib import Path

import pytest

from benchmarks.server import MIB, loaded

pytestmark = pytest.mark.slow


def test_many_clients_at_once(tmp_path: Path) -> None:
    found = loaded(tmp_path, jobs=24, clients=6, sockets=12, steps=4)
    assert (found.done, found.missed) == (24, 0)
    assert found.growth <= 50 * MIB
    assert len(found.health) > 20  # it went on answering
