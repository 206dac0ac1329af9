"""Inpainting, in two ways.

By blending, with any UNet: what is to be kept is put back at every step, at that step's noise level. By channels, with
a UNet trained for it: at every step it is shown the mask and the picture without what is masked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from diffusion.image import Image, Mask
from diffusion.latent import Latent
from diffusion.masks import stretch, threshold
from diffusion.unet import UNetConfig
from diffusion.vae import VAE, as_tensor, encode_pixels


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


@dataclass(frozen=True, eq=False)
class Channels:
    """What an inpainting UNet is shown beside the latent: (1, C, h, w) float32; C is 0 for one that is shown nothing.

    ValueError for another shape.

    The inpainting UNets of Stable Diffusion 1.5 and 2 read nine channels: the noisy latent's four, then these five: the
    mask, 1 = repaint, and the clean latent of the picture with what is masked left blank (Rombach et al., 2112.10752,
    §4.5; in the order of the released models).
    """

    tensor: Tensor

    def __post_init__(self) -> None:
        if self.tensor.ndim != 4 or len(self.tensor) != 1:
            raise ValueError(f"Channels.tensor: expected shape (1, C, h, w), found {tuple(self.tensor.shape)}")


def inpaint_channels(vae: VAE, image: Image, mask: Mask, seed: int | None = None) -> Channels:
    """The mask and the latent of the masked picture, 1 + latent channels, as diffusers' inpainting pipeline makes them.

    The mask is made hard, at half white. What is white is left blank: mid grey, 0 in [-1, 1]. The mask comes to the
    latent's size by taking the top left pixel of each square, without smoothing, for such it was in training.

    Args:
        vae: on its device.
        image: height and width multiples of the VAE's factor; alpha is laid on white.
        mask: 255 = repaint, 0 = keep; of another size it is stretched to the picture's.
        seed: draw the latent from the VAE's posterior with this seed; None takes its mean.

    Raises:
        ValueError: the picture's size does not fit.
    """
    x, factor = as_tensor(vae, image), vae.config.factor
    hard = threshold(stretch(mask, image.size)).values
    free = torch.from_numpy(hard.copy())[None, None].float() / 255  # (H, W) → (1, 1, H, W)
    masked = encode_pixels(vae, x * (1 - free), seed)
    return Channels(torch.cat([free[..., ::factor, ::factor], masked.samples], dim=1))


def no_channels() -> Channels:
    """For a UNet that reads the latent alone, at every size."""
    return Channels(torch.empty(1, 0, 1, 1))


def expect_channels(config: UNetConfig, latent: Latent, channels: Channels | None) -> None:
    """Raise ValueError unless the latent and the channels beside it are what a UNet of this config reads."""
    count, *size = latent.samples.shape[1:]
    wanted = config.in_channels - count
    found = 0 if channels is None else channels.tensor.shape[1]
    if found != wanted:
        alone = "this UNet reads the latent alone: inpaint with blend_mask"
        trained = "this UNet was trained to inpaint: link inpaint_channels, with the VAE of its checkpoint"
        raise ValueError(
            f"channels: expected {wanted or 'none'} beside the latent's {count}, found {found or 'none'}; "
            + (trained if wanted else alone)
        )
    if channels is not None and found and list(channels.tensor.shape[2:]) != size:
        (h, w), (height, width) = size, channels.tensor.shape[2:]
        raise ValueError(
            f"channels: expected the latent's size {w} × {h}, found {width} × {height}; "
            "make noise and channels for a picture of one size"
        )
