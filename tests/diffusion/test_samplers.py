"""Samplers: step by step with diffusers' schedulers, and against the exact solution for Gaussian data."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_diffusion import SD
from torch import Tensor

from diffusion.latent import Estimate, Latent, PredictionType
from diffusion.noise import Noise
from diffusion.prediction import Denoise, Denoiser
from diffusion.samplers import SAMPLERS, start
from diffusion.schedules import Schedule, Training, make_schedule

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers under numpy 2

NOISE = Noise(42, (4, 8, 8))
WEIGHT = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)) / 2


def unet(sample: Tensor, timestep: Tensor | float, states: Tensor | None = None) -> Tensor:
    """A small fixed tanh network of sample and timestep, in the place of a UNet."""
    t = float(torch.as_tensor(timestep).flatten()[0]) / 1000
    hidden = torch.tanh(torch.einsum("oc,bchw->bohw", WEIGHT, sample) + math.sin(5 * t))
    return torch.einsum("oc,bchw->bohw", WEIGHT.T, hidden) + sample.roll(1, -1) * (0.3 + t)


def run(name: str, schedule: Schedule, denoise: Denoise, eta: float = 0.0, first: int = 0) -> Iterator[Latent]:
    """The latents after each step, from step `first` on."""
    latent = start(NOISE.draw(), schedule, first=first)
    for index in range(first, schedule.steps):
        latent = SAMPLERS[name](denoise, latent, schedule.step(index, eta=eta, noise=NOISE))
        yield latent


# ── Step by step with diffusers ───────────────────────────────────────────────────────────────────────────────────


def run_diffusers(scheduler: Any, steps: int, **options: Any) -> Iterator[Tensor]:
    """Samples of diffusers after each of its calls, run as its pipelines do, with the same generator."""
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(NOISE.seed)
    sample = torch.randn(1, *NOISE.shape, generator=generator) * scheduler.init_noise_sigma
    if scheduler.__class__.__name__ in ("DDIMScheduler", "DDPMScheduler", "EulerAncestralDiscreteScheduler"):
        options["generator"] = generator
    for t in scheduler.timesteps:
        output = unet(scheduler.scale_model_input(sample, t), t)
        sample = scheduler.step(output, t, sample, **options).prev_sample
        yield sample


CASES: list[tuple[str, Any, float]] = [
    ("ddim", DDIMScheduler, 0.0),
    ("ddim", DDIMScheduler, 0.5),
    ("ddim", DDIMScheduler, 1.0),
    ("plms", PNDMScheduler, 0.0),
    ("ddpm", DDPMScheduler, 0.0),
    ("euler", EulerDiscreteScheduler, 0.0),
    ("euler_ancestral", EulerAncestralDiscreteScheduler, 0.0),
    ("heun", HeunDiscreteScheduler, 0.0),
    ("dpmpp_2m", DPMSolverMultistepScheduler, 0.0),
]


def largest_difference(name: str, scheduler_class: Any, eta: float, steps: int, kind: str) -> float:
    """Between ours and diffusers' over all steps, relative to the largest value of the step."""
    config = SD | {"prediction_type": kind}
    scheduler = scheduler_class.from_config(config)
    theirs = list(run_diffusers(scheduler, steps, **({"eta": eta} if name == "ddim" else {})))
    if name == "plms" and steps > 1:
        theirs = theirs[1:]  # the first is the trial step within ours
    if name == "heun":
        theirs = [*theirs[1::2], theirs[-1]]  # likewise; the last step to sigma 0 has none
    training = Training.from_config(config)
    denoiser = Denoiser(unet, training)
    schedule = make_schedule(training, steps, sampler=name)
    ours = list(run(name, schedule, lambda x, sigma: denoiser(x, sigma, torch.zeros(1, 77, 1)), eta))
    assert len(ours) == len(theirs) == steps
    # diffusers scales its sample as it keeps it: variance exploding where it has init_noise_sigma, else preserving
    views = [latent.vp if scheduler.init_noise_sigma == 1 else latent.samples for latent in ours]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(views, theirs, strict=True))


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("steps", [1, 2, 4, 20, 50])
@pytest.mark.parametrize(("name", "scheduler_class", "eta"), CASES)
def test_every_step_is_that_of_diffusers(name: str, scheduler_class: Any, eta: float, steps: int, kind: str) -> None:
    assert largest_difference(name, scheduler_class, eta, steps, kind) <= 1e-4


def test_plms_of_a_v_model_extrapolates_v_and_not_eps() -> None:
    training = Training.from_config(SD | {"prediction_type": "v_prediction"})
    denoiser = Denoiser(unet, training)
    in_v = make_schedule(training, 10, sampler="plms")
    in_eps = Schedule(in_v.sigmas, "epsilon")
    *_, a = run("plms", in_v, lambda x, sigma: denoiser(x, sigma, torch.zeros(1, 77, 1)))
    *_, b = run("plms", in_eps, lambda x, sigma: denoiser(x, sigma, torch.zeros(1, 77, 1)))
    assert (a.samples - b.samples).abs().max() > 1e-2


