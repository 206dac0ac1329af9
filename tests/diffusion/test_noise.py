"""Noise: the same draws as torch and diffusers make from the seed, whatever is asked first."""

import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion.noise import MAX_SEED, Noise


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, MAX_SEED), side=st.integers(1, 9))
def test_draws_are_the_consecutive_ones_of_torch_and_diffusers(seed: int, side: int) -> None:
    shape = (4, side, side + 1)
    torch_generator = torch.Generator().manual_seed(seed)
    diffusers_generator = torch.Generator().manual_seed(seed)
    for k in range(4):
        drawn = Noise(seed, shape).draw(k)
        assert drawn.dtype == torch.float32
        assert torch.equal(drawn, torch.randn(1, *shape, generator=torch_generator))
        assert torch.equal(drawn, randn_tensor((1, *shape), generator=diffusers_generator))


def test_draws_do_not_depend_on_order_or_on_torchs_global_generator() -> None:
    noise = Noise(7, (4, 8, 8))
    late_first = noise.draw(5), noise.draw(0)
    state = torch.random.get_rng_state()
    early_first = noise.draw(0), noise.draw(5)
    assert torch.equal(late_first[0], early_first[1]) and torch.equal(late_first[1], early_first[0])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_neighbouring_seeds_and_draws_differ() -> None:
    draws = [Noise(seed, (4, 8, 8)).draw(k) for seed in (0, 1, MAX_SEED - 1, MAX_SEED) for k in (0, 1)]
    assert all(not torch.equal(a, b) for i, a in enumerate(draws) for b in draws[:i])


def test_equal_noise_is_equal() -> None:
    assert Noise(3, (4, 8, 8)) == Noise(3, (4, 8, 8)) != Noise(4, (4, 8, 8))


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.0, True, "1"])
def test_a_seed_out_of_range_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match=r"Noise\.seed: expected a whole number from 0 to 2\*\*63 - 1, got"):
        Noise(seed, (4, 8, 8))  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(4, 8), (4, 8, 0), (1, 4, 8, 8), (4, 8.0, 8)])
def test_a_shape_that_is_none_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"Noise\.shape"):
        Noise(0, shape)


def test_a_draw_before_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="k ≥ 0"):
        Noise(0, (4, 8, 8)).draw(-1)
