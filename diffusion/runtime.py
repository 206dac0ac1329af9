"""Where and how models run: the device, the numeric type, and the store that keeps weights at hand.

Values never depend on the device; they live on the CPU in float32 between calls. A runtime is made when a call first
asks for it, so a run that has nothing to compute does not pay for torch.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

DTYPES = ("float32", "float16", "bfloat16")
WEIGHT_BYTES = 12 << 30
"""How many bytes of weights are kept on a device, by default."""


class Weights:
    """Modules on their device, kept by least recent use within a byte budget."""

    def __init__(self, budget: int = WEIGHT_BYTES) -> None:
        self.budget = budget
        self._kept: OrderedDict[tuple[Any, ...], tuple[nn.Module, dict[int, int]]] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, identity: tuple[Any, ...], load: Callable[[], nn.Module]) -> nn.Module:
        """The module of an identity, loaded if it is not kept."""
        with self._lock:
            if identity in self._kept:
                self._kept.move_to_end(identity)
            else:
                module = load()
                self._kept[identity] = module, sizes_of(module)  # weighed once: it is asked for at every step
                while len(self._kept) > 1 and self.weight() > self.budget:
                    self._kept.popitem(last=False)
            return self._kept[identity][0]

    def weight(self) -> int:
        """The bytes of all that is kept; what several modules share counts once."""
        return sum(reduce(or_, (sizes for _, sizes in self._kept.values()), {}).values())

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._kept.clear()


def sizes_of(module: nn.Module) -> dict[int, int]:
    """The bytes of each of a module's parameters and buffers, by where in memory it is."""
    return {t.data_ptr(): t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers())}


@dataclass(frozen=True)
class Runtime:
    """A device, a numeric type, and the weights kept there."""

    device: torch.device
    dtype: torch.dtype
    weights: Weights = field(default_factory=Weights)


def make_runtime(device: str = "auto", dtype: str = "float32", budget: int = WEIGHT_BYTES) -> Runtime:
    """A runtime by names.

    Args:
        device: `auto` (CUDA if there is one), `cpu`, `cuda` or `cuda:N`.
        dtype: `float32`, `float16` or `bfloat16`.
        budget: bytes of weights to keep.

    Raises:
        ValueError: there is no such device or type.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    name, _, number = device.partition(":")
    if name not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise ValueError(f"device: expected auto, cpu, cuda or cuda:N, found {device!r}")
    if name == "cuda" and int(number or 0) >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
        raise ValueError(f"device: expected one of {torch.cuda.device_count()} CUDA devices, found {device!r}")
    if dtype not in DTYPES:
        raise ValueError(f"dtype: expected {', '.join(DTYPES)}, found {dtype!r}")
    return Runtime(torch.device(device), getattr(torch, dtype), Weights(budget))


_choose: Callable[[], Runtime] = cache(lambda: make_runtime("cpu"))


def current() -> Runtime:
    """The runtime in use; on the CPU where nobody chose another."""
    return _choose()


@contextmanager
def use(choose: Callable[[], Runtime], exact: bool = False) -> Iterator[None]:
    """Make the runtime that `choose` gives current; it is asked once, and not before a call needs a model.

    exact: ask torch for deterministic algorithms, bit for bit on one device.
    """
    global _choose
    with ExitStack() as stack:

        @cache
        def chosen() -> Runtime:
            if exact:
                stack.enter_context(deterministic())
            return choose()

        before, _choose = _choose, chosen
        try:
            yield
        finally:
            _choose = before


@contextmanager
def deterministic() -> Iterator[None]:
    """Deterministic algorithms only; cuBLAS has them if this is in the environment before its first call."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
