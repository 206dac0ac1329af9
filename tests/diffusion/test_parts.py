"""A network with parts exchanged: it computes otherwise, and the one it comes from does not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from diffusion.parts import with_parts

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


def network() -> nn.Sequential:
    """Two layers, the second inside a block."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 2)))


def test_parts_are_exchanged_at_any_depth() -> None:
    made, first, weight = network(), nn.Linear(3, 3), nn.Parameter(torch.zeros(2, 3))
    changed = with_parts(made, {"0": first, "1.1.weight": weight})
    assert torch.equal(changed(X), made[1][1].bias.expand(2, 2))
    assert changed[0] is first and changed[1][1].weight is weight


def test_the_given_network_stays_as_it_was() -> None:
    made = network()
    before, names = made(X), [name for name, _ in made.named_modules()]
    with_parts(made, {"1.1": nn.Identity(), "0.bias": nn.Parameter(torch.ones(3))})
    assert torch.equal(made(X), before) and [name for name, _ in made.named_modules()] == names


def test_what_is_not_exchanged_is_shared() -> None:
    made = network()
    changed = with_parts(made, {"1.1.weight": nn.Parameter(torch.zeros(2, 3))})
    assert changed[0] is made[0] and changed[1][0] is made[1][0]
    assert changed[1][1].bias is made[1][1].bias and changed[1][1] is not made[1][1]


def test_nothing_exchanged_is_the_same_network() -> None:
    made = network()
    assert torch.equal(with_parts(made, {})(X), made(X))


@pytest.mark.parametrize("path", ["2", "1.2", "0.nope.weight"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(AttributeError):
        with_parts(network(), {path: nn.Identity()})


def test_a_parameter_that_is_not_there_is_refused() -> None:
    with pytest.raises(AttributeError, match="Linear has no parameter scale"):
        with_parts(network(), {"0.scale": nn.Parameter(torch.ones(3))})
