"""Every shipped workflow as it ships, in a new process: from nothing, and again from the cache."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.startup import command
from benchmarks.table import Row, best, seconds

COLD, CACHED = 120, 2
TAUGHT = {"textual_inversion": 1200, "dreambooth_lora": 1200}
"""Those that train may take longer."""


def rows() -> list[Row]:
    """A row for each workflow."""
    found = []
    for file in sorted((Path(__file__).resolve().parent.parent / "workflows").glob("*.json")):
        with tempfile.TemporaryDirectory() as folder:
            run = ["run", str(file), "--cache", str(Path(folder) / "cache"), "--out", str(Path(folder) / "out")]
            cold = seconds(lambda run=run: command(*run))  # type: ignore[misc]
            cached = best(lambda run=run: command(*run), 2)  # type: ignore[misc]
        limit = TAUGHT.get(file.stem, COLD)
        found.append(Row(file.stem, f"{cold:.1f} s, cached {cached:.2f} s", f"≤ {limit} s, ≤ {CACHED} s",
                         cold <= limit and cached <= CACHED))  # fmt: skip
    return found
