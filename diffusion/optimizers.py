"""AdamW, plain or with a state of eight bits, as tensors that go in and out: what is learnt can be put away in between.

The eight-bit state follows Dettmers et al. (2110.02861): each block of 256 numbers is divided by its largest, and what
is left is rounded to one of 256 numbers that lie close where most are, near zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer

Kind = Literal["adamw", "adamw8bit"]

BETAS, EPS, WEIGHT_DECAY = (0.9, 0.999), 1e-8, 0.01
BLOCK = 256
STATE: dict[Kind, tuple[str, ...]] = {
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
    "adamw8bit": ("step", "mean", "mean_scale", "square", "square_scale"),
}
"""What is kept of each parameter."""


# ── in and out ────────────────────────────────────────────────────────────────────────────────────────────────────────


def make_optimizer(
    kind: Kind, parameters: Mapping[str, nn.Parameter], learning_rate: float, moments: Mapping[str, Tensor]
) -> Optimizer:
    """AdamW (Loshchilov and Hutter, 1711.05101) that goes on from where it was.

    Args:
        kind: plain, or with a state of eight bits.
        parameters: by name, float32, on their device.
        learning_rate: α of the paper; the step is not larger than that, by and large.
        moments: what `moments_of` gave; empty at the beginning.

    Raises:
        ValueError: the moments are those of the other kind.
    """
    unknown = {name.rpartition("/")[2] for name in moments} - {*STATE[kind]}
    if unknown:
        found = next(other for other, names in STATE.items() if other != kind)
        raise ValueError(f"optimizer: expected {found}, with which this training began, found {kind}")
    optimizer: Optimizer
    if kind == "adamw":
        optimizer = AdamW(parameters.values(), learning_rate, BETAS, EPS, WEIGHT_DECAY, fused=True)
    else:
        optimizer = AdamW8bit(parameters.values(), learning_rate)
    for name, parameter in parameters.items():
        kept = {part: moments[f"{name}/{part}"] for part in STATE[kind] if f"{name}/{part}" in moments}
        if kept:
            optimizer.state[parameter] = {part: t.to(parameter.device, copy=True) for part, t in kept.items()}
    return optimizer


def moments_of(optimizer: Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """All that an optimizer keeps, on the CPU: `conv_in.weight/exp_avg` and so on."""
    return {
        f"{name}/{part}": tensor.cpu().clone()
        for name, parameter in parameters.items()
        for part, tensor in optimizer.state[parameter].items()
    }


# ── eight bits ────────────────────────────────────────────────────────────────────────────────────────────────────────


class AdamW8bit(Optimizer):
    """AdamW whose running averages are kept in eight bits and made float32 for the length of a step."""

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> None:
        super().__init__(parameters, {"lr": learning_rate})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of Algorithm 2 of 1711.05101."""
        (beta1, beta2), rate = BETAS, self.param_groups[0]["lr"]
        for parameter in self.param_groups[0]["params"]:
            if parameter.grad is None:
                continue
            state, gradient = self.state[parameter], parameter.grad
            t = state.get("step", torch.zeros((), device=parameter.device)) + 1
            mean, square = torch.zeros_like(parameter), torch.zeros_like(parameter)
            if state:
                mean = expanded(state["mean"], state["mean_scale"], signed=True).view_as(parameter)
                square = expanded(state["square"], state["square_scale"], signed=False).view_as(parameter)
            mean.lerp_(gradient, 1 - beta1)
            square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            corrected = (square / (1 - beta2**t)).sqrt_().add_(EPS)
            parameter.mul_(1 - rate * WEIGHT_DECAY).sub_(mean / corrected * (rate / (1 - beta1**t)))
            state["step"] = t
            state["mean"], state["mean_scale"] = compressed(mean, signed=True)
            state["square"], state["square_scale"] = compressed(square, signed=False)


def compressed(numbers: Tensor, signed: bool) -> tuple[Tensor, Tensor]:
    """Numbers (…) as places in the code (n,) uint8, and the largest of each block (n / 256 rounded up,) float32."""
    flat = numbers.flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    scale = blocks.abs().amax(dim=1)
    code = dynamic_code(signed, numbers.device)
    middles = (code[1:] + code[:-1]) / 2
    places = torch.bucketize(blocks / scale.clamp(min=1e-38)[:, None], middles, out_int32=True)
    return places.to(torch.uint8).flatten()[: len(flat)].clone(), scale


def expanded(places: Tensor, scale: Tensor, signed: bool) -> Tensor:
    """What `compressed` took apart, (n,) float32, about as it was."""
    numbers = dynamic_code(signed, places.device)[places.int()]
    return numbers * scale.repeat_interleave(BLOCK)[: len(numbers)]


@lru_cache
def dynamic_code(signed: bool, device: torch.device) -> Tensor:
    """The 256 numbers of dynamic tree quantisation (2110.02861, §1.3 and fig. 2), ascending, the greatest 1.

    Seven powers of ten; in each, as many numbers at even distances as its exponent leaves bits for: 2ⁿ in the n-th,
    twice as many where no sign is needed. With signs, zero is one of them. Without, zero is not: these are the squares,
    and the step divides by their root, so one that is small must not become none.
    """
    magnitudes = []
    for n in range(7):
        edges = torch.linspace(0.1, 1, 2 ** (n + (not signed)) + 1)
        magnitudes.append((edges[1:] + edges[:-1]) / 2 * 10.0 ** (n - 6))
    positive = torch.cat(magnitudes)
    ends = [torch.tensor([0.0, 1.0])] if signed else [positive[:1] / 10, torch.tensor([1.0])]
    return torch.cat([*([-positive] if signed else []), positive, *ends]).sort().values.to(device)
