"""Where and how models run: the device, the numeric type, and the store that keeps weights at hand.

Values never depend on the device; they live on the CPU in float32 between calls.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
CPU = torch.device("cpu")
WEIGHT_BYTES = 12 << 30
"""How many bytes of weights are kept on a device, by default."""


class Weights:
    """Modules on their device, kept by least recent use within a byte budget."""

    def __init__(self, budget: int = WEIGHT_BYTES) -> None:
        self.budget = budget
        self._kept: OrderedDict[tuple[Any, ...], nn.Module] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, identity: tuple[Any, ...], load: Callable[[], nn.Module]) -> nn.Module:
        """The module of an identity, loaded if it is not kept."""
        with self._lock:
            if identity not in self._kept:
                self._kept[identity] = load()
            self._kept.move_to_end(identity)
            while len(self._kept) > 1 and sum(map(size_of, self._kept.values())) > self.budget:
                self._kept.popitem(last=False)
            return self._kept[identity]

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._kept.clear()


def size_of(module: nn.Module) -> int:
    """The bytes of a module's parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))


@dataclass(frozen=True)
class Runtime:
    """A device, a numeric type, and the weights kept there."""

    device: torch.device = CPU
    dtype: torch.dtype = torch.float32
    weights: Weights = field(default_factory=Weights)


_runtime = Runtime()


def current() -> Runtime:
    """The runtime in use."""
    return _runtime


def make_runtime(device: str = "auto", dtype: str = "float32", budget: int = WEIGHT_BYTES) -> Runtime:
    """A runtime by names.

    Args:
        device: `auto` (CUDA if there is one), `cpu`, `cuda` or `cuda:N`.
        dtype: `float32`, `float16` or `bfloat16`.
        budget: bytes of weights to keep.

    Raises:
        ValueError: there is no such device or type.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    name, _, number = device.partition(":")
    if name not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise ValueError(f"device: expected auto, cpu, cuda or cuda:N, found {device!r}")
    if name == "cuda" and int(number or 0) >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
        raise ValueError(f"device: expected one of {torch.cuda.device_count()} CUDA devices, found {device!r}")
    if dtype not in DTYPES:
        raise ValueError(f"dtype: expected {', '.join(DTYPES)}, found {dtype!r}")
    return Runtime(torch.device(device), DTYPES[dtype], Weights(budget))


@contextmanager
def use(runtime: Runtime, exact: bool = False) -> Iterator[None]:
    """Make a runtime current, without gradients; `exact` asks torch for algorithms that repeat bit for bit."""
    global _runtime
    before, _runtime = _runtime, runtime
    deterministic = torch.are_deterministic_algorithms_enabled()
    if exact:
        torch.use_deterministic_algorithms(True)
    try:
        with torch.no_grad():
            yield
    finally:
        _runtime = before
        torch.use_deterministic_algorithms(deterministic)
