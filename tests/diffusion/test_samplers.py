"""Samplers: step by step with diffusers and k-diffusion, and against the exact solution for Gaussian data."""

import importlib
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import distribution
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
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
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_diffusion import SD
from torch import Tensor

from diffusion.latent import Estimate, EstimateKind, Latent, PredictionType
from diffusion.noise import Noise
from diffusion.prediction import Denoise, Denoiser
from diffusion.samplers import SAMPLERS, start
from diffusion.schedules import Schedule, Training, make_schedule

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # diffusers under numpy 2

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


def brownian(sigmas: tuple[float, ...]) -> Callable[[float, float], Tensor]:
    """k-diffusion's noise sampler, on the path in sigma that goes through our draws: a bridge halfway in each step."""

    def noise_sampler(sigma: float, sigma_to: float) -> Tensor:
        i = min(range(len(sigmas)), key=lambda i: abs(sigmas[i] - sigma))
        (a, b), c, steps = sigmas[i : i + 2], float(sigma_to), len(sigmas) - 1
        path = math.sqrt(a - b) * NOISE.draw(i + 1)  # from a to b
        if not math.isclose(b, c, rel_tol=1e-4):
            spread = math.sqrt((a - c) * (c - b) / (a - b))
            path = (a - c) / (a - b) * path + spread * NOISE.draw(steps + i + 1)  # from a to c, given that to b
        return path / math.sqrt(a - c)

    return noise_sampler


# ── Step by step with diffusers ───────────────────────────────────────────────────────────────────────────────────


def run_diffusers(scheduler: Any, steps: int, **options: Any) -> Iterator[Tensor]:
    """Samples of diffusers after each of its calls, run as its pipelines do, with the same generator."""
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(NOISE.seed)
    sample = torch.randn(1, *NOISE.shape, generator=generator) * scheduler.init_noise_sigma
    if "generator" in inspect.signature(scheduler.step).parameters:
        options["generator"] = generator
    if isinstance(scheduler, DPMSolverSDEScheduler):
        scheduler.noise_sampler = brownian((*scheduler.sigmas[:-1:2].tolist(), 0.0))
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
    ("lms", LMSDiscreteScheduler, 0.0),
    ("dpm_2", KDPM2DiscreteScheduler, 0.0),
    ("dpmpp_sde", DPMSolverSDEScheduler, 0.0),
    ("dpmpp_2m_sde", DPMSolverMultistepScheduler, 0.0),
    ("unipc", UniPCMultistepScheduler, 0.0),
    ("lcm", LCMScheduler, 0.0),
]


def largest_difference(name: str, scheduler_class: Any, eta: float, steps: int, kind: str) -> float:
    """Between ours and diffusers' over all steps, relative to the largest value of the step."""
    config = SD | {"prediction_type": kind}
    change = {"algorithm_type": "sde-dpmsolver++"} if name == "dpmpp_2m_sde" else {}
    scheduler = scheduler_class.from_config(config | change)
    theirs = list(run_diffusers(scheduler, steps, **({"eta": eta} if name == "ddim" else {})))
    if name == "plms" and steps > 1:
        theirs = theirs[1:]  # the first is the trial step within ours
    if SAMPLERS[name].evaluations == 2:
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


# ── Step by step with k-diffusion ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def k_diffusion() -> ModuleType:
    """k-diffusion's `sampling`. Its package would import a training framework, of which this needs the one function."""
    package = ModuleType("k_diffusion")
    package.__path__ = [str(distribution("k-diffusion").locate_file("k_diffusion"))]
    package.utils = SimpleNamespace(append_dims=lambda x, dims: x.reshape(*x.shape, *[1] * (dims - x.ndim)))  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "k_diffusion", package)
        return importlib.import_module("k_diffusion.sampling")


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("spacing", ["leading", "karras"])
@pytest.mark.parametrize("steps", [1, 2, 4, 20, 50])
@pytest.mark.parametrize(
    "name", ["euler", "euler_ancestral", "heun", "dpmpp_2m", "lms", "dpm_2", "dpmpp_sde", "dpmpp_2m_sde"]
)
def test_every_step_is_that_of_k_diffusion(
    k_diffusion: ModuleType, name: str, steps: int, spacing: str, kind: str
) -> None:
    if (name, steps) == ("dpmpp_2m_sde", 1):
        pytest.skip("k-diffusion's fails if its only step ends at 0")
    training = Training.from_config(SD | {"prediction_type": kind})
    denoiser = Denoiser(unet, training)
    states = torch.zeros(1, 77, 1)
    schedule = make_schedule(training, steps, spacing, name)
    ours = list(run(name, schedule, lambda x, sigma: denoiser(x, sigma, states)))
    begins: list[Tensor] = []
    last = getattr(k_diffusion, f"sample_{name}")(
        lambda x, sigma: denoiser(x, float(sigma), states),
        start(NOISE.draw(), schedule).samples,
        torch.tensor(schedule.sigmas),
        callback=lambda now: begins.append(now["x"]),
        disable=True,
        **({"noise_sampler": brownian(schedule.sigmas)} if SAMPLERS[name].noise == "always" else {}),
    )
    theirs = [*begins[1:], last]
    assert len(ours) == len(theirs) == steps
    assert max(float((a.samples - b).abs().max() / b.abs().max()) for a, b in zip(ours, theirs, strict=True)) <= 1e-4


