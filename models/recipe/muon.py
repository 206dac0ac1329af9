"""Muon (Jordan et al., 2024): steps along the momentum of each weight matrix, made orthogonal.

All directions of a matrix are then learnt alike, the many in which gradients are small too: with Adam, a few dominate.
"""

from collections.abc import Iterable
from itertools import groupby

import torch
import torch.distributed
from torch import Tensor, nn

COEFFICIENTS = (  # of odd polynomials a·x + b·x³ + c·x⁵, tuned one after the other to bring singular values near 1
    (4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037), (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)  # fmt: skip
"""From You Jiacheng's entries to the NanoGPT speedrun (github.com/KellerJordan/modded-nanogpt)."""


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices (N, m, n), m ≤ n, with all singular values brought to about 1 and their directions left as they are.

    Each polynomial of X is (a + b·A + c·A²) X with A = X Xᵀ. Polynomials of A commute with A, so that all of them are
    multiplied at its small size, and X is read twice only.
    """
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    one = torch.eye(x.shape[1], device=x.device, dtype=x.dtype)
    product, gram = one, x @ x.mT
    for a, b, c in COEFFICIENTS:
        factor = a * one + b * gram + c * gram @ gram
        product, gram = factor @ product, factor @ gram @ factor
    return product @ x


def orthogonal_each(matrices: list[Tensor]) -> list[Tensor]:
    """`orthogonal` of matrices of any shapes; those alike, which stand side by side, are made together."""
    made = list[Tensor]()
    for _, group in groupby(matrices, key=lambda matrix: matrix.shape):
        alike = torch.stack(list(group))
        made += (orthogonal(alike) if alike.shape[1] <= alike.shape[2] else orthogonal(alike.mT).mT).unbind()
    return made


def by_muon(model: nn.Module) -> list[nn.Parameter]:
    """The weights for Muon: matrices and kernels inside, neither tables nor the layers at either end."""
    ends = ("embed", "conv_in", "conv_out")
    return [
        weight
        for name, weight in model.named_parameters()
        if weight.requires_grad and weight.ndim >= 2 and not any(end in name for end in ends)
    ]


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay, for weights of two dimensions and more.

    Kernels of convolutions are matrices (out, in · height · width). Updates are scaled to AdamW's usual size, so that
    its learning rates fit (Liu et al., 2502.16982).
    """

    def __init__(self, weights: Iterable[nn.Parameter], weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(weights, {"lr": 0.0, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along the gradients. Of several processes, each makes its share of the updates for all of them."""
        many = torch.distributed.is_initialized()
        rank, processes = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if many else (0, 1)
        for group in self.param_groups:
            weights = sorted(group["params"], key=lambda weight: weight.flatten(1).shape)
            aims = [self.aim(weight, group["momentum"]) for weight in weights]
            mine = range(rank, len(aims), processes)
            made = dict(zip(mine, orthogonal_each([aims[i] for i in mine]), strict=True))
            flat = torch.cat(
                [(made[i] if i in made else aim.new_zeros(aim.shape)).flatten() for i, aim in enumerate(aims)]
            )
            if many:
                torch.distributed.all_reduce(flat)
            for weight, update in zip(weights, flat.split([aim.numel() for aim in aims]), strict=True):
                size = group["lr"] * 0.2 * max(weight.flatten(1).shape) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update.view(weight.shape), alpha=size)

    def aim(self, weight: nn.Parameter, momentum: float) -> Tensor:
        """The momentum of a weight's gradients, and once more the gradient (Nesterov), as a matrix."""
        assert weight.grad is not None
        gradient, state = weight.grad.flatten(1), self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["momentum"], momentum)
