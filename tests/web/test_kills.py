"""Under fire, in short: `python -m benchmarks server` kills thirty times. Nothing is lost, nothing is done twice."""

from pathlib import Path
from typing import Literal

import pytest

from benchmarks.server import killed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("target", ["worker", "server"])
def test_jobs_survive(tmp_path: Path, target: Literal["worker", "server"]) -> None:
    found = killed(tmp_path, target, jobs=4, kills=4)
    assert found.kills >= 3
    assert (found.done, found.once, found.identical) == (4, 4, 4)
