"""The VAE between pictures and latents, by the conventions of diffusers' image processor and distribution."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from diffusion.checkpoint import open_checkpoint
from diffusion.image import Image
from diffusion.latent import Latent
from diffusion.vae import VAE, decode_latent, encode_image

PROCESSOR = VaeImageProcessor(vae_scale_factor=2)
PICTURE = Image(np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8))
LATENT = Latent(torch.randn(1, 4, 8, 6, generator=torch.Generator().manual_seed(0)), 0.0)


@pytest.fixture(scope="module")
def vae(tiny_model: Path) -> VAE:
    """A factor of 2, a scale of 1."""
    return open_checkpoint(tiny_model).vae.load()


@pytest.fixture
def scaled(vae: VAE, monkeypatch: pytest.MonkeyPatch) -> VAE:
    """The same, with a scale and a shift."""
    monkeypatch.setattr(vae, "config", replace(vae.config, scaling_factor=0.18215, shift_factor=0.5))
    return vae


def test_decode_rounds_as_diffusers_does(vae: VAE) -> None:
    for gain in (1.0, 30.0):  # 30: beyond black and white
        latent = Latent(LATENT.samples * gain, 0.0)
        with torch.no_grad():
            expected = PROCESSOR.postprocess(vae.decode(latent.samples), output_type="pil")[0]
        assert np.array_equal(decode_latent(vae, latent).pixels, np.asarray(expected))


def test_decode_gives_pixels_of_every_value() -> None:
    values = torch.linspace(-1.2, 1.2, 4096).reshape(1, 1, 64, 64).expand(1, 3, 64, 64)
    vae = torch.nn.Identity()
    vae.weight = torch.nn.Parameter(torch.zeros(1))
    vae.config = type("Config", (), {"scaling_factor": 1.0, "shift_factor": None})
    vae.decode = lambda z: z
    expected = PROCESSOR.postprocess(values, output_type="pil")[0]
    pixels = decode_latent(vae, Latent(values, 0.0)).pixels
    assert np.array_equal(pixels, np.asarray(expected))
    assert set(np.unique(pixels)) == set(range(256))


def test_encode_gives_the_mean_as_diffusers_does(vae: VAE) -> None:
    with torch.no_grad():
        mean, _ = vae.encode(PROCESSOR.preprocess(PICTURE.to_pillow()))
    latent = encode_image(vae, PICTURE)
    assert latent.samples.shape == (1, 4, 8, 6) and latent.sigma == 0
    assert torch.allclose(latent.samples, mean, atol=1e-6)


def test_a_seed_draws_from_the_posterior_as_diffusers_does(vae: VAE) -> None:
    with torch.no_grad():
        moments = torch.cat(vae.encode(PROCESSOR.preprocess(PICTURE.to_pillow())), dim=1)
    drawn = DiagonalGaussianDistribution(moments).sample(torch.Generator().manual_seed(7))
    latent = encode_image(vae, PICTURE, seed=7)
    assert torch.allclose(latent.samples, drawn, atol=1e-5)
    assert not torch.equal(latent.samples, encode_image(vae, PICTURE, seed=8).samples)


def test_scale_and_shift_are_those_of_diffusers_pipelines(scaled: VAE) -> None:
    with torch.no_grad():
        mean, _ = scaled.encode(PROCESSOR.preprocess(PICTURE.to_pillow()))
        pixels = PROCESSOR.postprocess(scaled.decode(LATENT.samples / 0.18215 + 0.5), output_type="pil")[0]
    assert torch.allclose(encode_image(scaled, PICTURE).samples, (mean - 0.5) * 0.18215, atol=1e-6)
    assert np.array_equal(decode_latent(scaled, LATENT).pixels, np.asarray(pixels))


def test_a_noisy_latent_is_seen_as_the_unet_sees_it(vae: VAE) -> None:
    noisy = Latent(LATENT.samples * 5, sigma=12**0.5)
    seen = Latent(noisy.samples / 13**0.5, 0.0)
    assert np.array_equal(decode_latent(vae, noisy).pixels, decode_latent(vae, seen).pixels)


def test_alpha_is_laid_on_white(vae: VAE) -> None:
    clear = Image(np.zeros((4, 4, 4), dtype=np.uint8))
    white = Image(np.full((4, 4, 3), 255, dtype=np.uint8))
    assert torch.equal(encode_image(vae, clear).samples, encode_image(vae, white).samples)


@pytest.mark.parametrize(
    ("size", "nearest"), [((15, 16), "16 × 16"), ((16, 13), "16 × 12"), ((1, 2), "2 × 2"), ((101, 99), "100 × 100")]
)
def test_a_size_that_is_not_taken_names_the_nearest(vae: VAE, size: tuple[int, int], nearest: str) -> None:
    width, height = size
    picture = Image(np.zeros((height, width, 3), dtype=np.uint8))
    message = f"multiples of 2, found {width} × {height}; resize it first, to {nearest} say"
    with pytest.raises(ValueError, match=message):
        encode_image(vae, picture)


def test_there_and_back_keeps_the_size_and_the_inputs(vae: VAE) -> None:
    before = LATENT.samples.clone()
    picture = decode_latent(vae, LATENT)
    assert picture.size == (12, 16)
    assert encode_image(vae, picture).samples.shape == LATENT.samples.shape
    assert torch.equal(LATENT.samples, before)
