"""What all training here shares: what is learnt from, the loss of a diffusion model, and randomness by step.

A training is a pure function (state, examples) → state that takes a number of steps. What is random at step n follows
from the seed and n alone, so ten steps and ten more are the same as twenty, and a training that was interrupted goes on
as if it had not been.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from diffusion.schedules import Training
from diffusion.text import tokenize

if TYPE_CHECKING:
    from diffusion.checkpoint import TokenizerHandle, UNetHandle
    from diffusion.latent import PredictionType


class TrainingError(RuntimeError):
    """A training cannot go on; says at which step, and what is kept."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What is learnt from: clean latents, each with what its picture shows.

    latents: (N, C, h, w) float32, N ≥ 1, scaled as the UNet reads them.
    captions: N texts; they may be empty.

    Raises ValueError if the numbers differ or there are none.
    """

    latents: Tensor
    captions: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        if self.latents.ndim != 4 or not len(self.latents) == len(self.captions) > 0:
            found = f"{tuple(self.latents.shape)} and {len(self.captions)} captions"
            raise ValueError(f"Examples: expected latents (N, C, h, w) and N captions, N ≥ 1; found {found}")

    def __len__(self) -> int:
        return len(self.latents)


def expect_latents(examples: Examples | None, unet: UNetHandle, where: str) -> None:
    """Raise ValueError unless examples, if there are any, are latents that the UNet reads."""
    channels = unet.config.in_channels
    if channels != unet.config.out_channels:
        raise ValueError(f"unet: expected one that reads latents alone, found {channels} channels; one for inpainting?")
    if examples is not None and examples.latents.shape[1] != channels:
        found = examples.latents.shape[1]
        raise ValueError(f"{where}: expected latents of {channels} channels, found {found}; of another model's VAE?")


# ── randomness ────────────────────────────────────────────────────────────────────────────────────────────────────────


def generator_at(seed: int, step: int) -> torch.Generator:
    """The generator of one step of a training, on the CPU; another for every seed and step.

    torch's generator on the CPU reads 32 bits of what it is seeded with: the seed's, well mixed, plus the step.
    """
    mixed = int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:4], "big")
    return torch.Generator().manual_seed((mixed + step) % 2**32)


class Draw(NamedTuple):
    """What is random in one step: which examples (B,), which timesteps (B,) and what noise (B, C, h, w)."""

    picks: Tensor
    timesteps: Tensor
    noise: Tensor


def draw(examples: Examples, batch: int, timesteps: int, generator: torch.Generator) -> Draw:
    """Examples with equal chances, timesteps 0 … `timesteps` - 1 likewise, and Gaussian noise, all on the CPU."""
    picks = torch.randint(len(examples), (batch,), generator=generator)
    at = torch.randint(timesteps, (batch,), generator=generator)
    return Draw(picks, at, torch.randn((batch, *examples.latents.shape[1:]), generator=generator))


# ── loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def noised(latents: Tensor, noise: Tensor, timesteps: Tensor, training: Training) -> tuple[Tensor, Tensor]:
    """Noisy latents as the UNet reads them, and what it should say of them; all (B, C, h, w).

    x_t = √ᾱ·x₀ + √(1 - ᾱ)·ε (DDPM, 2006.11239, eq. 4). What to say is ε, x₀, or v = √ᾱ·ε - √(1 - ᾱ)·x₀ (2202.00512).
    """
    sigmas = torch.tensor(training.sigmas, device=latents.device)[timesteps][:, None, None, None]
    alpha = 1 / (1 + sigmas.square()).sqrt()  # √ᾱ
    beta = sigmas * alpha  # √(1 - ᾱ)
    return alpha * latents + beta * noise, target(latents, noise, alpha, beta, training.prediction_type)


def target(latents: Tensor, noise: Tensor, alpha: Tensor, beta: Tensor, prediction_type: PredictionType) -> Tensor:
    """What a model of this type should say, (B, C, h, w)."""
    if prediction_type == "epsilon":
        return noise
    if prediction_type == "v_prediction":
        return alpha * noise - beta * latents
    return latents


def diffusion_loss(
    unet: Callable[[Tensor, Tensor, Tensor], Tensor],
    training: Training,
    latents: Tensor,
    states: Tensor,
    timesteps: Tensor,
    noise: Tensor,
) -> Tensor:
    """How far the model is from what it should say, squared, for each example: (B,) float32.

    Args:
        unet: (sample (B, C, h, w), timestep (B,), states (B, tokens, D)) → (B, C, h, w).
        training: the noise levels it was trained on, and what its output means.
        latents: clean, (B, C, h, w), on the UNet's device.
        states: of the prompts, (B, tokens, D), there too.
        timesteps: (B,) integers, 0 … 999.
        noise: (B, C, h, w), of unit variance.
    """
    timesteps = timesteps.to(latents.device)
    sample, wanted = noised(latents, noise.to(latents), timesteps, training)
    said = unet(sample.to(states.dtype), timesteps.float(), states)
    return (said.float() - wanted.float()).square().mean(dim=(1, 2, 3))


def expect_finite(number: float, step: int, what: str = "loss") -> None:
    """Raise `TrainingError` if a loss, or the length of a gradient, is no finite number.

    Args:
        number: of the step.
        step: its number in the whole training, from 0.
        what: the number is, for the message.
    """
    if not math.isfinite(number):
        raise TrainingError(
            f"step {step}: expected a finite {what}, found {number}; the rounds before are kept: take a smaller "
            "learning_rate, or fewer rounds"
        )


# ── prompts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def prompts_for(templates: Sequence[str], captions: Sequence[str], generator: torch.Generator) -> list[str]:
    """A prompt for each caption: one of the templates by chance, in which `{caption}` stands for it."""
    chosen = torch.randint(len(templates), (len(captions),), generator=generator).tolist()
    return [templates[i].replace("{caption}", caption) for i, caption in zip(chosen, captions, strict=True)]


def prompt_ids(tokenizer: TokenizerHandle, prompts: Sequence[str]) -> Tensor:
    """The token ids of some prompts, (B, 77); what does not fit is left off, brackets are no weights."""
    live = tokenizer.load()
    return torch.tensor(
        [tokenize(live, prompt, weighted=False, new_words=tokenizer.new_words).ids for prompt in prompts]
    )


def prompt_states(encoder: nn.Module, ids: Tensor) -> Tensor:
    """The text encoder's states for token ids (B, 77), with gradients where the encoder has any: (B, 77, D)."""
    return encoder(ids).last_hidden_state
