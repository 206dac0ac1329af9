"""Guidance and prediction: the formulas, and what they cost in passes of the UNet."""

import math

import pytest
import torch
from torch import Tensor

from diffusion.guidance import guide, guide_predictions, guided, regional, scale_at
from diffusion.latent import PredictionType
from diffusion.prediction import Denoiser, Prediction, from_denoised, to_denoised
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


def test_conditioning_of_two_lengths_is_two_passes() -> None:
    unet, longer = Unet(), torch.cat([NEGATIVE, NEGATIVE], dim=1)
    denoised = guided(Denoiser(unet, TRAINING), POSITIVE, longer, 3.0)(X, 2.0)
    assert [tuple(states.shape) for _, _, states in unet.calls] == [(1, 154, 16), (1, 77, 16)]
    uncond, cond = (Denoiser(Unet(), TRAINING)(X, 2.0, states) for states in (longer, POSITIVE))
    torch.testing.assert_close(denoised, guide(uncond, cond, 3.0))


def test_conditioning_of_two_widths_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the positive's width 16, got 8; encode both with one text encoder"):
        guided(Denoiser(Unet(), TRAINING), POSITIVE, NEGATIVE[..., :8])


def test_predictions_are_guided_as_denoisers_are() -> None:
    denoise = Denoiser(Unet(), TRAINING)
    uncond, cond = (Prediction(X, 2.0, denoise(X, 2.0, states)) for states in (NEGATIVE, POSITIVE))
    expected = guided(denoise, POSITIVE, NEGATIVE, 5.0)(X, 2.0)
    torch.testing.assert_close(guide_predictions(uncond, cond, 5.0).denoised, expected)
    eps = guide_predictions(uncond, cond, 5.0).eps
    torch.testing.assert_close(eps, guide(uncond.eps, cond.eps, 5.0), rtol=1e-4, atol=1e-4)


def test_predictions_about_two_latents_are_not_mixed() -> None:
    one = Prediction(X, 2.0, X)
    for other in (Prediction(X, 3.0, X), Prediction(X + 1, 2.0, X)):
        with pytest.raises(ValueError, match="expected predictions for one and the same latent"):
            guide_predictions(one, other, 2.0)
        with pytest.raises(ValueError, match="outside: expected predictions for one and the same latent"):
            regional(one, other, torch.ones(1, 1, *X.shape[2:]))


def test_regions_have_predictions_of_their_own() -> None:
    inside, outside = Prediction(X, 2.0, X * 0 + 1), Prediction(X, 2.0, X * 0 - 1)
    share = torch.zeros(1, 1, *X.shape[2:])
    share[..., 0, 0], share[..., 0, 1] = 1.0, 0.5
    denoised = regional(inside, outside, share).denoised
    assert (denoised[..., 0, 0] == 1).all() and (denoised[..., 0, 1] == 0).all() and (denoised[..., 1:, :] == -1).all()


@pytest.mark.parametrize(("sigma", "denoised"), [(0.0, X), (-1.0, X), (1.0, X[..., :1])])
def test_a_prediction_checks_itself(sigma: float, denoised: Tensor) -> None:
    with pytest.raises(ValueError, match=r"Prediction\."):
        Prediction(X, sigma, denoised)


def test_the_scale_goes_from_first_to_last_within_its_interval() -> None:
    scales = [scale_at(share, 9.0, 1.0, "linear") for share in (0, 0.25, 0.5, 1)]
    assert scales == [9.0, 7.0, 5.0, 1.0]
    assert [scale_at(share, 9.0, 1.0, "cosine") for share in (0, 0.5, 1)] == pytest.approx([9.0, 5.0, 1.0])
    assert scale_at(0.25, 9.0, 1.0, "cosine") > 7.0
    assert [scale_at(s, 4.0, 4.0, "linear", 0.2, 0.8, 1.5) for s in (0.1, 0.2, 0.5, 0.8, 0.9)] == [1.5, 4, 4, 4, 1.5]
    assert scale_at(0.5, 6.0, 2.0, "linear", 0.5, 0.5) == 6.0


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
