"""The variational autoencoder between pictures and latents (Kingma and Welling, 1312.6114; Rombach et al., 2112.10752).

Encoder, bottleneck, decoder, in this order. Parameter names are those of diffusers' `AutoencoderKL`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffusion.blocks import ConfigBase, Downsample, ResnetBlock, Upsample, attend, rename_prefix
from diffusion.image import Image
from diffusion.latent import Latent

EPS = 1e-6
"""The epsilon of every group norm in AutoencoderKL."""


@dataclass(frozen=True)
class VAEConfig(ConfigBase):
    """Shape of a VAE, in the words of diffusers' `vae/config.json`; the defaults are Stable Diffusion 1.5."""

    in_channels: int = 3
    out_channels: int = 3
    block_out_channels: tuple[int, ...] = (128, 256, 512, 512)
    layers_per_block: int = 2
    latent_channels: int = 4
    norm_num_groups: int = 32
    sample_size: int = 512
    """Picture height and width it was trained at (others work)."""
    scaling_factor: float = 0.18215
    """Latents are multiplied by it, so that their standard deviation is about one."""
    shift_factor: float | None = None
    mid_block_add_attention: bool = True
    use_quant_conv: bool = True
    use_post_quant_conv: bool = True

    SUPPORTED: ClassVar = {"act_fn": ("silu", "swish")}

    @property
    def factor(self) -> int:
        """How many pixels along a side one latent pixel stands for: 8 in Stable Diffusion."""
        return 2 ** (len(self.block_out_channels) - 1)


class PixelAttention(nn.Module):
    """Single-head self-attention among the pixels of a feature map."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, width, eps=EPS)
        self.to_q = nn.Linear(width, width)
        self.to_k = nn.Linear(width, width)
        self.to_v = nn.Linear(width, width)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) → (B, C, h, w)."""
        h = self.group_norm(x).flatten(2).transpose(1, 2)  # (B, C, h, w) → (B, h·w, C)
        q, k, v = (project(h)[:, None] for project in (self.to_q, self.to_k, self.to_v))  # one head
        h = self.to_out[0](attend(q, k, v))
        return x + h.transpose(1, 2).reshape(x.shape)


class Middle(nn.Module):
    """The lowest resolution of encoder and decoder: residual block, attention, residual block."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        width, groups = config.block_out_channels[-1], config.norm_num_groups
        self.resnets = nn.ModuleList([ResnetBlock(width, width, None, groups, EPS) for _ in range(2)])
        self.attentions = nn.ModuleList([PixelAttention(width, groups)] if config.mid_block_add_attention else [])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) → (B, C, h, w)."""
        x = self.resnets[0](x)
        for attention in self.attentions:
            x = attention(x)
        return self.resnets[1](x)


class Level(nn.Module):
    """One resolution: residual blocks, then the change to the next resolution, if any."""

    def __init__(self, widths: list[tuple[int, int]], groups: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([ResnetBlock(i, o, None, groups, EPS) for i, o in widths])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) → (B, C', h', w')."""
        for resnet in self.resnets:
            x = resnet(x)
        for change in (*getattr(self, "downsamplers", ()), *getattr(self, "upsamplers", ())):
            x = change(x)
        return x


class Encoder(nn.Module):
    """Picture → mean and log variance of its latent, before the quantisation convolution."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths, groups = config.block_out_channels, config.norm_num_groups
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList()
        before = widths[0]
        for i, width in enumerate(widths):
            pairs = [(before if j == 0 else width, width) for j in range(config.layers_per_block)]
            level = Level(pairs, groups)
            if i < len(widths) - 1:
                level.downsamplers = nn.ModuleList([Downsample(width, padding=0)])
            self.down_blocks.append(level)
            before = width
        self.mid_block = Middle(config)
        self.conv_norm_out = nn.GroupNorm(groups, before, eps=EPS)
        self.conv_out = nn.Conv2d(before, 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, 2·latent_channels, H/f, W/f)."""
        x = self.conv_in(x)
        for level in self.down_blocks:
            x = level(x)
        return self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))


