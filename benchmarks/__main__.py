"""Run the benchmarks and print one table: all of them, or those named."""

from __future__ import annotations

import importlib
import platform
import sys

from benchmarks.table import show

NAMES = {
    "chain": "The engine", "startup": "Starting", "picture": "A picture", "interrogate": "Interrogating",
    "workflows": "Workflows", "training": "Training", "views": "Looking at values", "server": "The server",
    "fuzz": "The server, fuzzed", "editor": "The editor",
}  # fmt: skip


def main() -> None:
    """Run what is named on the command line."""
    chosen = sys.argv[1:] or list(NAMES)
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        sys.exit(f"benchmarks: unknown {', '.join(unknown)}; known: {', '.join(NAMES)}")
    print(f"Python {platform.python_version()}, {platform.machine()}\n")
    for name in chosen:
        show(NAMES[name], importlib.import_module(f"benchmarks.{name}").rows())


if __name__ == "__main__":
    main()
