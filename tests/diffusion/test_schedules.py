"""Schedules: the noise levels of diffusers' schedulers, read from the same config."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSDEScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LCMScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)
from hypothesis import given
from hypothesis import strategies as st
from stable_diffusion import SD

from diffusion.noise import Noise
from diffusion.samplers import SAMPLERS, start
from diffusion.schedules import BETAS, HABITS, SPACINGS, Schedule, Training, make_schedule

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # diffusers under numpy 2

SCHEDULERS: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "plms": PNDMScheduler,
    "ddpm": DDPMScheduler,
    "euler": EulerDiscreteScheduler,
    "euler_ancestral": EulerAncestralDiscreteScheduler,
    "heun": HeunDiscreteScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
    "lms": LMSDiscreteScheduler,
    "dpm_2": KDPM2DiscreteScheduler,
    "dpmpp_sde": DPMSolverSDEScheduler,
    "dpmpp_2m_sde": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler,
    "lcm": LCMScheduler,
}
STEPS = (1, 2, 4, 7, 20, 30, 50)


def diffusers_levels(sampler: str, steps: int, config: dict[str, Any]) -> tuple[list[float], list[float] | None]:
    """Timesteps and, of schedulers that keep any, sigmas, once a step."""
    scheduler = SCHEDULERS[sampler].from_config(config)
    scheduler.set_timesteps(steps)
    timesteps = scheduler.timesteps.tolist()
    sigmas = scheduler.sigmas.tolist() if hasattr(scheduler, "sigmas") else None
    if sampler == "plms":  # the second timestep stands there twice
        timesteps = timesteps[:1] + timesteps[2:]
    if SAMPLERS[sampler].evaluations == 2:  # every sigma but the first stands there twice, with two timesteps
        timesteps, sigmas = timesteps[::2], list(dict.fromkeys(sigmas))
    return timesteps, sigmas


@pytest.mark.parametrize("beta_schedule", BETAS)
def test_the_sigmas_of_training_are_those_of_diffusers(beta_schedule: str) -> None:
    config = SD | {"beta_schedule": beta_schedule}
    ours = Training.from_config(config).sigmas
    theirs = EulerDiscreteScheduler.from_config(config).sigmas.flip(0)[1:]
    assert len(ours) == 1000
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_trained_betas_take_precedence() -> None:
    betas = np.linspace(0.001, 0.02, 100).tolist()
    training = Training.from_config({"trained_betas": betas})
    alphas_cumprod = DDIMScheduler(trained_betas=betas).alphas_cumprod.double()
    np.testing.assert_allclose(training.sigmas, ((1 - alphas_cumprod) / alphas_cumprod).sqrt(), rtol=1e-5)


OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    **{spacing: {"timestep_spacing": spacing} for spacing in ("leading", "trailing", "linspace")},
    **{spacing: {f"use_{spacing}_sigmas": True} for spacing in ("karras", "exponential")},
}
OF_SIGMAS = ("karras", "exponential")


@pytest.mark.parametrize("spacing", OPTIONS)
@pytest.mark.parametrize("sampler", SCHEDULERS)
def test_levels_are_those_of_diffusers(sampler: str, spacing: str) -> None:
    if spacing in OF_SIGMAS and sampler in ("ddim", "plms", "ddpm", "euler_ancestral", "lcm"):
        pytest.skip("is not made of sigmas in diffusers")
    if sampler == "lcm" and spacing in ("leading", "linspace"):
        pytest.skip("diffusers has but one spacing for it")
    config = SD | OPTIONS[spacing]
    training = Training.from_config(SD)
    for steps in STEPS:
        ours = make_schedule(training, steps, spacing, sampler)
        timesteps, sigmas = diffusers_levels(sampler, steps, config)
        assert ours.steps == steps
        our_timesteps = np.array([training.sigma_to_t(sigma) for sigma in ours.sigmas[:-1]])
        np.testing.assert_array_equal(ours.timesteps, our_timesteps)
        if spacing in OF_SIGMAS and HABITS[sampler].spare:  # diffusers rounds what it tells the UNet, though not sigma
            assert np.abs(our_timesteps - timesteps).max() <= 1
        elif (sampler, spacing) == ("dpm_2", "karras"):
            assert np.abs(our_timesteps - timesteps).max() <= 0.5 + 1e-3
        else:
            atol = 1e-3 if spacing in OF_SIGMAS else 1e-4
            np.testing.assert_allclose(our_timesteps, timesteps, rtol=0, atol=atol)
        if sigmas is not None:
            np.testing.assert_allclose(ours.sigmas, sigmas, rtol=1e-4)
        else:
            final = 0 if sampler in ("ddpm", "lcm") else training.sigmas[0]
            assert ours.sigmas[-1] == final


@pytest.mark.parametrize("sampler", SCHEDULERS)
def test_a_config_without_a_spacing_leaves_it_to_the_scheduler(sampler: str) -> None:
    config = {key: value for key, value in SD.items() if key != "timestep_spacing"}
    training = Training.from_config(config)
    ours = make_schedule(training, 20, sampler=sampler)
    timesteps, _ = diffusers_levels(sampler, 20, dict(PNDMScheduler.from_config(config).config))
    np.testing.assert_allclose([training.sigma_to_t(sigma) for sigma in ours.sigmas[:-1]], timesteps, atol=1e-4)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_rounding_is_that_of_diffusers_at_every_number_of_steps(spacing: str) -> None:
    training = Training.from_config(SD)
    scheduler = DDIMScheduler.from_config(SD | {"timestep_spacing": spacing})
    for steps in (*range(1, 300), 500, 750, 999):
        scheduler.set_timesteps(steps)
        ours = [training.sigma_to_t(sigma) for sigma in make_schedule(training, steps, spacing).sigmas[:-1]]
        assert ours == scheduler.timesteps.tolist()[:steps]  # where diffusers has one more, it is timestep -1


def test_the_timesteps_of_lcm_are_those_of_diffusers_at_every_number_of_steps() -> None:
    training, scheduler = Training.from_config(SD), LCMScheduler.from_config(SD)
    for steps in range(1, 51):
        scheduler.set_timesteps(steps)
        assert list(make_schedule(training, steps, sampler="lcm").timesteps) == scheduler.timesteps.tolist()


def test_exponential_is_even_in_log_sigma() -> None:
    sigmas = make_schedule(Training.from_config(SD), 20, "exponential", "euler").sigmas[:-1]
    np.testing.assert_allclose(np.diff(np.log(sigmas)), np.log(sigmas[-1] / sigmas[0]) / 19, rtol=1e-9)


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
def test_beta_lies_at_the_quantiles_of_the_beta_distribution(sampler: str) -> None:
    training = Training.from_config(SD)
    for steps in (1, 2, 3, 20, 333):
        sigmas = make_schedule(training, steps, "beta", sampler).sigmas[:-1]
        timesteps = 999 * scipy.stats.beta.ppf(1 - np.linspace(0, 1, steps), 0.6, 0.6)
        np.testing.assert_allclose(sigmas, [training.t_to_sigma(t) for t in timesteps], rtol=1e-9)


@pytest.mark.parametrize("steps", STEPS)
def test_simple_takes_every_so_many_of_the_table_from_the_top(steps: int) -> None:
    training = Training.from_config(SD)
    sigmas = make_schedule(training, steps, "simple", "euler").sigmas
    assert sigmas == (*(training.sigmas[-1 - i * 1000 // steps] for i in range(steps)), 0)


@pytest.mark.parametrize("steps", STEPS)
def test_sgm_uniform_leaves_out_the_last_of_one_point_more(steps: int) -> None:
    schedule = make_schedule(Training.from_config(SD), steps, "sgm_uniform", "euler")
    np.testing.assert_allclose(schedule.timesteps, np.linspace(999, 0, steps + 1)[:-1], rtol=1e-12)
    assert schedule.sigmas[-1] == 0


@pytest.mark.parametrize("steps", STEPS)
def test_ddim_uniform_strides_up_from_timestep_one(steps: int) -> None:
    for offset in (0, 1):  # of leading, which it does not heed
        training = Training.from_config(SD | {"steps_offset": offset})
        timesteps = make_schedule(training, steps, "ddim_uniform", "euler").timesteps
        assert timesteps[::-1] == tuple(range(1, 1001, 1000 // steps))[:steps]


@pytest.mark.parametrize("spacing", ["simple", "sgm_uniform", "ddim_uniform"])
@pytest.mark.parametrize("sampler", HABITS)
def test_comfyuis_spacings_are_the_same_for_all_samplers_but_for_the_end(sampler: str, spacing: str) -> None:
    training = Training.from_config(SD)
    schedule = make_schedule(training, 20, spacing, sampler)
    assert schedule.timesteps == make_schedule(training, 20, spacing, "euler").timesteps
    assert schedule.sigmas[-1] == (training.sigmas[0] if sampler in ("ddim", "plms") else 0)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("sampler", HABITS)
def test_every_schedule_is_descending_and_as_long_as_asked(sampler: str, spacing: str) -> None:
    training = Training.from_config(SD)
    for steps in range(1, 51) if sampler == "lcm" else (*range(1, 60), 499, 998):
        assert make_schedule(training, steps, spacing, sampler).steps == steps  # Schedule itself checks the order


def test_set_alpha_to_one_ends_at_zero() -> None:
    training = Training.from_config(SD | {"set_alpha_to_one": True})
    assert make_schedule(training, 20).sigmas[-1] == 0


def test_every_sampler_has_habits() -> None:
    assert list(HABITS) == list(SAMPLERS)


def test_the_schedule_carries_the_prediction_type() -> None:
    training = Training.from_config(SD | {"prediction_type": "v_prediction"})
    assert make_schedule(training, 20).step(3).prediction_type == "v_prediction"


def test_timesteps_of_trained_sigmas_are_whole() -> None:
    training = Training.from_config(SD)
    assert [training.sigma_to_t(training.t_to_sigma(t)) for t in range(1000)] == list(range(1000))


@given(t=st.floats(0, 999))
def test_sigma_to_t_undoes_t_to_sigma(t: float) -> None:
    training = Training.from_config(SD)
    assert training.sigma_to_t(training.t_to_sigma(t)) == pytest.approx(t, abs=1e-6)


def test_between_timesteps_sigma_is_log_linear() -> None:
    training = Training.from_config(SD)
    between = math.sqrt(training.sigmas[10] * training.sigmas[11])
    assert training.t_to_sigma(10.5) == pytest.approx(between, rel=1e-12)


def test_a_sigma_beyond_training_gets_the_nearest_timestep() -> None:
    training = Training.from_config(SD)
    assert (training.sigma_to_t(0), training.sigma_to_t(1e-3), training.sigma_to_t(100)) == (0, 0, 999)


@pytest.mark.parametrize("t", [-1, 999.5, math.nan])
def test_a_timestep_beyond_training_is_refused(t: float) -> None:
    with pytest.raises(ValueError, match="timestep: expected 0 to 999"):
        Training.from_config(SD).t_to_sigma(t)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta_schedule": "sigmoid"}, "beta_schedule: expected one of linear, scaled_linear, squaredcos_cap_v2, got"),
        ({"prediction_type": "flow"}, "prediction_type: expected one of epsilon, v_prediction, sample, got 'flow'"),
        ({"clip_sample": True}, "clip_sample: expected false"),
        ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr: expected false"),
    ],
)
def test_a_config_that_cannot_be_honoured_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Training.from_config(SD | change)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps: expected 1 to 1000, got 0"),
        ({"steps": 1001}, "steps: expected 1 to 1000, got 1001"),
        ({"steps": 1000}, "timestep: expected 0 to 999, got 1000"),  # the offset of leading
        ({"steps": 51, "sampler": "lcm"}, "steps: expected 1 to 50, got 51; lcm is for models distilled to no more"),
        ({"steps": 20, "spacing": "even"}, "spacing: expected one of default, leading, trailing, linspace, karras"),
        ({"steps": 20, "sampler": "magic"}, "sampler: expected one of ddim, plms"),
    ],
)
def test_a_schedule_that_cannot_be_made_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_schedule(Training.from_config(SD), **arguments)


@pytest.mark.parametrize(
    "sigmas", [(), (1.0,), (1.0, 2.0), (2.0, 2.0, 1.0), (2.0, 0.0, 0.0), (1.0, -1.0), (math.inf, 1.0), (math.nan, 0.0)]
)
def test_sigmas_that_do_not_descend_are_refused(sigmas: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"Schedule\.sigmas"):
        Schedule(sigmas)


def test_a_step_carries_its_levels_and_its_noise() -> None:
    noise = Noise(5, (4, 8, 8))
    step = Schedule((3.0, 2.0, 1.0)).step(1, eta=0.5, noise=noise)
    assert (step.index, step.steps, step.sigma, step.sigma_next, step.eta, step.is_last) == (1, 2, 2.0, 1.0, 0.5, True)
    assert torch.equal(step.draw(torch.zeros(1)), noise.draw(2))
    assert torch.equal(step.draw(torch.zeros(1), 1), noise.draw(4))  # the last step's is draw 2, so this is no one's
    assert step.timestep == math.inf


def test_no_noise_is_drawn_twice_in_a_run() -> None:
    drawn: list[int] = []

    class Counted(Noise):
        def draw(self, k: int = 0) -> torch.Tensor:
            drawn.append(k)
            return torch.zeros(1)

    schedule = Schedule((5.0, 4.0, 3.0, 2.0, 1.0))
    for index in range(4):
        step = schedule.step(index, noise=Counted(0, (1, 1, 1)))
        for k in range(3):
            step.draw(torch.zeros(1), k)
    assert sorted(drawn) == list(range(1, 13))  # draw 0 is the start's


def test_a_schedule_tells_its_steps_their_timesteps() -> None:
    schedule = make_schedule(Training.from_config(SD), 20, "trailing")
    assert [schedule.step(i).timestep for i in (0, 1, 19)] == [999, 949, 49]
    assert Schedule((3.0, 2.0, 1.0), timesteps=[20.0, 10.0]) == Schedule((3.0, 2.0, 1.0), timesteps=(20.0, 10.0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Schedule\.timesteps: expected 2, one a step, got 1"):
        Schedule((3.0, 2.0, 1.0), timesteps=(20.0,))


@pytest.mark.parametrize(("index", "eta"), [(-1, 0.0), (2, 0.0), (0, 1.5), (0, -0.1)])
def test_a_step_that_is_not_there_is_refused(index: int, eta: float) -> None:
    with pytest.raises(ValueError, match="expected 0 to 1, got"):
        Schedule((3.0, 2.0, 1.0)).step(index, eta=eta)


@pytest.mark.parametrize("sampler", SCHEDULERS)
def test_starting_from_nothing_is_where_diffusers_starts(sampler: str) -> None:
    scheduler = SCHEDULERS[sampler].from_config(SD)
    scheduler.set_timesteps(20)
    noise = Noise(1, (4, 8, 8)).draw()
    latent = start(noise, make_schedule(Training.from_config(SD), 20, sampler=sampler))
    # diffusers scales its sample as it keeps it: variance exploding where it has init_noise_sigma, else preserving
    ours = latent.vp if scheduler.init_noise_sigma == 1 else latent.samples
    torch.testing.assert_close(ours, noise * scheduler.init_noise_sigma, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("first", [0, 5, 19])
def test_starting_from_an_image_is_diffusers_add_noise(first: int) -> None:
    scheduler = DDIMScheduler.from_config(SD)
    scheduler.set_timesteps(20)
    noise, clean = Noise(1, (4, 8, 8)).draw(), Noise(2, (4, 8, 8)).draw()
    latent = start(noise, make_schedule(Training.from_config(SD), 20), clean, first)
    theirs = scheduler.add_noise(clean, noise, scheduler.timesteps[first : first + 1])
    torch.testing.assert_close(latent.vp, theirs, rtol=1e-5, atol=1e-6)


def test_starting_behind_the_last_step_is_the_image_itself() -> None:
    noise, clean = Noise(1, (4, 8, 8)).draw(), Noise(2, (4, 8, 8)).draw()
    latent = start(noise, make_schedule(Training.from_config(SD), 20), clean, 20)
    assert torch.equal(latent.samples, clean) and latent.sigma == 0


def test_a_start_that_is_not_there_is_refused() -> None:
    noise, schedule = Noise(1, (4, 8, 8)).draw(), Schedule((2.0, 1.0))
    with pytest.raises(ValueError, match="first: expected 0 to 1, got 2"):
        start(noise, schedule, first=2)
    with pytest.raises(ValueError, match="clean: expected the noise's shape"):
        start(noise, schedule, clean=torch.zeros(1, 4, 16, 16))
