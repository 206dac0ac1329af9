"""Whatever is asked is answered as the OpenAPI document says: the short form of `benchmarks/fuzz.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import OPERATIONS, fuzzed

NEVER_ACCEPTED = {
    "GET /api/openapi.json",  # read at the beginning, and not asked again
    "GET /api/ws",  # asked without being one that speaks WebSocket, so refused
    "GET /api/uploads/{name}/workflow",  # few uploads carry one
}


@pytest.mark.slow
def test_schemathesis(tmp_path: Path) -> None:
    found = fuzzed(tmp_path, 20)
    assert found.failures == [], found.text
    assert found.server_errors == 0 and "Traceback" not in found.log, found.log
    assert found.requests > 500
    assert len(OPERATIONS - NEVER_ACCEPTED - found.accepted) <= 3, OPERATIONS - found.accepted
