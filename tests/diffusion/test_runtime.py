"""The runtime: devices and types by name, weights within a budget, and a choice that waits until it is needed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from diffusion import runtime
from diffusion.runtime import Runtime, Weights, make_runtime, sizes_of, use


def linear(inputs: int) -> nn.Linear:
    """A module of 4 · inputs bytes."""
    return nn.Linear(inputs, 1, bias=False)


def test_the_default_is_the_cpu_in_float32() -> None:
    assert (runtime.current().device, runtime.current().dtype) == (torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("dtype", runtime.DTYPES)
def test_types_are_those_of_torch(dtype: str) -> None:
    assert make_runtime("cpu", dtype).dtype is getattr(torch, dtype)


def test_auto_takes_cuda_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for available, name in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        assert make_runtime("auto").device.type == name


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:-1", "", "cpu:0:1"])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match="device: expected auto, cpu, cuda or cuda:N, found"):
        make_runtime(device)


def test_a_cuda_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert make_runtime("cuda:1").device == torch.device("cuda:1")
    with pytest.raises(ValueError, match="expected one of 2 CUDA devices, found 'cuda:2'"):
        make_runtime("cuda:2")


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="dtype: expected float32, float16, bfloat16, found 'int8'"):
        make_runtime("cpu", "int8")


# ── weights ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_size_counts_parameters_and_buffers() -> None:
    assert sum(sizes_of(linear(10)).values()) == 40
    # weight, bias, two running means of float32; a counter of int64
    assert sum(sizes_of(nn.BatchNorm1d(2)).values()) == 4 * 8 + 8


def test_weights_are_loaded_once() -> None:
    kept, loaded = Weights(1000), []

    def load() -> nn.Module:
        loaded.append(1)
        return linear(10)

    first = kept.get(("a",), load)
    assert kept.get(("a",), load) is first
    assert len(loaded) == 1
    kept.clear()
    assert kept.get(("a",), load) is not first


def test_the_least_recently_used_go_first() -> None:
    kept, loaded = Weights(100), []

    def get(name: str) -> None:
        kept.get((name,), lambda: loaded.append(name) or linear(10))

    for name in ("a", "b", "a", "c", "a", "b"):  # c needs room: b is older than a, which was used again
        get(name)
    assert loaded == ["a", "b", "c", "b"]


def test_a_module_beyond_the_budget_is_kept_alone() -> None:
    kept, loaded = Weights(100), []
    for name in ("small", "large", "large", "small"):
        kept.get((name,), lambda name=name: loaded.append(name) or linear(10 if name == "small" else 1000))
    assert loaded == ["small", "large", "small"]


# ── the choice ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_runtime_is_chosen_once_and_only_if_asked_for() -> None:
    chosen: list[Runtime] = []

    def choose() -> Runtime:
        chosen.append(make_runtime("cpu", "bfloat16"))
        return chosen[-1]

    with use(choose):
        pass
    assert chosen == []
    with use(choose):
        assert runtime.current() is runtime.current() is chosen[0]
    assert runtime.current().dtype is torch.float32


def test_the_runtime_before_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), use(lambda: make_runtime("cpu", "float16")):
        assert runtime.current().dtype is torch.float16
        raise KeyError
    assert runtime.current().dtype is torch.float32


def test_exact_asks_for_deterministic_algorithms_and_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with use(make_runtime, exact=True):
        runtime.current()
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"  # torch refuses to go on with CUDA without it
    assert not torch.are_deterministic_algorithms_enabled()
    with use(make_runtime):
        runtime.current()
        assert not torch.are_deterministic_algorithms_enabled()


def test_importing_the_runtime_imports_no_torch() -> None:
    code = "import sys, diffusion.runtime as r\nwith r.use(r.make_runtime): pass\nprint('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_what_modules_share_is_weighed_once() -> None:
    store, base = Weights(budget=100), linear(20)
    for i in range(5):
        patched = nn.Sequential(base, linear(1))
        store.get((i,), lambda patched=patched: patched)
    assert store.weight() == 80 + 5 * 4
    store.get(("one more",), lambda: linear(1))
    assert store.weight() == 100  # the first has gone, the weights that the others share have not
