"""Samplers: each moves a latent one noise level down the schedule.

Letters are those of the papers, in variance-exploding form: x = denoised + sigma · eps at noise level sigma, and
sigma_next is where the step leads. A `t` in a paper is a sigma here, as in k-diffusion, and ᾱ = 1 / (1 + sigma²).
In this form ddim without noise is euler, and ddim at eta 1 is ddpm is euler_ancestral: only their descent and the end
of their schedules set them apart. Numbers such as 2006.11239 are arXiv's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from diffusion.latent import Estimate, Latent, PredictionType
from diffusion.prediction import Denoise, from_denoised, to_denoised
from diffusion.schedules import Schedule, Step


def start(noise: Tensor, schedule: Schedule, clean: Tensor | None = None, first: int = 0) -> Latent:
    """The latent at the noise level where step `first` of the schedule begins.

    noise: (1, C, h, w), draw 0.
    clean: (1, C, h, w), the latent of an image; the result is clean + sigma · noise. If first = steps no step is left
        to take the noise away again, so it is clean as it stands, at sigma 0.
    first: 0 … steps.

    From nothing the result is √(1 + sigma²) · noise: latents have unit variance, so a noisy one has this variance, and
    its variance-preserving view is `noise` itself, the x_T of the papers. (diffusers' Euler and Heun start from
    sigma · noise unless the spacing is leading, which is 0.2 % less.)

    Raises ValueError if first is out of range or the shapes differ.
    """
    if not 0 <= first <= schedule.steps:
        raise ValueError(f"first: expected 0 to {schedule.steps}, got {first}")
    sigma = schedule.sigmas[first]
    if clean is None:
        return Latent(noise * math.sqrt(1 + sigma**2), sigma)
    if clean.shape != noise.shape:
        raise ValueError(f"clean: expected the noise's shape {tuple(noise.shape)}, got {tuple(clean.shape)}")
    if first == schedule.steps:
        return Latent(clean, 0.0)
    return Latent(clean + sigma * noise.to(clean), sigma)


def ddpm(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """Ancestral sampling of DDPM with the posterior's variance: eqs. (6) and (7) of 2006.11239."""
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    keep = sigma_next**2 / sigma**2
    mu = (1 - keep) * denoise(x, sigma) + keep * x
    beta = sigma_next**2 * (1 - keep)
    return Latent(mu + beta**0.5 * step.draw(x), sigma_next)


