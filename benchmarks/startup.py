"""What a person waits for: the commands that compute nothing, and the second run of a workflow in a new process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import Row, best

WORKFLOW = "text_to_image"


def command(*arguments: str) -> str:
    """Run the command line in a new process; give what it printed to stderr."""
    done = subprocess.run([sys.executable, "-m", "diffuscope", *arguments], capture_output=True, text=True, check=True)
    return done.stderr


def rows() -> list[Row]:
    """Start-up figures."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        keep = ["--cache", str(Path(folder) / "cache"), "--out", str(Path(folder) / "out")]
        command("run", WORKFLOW, *keep)
        again = best(lambda: command("run", WORKFLOW, *keep), 5)
        told = command("run", WORKFLOW, *keep)
        only_save = "1 ran, 1 cached" in told
        found.append(Row("second run in a new process, all cached", f"{again:.2f} s, only save_image ran: {only_save}",
                         "≤ 1.5 s, only save_image", again <= 1.5 and only_save))  # fmt: skip
    for arguments in (["check", WORKFLOW], ["plan", WORKFLOW, "--no-cache"], ["nodes"]):
        took = best(lambda arguments=arguments: command(*arguments), 5)
        found.append(Row(f"diffuscope {arguments[0]}", f"{took:.2f} s", "≤ 0.8 s", took <= 0.8))
    return found
