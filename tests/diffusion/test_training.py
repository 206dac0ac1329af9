"""What all training shares: randomness by step, the loss of a diffusion model, and how prompts are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from stable_diffusion import SD
from torch import Tensor

from diffusion import training
from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.schedules import Training
from diffusion.text import NewWord
from diffusion.training import Examples, TrainingError, diffusion_loss, draw, expect_finite, generator_at

EXAMPLES = Examples(torch.arange(48.0).reshape(3, 4, 2, 2), ("a", "b", "c"))
NOISE_LEVELS = Training.from_config(SD)


@pytest.mark.parametrize(("shape", "captions"), [((3, 4, 2), 3), ((3, 4, 2, 2), 2), ((0, 4, 2, 2), 0)])
def test_examples_have_a_caption_each(shape: tuple[int, ...], captions: int) -> None:
    with pytest.raises(ValueError, match=r"Examples: expected latents \(N, C, h, w\) and N captions, N ≥ 1; found "):
        Examples(torch.zeros(shape), ("",) * captions)


# ── randomness ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_random_follows_from_seed_and_step() -> None:
    def drawn(seed: int, step: int) -> Tensor:
        return torch.randn(4, generator=generator_at(seed, step))

    assert torch.equal(drawn(3, 7), drawn(3, 7))
    places = [(0, 0), (0, 1), (1, 0), (2**32, 0), (2**32 + 1, 0), (2**63 - 1, 0), (0, 100_000)]
    assert len({tuple(drawn(*place).tolist()) for place in places}) == len(places)


def test_no_two_steps_of_a_training_are_alike() -> None:
    firsts = {int(torch.randint(2**62, (), generator=generator_at(5, step))) for step in range(2000)}
    assert len(firsts) == 2000


def test_a_draw_takes_examples_and_timesteps_with_equal_chances() -> None:
    found = draw(EXAMPLES, 6000, 10, generator_at(0, 0))
    assert found.noise.shape == (6000, 4, 2, 2)
    for numbers, count in ((found.picks, 3), (found.timesteps, 10)):
        shares = torch.bincount(numbers, minlength=count) / 6000
        assert len(shares) == count and float((shares - 1 / count).abs().max()) < 0.02
    assert abs(float(found.noise.mean())) < 0.01 and abs(float(found.noise.std()) - 1) < 0.01


# ── loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_noise_and_target_are_those_of_diffusers(prediction: str) -> None:
    from diffusers import DDPMScheduler

    theirs = DDPMScheduler.from_config(SD | {"prediction_type": prediction})
    levels = replace(NOISE_LEVELS, prediction_type=prediction)  # type: ignore[arg-type]
    timesteps = torch.tensor([0, 400, 999])
    noise = torch.randn(EXAMPLES.latents.shape, generator=generator_at(0, 0))
    clean = EXAMPLES.latents / 48
    noisy, wanted = training.noised(clean, noise, timesteps, levels)
    assert torch.allclose(noisy, theirs.add_noise(clean, noise, timesteps), atol=1e-5)
    expected = {
        "epsilon": noise, "sample": clean, "v_prediction": theirs.get_velocity(clean, noise, timesteps)
    }[prediction]  # fmt: skip
    assert torch.allclose(wanted, expected, atol=1e-5)


def test_the_loss_is_how_far_each_answer_is_off() -> None:
    noise, states = torch.randn(3, 4, 2, 2, generator=generator_at(0, 0)), torch.zeros(3, 77, 16)
    asked: list[Tensor] = []

    def unet(sample: Tensor, timestep: Tensor, states: Tensor) -> Tensor:
        asked.append(timestep)
        return noise + torch.tensor([0.0, 1.0, 2.0])[:, None, None, None]

    loss = diffusion_loss(unet, NOISE_LEVELS, EXAMPLES.latents, states, torch.tensor([5, 6, 7]), noise)
    assert torch.allclose(loss, torch.tensor([0.0, 1.0, 4.0]), atol=1e-6)
    assert asked[0].tolist() == [5.0, 6.0, 7.0]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_stops_the_training(number: float) -> None:
    with pytest.raises(TrainingError, match=r"step 12: expected a finite loss, found (nan|inf|-inf); .* are kept"):
        expect_finite(number, 12)
    with pytest.raises(TrainingError, match="expected a finite gradient"):
        expect_finite(number, 12, "gradient")
    expect_finite(1e30, 12)


# ── prompts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    """The tiny checkpoint's handles."""
    return open_checkpoint(tiny_model)


def test_a_template_takes_the_caption_as_it_is() -> None:
    said = training.prompts_for(["a {caption}!"], ["{x} cat", "{caption}"], generator_at(0, 0))
    assert said == ["a {x} cat!", "a {caption}!"]


def test_each_template_gets_its_turn() -> None:
    said = training.prompts_for(["a {caption}", "the {caption}"], ["cat"] * 200, generator_at(0, 0))
    assert set(said) == {"a cat", "the cat"} and 60 < said.count("a cat") < 140


def test_brackets_are_no_weights_and_new_words_are_known(model: Checkpoint) -> None:
    tokenizer = replace(model.tokenizer, new_words=(NewWord("<cat>", (514, 515)),))
    ids = training.prompt_ids(tokenizer, ["(a)", "<cat>"])
    assert ids.shape == (2, 77) and ids[0].tolist() != training.prompt_ids(tokenizer, ["a", "a"])[0].tolist()
    assert ids[1, 1:3].tolist() == [514, 515]