def test_the_two_noises_of_dpmpp_sde_have_the_law_of_k_diffusions_brownian_tree(k_diffusion: ModuleType) -> None:
    noise, sigma, sigma_next = Noise(3, (4, 64, 64)), 10.0, 0.4
    zero, middle = torch.zeros(1, *noise.shape), math.sqrt(sigma * sigma_next)
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        seen.append(x)
        return zero

    step = Schedule((sigma, sigma_next)).step(0, noise=noise)
    end = SAMPLERS["dpmpp_sde"](denoise, Latent(zero, sigma), step).samples
    ours = [seen[1] / (middle * math.sqrt(1 - (middle / sigma) ** 2))]  # sigma_up of an ancestral step to the middle
    ours += [end / (sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2))]
    tree = k_diffusion.BrownianTreeNoiseSampler(zero, sigma_next, sigma, seed=0)
    theirs = [tree(sigma, middle), tree(sigma, sigma_next)]
    correlation = math.sqrt((sigma - middle) / (sigma - sigma_next))
    for pair in (ours, theirs):
        # 16384 values: standard errors of at most 0.011
        covariance = torch.cov(torch.stack([value.flatten() for value in pair]))
        torch.testing.assert_close(covariance, torch.tensor([[1, correlation], [correlation, 1]]), rtol=0, atol=0.04)
        assert all(abs(float(value.mean())) < 0.03 for value in pair)


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
        ("lms", linear, 2),  # likewise: its first step is Euler's
        ("dpm_2", geometric, 2),
        ("unipc", geometric, 3),  # the corrector adds one to the predictor's order
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


@pytest.mark.parametrize("name", ["plms", "lms"])
def test_with_a_full_history_the_error_is_of_fourth_order(name: str) -> None:
    x = NOISE.draw().double() * 10
    errors = []
    for steps in (40, 80, 160):
        levels = linear(steps).sigmas
        above = [(sigma, exact(x, levels[0], sigma)) for sigma in levels[:3]]
        history = tuple(Estimate((y - gaussian(y, sigma)) / sigma, sigma, "epsilon") for sigma, y in above)
        latent = Latent(exact(x, levels[0], levels[3]), levels[3], history)
        for index in range(3, steps):
            latent = SAMPLERS[name](gaussian, latent, Schedule(levels).step(index))
        errors.append(float((latent.samples - exact(x, levels[0], levels[-1])).abs().max()))
    assert [math.log2(coarse / fine) for coarse, fine in pairwise(errors)] == pytest.approx([4] * 2, abs=0.3)


@pytest.mark.parametrize(
    ("name", "order"), [("ddpm", 1), ("euler_ancestral", 1), ("dpmpp_sde", 2), ("dpmpp_2m_sde", 2)]
)
def test_halving_the_steps_divides_the_error_of_the_variance_by_two_to_the_order(name: str, order: int) -> None:
    errors = []
    for steps in (20, 40, 80):
        levels = geometric(steps)
        # the end is linear in the start and in each noise: sample 0 starts one off the mean, each other has one noise
        x = torch.full((1 + 2 * steps, 1, 1, 1), MU, dtype=torch.float64)
        x[0] += 1
        latent = Latent(x, levels.sigmas[0])
        for index in range(steps):
            draws = [(torch.arange(len(x)) == 1 + 2 * index + k).double().reshape(x.shape) for k in (0, 1)]
            step = replace(levels.step(index), noise=draws.__getitem__)
            latent = SAMPLERS[name](gaussian, latent, step)
        shares = ((latent.samples - MU) ** 2).flatten()
        variance = float(shares[0]) * (S**2 + levels.sigmas[0] ** 2) + float(shares[1:].sum())
        errors.append(abs(variance - (S**2 + levels.sigmas[-1] ** 2)))
    assert [math.log2(coarse / fine) for coarse, fine in pairwise(errors)] == pytest.approx([order] * 2, abs=0.3)


@pytest.mark.parametrize(
    ("name", "eta"),
    [
        ("ddim", 0.5),
        ("ddim", 1.0),
        ("ddpm", 0.0),
        ("euler_ancestral", 0.0),
        ("dpmpp_sde", 0.0),
        ("dpmpp_2m_sde", 0.0),
    ],
)
def test_stochastic_samplers_end_with_the_datas_mean_and_variance(name: str, eta: float) -> None:
    noise, schedule = Noise(3, (4, 64, 64)), geometric(100)
    latent = Latent(MU + noise.draw() * math.sqrt(S**2 + 100), 10.0)
    for index in range(schedule.steps):
        latent = SAMPLERS[name](gaussian, latent, schedule.step(index, eta=eta, noise=noise))
    # 16384 values: standard error of the mean 0.004, of the deviation 0.003; the rest is the error of 100 steps
    assert float(latent.samples.mean()) == pytest.approx(MU, abs=0.015)
    assert float(latent.samples.std()) == pytest.approx(math.sqrt(S**2 + 0.02**2), rel=0.03)


