"""Where things are kept unless told otherwise."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """Values: DIFFUSCOPE_CACHE, else the user's cache folder."""
    given = os.environ.get("DIFFUSCOPE_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(given or Path(base) / "diffuscope").expanduser()


def default_data() -> Path:
    """The server's jobs, saved workflows and uploads: DIFFUSCOPE_DATA, else the user's data folder."""
    given = os.environ.get("DIFFUSCOPE_DATA")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(given or Path(base) / "diffuscope").expanduser()


def absolute(path: Path) -> Path:
    """A path that means the same in every process."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - links are kept as they are