def ddim(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """DDIM, deterministic at eta 0 and DDPM at eta 1: eqs. (12) and (16) of 2010.02502."""
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    denoised = denoise(x, sigma)
    eps = (x - denoised) / sigma
    sigma_eta = step.eta * sigma_next * (1 - sigma_next**2 / sigma**2) ** 0.5
    x = denoised + (sigma_next**2 - sigma_eta**2) ** 0.5 * eps
    if step.eta > 0:
        x = x + sigma_eta * step.draw(x)
    return Latent(x, sigma_next)


def _past(latent: Latent, kind: PredictionType) -> list[Estimate]:
    """The estimates of that kind, oldest first, that still lie above the latent: it may have been noised again."""
    return [past for past in latent.history if past.kind == kind and past.sigma > latent.sigma]


def plms(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """PLMS (F-PNDM started by Euler steps): eqs. (9) and (12) of 2202.09778.

    The first step is an improved Euler step and costs two evaluations; those after it are Adams-Bashforth of order two,
    three and four, as far as `history` reaches. What is averaged is the model's own output, eps or v, and the average
    becomes eps at the present x only then: v carries a share of x, so averaging eps for a v model is another method.
    """
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    kind = step.prediction_type

    def e(x: Tensor, sigma: float) -> Tensor:
        return from_denoised(denoise(x, sigma), x, sigma, kind)

    def phi(e: Tensor) -> Tensor:  # the transfer part, eq. (9)
        return x + (sigma_next - sigma) * (x - to_denoised(e, x, sigma, kind)) / sigma

    e_0 = e(x, sigma)
    past = _past(latent, kind)[-3:]
    match [estimate.value for estimate in past]:
        case [] if step.is_last:
            e_prime = e_0
        case []:
            e_prime = (e_0 + e(phi(e_0), sigma_next)) / 2
        case [e_1]:
            e_prime = (3 * e_0 - e_1) / 2
        case [e_2, e_1]:
            e_prime = (23 * e_0 - 16 * e_1 + 5 * e_2) / 12
        case [e_3, e_2, e_1]:
            e_prime = (55 * e_0 - 59 * e_1 + 37 * e_2 - 9 * e_3) / 24
    return Latent(phi(e_prime), sigma_next, (*past, Estimate(e_0, sigma, kind))[-3:])


def euler(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """Euler's method on dx/dsigma = (x - denoised) / sigma, the probability-flow ODE: eqs. (1), (3) of 2206.00364."""
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    d = (x - denoise(x, sigma)) / sigma
    return Latent(x + (sigma_next - sigma) * d, sigma_next)


def euler_ancestral(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """Euler down past sigma_next, then noise up to it: k-diffusion's ancestral step (sigma_down, sigma_up)."""
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    sigma_up = sigma_next * (1 - sigma_next**2 / sigma**2) ** 0.5
    sigma_down = sigma_next**2 / sigma
    d = (x - denoise(x, sigma)) / sigma
    return Latent(x + (sigma_down - sigma) * d + sigma_up * step.draw(x), sigma_next)


def heun(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """Heun's second-order method, two evaluations a step, one if it ends at 0: algorithm 1 of EDM, 2206.00364."""
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    d = (x - denoise(x, sigma)) / sigma
    x_next = x + (sigma_next - sigma) * d
    if sigma_next > 0:
        d_next = (x_next - denoise(x_next, sigma_next)) / sigma_next
        x_next = x + (sigma_next - sigma) * (d + d_next) / 2
    return Latent(x_next, sigma_next)


def dpmpp_2m(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """DPM-Solver++(2M): algorithm 2 of 2211.01095, with lambda = -log sigma.

    Of first order on the first step, for want of history, and on one that ends at 0, where lambda is infinite.
    """
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    denoised = denoise(x, sigma)
    past = _past(latent, "sample")[-1:]
    D = denoised
    if past and sigma_next > 0:
        h = math.log(sigma) - math.log(sigma_next)
        h_past = math.log(past[0].sigma) - math.log(sigma)
        D = denoised + h / (2 * h_past) * (denoised - past[0].value)
    shrink = sigma_next / sigma  # exp(-h)
    return Latent(shrink * x + (1 - shrink) * D, sigma_next, (Estimate(denoised, sigma, "sample"),))


@dataclass(frozen=True)
class Sampler:
    """A sampler and what a reader or a planner would ask of it.

    advance: the function itself.
    order: of its formula (that of plms holds once the history is full, and for even steps).
    evaluations: of the denoiser in a step (plms makes one more on its first; heun one less on a last step to 0).
    noise: when it adds fresh noise.
    """

    advance: Callable[[Denoise, Latent, Step], Latent]
    order: int = 1
    evaluations: int = 1
    noise: Literal["never", "if eta > 0", "always"] = "never"

    def needs_noise(self, eta: float = 0.0) -> bool:
        """Whether a step with this eta calls for noise."""
        return self.noise == "always" or (self.noise == "if eta > 0" and eta > 0)

    def __call__(self, denoise: Denoise, latent: Latent, step: Step) -> Latent:
        """The latent one step down the schedule; nothing passed in is changed.

        Raises ValueError if the latent is not at the noise level where the step begins.
        """
        if not math.isclose(latent.sigma, step.sigma, rel_tol=1e-5):
            raise ValueError(
                f"latent: expected sigma {step.sigma:.4g}, where step {step.index} begins, got {latent.sigma:.4g}; "
                "take the step that begins there, or start it from this schedule"
            )
        return self.advance(denoise, latent, step)


SAMPLERS: dict[str, Sampler] = {
    "ddim": Sampler(ddim, noise="if eta > 0"),
    "plms": Sampler(plms, order=4),
    "ddpm": Sampler(ddpm, noise="always"),
    "euler": Sampler(euler),
    "euler_ancestral": Sampler(euler_ancestral, noise="always"),
    "heun": Sampler(heun, order=2, evaluations=2),
    "dpmpp_2m": Sampler(dpmpp_2m, order=2),
}