def test_lcm_with_the_exact_consistency_function_draws_from_the_data_at_every_step() -> None:
    noise, schedule = Noise(3, (4, 64, 64)), geometric(4)
    latent = Latent(MU + noise.draw() * math.sqrt(S**2 + 100), 10.0)
    for index in range(schedule.steps):
        step = schedule.step(index, noise=noise)
        latent = SAMPLERS["lcm"](lambda x, sigma: exact(x, sigma, 0), latent, step)
        deviation = math.sqrt(S**2 + step.sigma_next**2)
        assert float(latent.samples.mean()) == pytest.approx(MU, abs=0.03 * deviation)
        assert float(latent.samples.std()) == pytest.approx(deviation, rel=0.03)


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


KEPT: dict[str, EstimateKind] = {"dpmpp_2m": "sample", "lms": "epsilon", "dpmpp_2m_sde": "sample", "unipc": "predictor"}


@settings(max_examples=100, deadline=None)
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
    kept: EstimateKind = KEPT.get(name, kind)
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
    reach = {"plms": 3, "dpmpp_2m": 1, "lms": 3, "dpmpp_2m_sde": 1, "unipc": 2}.get(name, 0)
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
    step = geometric(5).step(2, noise=NOISE)
    for name, other in (
        ("plms", "sample"),
        ("dpmpp_2m", "epsilon"),
        ("lms", "sample"),
        ("dpmpp_2m_sde", "predictor"),
        ("unipc", "sample"),
    ):
        past = Estimate(NOISE.draw(1), 10.0, other)  # type: ignore[arg-type]
        with_other = SAMPLERS[name](gaussian, Latent(NOISE.draw(), step.sigma, (past,)), step)
        without = SAMPLERS[name](gaussian, Latent(NOISE.draw(), step.sigma), step)
        assert torch.equal(with_other.samples, without.samples)
        assert len(with_other.history) == 1


@pytest.mark.parametrize(("name", "kind"), [("plms", "epsilon"), *KEPT.items()])
def test_a_latent_noised_again_starts_its_history_anew(name: str, kind: EstimateKind) -> None:
    step = geometric(5).step(2, noise=NOISE)
    below = tuple(Estimate(NOISE.draw(1), step.sigma * factor, kind) for factor in (1.0, 0.5))
    noised_again = SAMPLERS[name](gaussian, Latent(NOISE.draw(), step.sigma, below), step)
    fresh = SAMPLERS[name](gaussian, Latent(NOISE.draw(), step.sigma), step)
    assert torch.equal(noised_again.samples, fresh.samples)


def test_unipc_corrects_only_what_it_predicted() -> None:
    step = geometric(5).step(2)
    above, below = (Estimate(NOISE.draw(1), step.sigma * factor, "predictor") for factor in (2.0, 0.5))
    noised_again = SAMPLERS["unipc"](gaussian, Latent(NOISE.draw(), step.sigma, (above, below)), step)
    fresh = SAMPLERS["unipc"](gaussian, Latent(NOISE.draw(), step.sigma), step)
    predicted = SAMPLERS["unipc"](gaussian, Latent(NOISE.draw(), step.sigma, (above,)), step)
    assert torch.equal(noised_again.samples, fresh.samples)
    assert not torch.equal(predicted.samples, fresh.samples)


def test_unipc_keeps_what_was_blended_in_between_two_steps() -> None:
    schedule, known = geometric(20), torch.full((1, *NOISE.shape), 2.0)
    *_, latent = (latent for latent, _ in zip(run("unipc", schedule, gaussian), range(8), strict=False))
    blended = replace(latent, samples=known + latent.sigma * NOISE.draw())
    # a model that knows it is at `known` has nothing to correct there, wherever the step before began
    history = tuple(replace(past, value=known) for past in latent.history)
    after = SAMPLERS["unipc"](lambda x, sigma: known, replace(blended, history=history), schedule.step(8))
    torch.testing.assert_close(after.samples, known + after.sigma * NOISE.draw())


def test_lcm_skips_to_the_sample_itself_at_the_lowest_timestep() -> None:
    training = Training.from_config(SD)
    for t, c_skip in ((0, 1.0), (1, 0.25 / 100.25), (500, 0.25 / (5000**2 + 0.25))):
        sigma = training.t_to_sigma(t)
        latent, step = Latent(NOISE.draw(), sigma), Schedule((sigma, 0.0), timesteps=(t,)).step(0, noise=NOISE)
        after = SAMPLERS["lcm"](lambda x, sigma: torch.ones_like(x), latent, step)
        torch.testing.assert_close(after.samples, c_skip * latent.vp + math.sqrt(1 - c_skip))


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
