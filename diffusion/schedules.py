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
    eta: share of fresh noise in ddim, 0 … 1.
    noise: called for the fresh noise of this step, (1, C, h, w), by samplers that add some.
    """

    index: int
    steps: int
    sigma: float
    sigma_next: float
    prediction_type: PredictionType = "epsilon"
    eta: float = 0.0
    noise: Callable[[], Tensor] | None = None

    @property
    def is_last(self) -> bool:
        """Whether no step follows."""
        return self.index == self.steps - 1

    def draw(self, like: Tensor) -> Tensor:
        """Fresh noise on the device and in the dtype of `like`; raises ValueError if the step was given none."""
        if self.noise is None:
            raise ValueError(f"step {self.index}: this sampler adds noise, but the step was given none; pass a seed")
        return self.noise().to(like)


@dataclass(frozen=True)
class Schedule:
    """The noise levels a sampler visits.

    sigmas: steps + 1 of them, descending, all but the last > 0; step i leads from sigmas[i] to sigmas[i + 1].
    prediction_type: what the model's output means, for the samplers that need it.

    The last may equal the one before: that is how ddim ends where a spacing already visits timestep 0.
    Raises ValueError if the sigmas are fewer than two or not as said.
    """

    sigmas: tuple[float, ...]
    prediction_type: PredictionType = "epsilon"

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        body, last = self.sigmas[:-1], self.sigmas[-1:]
        descending = all(high > low for high, low in pairwise(body)) and bool(body) and body[-1] >= last[0]
        if not (descending and body[-1] > 0 and last[0] >= 0 and math.isfinite(body[0])):
            raise ValueError(f"Schedule.sigmas: expected two or more, descending, at least 0, got {self.sigmas}")

    @property
    def steps(self) -> int:
        """The number of steps."""
        return len(self.sigmas) - 1

    def step(self, index: int, *, eta: float = 0.0, noise: Noise | None = None) -> Step:
        """Step `index` of the schedule, 0 … steps - 1; its fresh noise is draw index + 1, made only if asked for.

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
            eta=eta,
            noise=None if noise is None else lambda: noise.draw(index + 1),
        )


@dataclass(frozen=True)
class Habits:
    """How the diffusers scheduler that goes by a sampler's name reads its configuration.

    spacing: the one it takes where the config names none.
    ends_trained: ends at the lowest sigma of training (unless `set_alpha_to_one`), not at 0.
    whole: keeps linspace to whole timesteps.
    spare: spreads leading and linspace over one point more and leaves the lowest out; runs karras over all of training.
    """

    spacing: str
    ends_trained: bool = False
    whole: bool = False
    spare: bool = False


HABITS: dict[str, Habits] = {
    "ddim": Habits("leading", ends_trained=True, whole=True),
    "plms": Habits("leading", ends_trained=True, whole=True),
    "ddpm": Habits("leading", whole=True),
    "euler": Habits("linspace"),
    "euler_ancestral": Habits("linspace"),
    "heun": Habits("linspace"),
    "dpmpp_2m": Habits("linspace", whole=True, spare=True),
}


def leading(training: Training, steps: int, habits: Habits) -> list[float]:
    """Whole strides up from timestep 0, plus the offset: never quite reaches the top. arXiv 2305.08891, table 2."""
    count = steps + habits.spare
    stride = len(training.sigmas) // count
    return [training.t_to_sigma(i * stride + training.steps_offset) for i in reversed(range(count))][:steps]


def trailing(training: Training, steps: int, habits: Habits) -> list[float]:
    """Even strides down from the top timestep: never quite reaches the bottom. arXiv 2305.08891, table 2."""
    top = len(training.sigmas)
    stride = top - (top - top / steps)  # top / steps as numpy's arange rounds it: halves then round as in diffusers
    return [training.t_to_sigma(round(top - i * stride) - 1) for i in range(steps)]


def linspace(training: Training, steps: int, habits: Habits) -> list[float]:
    """Evenly over all timesteps, both ends included. arXiv 2305.08891, table 2."""
    top, gaps = len(training.sigmas) - 1, steps + habits.spare - 1
    stride = top / max(gaps, 1)
    timesteps = [min(i * stride, top) for i in reversed(range(gaps + 1))][:steps]
    return [training.t_to_sigma(round(t) if habits.whole else t) for t in timesteps]


def karras(training: Training, steps: int, habits: Habits) -> list[float]:
    """Evenly in sigma^(1/7), which spends more steps on low noise. Eq. (5) of EDM, arXiv 2206.00364.

    It runs between the ends of the sampler's default spacing (see `Habits.spare` for the exception), as in diffusers.
    """
    rho = 7
    if habits.spare:
        sigma_max, sigma_min = training.sigmas[-1], training.sigmas[0]
    else:
        ends = SPACINGS[_default_spacing(training, habits)](training, steps, habits)
        sigma_max, sigma_min = ends[0], ends[-1]
    top, bottom = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return [(top + i / max(steps - 1, 1) * (bottom - top)) ** rho for i in range(steps)]


SPACINGS: dict[str, Callable[[Training, int, Habits], list[float]]] = {
    "leading": leading,
    "trailing": trailing,
    "linspace": linspace,
    "karras": karras,
}
"""Name → function that picks `steps` sigmas, descending, without the final one."""


def make_schedule(training: Training, steps: int, spacing: str = "default", sampler: str = "ddim") -> Schedule:
    """The noise levels `sampler` visits in `steps` steps, 1 ≤ steps ≤ T.

    spacing: a name in SPACINGS, or "default": the one the model's config asks for, else the sampler's own. Sigmas are
    those of the diffusers scheduler of the same name (`DDPMScheduler` for ddpm, `DPMSolverMultistepScheduler` for
    dpmpp_2m …), made from the same config. The final sigma, 0 or the lowest of training, is the sampler's too.

    Two differences from diffusers where the spacing is not leading. Where linspace falls between timesteps, sigma is
    log-linear, so that the UNet is called at that timestep exactly; diffusers is linear in sigma (less than 1e-4 apart
    up to 50 steps). And every step leads to where the next begins, whereas DDIM and PNDM in diffusers always go down by
    T // steps timesteps, which under linspace is somewhere else.

    Raises ValueError for an unknown name, or steps out of range.
    """
    _expect("sampler", sampler, HABITS)
    _expect("spacing", spacing, ("default", *SPACINGS))
    habits = HABITS[sampler]
    most = len(training.sigmas) - habits.spare
    if not 1 <= steps <= most:
        raise ValueError(f"steps: expected 1 to {most}, got {steps}; the model was trained on {len(training.sigmas)}")
    name = _default_spacing(training, habits) if spacing == "default" else spacing
    final = training.sigmas[0] if habits.ends_trained and not training.set_alpha_to_one else 0.0
    return Schedule((*SPACINGS[name](training, steps, habits), final), training.prediction_type)


def _default_spacing(training: Training, habits: Habits) -> str:
    name = training.timestep_spacing or habits.spacing
    _expect("scheduler_config.timestep_spacing", name, ("leading", "trailing", "linspace"))
    return name


def _expect(where: str, name: str, known: Mapping[str, Any] | tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"{where}: expected one of {', '.join(known)}, got {name!r}")
