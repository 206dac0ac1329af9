"""The quick look: close to what the VAE would show, for any VAE, the same each time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from shipped import SIDE

from diffusion.checkpoint import open_checkpoint
from diffusion.image import Image
from diffusion.latent import Latent
from diffusion.preview import Preview, channels, fit_preview, magnitude, quick_look
from diffusion.vae import VAE, VAEConfig, decode_latent, encode_image

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "emoji"
CLOSE = 0.9
"""Correlation with the decoder's mean colours. Measured on a fox: 0.93 for pure noise to 0.98 for the clean latent."""


def circle() -> Image:
    """A yellow disc with a dark spot on blue, of the shipped model's size."""
    y, x = np.mgrid[:SIDE, :SIDE] * 64 / SIDE
    pixels = np.full((SIDE, SIDE, 3), (60, 110, 200), dtype=np.uint8)
    pixels[(y - 32) ** 2 + (x - 32) ** 2 < 24**2] = (250, 200, 40)
    pixels[(y - 26) ** 2 + (x - 24) ** 2 < 6**2] = (60, 30, 20)
    return Image(pixels)


@pytest.mark.parametrize("sigma", [0.0, 0.5, 10.0])
def test_a_quick_look_is_close_to_what_the_shipped_vae_shows(sigma: float) -> None:
    vae = open_checkpoint(SHIPPED).vae.load()
    clean = encode_image(vae, circle()).samples
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    latent = Latent(clean + sigma * noise, sigma)
    quick = quick_look(latent, fit_preview(vae)).pixels.astype(float)
    assert quick.shape == (16, 16, 3)
    shown = decode_latent(vae, latent).pixels.astype(float).reshape(16, SIDE // 16, 16, SIDE // 16, 3).mean(axis=(1, 3))
    assert np.corrcoef(quick.ravel(), shown.ravel())[0, 1] > CLOSE


@pytest.mark.parametrize("channels", [4, 16])
def test_any_vae_has_a_preview_that_is_the_same_each_time(channels: int) -> None:
    torch.manual_seed(3)
    config = VAEConfig(
        block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, latent_channels=channels,
        scaling_factor=0.3, shift_factor=0.1,
    )  # fmt: skip
    vae = VAE(config).eval().requires_grad_(False)
    one, other = fit_preview(vae), fit_preview(vae)
    assert one.weights.shape == (channels, 3) and one.bias.shape == (3,)
    assert torch.equal(one.weights, other.weights) and torch.equal(one.bias, other.bias)
    assert one.weights.dtype == one.bias.dtype == torch.float32


def test_a_decoder_that_is_linear_is_found_exactly() -> None:
    class Linear(torch.nn.Module):
        config = VAEConfig(block_out_channels=(4, 4), scaling_factor=0.5)

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor([[0.02, 0, 0], [0, 0.04, 0], [0, 0, 0.02], [0.02, 0, 0.02]]))

        def decode(self, z: torch.Tensor) -> torch.Tensor:
            colours = torch.einsum("bchw,cd->bdhw", z, self.weight) + 0.2
            return colours.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    vae = Linear()
    found = fit_preview(vae)  # type: ignore[arg-type]
    # z = latent / 0.5, and pixels in [-1, 1] become 0 … 1: the weights are as large as those of the decoder
    assert torch.allclose(found.weights, vae.weight.detach(), atol=1e-5)
    assert torch.allclose(found.bias, torch.full((3,), 0.6), atol=1e-5)


def test_a_noisy_latent_is_looked_at_as_the_unet_sees_it() -> None:
    preview = Preview(torch.tensor([[1.0, 0, 0], [0, 0.5, 0]]), torch.tensor([0.0, 0.0, 1.0]))
    latent = Latent(torch.tensor([1.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, 2, 3) * math.sqrt(2), 1.0)
    assert (quick_look(latent, preview).pixels == [255, 255, 255]).all()
    assert (quick_look(Latent(latent.samples / 4, 1.0), preview).pixels == [64, 64, 255]).all()


def test_a_preview_of_another_model_is_refused() -> None:
    preview = Preview(torch.zeros(16, 3), torch.zeros(3))
    with pytest.raises(ValueError, match="latent: expected 16 channels, as the preview, found 4; of another model"):
        quick_look(Latent(torch.zeros(1, 4, 2, 2), 0.0), preview)


def test_channels_and_their_norm() -> None:
    samples = torch.stack([torch.full((2, 3), 3.0), torch.full((2, 3), -4.0)])[None] * math.sqrt(5)
    latent = Latent(samples, 2.0)
    assert [np.unique(heat.values.round(5)).tolist() for heat in channels(latent)] == [[3], [-4]]
    assert np.allclose(magnitude(latent).values, 5) and magnitude(latent).values.shape == (2, 3)
