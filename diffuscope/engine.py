"""The engine as users meet it: with a device, a numeric type and a cache folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import engine
from diffusion import runtime
from diffusion.runtime import DTYPES
from engine import Cache, Fault, WorkflowError
from engine.expand import UNBOUNDED, Bounds


class Engine(engine.Engine):
    """Runs workflows on a device. Torch is imported when the first call has to be computed, and not before."""

    def __init__(
        self,
        cache: str | Path | Cache | None = None,
        out: str | Path = "outputs",
        device: str = "auto",
        dtype: str = "float32",
        exact: bool = False,
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        """Make an engine with every installed node.

        Args:
            cache: a folder for values, which may be shared; without one they are kept in memory only.
            out: where pictures go.
            device: `auto` (CUDA if there is one), `cpu`, `cuda` or `cuda:N`.
            dtype: numeric type of the models, `float32`, `float16` or `bfloat16`; it enters the keys.
            exact: run one by one with deterministic algorithms, bit for bit reproducible on a device.
            bounds: how much a workflow may ask for, and which files it may read.

        Raises:
            WorkflowError: there is no such device or type.
            StorageError: the cache folder cannot be used.
        """
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
            raise WorkflowError([Fault("device", f'expected auto, cpu, cuda or cuda:N, found "{device}"')], "arguments")
        if dtype not in DTYPES:
            raise WorkflowError([Fault("dtype", f'expected one of {", ".join(DTYPES)}, found "{dtype}"')], "arguments")
        self.device, self.dtype, self.exact = device, dtype, exact
        self._made: runtime.Runtime | None = None
        folder = Path(cache) if isinstance(cache, str | Path) else None
        super().__init__(
            cache=cache if isinstance(cache, Cache) else Cache(folder),
            out=out,
            precision=dtype,
            around=self._on_device,
            bounds=bounds,
        )

    def warm(self) -> None:
        """Choose the device and import torch and transformers now, and not when the first call has to be computed."""
        from transformers import CLIPTextModel, CLIPTokenizerFast  # noqa: F401 - transformers imports when asked for

        self._runtime()

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """Around all computing: a device asked for by number is looked for now, any other when a call needs a model."""
        if self.device.startswith("cuda"):
            self._runtime()
        with runtime.use(self._runtime, self.exact):
            yield

    def _runtime(self) -> runtime.Runtime:
        if self._made is None:
            try:
                self._made = runtime.make_runtime(self.device, self.dtype)
            except ValueError as error:
                where, _, message = str(error).partition(": ")
                raise WorkflowError([Fault(where, message)], "arguments") from None
        return self._made
