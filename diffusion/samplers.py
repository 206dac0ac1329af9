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

from diffusion.latent import Estimate, EstimateKind, Latent
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


def _past(latent: Latent, kind: EstimateKind) -> list[Estimate]:
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
    D = _half_ahead(denoised, _past(latent, "sample"), step)
    shrink = sigma_next / sigma  # exp(-h)
    return Latent(shrink * x + (1 - shrink) * D, sigma_next, (Estimate(denoised, sigma, "sample"),))


def _half_ahead(denoised: Tensor, past: list[Estimate], step: Step) -> Tensor:
    """D of algorithm 2 of 2211.01095: `denoised` carried on, from the last past one, through half the step in lambda.

    Where nothing is past, or lambda infinite as the step ends at 0, it is `denoised` and the step of first order.
    """
    if not past or step.sigma_next == 0:
        return denoised
    h = math.log(step.sigma) - math.log(step.sigma_next)
    h_past = math.log(past[-1].sigma) - math.log(step.sigma)
    return denoised + h / (2 * h_past) * (denoised - past[-1].value)


def lms(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """Linear multistep: Adams-Bashforth on uneven steps for eq. (1) of 2206.00364, k-diffusion's `sample_lms`.

    The polynomial through eps here and at up to three levels before is integrated over the step: order four at most.
    """
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    d = (x - denoise(x, sigma)) / sigma
    ds = (*_past(latent, "epsilon")[-3:], Estimate(d, sigma, "epsilon"))

    def integral(j: int) -> float:  # of the j-th Lagrange polynomial, from sigma to sigma_next
        def phi(tau: float) -> float:
            others = (past.sigma for k, past in enumerate(ds) if k != j)
            return math.prod((tau - other) / (ds[j].sigma - other) for other in others)

        # Simpson's rule, which is exact for a cubic
        return (sigma_next - sigma) * (phi(sigma) + 4 * phi((sigma + sigma_next) / 2) + phi(sigma_next)) / 6

    for j, past in enumerate(ds):
        x = x + integral(j) * past.value
    return Latent(x, sigma_next, ds[-3:])


def dpm_2(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """DPM-Solver-2, by way of the middle in log sigma, one evaluation if it ends at 0: algorithm 1 of 2206.00927."""
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    d = (x - denoise(x, sigma)) / sigma
    if sigma_next > 0:
        sigma_mid = math.sqrt(sigma * sigma_next)
        u = x + (sigma_mid - sigma) * d
        d = (u - denoise(u, sigma_mid)) / sigma_mid
    return Latent(x + (sigma_next - sigma) * d, sigma_next)


def dpmpp_sde(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """DPM-Solver++(2S) for the SDE, r = 1/2: algorithm 1 of 2211.01095 with k-diffusion's ancestral noise on both ways.

    The noise on the way to the middle and that on the way to the end are increments of one Brownian path whose time is
    sigma, each divided by its deviation: both are standard normal, and their correlation is the root of the share of
    the path that they have in common. The path's end is the step's own draw, as in other samplers; its middle, given
    the end, takes another. One evaluation if it ends at 0.
    """
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    denoised, noise = denoise(x, sigma), step.draw(x)
    shrink = sigma_next / sigma  # exp(-h)
    if sigma_next > 0:
        sigma_mid = math.sqrt(sigma * sigma_next)
        shared = (sigma - sigma_mid) / (sigma - sigma_next)
        noise_mid = shared**0.5 * noise + (1 - shared) ** 0.5 * step.draw(x, 1)
        u = shrink * x + (1 - shrink) * denoised + sigma_mid * (1 - shrink) ** 0.5 * noise_mid
        denoised = denoise(u, sigma_mid)
    x = shrink**2 * x + (1 - shrink**2) * denoised
    return Latent(x + sigma_next * (1 - shrink**2) ** 0.5 * noise, sigma_next)


def dpmpp_2m_sde(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """SDE-DPM-Solver++(2M), midpoint: dpmpp_2m for the reverse SDE instead of the ODE, of 2211.01095."""
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    denoised = denoise(x, sigma)
    D = _half_ahead(denoised, _past(latent, "sample"), step)
    shrink = sigma_next / sigma  # exp(-h)
    x = shrink**2 * x + (1 - shrink**2) * D
    x = x + sigma_next * (1 - shrink**2) ** 0.5 * step.draw(x)
    return Latent(x, sigma_next, (Estimate(denoised, sigma, "sample"),))


def unipc(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """UniPC of order two for data prediction, B(h) = exp(h) - 1: algorithms 1 (UniC) and 2 (UniP) of 2302.04867.

    The estimate made here is what the step that led here lacked, so x is corrected first. The next x is then predicted
    from the corrected one by UniP-2, which is dpmpp_2m, without another evaluation. A latent that has been noised again
    was not predicted, and starts anew.
    """
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    denoised = denoise(x, sigma)
    past = _past(latent, "predictor")
    if len(past) < len(latent.history):  # noised again
        past = []
    x = x + _unic(denoised, past, sigma)
    D = _half_ahead(denoised, past, step)
    shrink = sigma_next / sigma  # exp(-h)
    return Latent(shrink * x + (1 - shrink) * D, sigma_next, (*past, Estimate(denoised, sigma, "predictor"))[-2:])


def _unic(m: Tensor, past: list[Estimate], sigma: float) -> Tensor | float:
    """What UniC adds to the x at sigma that UniP predicted from `past`, now that the estimate there is m.

    UniP and UniC begin at the same sample, which drops out of their difference: it need not be kept, and what has been
    blended into x since stays there. b_1 and b_2 are the means of u and u² over the step, u = 0 … 1 in lambda, where
    later weighs more by exp(h u); rho solves R rho = b.
    """
    if not past:
        return 0.0
    m_0, sigma_0 = past[-1].value, past[-1].sigma
    h = math.log(sigma_0) - math.log(sigma)
    shrink = sigma / sigma_0  # exp(-h)
    if len(past) == 1:
        return (1 - shrink) * (m - m_0) / 2
    r_1 = (math.log(sigma_0) - math.log(past[-2].sigma)) / h
    D_1 = (past[-2].value - m_0) / r_1
    b_1 = 1 / (1 - shrink) - 1 / h
    b_2 = 1 / (1 - shrink) - 2 * b_1 / h
    rho_1 = (b_1 - b_2) / (1 - r_1)
    rho_2 = b_1 - rho_1
    return (1 - shrink) * ((rho_1 - 1 / 2) * D_1 + rho_2 * (m - m_0))


def lcm(denoise: Denoise, latent: Latent, step: Step) -> Latent:
    """Latent consistency sampling of 2310.04378: clean at once, then noised anew; algorithm 1 of 2303.01469.

    c_skip and c_out, eq. (5) of 2303.01469, make the answer x itself at timestep 0, with sigma_data 0.5 and timesteps
    counted tenfold as in training. What is skipped is the variance-preserving view, which the UNet is given.
    """
    x, sigma, sigma_next = latent.samples, step.sigma, step.sigma_next
    c_skip = 0.5**2 / ((10 * step.timestep) ** 2 + 0.5**2)
    c_out = (1 - c_skip) ** 0.5
    f = c_skip * latent.vp + c_out * denoise(x, sigma)
    return Latent(f + sigma_next * step.draw(x), sigma_next)


@dataclass(frozen=True)
class Sampler:
    """A sampler and what a reader or a planner would ask of it.

    advance: the function itself.
    order: of its formula once the history is full, in law where noise is added (that of plms holds for even steps).
    evaluations: of the denoiser in a step (where there are two, it is one to 0).
    noise: when it adds fresh noise.
    more_at_first: evaluations beyond these on a first step, for want of history.
    """

    advance: Callable[[Denoise, Latent, Step], Latent]
    order: int = 1
    evaluations: int = 1
    noise: Literal["never", "if eta > 0", "always"] = "never"
    more_at_first: int = 0

    @property
    def asks_once(self) -> bool:
        """Whether every step is one evaluation, so that it can go by a prediction that was made beforehand."""
        return self.evaluations + self.more_at_first == 1

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
    "plms": Sampler(plms, order=4, more_at_first=1),
    "ddpm": Sampler(ddpm, noise="always"),
    "euler": Sampler(euler),
    "euler_ancestral": Sampler(euler_ancestral, noise="always"),
    "heun": Sampler(heun, order=2, evaluations=2),
    "dpmpp_2m": Sampler(dpmpp_2m, order=2),
    "lms": Sampler(lms, order=4),
    "dpm_2": Sampler(dpm_2, order=2, evaluations=2),
    "dpmpp_sde": Sampler(dpmpp_sde, order=2, evaluations=2, noise="always"),
    "dpmpp_2m_sde": Sampler(dpmpp_2m_sde, order=2, noise="always"),
    "unipc": Sampler(unipc, order=3),
    "lcm": Sampler(lcm, noise="always"),
}