class Decoder(nn.Module):
    """Latent → picture."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths, groups = config.block_out_channels[::-1], config.norm_num_groups
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.mid_block = Middle(config)
        self.up_blocks = nn.ModuleList()
        before = widths[0]
        for i, width in enumerate(widths):
            pairs = [(before if j == 0 else width, width) for j in range(config.layers_per_block + 1)]
            level = Level(pairs, groups)
            if i < len(widths) - 1:
                level.upsamplers = nn.ModuleList([Upsample(width)])
            self.up_blocks.append(level)
            before = width
        self.conv_norm_out = nn.GroupNorm(groups, before, eps=EPS)
        self.conv_out = nn.Conv2d(before, config.out_channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, latent_channels, h, w) → (B, 3, f·h, f·w)."""
        x = self.mid_block(self.conv_in(z))
        for level in self.up_blocks:
            x = level(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class VAE(nn.Module):
    """Pictures in [-1, 1] ↔ latents, unscaled: the scaling factor is the caller's, as in the paper's code."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        channels = config.latent_channels
        self.quant_conv = nn.Conv2d(2 * channels, 2 * channels, 1) if config.use_quant_conv else nn.Identity()
        self.post_quant_conv = nn.Conv2d(channels, channels, 1) if config.use_post_quant_conv else nn.Identity()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Picture (B, 3, H, W) in [-1, 1] → mean and log variance of the unscaled latent, each (B, C, H/f, W/f).

        The log variance is clamped to [-30, 20], as in the reference implementation.
        """
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        return mean, logvar.clamp(-30.0, 20.0)

    def decode(self, z: Tensor) -> Tensor:
        """Unscaled latent (B, C, h, w) → picture (B, 3, f·h, f·w), about [-1, 1], not clamped."""
        return self.decoder(self.post_quant_conv(z))

    def forward(self, x: Tensor) -> Tensor:
        """Picture → the mean of its latent → picture."""
        return self.decode(self.encode(x)[0])


def current_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A VAE state dict under today's names; files from before 2023 call the attention's layers query, key, value."""
    old = {"query": "to_q", "key": "to_k", "value": "to_v"}
    renamed = rename_prefix(state, old)
    return {key.replace("proj_attn", "to_out.0"): value for key, value in renamed.items()}


def encode_image(vae: VAE, image: Image, seed: int | None = None) -> Latent:
    """Picture → clean latent (sigma 0), scaled.

    Args:
        vae: on its device.
        image: height and width multiples of the VAE's factor; alpha is laid on white.
        seed: draw from the posterior with this seed; None takes its mean.

    Raises:
        ValueError: the picture's size does not fit.
    """
    return encode_pixels(vae, as_tensor(vae, image), seed)


def as_tensor(vae: VAE, image: Image) -> Tensor:
    """The picture as a VAE reads it: (1, 3, H, W) float32 in [-1, 1]; ValueError if its size does not fit."""
    factor, (width, height) = vae.config.factor, image.size
    if width % factor or height % factor:
        fit = " × ".join(str(max(round(n / factor), 1) * factor) for n in (width, height))
        raise ValueError(
            f"image: expected width and height to be multiples of {factor}, found {width} × {height}; "
            f"resize it first, to {fit} say"
        )
    x = torch.from_numpy(image.on().pixels.copy()).permute(2, 0, 1)[None]  # (H, W, 3) → (1, 3, H, W)
    return x.float() / 127.5 - 1


def encode_pixels(vae: VAE, x: Tensor, seed: int | None = None) -> Latent:
    """(1, 3, H, W) float32 in [-1, 1] → clean latent (sigma 0), scaled; `seed` as for `encode_image`."""
    config, weight = vae.config, next(vae.parameters())
    with torch.no_grad():
        mean, logvar = vae.encode(x.to(weight))
    z = mean.float().cpu()
    if seed is not None:
        z = z + (logvar.float().cpu() / 2).exp() * torch.randn(z.shape, generator=torch.Generator().manual_seed(seed))
    return Latent((z - (config.shift_factor or 0)) * config.scaling_factor, 0.0)


def decode_latent(vae: VAE, latent: Latent) -> Image:
    """Latent → picture. A latent that is still noisy is seen in its variance-preserving view, as the UNet sees it."""
    config, weight = vae.config, next(vae.parameters())
    z = latent.vp / config.scaling_factor + (config.shift_factor or 0)
    with torch.no_grad():
        x = vae.decode(z.to(weight)).float().cpu()
    pixels = ((x / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image(np.ascontiguousarray(pixels[0].permute(1, 2, 0).numpy()))  # (1, 3, H, W) → (H, W, 3)
