"""Guidance and prediction: the formulas, and what they cost in passes of the UNet."""

import math

import pytest
import torch
from torch import Tensor

from diffusion.guidance import guide, guided
from diffusion.latent import PredictionType
from diffusion.prediction import Denoiser, from_denoised, to_denoised
from diffusion.schedules import Training

TRAINING = Training.from_config({})
X = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * 3
POSITIVE = torch.randn(1, 77, 16, generator=torch.Generator().manual_seed(1))
NEGATIVE = torch.randn(1, 77, 16, generator=torch.Generator().manual_seed(2))


class Unet:
    """A nonlinear function of all three inputs that remembers how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, Tensor, Tensor]] = []

    def __call__(self, sample: Tensor, timestep: Tensor, states: Tensor) -> Tensor:
        self.calls.append((sample, timestep, states))
        return torch.tanh(sample.roll(1, -1) + states.mean((1, 2))[:, None, None, None] * 20 + timestep[0] / 1000)


@pytest.mark.parametrize("scale", [0.0, 0.5, 3.0, 7.5, 50.0])
@pytest.mark.parametrize("sigma", [0.0292, 1.0, 14.6])
def test_guided_denoised_is_guided_eps(scale: float, sigma: float) -> None:
    unet = Unet()
    guided_denoised = guided(Denoiser(unet, TRAINING), POSITIVE, NEGATIVE, scale)(X, sigma)

    vp = X / math.sqrt(1 + sigma**2)
    timestep = torch.tensor([TRAINING.sigma_to_t(sigma)])
    eps_uncond, eps_cond = unet(vp, timestep, NEGATIVE), unet(vp, timestep, POSITIVE)
    eps = eps_uncond + scale * (eps_cond - eps_uncond)
    torch.testing.assert_close(guided_denoised, X - sigma * eps, rtol=1e-5, atol=1e-5 * max(1.0, scale))


def test_both_run_as_one_batch_negative_first() -> None:
    unet = Unet()
    guided(Denoiser(unet, TRAINING), POSITIVE, NEGATIVE, 7.5)(X, TRAINING.sigmas[951])
    ((sample, timestep, states),) = unet.calls
    assert sample.shape == (2, 4, 8, 8) and torch.equal(sample[0], sample[1])
    assert torch.equal(timestep, torch.tensor([951.0, 951.0])) and timestep.dtype == torch.float32
    assert torch.equal(states, torch.cat([NEGATIVE, POSITIVE]))


def test_two_samples_make_a_batch_of_four_and_agree_with_one() -> None:
    unet = Unet()
    denoise = guided(Denoiser(unet, TRAINING), POSITIVE, NEGATIVE, 7.5)
    both = denoise(torch.cat([X, -X]), 2.0)
    assert len(unet.calls[0][0]) == 4
    torch.testing.assert_close(both, torch.cat([denoise(X, 2.0), denoise(-X, 2.0)]))


@pytest.mark.parametrize("negative", [None, NEGATIVE])
def test_scale_one_is_one_pass_of_the_prompt(negative: Tensor | None) -> None:
    unet = Unet()
    denoised = guided(Denoiser(unet, TRAINING), POSITIVE, negative, 1.0)(X, 2.0)
    ((sample, _, states),) = unet.calls
    assert len(sample) == 1 and torch.equal(states, POSITIVE)
    assert torch.equal(denoised, Denoiser(Unet(), TRAINING)(X, 2.0, POSITIVE))


def test_scale_without_a_negative_is_refused() -> None:
    with pytest.raises(ValueError, match=r"negative: expected conditioning, got none, with guidance_scale 7\.5"):
        guided(Denoiser(Unet(), TRAINING), POSITIVE)


def test_conditioning_of_two_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected the positive's shape \(1, 77, 16\), got \(1, 154, 16\)"):
        guided(Denoiser(Unet(), TRAINING), POSITIVE, torch.cat([NEGATIVE, NEGATIVE], dim=1))


def test_guide_at_zero_and_one() -> None:
    uncond, cond = X, X.roll(1, -1)
    assert torch.equal(guide(uncond, cond, 0.0), uncond)
    torch.testing.assert_close(guide(uncond, cond, 1.0), cond)


@pytest.mark.parametrize("sigma", [0.0292, 1.0, 14.6])
def test_every_prediction_type_of_one_truth_gives_the_same_denoised(sigma: float) -> None:
    clean, eps = X / 3, X.roll(3, -2) / 3
    x = clean + sigma * eps
    alpha = 1 / math.sqrt(1 + sigma**2)
    outputs: dict[PredictionType, Tensor] = {
        "epsilon": eps,
        "v_prediction": alpha * eps - sigma * alpha * clean,
        "sample": clean,
    }
    for kind, output in outputs.items():
        torch.testing.assert_close(to_denoised(output, x, sigma, kind), clean, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(from_denoised(clean, x, sigma, kind), output, rtol=1e-4, atol=3e-5)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_denoiser_reads_the_output_as_the_config_says(kind: PredictionType) -> None:
    training, sigma = Training.from_config({"prediction_type": kind}), 3.0
    output = Unet()(X / math.sqrt(10), torch.tensor([training.sigma_to_t(sigma)]), POSITIVE)
    denoised = Denoiser(Unet(), training)(X, sigma, POSITIVE)
    torch.testing.assert_close(denoised, to_denoised(output, X, sigma, kind))


def test_the_unet_is_called_in_the_dtype_of_the_states_and_answers_in_that_of_x() -> None:
    unet = Unet()
    denoised = Denoiser(unet, TRAINING)(X, 2.0, POSITIVE.bfloat16())
    sample, timestep, _ = unet.calls[0]
    assert (sample.dtype, timestep.dtype, denoised.dtype) == (torch.bfloat16, torch.float32, torch.float32)