# ── Gaussian data, whose denoiser and trajectories are known ──────────────────────────────────────────────────────

MU, S = 0.7, 0.5


def gaussian(x: Tensor, sigma: float) -> Tensor:
    """The best denoiser of data distributed as N(MU, S²)."""
    return (S**2 * x + sigma**2 * MU) / (S**2 + sigma**2)


def exact(x: Tensor, sigma: float, sigma_end: float) -> Tensor:
    """Where the probability-flow ODE of that data leads from x."""
    return MU + (x - MU) * math.sqrt((S**2 + sigma_end**2) / (S**2 + sigma**2))


def geometric(steps: int) -> Schedule:
    """Even in log sigma, from 10 to 0.02."""
    return Schedule(tuple(10 * 0.002 ** (i / steps) for i in range(steps + 1)))


def linear(steps: int) -> Schedule:
    """Even in sigma, from 0.5 to 0.1."""
    return Schedule(tuple(0.5 - 0.4 * i / steps for i in range(steps + 1)))


@pytest.mark.parametrize(
    ("name", "schedule", "order"),
    [
        ("euler", geometric, 1),
        ("ddim", geometric, 1),
        ("heun", geometric, 2),
        ("dpmpp_2m", geometric, 2),
        ("plms", linear, 3),  # of fourth order but for its start, whose one step of second order costs an error of h³
    ],
)
def test_halving_the_steps_divides_the_error_by_two_to_the_order(
    name: str, schedule: Callable[[int], Schedule], order: int
) -> None:
    x = NOISE.draw().double() * 10  # float64: the error of the method, not that of the arithmetic
    errors = []
    for steps in (40, 80, 160):
        levels = schedule(steps)
        latent = Latent(x, levels.sigmas[0])
        for index in range(steps):
            latent = SAMPLERS[name](gaussian, latent, levels.step(index))
        errors.append(float((latent.samples - exact(x, levels.sigmas[0], levels.sigmas[-1])).abs().max()))
    assert [math.log2(coarse / fine) for coarse, fine in pairwise(errors)] == pytest.approx([order] * 2, abs=0.3)


@pytest.mark.parametrize(("name", "eta"), [("ddim", 0.5), ("ddim", 1.0), ("ddpm", 0.0), ("euler_ancestral", 0.0)])
def test_stochastic_samplers_end_with_the_datas_mean_and_variance(name: str, eta: float) -> None:
    noise, schedule = Noise(3, (4, 64, 64)), geometric(100)
    latent = Latent(MU + noise.draw() * math.sqrt(S**2 + 100), 10.0)
    for index in range(schedule.steps):
        latent = SAMPLERS[name](gaussian, latent, schedule.step(index, eta=eta, noise=noise))
    # 16384 values: standard error of the mean 0.004, of the deviation 0.003; the rest is the error of 100 steps
    assert float(latent.samples.mean()) == pytest.approx(MU, abs=0.015)
    assert float(latent.samples.std()) == pytest.approx(math.sqrt(S**2 + 0.02**2), rel=0.03)


# ── What the samplers share ───────────────────────────────────────────────────────────────────────────────────────


def final(name: str, schedule: Schedule, eta: float = 0.0) -> Tensor:
    """The last samples of a run with the tanh network as the denoiser's eps."""
    *_, latent = run(name, schedule, lambda x, sigma: x - sigma * unet(x / math.sqrt(1 + sigma**2), 100 * sigma), eta)
    return latent.samples


def test_without_noise_ddim_is_euler() -> None:
    torch.testing.assert_close(final("ddim", geometric(20)), final("euler", geometric(20)))


@pytest.mark.parametrize("name", ["ddpm", "euler_ancestral"])
def test_with_all_noise_ddim_is_ddpm_is_euler_ancestral(name: str) -> None:
    torch.testing.assert_close(final("ddim", geometric(20), eta=1.0), final(name, geometric(20)), rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLERS)),
    kind=st.sampled_from(["epsilon", "v_prediction", "sample"]),
    eta=st.floats(0, 1),
    sigma=st.floats(0.05, 20),
    ratio=st.just(0.0) | st.floats(1e-3, 0.99),
    past=st.integers(0, 4),
    seed=st.integers(0, 1000),
)
def test_no_sampler_changes_its_inputs_and_all_answer_in_kind(
    name: str, kind: PredictionType, eta: float, sigma: float, ratio: float, past: int, seed: int
) -> None:
    noise = Noise(seed, (4, 2, 3))
    draws = [noise.draw(k) for k in range(past + 1)]
    kept: PredictionType = "sample" if name == "dpmpp_2m" else kind
    history = tuple(Estimate(draw, sigma * (past + 1 - i), kept) for i, draw in enumerate(draws[1:]))
    latent = Latent(draws[0] * sigma, sigma, history)
    before = [tensor.clone() for tensor in (latent.samples, *draws)]
    returned: list[Tensor] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        returned.append(torch.tanh(x))
        before.append(returned[-1].clone())
        return returned[-1]

    step = Schedule((sigma, sigma * ratio), kind).step(0, eta=eta, noise=noise)
    result = SAMPLERS[name](denoise, latent, step)
    after = (latent.samples, *draws, *returned)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert (latent.sigma, latent.history) == (sigma, history)
    assert result.sigma == step.sigma_next and result.samples.isfinite().all()
    assert (result.samples.shape, result.samples.dtype) == ((1, 4, 2, 3), torch.float32)
    assert torch.equal(SAMPLERS[name](denoise, latent, step).samples, result.samples)  # nothing is remembered


