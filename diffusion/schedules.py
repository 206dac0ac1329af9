"""Noise levels: those a model was trained on, and the few of them a sampler visits."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

import torch
from torch import Tensor

from diffusion.latent import PredictionType
from diffusion.noise import Noise

# ── The noise levels of training ──────────────────────────────────────────────────────────────────────────────────


def _linear(first: float, last: float, count: int) -> Tensor:
    return torch.linspace(first, last, count)


def _scaled_linear(first: float, last: float, count: int) -> Tensor:
    """Stable Diffusion's: linear in √beta."""
    return torch.linspace(first**0.5, last**0.5, count) ** 2


def _squaredcos_cap_v2(first: float, last: float, count: int) -> Tensor:
    """The cosine schedule, eq. (17) of arXiv 2102.09672; `first` and `last` play no part in it."""

    def alpha_bar(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    return torch.tensor([min(1 - alpha_bar((t + 1) / count) / alpha_bar(t / count), 0.999) for t in range(count)])


BETAS: dict[str, Callable[[float, float, int], Tensor]] = {
    "linear": _linear,
    "scaled_linear": _scaled_linear,
    "squaredcos_cap_v2": _squaredcos_cap_v2,
}
"""`beta_schedule` of a scheduler_config → (beta_start, beta_end, num_train_timesteps) → betas, (T,) float32."""


@dataclass(frozen=True)
class Training:
    """The noise levels a model was trained on, and what else its scheduler_config says of sampling it.

    sigmas: one for each training timestep 0 … T - 1, ascending, > 0; sigma = √((1 - ᾱ) / ᾱ).
    prediction_type: what the UNet's output means.
    timestep_spacing: the spacing the config asks for; None where it leaves that to the scheduler.
    steps_offset: added to every timestep of leading spacing.
    set_alpha_to_one: ddim and plms end at sigma 0 instead of at the lowest sigma of training.
    """

    sigmas: tuple[float, ...]
    prediction_type: PredictionType = "epsilon"
    timestep_spacing: str | None = None
    steps_offset: int = 0
    set_alpha_to_one: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Training:
        """Read the content of a diffusers scheduler_config.json; a key that is absent takes Stable Diffusion's value.

        Raises ValueError for a beta schedule or prediction type that is unknown, and for an option that would change
        the samples but is not available here.
        """
        for option in ("rescale_betas_zero_snr", "clip_sample", "thresholding"):
            if config.get(option):
                raise ValueError(f"scheduler_config.{option}: expected false, got {config[option]!r}: not available")
        prediction_type = config.get("prediction_type", "epsilon")
        _expect("scheduler_config.prediction_type", prediction_type, get_args(PredictionType))
        if config.get("trained_betas") is not None:
            betas = torch.tensor(config["trained_betas"], dtype=torch.float32)
        else:
            schedule = config.get("beta_schedule", "scaled_linear")
            _expect("scheduler_config.beta_schedule", schedule, BETAS)
            first, last = config.get("beta_start", 0.00085), config.get("beta_end", 0.012)
            betas = BETAS[schedule](first, last, config.get("num_train_timesteps", 1000))
        # ᾱ in float32, as diffusers keeps it, so that both see one table; all that follows is float64
        alphas_cumprod = torch.cumprod(1 - betas, dim=0).double()
        return cls(
            sigmas=tuple(((1 - alphas_cumprod) / alphas_cumprod).sqrt().tolist()),
            prediction_type=prediction_type,
            timestep_spacing=config.get("timestep_spacing"),
            steps_offset=config.get("steps_offset", 0),
            set_alpha_to_one=config.get("set_alpha_to_one", False),
        )

    def t_to_sigma(self, t: float) -> float:
        """The sigma at timestep t, 0 ≤ t ≤ T - 1: the table at whole t, linear in log sigma between.

        Raises ValueError if t lies outside.
        """
        last = len(self.sigmas) - 1
        if not 0 <= t <= last:
            raise ValueError(f"timestep: expected 0 to {last}, got {t}; fewer steps, or another spacing, stay inside")
        i = int(t)
        if i == t:
            return self.sigmas[i]
        low, high = self.sigmas[i : i + 2]
        return low * math.pow(high / low, t - i)

    def sigma_to_t(self, sigma: float) -> float:
        """The timestep at sigma, 0 … T - 1: the inverse of `t_to_sigma`, whole for a sigma of the table.

        A sigma outside the table gets the nearest timestep that was trained.
        """
        i = bisect_right(self.sigmas, sigma) - 1
        if i < 0:
            return 0.0
        if i >= len(self.sigmas) - 1:
            return float(len(self.sigmas) - 1)
        low, high = self.sigmas[i : i + 2]
        return i + math.log(sigma / low) / math.log(high / low)


# ── The noise levels of sampling ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Step:
    """All a sampler is told about the step it takes.

    index: which step of the schedule, 0 … steps - 1.
    steps: how many there are.
    sigma, sigma_next: the noise levels it leads from and to; sigma > 0, sigma_next ≤ sigma.
    prediction_type: what the model's output means; plms extrapolates in those coordinates.
    timestep: where sigma lies in training, for lcm; infinite, far from its boundary, if the schedule does not say.
    eta: share of fresh noise in ddim, 0 … 1.
    noise: called with k for the k-th fresh noise of this step, (1, C, h, w), by samplers that add some.
    """

    index: int
    steps: int
    sigma: float
    sigma_next: float
    prediction_type: PredictionType = "epsilon"
    timestep: float = math.inf
    eta: float = 0.0
    noise: Callable[[int], Tensor] | None = None

    @property
    def is_last(self) -> bool:
        """Whether no step follows."""
        return self.index == self.steps - 1

    def draw(self, like: Tensor, k: int = 0) -> Tensor:
        """Fresh noise on the device and in the dtype of `like`; raises ValueError if the step was given none.

        k: 0 for the noise the step ends with, from 1 on for what a sampler needs on the way there.
        """
        if self.noise is None:
            raise ValueError(f"step {self.index}: this sampler adds noise, but the step was given none; pass a seed")
        return self.noise(k).to(like)


@dataclass(frozen=True)
class Schedule:
    """The noise levels a sampler visits.

    sigmas: steps + 1 of them, descending, all but the last > 0; step i leads from sigmas[i] to sigmas[i + 1].
    prediction_type: what the model's output means, for the samplers that need it.
    timesteps: where in training the steps begin, one a step, or () if that is not known; only lcm asks.

    The last may equal the one before: that is how ddim ends where a spacing already visits timestep 0.
    Raises ValueError if the sigmas are fewer than two or not as said, or the timesteps of another number.
    """

    sigmas: tuple[float, ...]
    prediction_type: PredictionType = "epsilon"
    timesteps: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        object.__setattr__(self, "timesteps", tuple(self.timesteps))  # JSON, where schedules are kept, has only lists
        body, last = self.sigmas[:-1], self.sigmas[-1:]
        descending = all(high > low for high, low in pairwise(body)) and bool(body) and body[-1] >= last[0]
        if not (descending and body[-1] > 0 and last[0] >= 0 and math.isfinite(body[0])):
            raise ValueError(f"Schedule.sigmas: expected two or more, descending, at least 0, got {self.sigmas}")
        if self.timesteps and len(self.timesteps) != self.steps:
            raise ValueError(f"Schedule.timesteps: expected {self.steps}, one a step, got {len(self.timesteps)}")

    @property
    def steps(self) -> int:
        """The number of steps."""
        return len(self.sigmas) - 1

    def step(self, index: int, *, eta: float = 0.0, noise: Noise | None = None) -> Step:
        """Step `index` of the schedule, 0 … steps - 1; its fresh noise is draw index + 1, made only if asked for.

        More noise within the step is drawn from behind that of all the steps: its k-th is draw index + 1 + k · steps.

        Raises ValueError if there is no such step, or eta lies outside 0 … 1.
        """
        if not 0 <= index < self.steps:
            raise ValueError(f"index: expected 0 to {self.steps - 1}, got {index}; the schedule has {self.steps} steps")
        if not 0 <= eta <= 1:
            raise ValueError(f"eta: expected 0 to 1, got {eta}")
        return Step(
            index=index,
            steps=self.steps,
            sigma=self.sigmas[index],
            sigma_next=self.sigmas[index + 1],
            prediction_type=self.prediction_type,
            timestep=self.timesteps[index] if self.timesteps else math.inf,
            eta=eta,
            noise=None if noise is None else lambda k: noise.draw(index + 1 + k * self.steps),
        )


@dataclass(frozen=True)
class Habits:
    """How the diffusers scheduler that goes by a sampler's name reads its configuration.

    spacing: the one it takes where the config names none.
    ends_trained: ends at the lowest sigma of training (unless `set_alpha_to_one`), not at 0.
    whole: keeps linspace to whole timesteps.
    spare: spreads leading and linspace over one point more and leaves the lowest out; runs karras and exponential over
        all of training.
    distilled: for a model distilled to few steps, on how many timesteps: trailing keeps to these, they are the most
        steps there can be, and whatever spacing the config names is that of the model it was distilled from.
    """

    spacing: str
    ends_trained: bool = False
    whole: bool = False
    spare: bool = False
    distilled: int = 0


HABITS: dict[str, Habits] = {
    "ddim": Habits("leading", ends_trained=True, whole=True),  # DDIMScheduler
    "plms": Habits("leading", ends_trained=True, whole=True),  # PNDMScheduler
    "ddpm": Habits("leading", whole=True),  # DDPMScheduler
    "euler": Habits("linspace"),  # EulerDiscreteScheduler
    "euler_ancestral": Habits("linspace"),  # EulerAncestralDiscreteScheduler
    "heun": Habits("linspace"),  # HeunDiscreteScheduler
    "dpmpp_2m": Habits("linspace", whole=True, spare=True),  # DPMSolverMultistepScheduler
    "lms": Habits("linspace"),  # LMSDiscreteScheduler
    "dpm_2": Habits("linspace"),  # KDPM2DiscreteScheduler
    "dpmpp_sde": Habits("linspace"),  # DPMSolverSDEScheduler
    "dpmpp_2m_sde": Habits("linspace", whole=True, spare=True),  # DPMSolverMultistepScheduler, sde-dpmsolver++
    "unipc": Habits("linspace", whole=True, spare=True),  # UniPCMultistepScheduler
    "lcm": Habits("trailing", distilled=50),  # LCMScheduler
}


def leading(training: Training, steps: int, habits: Habits) -> list[float]:
    """Whole strides up from timestep 0, plus the offset: never quite reaches the top. arXiv 2305.08891, table 2."""
    count = steps + habits.spare
    stride = len(training.sigmas) // count
    return [training.t_to_sigma(i * stride + training.steps_offset) for i in reversed(range(count))][:steps]


def trailing(training: Training, steps: int, habits: Habits) -> list[float]:
    """Even strides down from the top timestep: never quite reaches the bottom. arXiv 2305.08891, table 2."""
    top = len(training.sigmas)
    if habits.distilled:  # every so many timesteps from the top, and of these again every so many
        count = min(habits.distilled, top)
        return [training.t_to_sigma((count - i * count // steps) * (top // count) - 1) for i in range(steps)]
    stride = top - (top - top / steps)  # top / steps as numpy's arange rounds it: halves then round as in diffusers
    return [training.t_to_sigma(round(top - i * stride) - 1) for i in range(steps)]


def linspace(training: Training, steps: int, habits: Habits) -> list[float]:
    """Evenly over all timesteps, both ends included. arXiv 2305.08891, table 2."""
    top, gaps = len(training.sigmas) - 1, steps + habits.spare - 1
    stride = top / max(gaps, 1)
    timesteps = [min(i * stride, top) for i in reversed(range(gaps + 1))][:steps]
    return [training.t_to_sigma(round(t) if habits.whole else t) for t in timesteps]


def simple(training: Training, steps: int, habits: Habits) -> list[float]:
    """Even strides down from the top of the table of sigmas, rounded down to a whole index, as ComfyUI's."""
    top = len(training.sigmas)
    return [training.sigmas[top - 1 - int(i * (top / steps))] for i in range(steps)]


def sgm_uniform(training: Training, steps: int, habits: Habits) -> list[float]:
    """Evenly over all timesteps, both ends included, in one point more, and without the lowest, as ComfyUI's."""
    top = len(training.sigmas) - 1
    return [training.t_to_sigma(top * (steps - i) / steps) for i in range(steps)]


def ddim_uniform(training: Training, steps: int, habits: Habits) -> list[float]:
    """Whole strides up from timestep 1, as ComfyUI's: leading with an offset of 1, whatever the config says."""
    stride = len(training.sigmas) // steps
    return [training.t_to_sigma(i * stride + 1) for i in reversed(range(steps))]


def _ends(training: Training, steps: int, habits: Habits) -> tuple[float, float]:
    """The highest and the lowest sigma of the sampler's default spacing, or of all training: see `Habits.spare`.

    Between these run the spacings that are made of sigmas and not of timesteps, as they do in diffusers.
    """
    if habits.spare:
        return training.sigmas[-1], training.sigmas[0]
    sigmas = SPACINGS[_default_spacing(training, habits)](training, steps, habits)
    return sigmas[0], sigmas[-1]


def karras(training: Training, steps: int, habits: Habits) -> list[float]:
    """Evenly in sigma^(1/7), which spends more steps on low noise. Eq. (5) of EDM, arXiv 2206.00364."""
    rho = 7
    sigma_max, sigma_min = _ends(training, steps, habits)
    top, bottom = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return [(top + i / max(steps - 1, 1) * (bottom - top)) ** rho for i in range(steps)]


def exponential(training: Training, steps: int, habits: Habits) -> list[float]:
    """Evenly in log sigma, which spends most steps on low noise."""
    sigma_max, sigma_min = _ends(training, steps, habits)
    return [sigma_max * (sigma_min / sigma_max) ** (i / max(steps - 1, 1)) for i in range(steps)]


def beta(training: Training, steps: int, habits: Habits) -> list[float]:
    """At even quantiles of Beta(0.6, 0.6) over the timesteps, which crowds the steps at both ends. arXiv 2407.12173.

    ComfyUI rounds to whole timesteps; diffusers spreads the quantiles over sigma, where nearly all are high noise.
    """
    top = len(training.sigmas) - 1
    shares = torch.tensor([1 - i / max(steps - 1, 1) for i in range(steps)], dtype=torch.float64)
    return [training.t_to_sigma(min(x * top, top)) for x in _beta_quantiles(shares, 0.6).tolist()]


def _beta_quantiles(p: Tensor, a: float) -> Tensor:
    """The x below which shares p of Beta(a, a) lie, (n,) float64: the inverse of I_x(a, a), for a ≤ 1.

    The law is symmetric, which leaves x ≤ 1/2. There the power series of I_x, eq. 8.17.7 of the DLMF, needs no more
    than 60 terms, and Newton's method no more than 8 steps, as I_x is concave.
    """
    scale = math.gamma(2 * a) / math.gamma(a) ** 2
    rest = torch.minimum(p, 1 - p)
    x = (rest * a / scale) ** (1 / a)  # by the first term of the series
    for _ in range(8):
        term, share = scale * x**a, torch.zeros_like(x)
        for n in range(60):
            share = share + term / (a + n)
            term = term * x * (n + 1 - a) / (n + 1)
        x = x - (share - rest) / (scale * (x * (1 - x)) ** (a - 1))
    return torch.where(p > 0.5, 1 - x, x)


SPACINGS: dict[str, Callable[[Training, int, Habits], list[float]]] = {
    "leading": leading,
    "trailing": trailing,
    "linspace": linspace,
    "karras": karras,
    "exponential": exponential,
    "beta": beta,
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "ddim_uniform": ddim_uniform,
}
"""Name → function that picks `steps` sigmas, descending, without the final one."""


def make_schedule(training: Training, steps: int, spacing: str = "default", sampler: str = "ddim") -> Schedule:
    """The noise levels `sampler` visits in `steps` steps, 1 ≤ steps ≤ T (50 for lcm).

    spacing: a name in SPACINGS, or "default": the one the model's config asks for, else the sampler's own. Sigmas are
    those of the diffusers scheduler named in HABITS, made from the same config; simple, sgm_uniform and ddim_uniform,
    which diffusers does not have, are ComfyUI's. The final sigma, 0 or the lowest of training, is the sampler's too.

    Two differences from diffusers where the spacing is not leading. Where linspace falls between timesteps, sigma is
    log-linear, so that the UNet is called at that timestep exactly; diffusers is linear in sigma (less than 1e-4 apart
    up to 50 steps). And every step leads to where the next begins, whereas DDIM and PNDM in diffusers always go down by
    T // steps timesteps, which under linspace is somewhere else.

    Raises ValueError for an unknown name, or steps out of range.
    """
    _expect("sampler", sampler, HABITS)
    _expect("spacing", spacing, ("default", *SPACINGS))
    habits = HABITS[sampler]
    trained = len(training.sigmas)
    most = min(habits.distilled or trained, trained) - habits.spare
    if not 1 <= steps <= most:
        asked = f"steps: expected 1 to {most}, got {steps}"
        if habits.distilled:
            raise ValueError(f"{asked}; {sampler} is for models distilled to no more")
        raise ValueError(f"{asked}; the model was trained on {trained}")
    name = _default_spacing(training, habits) if spacing == "default" else spacing
    sigmas = SPACINGS[name](training, steps, habits)
    final = training.sigmas[0] if habits.ends_trained and not training.set_alpha_to_one else 0.0
    return Schedule((*sigmas, final), training.prediction_type, tuple(map(training.sigma_to_t, sigmas)))


def _default_spacing(training: Training, habits: Habits) -> str:
    name = habits.spacing if habits.distilled else training.timestep_spacing or habits.spacing
    _expect("scheduler_config.timestep_spacing", name, ("leading", "trailing", "linspace"))
    return name


def _expect(where: str, name: str, known: Mapping[str, Any] | tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"{where}: expected one of {', '.join(known)}, got {name!r}")
