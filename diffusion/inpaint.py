"""Inpainting by blending in the loop: what is to be kept is put back at every step, at that step's noise level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from diffusion.image import Mask
from diffusion.latent import Latent


def mask_for(latent: Latent, mask: Mask) -> Tensor:
    """A mask at the latent's resolution, (1, 1, h, w) in [0, 1]: each value is the share of white under it."""
    height, width = latent.samples.shape[-2:]
    small = Pillow.fromarray(mask.values).resize((width, height), Pillow.Resampling.BOX)
    return torch.from_numpy(np.array(small)).float()[None, None] / 255


def blend(latent: Latent, known: Latent, mask: Mask, noise: Tensor) -> Latent:
    """Keep what is known where the mask is black (the background blending of RePaint, 2201.09865, eq. 8).

    Args:
        latent: as a step left it.
        known: the clean latent of the picture, of the same shape.
        mask: 255 = repaint freely, 0 = keep; any resolution.
        noise: (1, C, h, w); the known latent is noised with it to the latent's sigma.

    Raises:
        ValueError: the shapes differ.
    """
    if known.samples.shape != latent.samples.shape:
        shapes = f"expected shape {tuple(latent.samples.shape)}, found {tuple(known.samples.shape)}"
        raise ValueError(f"known: {shapes}; encode the picture at the size of the noise")
    free = mask_for(latent, mask)
    renoised = known.samples + latent.sigma * noise
    return replace(latent, samples=free * latent.samples + (1 - free) * renoised)
