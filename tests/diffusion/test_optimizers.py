"""AdamW, plain and in eight bits: how they learn, what they keep, and that they go on as if they had not stopped."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from diffusion.optimizers import BLOCK, Kind, compressed, dynamic_code, expanded, make_optimizer, moments_of

CPU = torch.device("cpu")
KINDS: tuple[Kind, ...] = ("adamw", "adamw8bit")


def random(*shape: int, seed: int = 0) -> Tensor:
    """Numbers that are always the same."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ── the code ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("signed", [True, False])
def test_the_code_is_256_numbers_closest_to_each_other_near_zero(signed: bool) -> None:
    code = dynamic_code(signed, CPU)
    assert len(code.unique()) == 256 and torch.equal(code, code.sort().values)
    assert float(code[-1]) == 1 and float(code.abs().max()) == 1
    positive = code[code > 0]
    assert float(positive.median()) < 0.2 and float(positive.min()) < 1e-6
    assert (0.0 in code.tolist()) == signed


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("shape", [(1,), (255,), (256,), (257,), (3, 5, 7, 11)])
def test_numbers_come_back_about_as_they_were(shape: tuple[int, ...], signed: bool) -> None:
    numbers = random(*shape) if signed else random(*shape).square()
    places, scale = compressed(numbers, signed)
    assert places.dtype == torch.uint8 and places.shape == (numbers.numel(),) and len(scale) == -(-len(places) // BLOCK)
    back = expanded(places, scale, signed).view(shape)
    for block in zip(numbers.flatten().split(BLOCK), back.flatten().split(BLOCK), strict=True):
        before, after = block
        assert float((after - before).abs().max()) <= 0.011 * float(before.abs().max())


@pytest.mark.parametrize("signed", [True, False])
def test_the_largest_positive_number_of_a_block_is_kept_as_it_is(signed: bool) -> None:
    numbers = random(1000).abs()
    back = expanded(*compressed(numbers, signed), signed)
    for before, after in zip(numbers.split(BLOCK), back.split(BLOCK), strict=True):
        assert float(before.max()) == float(after.max())


def test_small_squares_do_not_become_none() -> None:
    squares = torch.tensor([1.0, 1e-12, 0.0])
    assert bool((expanded(*compressed(squares, signed=False), signed=False) > 0).all())
    nothing = torch.zeros(300)
    assert torch.equal(expanded(*compressed(nothing, signed=False), signed=False), nothing)


# ── learning ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def problem() -> tuple[nn.Module, Tensor, Tensor]:
    """A small network, and what it is to learn."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 8))
    inputs = random(256, 16, seed=1)
    return network, inputs, torch.sin(inputs @ random(16, 8, seed=2))


def taught(kind: Kind, steps: int, moments: Mapping[str, Tensor] | None = None, network: nn.Module | None = None
           ) -> tuple[nn.Module, dict[str, Tensor], float]:  # fmt: skip
    """The network after some steps, what the optimizer keeps, and the loss."""
    fresh, inputs, wanted = problem()
    network = network or fresh
    parameters = dict(network.named_parameters())
    optimizer = make_optimizer(kind, parameters, 1e-2, moments or {})
    for _ in range(steps):
        optimizer.zero_grad()
        (network(inputs) - wanted).square().mean().backward()
        optimizer.step()
    return network, moments_of(optimizer, parameters), float((network(inputs) - wanted).square().mean().detach())


def test_plain_adamw_is_torchs() -> None:
    network, inputs, wanted = problem()
    theirs = torch.optim.AdamW(network.parameters(), 1e-2, weight_decay=0.01)
    for _ in range(20):
        theirs.zero_grad()
        (network(inputs) - wanted).square().mean().backward()
        theirs.step()
    ours, _, _ = taught("adamw", 20)
    for a, b in zip(ours.parameters(), network.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_the_first_step_in_eight_bits_is_that_of_plain_adamw() -> None:
    plain, eight = taught("adamw", 1)[0], taught("adamw8bit", 1)[0]
    for a, b in zip(plain.parameters(), eight.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_eight_bits_learn_what_thirty_two_learn() -> None:
    (_, _, before), (_, _, plain), (_, _, eight) = taught("adamw", 0), taught("adamw", 300), taught("adamw8bit", 300)
    assert plain < before / 20
    assert abs(eight - plain) <= 0.1 * plain


def test_eight_bits_take_a_quarter_of_the_bytes() -> None:
    layer = nn.Linear(256, 256)
    sizes = {}
    for kind in KINDS:
        optimizer = make_optimizer(kind, dict(layer.named_parameters()), 1e-3, {})
        layer(torch.ones(1, 256)).sum().backward()
        optimizer.step()
        sizes[kind] = sum(t.nbytes for t in moments_of(optimizer, dict(layer.named_parameters())).values())
    assert sizes["adamw8bit"] / sizes["adamw"] <= 0.26


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_ten_steps_and_ten_more_are_twenty(kind: Kind) -> None:
    once, moments, _ = taught(kind, 20)
    half, kept, _ = taught(kind, 10)
    copies = {name: tensor.clone() for name, tensor in kept.items()}
    twice, again, _ = taught(kind, 10, kept, half)
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), twice.parameters(), strict=True))
    assert moments.keys() == again.keys() and all(torch.equal(moments[name], again[name]) for name in moments)
    assert all(torch.equal(kept[name], copies[name]) for name in kept)


@pytest.mark.parametrize(("before", "after"), [KINDS, KINDS[::-1]])
def test_another_optimizer_does_not_go_on(before: Kind, after: Kind) -> None:
    network, moments, _ = taught(before, 1)
    message = f"optimizer: expected {before}, with which this training began, found {after}"
    with pytest.raises(ValueError, match=message):
        taught(after, 1, moments, network)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_without_gradient_stays(kind: Kind) -> None:
    used, unused = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    parameters = {"used": used, "unused": unused}
    optimizer = make_optimizer(kind, parameters, 0.1, {})
    used.sum().backward()
    optimizer.step()
    assert torch.equal(unused, torch.ones(3)) and not torch.equal(used, torch.ones(3))
    assert {name.partition("/")[0] for name in moments_of(optimizer, parameters)} == {"used"}
    make_optimizer(kind, parameters, 0.1, moments_of(optimizer, parameters))
