"""Draw with the model through the project's own samplers, many pictures at a time."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from diffusion.guidance import guided
from diffusion.latent import Latent
from diffusion.prediction import Denoiser
from diffusion.samplers import SAMPLERS, start
from diffusion.schedules import Training, make_schedule

SCHEDULER = {  # Stable Diffusion's, but for the prediction type
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "skip_prk_steps": True,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
    "clip_sample": False,
}
TRAINING = Training.from_config(SCHEDULER)
ALPHAS_CUMPROD = 1 / (1 + torch.tensor(TRAINING.sigmas).square())  # (1000,)


def sample(
    unet: Callable[[Tensor, Tensor, Tensor], Tensor],
    noise: Tensor,
    states: Tensor,
    empty: Tensor,
    steps: int = 20,
    guidance: float = 3.0,
    sampler: str = "ddim",
    clean: Tensor | None = None,
    strength: float = 1.0,
    after: Callable[[Latent], Latent] | None = None,
) -> Tensor:
    """Noise (B, 4, h, w) and text states (B, 77, D) → latents; `empty` (1, 77, D) is what the empty prompt says.

    With `clean` (B, 4, h, w) the last int(steps · strength) steps begin at those latents, noised; `after` is given what
    each step leaves, and gives what the next one gets.
    """
    schedule = make_schedule(TRAINING, steps, sampler=sampler)
    denoise = guided(Denoiser(unet, TRAINING), states, empty.expand_as(states), guidance)
    first = 0 if clean is None else schedule.steps - int(schedule.steps * strength)
    latent = start(noise, schedule, clean, first)
    for index in range(first, schedule.steps):
        latent = SAMPLERS[sampler](denoise, latent, schedule.step(index))
        latent = latent if after is None else after(latent)
    return latent.samples


def to_pixels(pictures: Tensor) -> np.ndarray:
    """(B, 3, H, W) in [-1, 1] → (B, H, W, 3) of 0 to 255."""
    return ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().byte().movedim(1, -1).cpu().numpy()


def grid(pictures: np.ndarray, columns: int) -> np.ndarray:
    """(N, H, W, 3) → one picture of rows and columns (N a multiple of `columns`)."""
    count, height, width, _ = pictures.shape
    rows = pictures.reshape(count // columns, columns, height, width, 3)
    return rows.transpose(0, 2, 1, 3, 4).reshape(count // columns * height, columns * width, 3)
