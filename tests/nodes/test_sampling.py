"""The nodes from noise to a clean latent: sizes, first steps, parity with diffusers, inputs that stay as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from diffusion.checkpoint import Checkpoint
from diffusion.image import Image, Mask
from diffusion.latent import Latent
from diffusion.noise import Noise
from diffusion.text import Conditioning
from nodes import masks, pictures, sampling, words
from nodes.sampling import blend_mask, denoise_step, denoised, first_step, noise, noise_like, schedule, start

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers under numpy 2


# ── where it begins ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("steps", "strength", "first"),
    [
        (50, 0.8, 10),
        (50, 1.0, 0),
        (50, 0.0, 50),
        (20, 0.04, 20),
        (20, 0.05, 19),
        (20, 0.99, 1),
        (3, 0.5, 2),
        (1, 1.0, 0),
    ],
)
def test_first_step(steps: int, strength: float, first: int) -> None:
    assert first_step(steps, strength) == first


@pytest.mark.parametrize(
    ("width", "height", "shape"), [(0, 0, (4, 8, 8)), (20, 0, (4, 8, 10)), (0, 2, (4, 1, 8)), (24, 32, (4, 16, 12))]
)
def test_noise_has_the_size_asked_for(model: Checkpoint, width: int, height: int, shape: tuple[int, ...]) -> None:
    assert noise(model.unet, model.vae, 7, width, height) == Noise(7, shape)


def test_the_models_own_size_may_be_oblong(model: Checkpoint) -> None:
    oblong = replace(model.unet, config=replace(model.unet.config, sample_size=(6, 10)))  # height and width
    assert noise(oblong, model.vae).shape == (4, 6, 10)
    assert noise(oblong, model.vae, width=4).shape == (4, 6, 2)


@pytest.mark.parametrize(("pixels", "near"), [(17, "16 or 18"), (1, "2")])
@pytest.mark.parametrize("side", ["width", "height"])
def test_a_size_that_the_vae_cannot_take_names_the_nearest(
    model: Checkpoint, side: str, pixels: int, near: str
) -> None:
    message = f"^{side}: expected a multiple of 2, which the VAE needs, found {pixels}; try {near}$"
    with pytest.raises(ValueError, match=message):
        noise(model.unet, model.vae, **{side: pixels})


def test_noise_like_a_latent(model: Checkpoint) -> None:
    assert noise_like(Latent(torch.zeros(1, 4, 6, 10), 0.0), 3) == Noise(3, (4, 6, 10))


def test_start_from_noise_and_from_a_picture(model: Checkpoint) -> None:
    levels = schedule(model.unet, 4)
    drawn = Noise(1, (4, 8, 8))
    clean = Latent(torch.ones(1, 4, 8, 8), 0.0)
    assert torch.allclose(start(drawn, levels).vp, drawn.draw(0), atol=1e-6)
    half = start(drawn, levels, clean, 2)
    assert half.sigma == levels.sigmas[2]
    assert torch.allclose(half.samples, clean.samples + half.sigma * drawn.draw(0))
    assert torch.equal(start(drawn, levels, clean, 4).samples, clean.samples)
    with pytest.raises(ValueError, match="first: expected 0 to 4, got 5"):
        start(drawn, levels, clean, 5)


# ── a step ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_four_steps_are_those_of_diffusers(
    tiny_model: Path, model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]
) -> None:
    positive, negative = conditionings
    unet = UNet2DConditionModel.from_pretrained(tiny_model / "unet").eval()
    scheduler = DDIMScheduler.from_pretrained(tiny_model / "scheduler", clip_sample=False)
    scheduler.set_timesteps(4)
    levels, drawn = schedule(model.unet, 4, "ddim"), Noise(42, (4, 8, 8))
    latent, theirs = start(drawn, levels), drawn.draw(0)
    states = torch.cat([negative.states, positive.states])
    for i, t in enumerate(scheduler.timesteps):
        latent = denoise_step(model.unet, latent, levels, i, positive, negative, guidance_scale=4.0, sampler="ddim")
        with torch.no_grad():
            uncond, cond = unet(torch.cat([theirs, theirs]), t, states).sample.chunk(2)
        theirs = scheduler.step(uncond + 4 * (cond - uncond), t, theirs).prev_sample
        error = (latent.vp - theirs).norm() / theirs.norm()
        assert error < 1e-4, f"step {i}"


@pytest.mark.parametrize("sampler", get_args(sampling.Sampler))
@pytest.mark.parametrize("size", [(8, 8), (5, 7)], ids=["native", "odd"])
def test_every_sampler_ends_at_a_finite_latent(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning], sampler: Any, size: tuple[int, int]
) -> None:
    levels, drawn = schedule(model.unet, 3, sampler), Noise(0, (4, *size))
    latent = start(drawn, levels)
    for i in range(3):
        latent = denoise_step(
            model.unet, latent, levels, i, *conditionings, noise=drawn, guidance_scale=3, sampler=sampler
        )
        assert latent.sigma == levels.sigmas[i + 1]
        assert latent.denoised is not None and latent.denoised.shape == latent.samples.shape == (1, 4, *size)
    assert latent.samples.isfinite().all()


def test_guidance_of_one_needs_no_negative(model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]) -> None:
    levels = schedule(model.unet, 2)
    latent = start(Noise(0, (4, 8, 8)), levels)
    plain = denoise_step(model.unet, latent, levels, 0, conditionings[0], guidance_scale=1)
    assert torch.equal(
        plain.samples, denoise_step(model.unet, latent, levels, 0, *conditionings, guidance_scale=1).samples
    )
    with pytest.raises(ValueError, match=r"negative: expected conditioning, got none, with guidance_scale 7\.5"):
        denoise_step(model.unet, latent, levels, 0, conditionings[0])


def test_a_step_that_begins_elsewhere_is_refused(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]
) -> None:
    levels = schedule(model.unet, 4)
    latent = start(Noise(0, (4, 8, 8)), levels)
    with pytest.raises(ValueError, match="where step 2 begins"):
        denoise_step(model.unet, latent, levels, 2, *conditionings)
    with pytest.raises(ValueError, match="index: expected 0 to 3, got 4"):
        denoise_step(model.unet, latent, levels, 4, *conditionings)


def test_noisy_samplers_ask_for_noise(model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]) -> None:
    levels = schedule(model.unet, 4, "euler_ancestral")
    latent = start(Noise(0, (4, 8, 8)), levels)
    with pytest.raises(ValueError, match="this sampler adds noise, but the step was given none"):
        denoise_step(model.unet, latent, levels, 0, *conditionings, sampler="euler_ancestral")


def test_denoised_shows_what_the_step_went_by(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]
) -> None:
    levels = schedule(model.unet, 2, "dpmpp_2m")
    first = start(Noise(0, (4, 8, 8)), levels)
    assert torch.equal(denoised(first).samples, first.samples)
    after = denoise_step(model.unet, first, levels, 0, *conditionings, sampler="dpmpp_2m")
    seen = denoised(after)
    assert torch.equal(seen.samples, after.denoised)
    assert (seen.sigma, seen.history, seen.denoised) == (0.0, (), None)


# ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def digest(value: Any) -> str:
    """A hash over every tensor and array in a value."""
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.detach().numpy().tobytes()).hexdigest()
    if isinstance(value, np.ndarray):
        return hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, tuple | list):
        return " ".join(map(digest, value))
    if is_dataclass(value):
        return " ".join(digest(getattr(value, field.name)) for field in fields(value))
    return repr(value)


def test_no_node_changes_its_inputs(model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]) -> None:
    drawn = Noise(5, (4, 8, 8))
    levels = schedule(model.unet, 6, "plms")
    latent = start(drawn, levels)
    for i in range(4):  # a history as long as it gets
        latent = denoise_step(model.unet, latent, levels, i, *conditionings, sampler="plms")
    clean = Latent(torch.randn(1, 4, 8, 8), 0.0)
    picture = Image(np.random.default_rng(0).integers(0, 256, (16, 16, 4), dtype=np.uint8))
    mask = Mask(picture.pixels[..., 0])
    calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
        (denoise_step, (model.unet, latent, levels, 4, *conditionings), {"sampler": name, "noise": drawn})
        for name in get_args(sampling.Sampler)
    ]
    calls += [
        (start, (drawn, levels, clean, 3), {}),
        (denoised, (latent,), {}),
        (blend_mask, (latent, clean, mask, drawn), {}),
        (pictures.vae_decode, (model.vae, latent), {}),
        (pictures.vae_encode, (model.vae, picture), {"seed": 1}),
        (pictures.resize_image, (picture, 8, 8), {}),
        (pictures.resize_for, (model.vae, picture), {}),
        (masks.mask_from_image, (picture, "alpha", True), {}),
        (pictures.film_strip, ([picture, picture], [picture, picture]), {}),
        (words.encode, (model.text_encoder, words.tokenize(model.tokenizer, "a")), {"clip_skip": 1}),
    ]
    weights = {part: [parameter.clone() for parameter in part.load().parameters()] for part in model[:3]}
    for function, arguments, options in calls:
        before = digest((*arguments, *options.values()))
        function(*arguments, **options)
        assert digest((*arguments, *options.values())) == before, function.__name__
    for part, parameters in weights.items():
        assert all(map(torch.equal, part.load().parameters(), parameters))
