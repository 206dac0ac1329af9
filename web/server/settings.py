"""What a server is told when it starts: where it listens, where its folders are, how much it allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MEBI = 1 << 20
JSON_BYTES = 4 * MEBI
"""The most that a request's JSON may have."""
UPLOAD_BYTES = 32 * MEBI
"""The most that an uploaded file may have."""


@dataclass(frozen=True)
class Limits:
    """How much one may ask for; each is said in the refusal of whoever asks for more.

    Attributes:
        queue: jobs that wait.
        calls: calls of one job.
        pixels: width × height of any picture that a workflow names a size for.
        upload_pixels: of an uploaded picture.
        upload_side: its width and its height.
        uploads_bytes: of all uploads together.
        followers: open streams of events.
        tries: deaths of a worker in a row, without a value made and kept between
            them, that a job survives.
        history: jobs that have ended and are remembered.
        check_seconds: for checking or planning one workflow.
        view_seconds: for one view of a value.
    """

    queue: int = 1000
    calls: int = 20_000
    pixels: int = 2048 * 2048
    upload_pixels: int = 32_000_000
    upload_side: int = 16_384
    uploads_bytes: int = 2048 * MEBI
    followers: int = 256
    tries: int = 5
    history: int = 1000
    check_seconds: float = 60.0
    view_seconds: float = 60.0


@dataclass(frozen=True)
class Settings:
    """Where things are, and what is allowed.

    Attributes:
        data: holds `jobs.sqlite`, `workflows/` (saved), `inputs/` (uploads, and whatever else workflows may read).
        out: where pictures go, a folder a job.
        cache: folder of values; what is kept there can be looked into.
        child: the command that starts a child process; its role and a descriptor are added.
        host: address to listen at; any but a loopback one needs a token.
        port: 0 takes a free one.
        token: what clients must show; None asks for nothing.
        allow_hosts: names by which a proxy may call this server.
        devices: a worker each.
        dtype: numeric type of the models.
        exact: one by one, bit for bit reproducible.
        limits: how much one may ask for.
    """

    data: Path
    out: Path
    cache: Path
    child: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8188
    token: str | None = None
    allow_hosts: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("auto",)
    dtype: str = "float32"
    exact: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def workflows(self) -> Path:
        """Saved workflows."""
        return self.data / "workflows"

    @property
    def inputs(self) -> Path:
        """What workflows may read; uploads are kept in `uploads/` in it."""
        return self.data / "inputs"

    @property
    def uploads(self) -> Path:
        """Uploaded pictures, named by their content."""
        return self.inputs / "uploads"
