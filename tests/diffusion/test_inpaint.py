"""Inpainting: the blend's formula at white, black and grey, and masks of any resolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diffusion.image import Mask
from diffusion.inpaint import blend, mask_for
from diffusion.latent import Estimate, Latent

G = torch.Generator().manual_seed(0)
SAMPLES, KNOWN, NOISE = (torch.randn(1, 4, 8, 8, generator=G) for _ in range(3))
LATENT = Latent(SAMPLES, 2.5, (Estimate(SAMPLES, 3.0, "epsilon"),), SAMPLES)
CLEAN = Latent(KNOWN, 0.0)


def mask(value: int, height: int = 16, width: int = 16) -> Mask:
    """A mask of one value."""
    return Mask(np.full((height, width), value, dtype=np.uint8))


def test_white_repaints_freely() -> None:
    assert torch.equal(blend(LATENT, CLEAN, mask(255), NOISE).samples, SAMPLES)


def test_black_keeps_the_known_at_this_noise_level() -> None:
    assert torch.equal(blend(LATENT, CLEAN, mask(0), NOISE).samples, KNOWN + 2.5 * NOISE)


def test_grey_blends() -> None:
    expected = 0.2 * SAMPLES + 0.8 * (KNOWN + 2.5 * NOISE)
    assert torch.allclose(blend(LATENT, CLEAN, mask(51), NOISE).samples, expected, atol=1e-6)


def test_after_the_last_step_the_known_is_put_back_clean() -> None:
    assert torch.equal(blend(Latent(SAMPLES, 0.0), CLEAN, mask(0), NOISE).samples, KNOWN)


def test_half_a_mask_repaints_half() -> None:
    values = np.zeros((16, 16), dtype=np.uint8)
    values[:, 8:] = 255
    blended = blend(LATENT, CLEAN, Mask(values), NOISE).samples
    assert torch.equal(blended[..., 4:], SAMPLES[..., 4:])
    assert torch.equal(blended[..., :4], (KNOWN + 2.5 * NOISE)[..., :4])


def test_each_value_is_the_share_of_white_under_it() -> None:
    values = np.zeros((16, 16), dtype=np.uint8)
    values[0, 0] = 255  # one of four pixels
    shares = mask_for(LATENT, Mask(values))
    assert shares.shape == (1, 1, 8, 8)
    assert shares[0, 0, 0, 0] == pytest.approx(0.25, abs=1 / 255)
    assert shares.sum() == shares[0, 0, 0, 0]


@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 1), (300, 200)])
def test_a_mask_may_have_any_resolution(size: tuple[int, int]) -> None:
    assert torch.equal(mask_for(LATENT, mask(255, *size)), torch.ones(1, 1, 8, 8))


def test_the_latent_keeps_its_noise_level_and_history() -> None:
    blended = blend(LATENT, CLEAN, mask(0), NOISE)
    assert (blended.sigma, blended.history, blended.denoised) == (2.5, LATENT.history, LATENT.denoised)


def test_inputs_stay_as_they_are() -> None:
    before = [tensor.clone() for tensor in (SAMPLES, KNOWN, NOISE)]
    blend(LATENT, CLEAN, mask(100), NOISE)
    assert all(map(torch.equal, (SAMPLES, KNOWN, NOISE), before))


def test_a_known_latent_of_another_size_is_refused() -> None:
    other = Latent(torch.zeros(1, 4, 4, 8), 0.0)
    message = r"known: expected shape \(1, 4, 8, 8\), found \(1, 4, 4, 8\); encode the picture at the size of the noise"
    with pytest.raises(ValueError, match=message):
        blend(LATENT, other, mask(0), NOISE)