@pytest.mark.parametrize("name", SAMPLERS)
def test_evaluations_and_history_are_as_stated(name: str) -> None:
    calls: list[float] = []
    schedule, latent = geometric(6), Latent(NOISE.draw(), 10.0)
    reach = {"plms": 3, "dpmpp_2m": 1}.get(name, 0)
    for index in range(schedule.steps):
        latent = SAMPLERS[name](
            lambda x, sigma: calls.append(sigma) or gaussian(x, sigma),  # type: ignore[func-returns-value]
            latent,
            schedule.step(index, noise=NOISE),
        )
        assert len(calls) == SAMPLERS[name].evaluations + (name == "plms" and index == 0)
        assert [past.sigma for past in latent.history] == list(schedule.sigmas[: index + 1])[-reach:] * (reach > 0)
        calls.clear()


@pytest.mark.parametrize("name", SAMPLERS)
def test_noise_is_asked_for_only_where_stated(name: str) -> None:
    for eta in (0.0, 0.5):
        step = geometric(5).step(0, eta=eta)
        if SAMPLERS[name].needs_noise(eta):
            with pytest.raises(ValueError, match="this sampler adds noise, but the step was given none"):
                SAMPLERS[name](gaussian, Latent(NOISE.draw(), 10.0), step)
        else:
            SAMPLERS[name](gaussian, Latent(NOISE.draw(), 10.0), step)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_step_to_zero_ends_at_the_denoised(name: str) -> None:
    latent = SAMPLERS[name](gaussian, Latent(NOISE.draw(), 2.0), Schedule((2.0, 0.0)).step(0, noise=NOISE))
    torch.testing.assert_close(latent.samples, gaussian(NOISE.draw(), 2.0))


def test_multistep_samplers_leave_each_others_history_alone() -> None:
    step = geometric(5).step(2)
    for name, other in (("plms", "sample"), ("dpmpp_2m", "epsilon")):
        past = Estimate(NOISE.draw(1), 10.0, other)  # type: ignore[arg-type]
        with_other = SAMPLERS[name](gaussian, Latent(NOISE.draw(), step.sigma, (past,)), step)
        without = SAMPLERS[name](gaussian, Latent(NOISE.draw(), step.sigma), step)
        assert torch.equal(with_other.samples, without.samples)
        assert len(with_other.history) == 1


@pytest.mark.parametrize(("name", "kind"), [("plms", "epsilon"), ("dpmpp_2m", "sample")])
def test_a_latent_noised_again_starts_its_history_anew(name: str, kind: PredictionType) -> None:
    step = geometric(5).step(2)
    below = tuple(Estimate(NOISE.draw(1), step.sigma * factor, kind) for factor in (1.0, 0.5))
    noised_again = SAMPLERS[name](gaussian, Latent(NOISE.draw(), step.sigma, below), step)
    fresh = SAMPLERS[name](gaussian, Latent(NOISE.draw(), step.sigma), step)
    assert torch.equal(noised_again.samples, fresh.samples)


def test_a_run_can_start_anywhere_and_resume_from_its_latent_alone() -> None:
    schedule = geometric(12)
    for name in SAMPLERS:
        whole = list(run(name, schedule, gaussian, first=4))
        resumed = SAMPLERS[name](gaussian, whole[4], schedule.step(9, noise=NOISE))
        assert torch.equal(resumed.samples, whole[5].samples)


def test_a_latent_at_another_level_is_refused() -> None:
    with pytest.raises(ValueError, match=r"latent: expected sigma 10, where step 0 begins, got 3; take the step"):
        SAMPLERS["euler"](gaussian, Latent(NOISE.draw(), 3.0), geometric(5).step(0))


@pytest.mark.parametrize("sigma", [-1.0, math.inf, math.nan])
def test_a_latent_without_a_level_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match=r"Latent\.sigma"):
        Latent(NOISE.draw(), sigma)


def test_a_latent_without_its_four_axes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Latent\.samples: expected shape \(1, C, h, w\), got \(4, 8, 8\)"):
        Latent(torch.zeros(4, 8, 8), 1.0)
