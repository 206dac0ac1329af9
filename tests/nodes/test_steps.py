"""The step taken apart is the step: predict, guide, take_step; and what can be looked at on the way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diffusion.checkpoint import Checkpoint
from diffusion.image import Mask
from diffusion.latent import Latent
from diffusion.noise import Noise
from diffusion.prediction import Prediction
from diffusion.samplers import SAMPLERS
from diffusion.schedules import Schedule
from diffusion.text import Conditioning
from nodes import sampling, steps

ONCE = [name for name, sampler in SAMPLERS.items() if sampler.evaluations == 1 and name != "plms"]


def begun(model: Checkpoint, sampler: str = "ddim") -> tuple[Latent, Schedule, Noise]:
    """A noisy latent, its schedule and its noise."""
    noise, schedule = Noise(1, (4, 8, 8)), sampling.schedule(model.unet, 4, sampler)  # type: ignore[arg-type]
    return sampling.start(noise, schedule), schedule, noise


@pytest.mark.parametrize("sampler", ONCE)
def test_the_step_taken_apart_is_the_step(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning], sampler: str
) -> None:
    latent, schedule, noise = begun(model, sampler)
    positive, negative = conditionings
    whole = apart = latent
    for i in range(4):
        whole = sampling.denoise_step(
            model.unet, whole, schedule, i, positive, negative, noise, guidance_scale=4.0, sampler=sampler  # type: ignore[arg-type]
        )  # fmt: skip
        uncond, cond = (steps.predict_noise(model.unet, apart, states) for states in (negative, positive))
        guided = steps.guide(uncond, cond, 4.0)
        apart = steps.take_step(apart, guided, schedule, i, noise, sampler)  # type: ignore[arg-type]
    assert apart.sigma == whole.sigma
    torch.testing.assert_close(apart.samples, whole.samples, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - set(ONCE)))
def test_a_sampler_that_asks_twice_cannot_go_by_one_prediction(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning], sampler: str
) -> None:
    latent, schedule, noise = begun(model, sampler)
    made = steps.predict_noise(model.unet, latent, conditionings[0])
    with pytest.raises(ValueError, match=f"sampler: expected one that asks the model once a step .*, found {sampler}"):
        steps.take_step(latent, made, schedule, 0, noise, sampler)  # type: ignore[arg-type]


def test_a_prediction_for_another_latent_is_refused(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]
) -> None:
    latent, schedule, noise = begun(model)
    made = steps.predict_noise(model.unet, latent, conditionings[0])
    after = steps.take_step(latent, made, schedule, 0, noise)
    with pytest.raises(ValueError, match="prediction: expected one for this latent, found another's"):
        steps.take_step(after, made, schedule, 1, noise)


def test_a_clean_latent_has_no_noise_to_predict(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]
) -> None:
    with pytest.raises(ValueError, match="sigma"):
        steps.predict_noise(model.unet, Latent(torch.zeros(1, 4, 8, 8), 0.0), conditionings[0])


def test_a_prediction_is_its_noise_and_its_clean_latent(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]
) -> None:
    latent, schedule, noise = begun(model)
    made = steps.predict_noise(model.unet, latent, conditionings[0])
    parts = steps.split_prediction(made)
    assert parts.eps.sigma == parts.clean.sigma == 0
    torch.testing.assert_close(parts.clean.samples + latent.sigma * parts.eps.samples, latent.samples)
    after = steps.take_step(latent, made, schedule, 0, noise)
    assert torch.equal(steps.step_noise(latent, after).samples, parts.eps.samples)
    with pytest.raises(ValueError, match="after: expected a latent that a step has made"):
        steps.step_noise(latent, latent)


def test_the_size_of_guidance_is_that_of_its_direction(
    model: Checkpoint, conditionings: tuple[Conditioning, Conditioning]
) -> None:
    latent, _, _ = begun(model)
    cond, uncond = (steps.predict_noise(model.unet, latent, states) for states in conditionings)
    direction = steps.guidance_direction(uncond, cond).samples
    assert torch.equal(direction, cond.eps - uncond.eps)
    rms = float(direction.square().mean().sqrt())
    assert rms > 0
    assert steps.guidance_size(uncond, cond) == pytest.approx(rms)
    assert steps.guidance_size(uncond, cond, 7.5) == pytest.approx(7.5 * rms)
    assert steps.guidance_size(cond, cond, 7.5) == 0


def test_predictions_blend_by_the_mask_at_the_latents_size() -> None:
    x = torch.zeros(1, 4, 2, 4)
    inside, outside = Prediction(x, 1.0, x + 1), Prediction(x, 1.0, x - 1)
    half = np.zeros((8, 16), dtype=np.uint8)
    half[:, 8:] = 255
    blended = steps.blend_predictions(inside, outside, Mask(half))
    assert (blended.denoised[..., :2] == -1).all() and (blended.denoised[..., 2:] == 1).all()


def test_guidance_may_end_before_the_steps_do() -> None:
    scales = [steps.guidance_at(i, 5, 8.0, 2.0, end=0.5) for i in range(5)]
    assert scales == [8.0, 5.0, 2.0, 1.0, 1.0]
    assert steps.guidance_at(0, 1, 8.0, 2.0) == 8.0
