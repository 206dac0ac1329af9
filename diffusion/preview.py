"""A quick look at latents: channels one by one, and a linear map to colours instead of the VAE.

A decoder makes each small patch of pixels mostly from the latent pixel below it, so the patch's mean colour is nearly
a linear function of that pixel's channels. The function is fitted, so it is there for any VAE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from diffusion.heat import Heat
from diffusion.image import Image
from diffusion.latent import Latent
from diffusion.maps import MISSING
from diffusion.vae import VAE

SAMPLES, SIDE = 24, 12
"""How many latents are decoded for a fit, and how many pixels they have a side."""


@dataclass(frozen=True, eq=False)
class Preview:
    """A linear map from latents to colours: colour = channels · weights + bias, 0 … 1 from black to white.

    weights: (C, 3) float32, for the channels of a latent as the UNet and the VAE see it.
    bias: (3,) float32, the colour of a latent of zeros.
    """

    weights: Tensor
    bias: Tensor


def fit_preview(vae: VAE) -> Preview:
    """The linear map that comes closest to a VAE's decoder, by least squares over latents drawn with a fixed seed.

    Smooth latents of about unit variance (blobs over a flat ground) are decoded, and each latent pixel is compared
    with the mean colour of its patch.
    """
    config, weight = vae.config, next(vae.parameters())
    latents = smooth_latents(config.latent_channels)
    z = latents / config.scaling_factor + (config.shift_factor or 0)
    with torch.no_grad():
        pictures = torch.cat([vae.decode(one[None].to(weight)).float().cpu() for one in z])
    colours = F.avg_pool2d((pictures / 2 + 0.5).clamp(0, 1), config.factor)
    x = latents.permute(0, 2, 3, 1).flatten(0, 2).double()  # (N, C, h, w) → (N·h·w, C)
    y = colours.permute(0, 2, 3, 1).flatten(0, 2).double()
    solved = torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1), y).solution
    return Preview(solved[:-1].float(), solved[-1].float())


def smooth_latents(channels: int) -> Tensor:
    """Latents of flat colours, wide blobs and narrow blobs added up, the same each time: (N, channels, SIDE, SIDE)."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(SAMPLES, channels, SIDE, SIDE)
    for side, share in ((1, 0.5), (3, 0.35), (6, 0.15)):
        blobs = torch.randn(SAMPLES, channels, side, side, generator=generator)
        total += share**0.5 * F.interpolate(blobs, size=(SIDE, SIDE), mode="bicubic", align_corners=False)
    return total


def quick_look(latent: Latent, preview: Preview) -> Image:
    """A latent as a picture of its own size, a pixel a latent pixel; one that is noisy is shown as the UNet sees it.

    Raises:
        ValueError: the map is for latents of another number of channels.
    """
    channels, expected = latent.samples.shape[1], len(preview.weights)
    if channels != expected:
        raise ValueError(f"latent: expected {expected} channels, as the preview, found {channels}; of another model?")
    colours = latent.vp[0].permute(1, 2, 0) @ preview.weights + preview.bias  # (1, C, h, w) → (h, w, 3)
    return Image((colours.clamp(0, 1) * 255).round().to(torch.uint8).numpy())


def false_colours(latent: Latent) -> Image:
    """A latent as a picture of its own size where no map is known: its first three principal directions as colours.

    Red, green and blue say how far a place lies along the direction in which the latent varies most, second most and
    third most; grey is the mean, and three standard deviations of the first direction are the range.
    """
    places = latent.vp[0].permute(1, 2, 0).flatten(0, 1).double()  # (1, C, h, w) → (h·w, C)
    centred = places - places.mean(dim=0)
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))  # ascending
    directions = directions.flip(1)[:, :3]
    signs = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True)).sign()  # else it would be chance
    along = torch.zeros(len(places), 3, dtype=places.dtype)
    along[:, : directions.shape[1]] = centred @ (directions * signs)
    colours = 0.5 + along / (6 * variances[-1].clamp(min=1e-12).sqrt())
    levels = (colours.clamp(0, 1) * 255).round().to(torch.uint8)
    return Image(levels.reshape(*latent.samples.shape[2:], 3).numpy())


def look(latent: Latent, preview: Preview | None = None) -> Image:
    """A latent by a preview, or in false colours without one; grey where its numbers are not finite.

    Raises:
        ValueError: the preview is for latents of another number of channels.
    """
    clean = replace(latent, samples=latent.samples.nan_to_num(0, 0, 0))
    image = false_colours(clean) if preview is None else quick_look(clean, preview)
    pixels = image.pixels.copy()
    pixels[~latent.samples[0].isfinite().all(dim=0).numpy()] = MISSING
    return Image(pixels)


def swatches(preview: Preview, amounts: Sequence[float]) -> Image:
    """The colours that latents have in which one channel is an amount and all others are 0: a row a channel."""
    amount = torch.tensor(amounts)[None, :, None]
    colours = preview.bias + amount * preview.weights[:, None]  # (3) + (1, n, 1) · (C, 1, 3) → (C, n, 3)
    return Image((colours.clamp(0, 1).nan_to_num(0) * 255).round().to(torch.uint8).numpy())


def channels(latent: Latent) -> list[Heat]:
    """Each channel of a latent as the UNet sees it."""
    return [Heat(channel.numpy()) for channel in latent.vp[0]]


def magnitude(latent: Latent) -> Heat:
    """The length of the vector at each place of a latent as the UNet sees it: the norm over its channels."""
    return Heat(torch.linalg.vector_norm(latent.vp[0], dim=0).numpy())
