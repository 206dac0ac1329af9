"""Files that nodes write: numbered, so that nothing is ever overwritten, and never left half written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from engine import StorageError, saved
from engine.context import current


def save_file(name: str, suffix: str, write: Callable[[Path], object], otherwise: str) -> str:
    """Let `write` fill a new file in the run's folder; its path.

    Args:
        name: the beginning of the file's name; where it is empty, the workflow's title. The coordinates in a sweep and
            a number are added.
        suffix: of the file's name, with its dot.
        write: is given the path of an empty file.
        otherwise: stands for a name of which nothing may be part of a file's name.

    Raises:
        StorageError: the folder or the file cannot be written.
    """
    context = current()
    stem = " ".join(part for part in (name or context.title, context.coordinates) if part)
    try:
        path = claim(context.out, file_name(stem) or otherwise, suffix)
        try:
            write(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"{context.out}: cannot be written: {reason}; choose another folder with --out") from None
    saved(path)
    return str(path)


def file_name(text: str) -> str:
    """As much of a text as may be part of a file's name anywhere."""
    plain = re.sub(r"[^\w .,=+-]+", "_", text)
    return plain.encode()[:120].decode(errors="ignore").strip(". ")


def claim(folder: Path, stem: str, suffix: str) -> Path:
    """An empty `stem-0001` with a suffix, of our own, with the first number that follows all others."""
    folder.mkdir(parents=True, exist_ok=True)
    pattern = re.compile(re.escape(stem) + r"-(\d+)" + re.escape(suffix))
    taken = [int(found[1]) for path in folder.iterdir() if (found := pattern.fullmatch(path.name))]
    number = max(taken, default=0) + 1
    while True:
        path = folder / f"{stem}-{number:04d}{suffix}"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:  # another run has taken it in the meantime
            number += 1
        else:
            return path
