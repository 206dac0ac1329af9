"""The UNet that predicts the noise in a latent (Rombach et al., 2112.10752), with cross attention to the prompt.

The order below is the order of the data: time embedding → attention → transformer → levels down, middle, up.
Parameter names are those of diffusers' `UNet2DConditionModel`, so its folders load as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffusion.blocks import ConfigBase, ConfigError, Downsample, ResnetBlock, Upsample, attend, split_heads


@dataclass(frozen=True)
class UNetConfig(ConfigBase):
    """Shape of a UNet, in the words of diffusers' `unet/config.json`; the defaults are Stable Diffusion 1.5."""

    sample_size: int | tuple[int, int] = 64
    """Latent height and width it was trained at (others work)."""
    in_channels: int = 4
    """4; 9 for inpainting UNets (latent, mask, masked latent)."""
    out_channels: int = 4
    down_block_types: tuple[str, ...] = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    up_block_types: tuple[str, ...] = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
    block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280)
    layers_per_block: int = 2
    cross_attention_dim: int = 768
    """Width of the text encoder's states."""
    attention_head_dim: int | tuple[int, ...] = 8
    """The number of heads, in spite of its name (a slip that diffusers keeps for the sake of old files)."""
    norm_num_groups: int = 32
    norm_eps: float = 1e-5
    use_linear_projection: bool = False
    """Linear instead of 1×1 convolution around a transformer (SD 2)."""
    flip_sin_to_cos: bool = True
    freq_shift: int = 0
    time_cond_proj_dim: int | None = None
    """Width of the guidance embedding of latent consistency models."""

    SUPPORTED: ClassVar = {
        "act_fn": ("silu", "swish"), "center_input_sample": (False,), "downsample_padding": (1,),
        "mid_block_scale_factor": (1, 1.0), "mid_block_type": ("UNetMidBlock2DCrossAttn",),
        "only_cross_attention": (False,), "dual_cross_attention": (False,), "class_embed_type": (None,),
        "addition_embed_type": (None,), "encoder_hid_dim": (None,), "num_class_embeds": (None,),
        "transformer_layers_per_block": (1,), "resnet_time_scale_shift": ("default",), "num_attention_heads": (None,),
        "time_embedding_type": ("positional",), "conv_in_kernel": (3,), "conv_out_kernel": (3,),
        "attention_type": ("default",), "dropout": (0, 0.0),
    }  # fmt: skip

    def __post_init__(self) -> None:
        for where, known in (
            ("down_block_types", ("DownBlock2D", "CrossAttnDownBlock2D")),
            ("up_block_types", ("UpBlock2D", "CrossAttnUpBlock2D")),
        ):
            unknown = [kind for kind in getattr(self, where) if kind not in known]
            if unknown:
                raise ConfigError(f"config.json: {where}: expected {' or '.join(known)}, found {unknown[0]}")

    def heads(self, level: int) -> int:
        """The number of attention heads at a level, 0 the largest."""
        return self.attention_head_dim if isinstance(self.attention_head_dim, int) else self.attention_head_dim[level]


def sinusoid(timestep: Tensor, width: int, flip: bool, shift: float) -> Tensor:
    """(B,) → (B, width): cosines and sines of the timestep at falling frequencies (1706.03762, §3.5)."""
    half = width // 2
    exponent = -math.log(10000) * torch.arange(half, dtype=torch.float32, device=timestep.device) / (half - shift)
    angle = timestep.float()[:, None] * exponent.exp()
    sin, cos = angle.sin(), angle.cos()
    return torch.cat([cos, sin] if flip else [sin, cos], dim=1)


class TimeEmbedding(nn.Module):
    """Two linear layers that turn the sinusoid into what every block is told about the noise level."""

    def __init__(self, channels: int, width: int, condition: int | None) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(channels, width)
        if condition is not None:
            self.cond_proj = nn.Linear(condition, channels, bias=False)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, channels) and an optional (B, condition) → (B, width)."""
        if condition is not None:
            x = x + self.cond_proj(condition)
        return self.linear_2(F.silu(self.linear_1(x)))


Onlooker = Callable[[nn.Module, Tensor, Tensor], None]
"""Is shown an attention's module, queries and keys, both (B, heads, n, d); what it does with them changes nothing."""

onlooker: ContextVar[Onlooker | None] = ContextVar("diffuscope_onlooker", default=None)
"""Who looks on at every attention of this thread; `diffusion.attention.capture` sets it, for one pass."""


class Attention(nn.Module):
    """Multi-head attention from `queries` to `context`: the picture to itself, or to the words."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """(B, n, width) and (B, m, context_width) → (B, n, width)."""
        q, k, v = (split_heads(part, self.heads) for part in (self.to_q(x), self.to_k(context), self.to_v(context)))
        if (look := onlooker.get()) is not None:
            look(self, q, k)
        return self.to_out[0](attend(q, k, v))


class GEGLU(nn.Module):
    """Linear layer whose output is gated by a GELU of its other half (Shazeer, 2002.05202)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, inner * 2)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) → (…, inner)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """The two-layer network after attention; its inner width is four times the outer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([GEGLU(width, width * 4), nn.Identity(), nn.Linear(width * 4, width)])

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) → (…, width)."""
        return self.net[2](self.net[0](x))


class TransformerBlock(nn.Module):
    """Self-attention among the latent's pixels, cross attention to the words, feed-forward."""

    def __init__(self, width: int, context_width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, context_width, heads)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, states: Tensor) -> Tensor:
        """(B, h·w, width), (B, 77, context_width) → (B, h·w, width)."""
        h = self.norm1(x)
        x = x + self.attn1(h, h)
        x = x + self.attn2(self.norm2(x), states)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    """A transformer block over the pixels of a feature map."""

    def __init__(self, config: UNetConfig, width: int, heads: int) -> None:
        super().__init__()
        linear = config.use_linear_projection
        self.norm = nn.GroupNorm(config.norm_num_groups, width, eps=1e-6)
        self.proj_in: nn.Module = nn.Linear(width, width) if linear else nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, config.cross_attention_dim, heads)])
        self.proj_out: nn.Module = nn.Linear(width, width) if linear else nn.Conv2d(width, width, 1)
        self.linear = linear

    def forward(self, x: Tensor, states: Tensor) -> Tensor:
        """(B, C, h, w), (B, 77, D) → (B, C, h, w)."""
        h = self.norm(x)
        if not self.linear:
            h = self.proj_in(h)
        h = h.flatten(2).transpose(1, 2)  # (B, C, h, w) → (B, h·w, C)
        if self.linear:
            h = self.proj_in(h)
        for block in self.transformer_blocks:
            h = block(h, states)
        if self.linear:
            h = self.proj_out(h)
        h = h.transpose(1, 2).reshape(x.shape)  # (B, h·w, C) → (B, C, h, w)
        if not self.linear:
            h = self.proj_out(h)
        return x + h


class Level(nn.Module):
    """One resolution of the UNet: residual blocks, each followed by a transformer where there is cross attention."""

    def __init__(self, config: UNetConfig, widths: list[tuple[int, int]], heads: int | None) -> None:
        super().__init__()
        time = config.block_out_channels[0] * 4
        self.resnets = nn.ModuleList(
            [ResnetBlock(i, o, time, config.norm_num_groups, config.norm_eps) for i, o in widths]
        )
        if heads is not None:
            self.attentions = nn.ModuleList([SpatialTransformer(config, o, heads) for _, o in widths])
        self.has_attention = heads is not None

    def block(self, i: int, x: Tensor, time: Tensor, states: Tensor) -> Tensor:
        """Residual block `i` and its transformer: (B, C_in, h, w) → (B, C_out, h, w)."""
        x = self.resnets[i](x, time)
        return self.attentions[i](x, states) if self.has_attention else x


class DownLevel(Level):
    """A level on the way down; every result is kept for the skip connections."""

    def __init__(self, config: UNetConfig, widths: list[tuple[int, int]], heads: int | None, last: bool) -> None:
        super().__init__(config, widths, heads)
        if not last:
            self.downsamplers = nn.ModuleList([Downsample(widths[-1][1], padding=1)])
        self.last = last

    def forward(self, x: Tensor, time: Tensor, states: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, C, h, w) → (B, C', h/2, w/2) and the feature maps for the way up."""
        skips = []
        for i in range(len(self.resnets)):
            x = self.block(i, x, time, states)
            skips.append(x)
        if not self.last:
            x = self.downsamplers[0](x)
            skips.append(x)
        return x, skips


class MidLevel(nn.Module):
    """The lowest resolution: residual block, transformer, residual block."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        width, time = config.block_out_channels[-1], config.block_out_channels[0] * 4
        level = len(config.block_out_channels) - 1
        self.attentions = nn.ModuleList([SpatialTransformer(config, width, config.heads(level))])
        self.resnets = nn.ModuleList(
            [ResnetBlock(width, width, time, config.norm_num_groups, config.norm_eps) for _ in range(2)]
        )

    def forward(self, x: Tensor, time: Tensor, states: Tensor) -> Tensor:
        """(B, C, h, w) → (B, C, h, w)."""
        x = self.resnets[0](x, time)
        x = self.attentions[0](x, states)
        return self.resnets[1](x, time)


class UpLevel(Level):
    """A level on the way up; each block reads one kept feature map beside its input."""

    def __init__(self, config: UNetConfig, widths: list[tuple[int, int]], heads: int | None, last: bool) -> None:
        super().__init__(config, widths, heads)
        if not last:
            self.upsamplers = nn.ModuleList([Upsample(widths[-1][1])])
        self.last = last

    def forward(self, x: Tensor, skips: list[Tensor], time: Tensor, states: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, C, h, w) and this level's skips, the deepest first → (B, C', *size)."""
        for i, skip in enumerate(skips):
            x = self.block(i, torch.cat([x, skip], dim=1), time, states)
        return x if self.last else self.upsamplers[0](x, size)


class UNet(nn.Module):
    """Predicts, from a noisy latent, its noise level and the prompt's states, the noise (or velocity) in it."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.block_out_channels
        depth = len(widths)
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(widths[0], widths[0] * 4, config.time_cond_proj_dim)

        self.down_blocks = nn.ModuleList()
        skips = [widths[0]]  # widths of the kept feature maps, in the order they are made
        for level, (kind, width) in enumerate(zip(config.down_block_types, widths, strict=True)):
            before = widths[max(level - 1, 0)]
            pairs = [(before if i == 0 else width, width) for i in range(config.layers_per_block)]
            heads = config.heads(level) if kind == "CrossAttnDownBlock2D" else None
            self.down_blocks.append(DownLevel(config, pairs, heads, last=level == depth - 1))
            skips += [width] * (config.layers_per_block + (level < depth - 1))

        self.mid_block = MidLevel(config)

        self.up_blocks = nn.ModuleList()
        before = widths[-1]
        for i, kind in enumerate(config.up_block_types):
            level = depth - 1 - i
            width = widths[level]
            pairs = []
            for _ in range(config.layers_per_block + 1):
                pairs.append((before + skips.pop(), width))
                before = width
            heads = config.heads(level) if kind == "CrossAttnUpBlock2D" else None
            self.up_blocks.append(UpLevel(config, pairs, heads, last=level == 0))

        self.conv_norm_out = nn.GroupNorm(config.norm_num_groups, widths[0], eps=config.norm_eps)
        self.conv_out = nn.Conv2d(widths[0], config.out_channels, 3, padding=1)

    def forward(
        self, sample: Tensor, timestep: Tensor, states: Tensor, guidance_embedding: Tensor | None = None
    ) -> Tensor:
        """Predict the noise (or velocity) in a batch of latents.

        Args:
            sample: noisy latents in the variance-preserving view, (B, in_channels, h, w).
            timestep: 0 … 999, may be fractional, (B,).
            states: text-encoder states, (B, 77, cross_attention_dim).
            guidance_embedding: (B, time_cond_proj_dim), for latent consistency models only.

        Returns:
            The prediction, (B, out_channels, h, w).
        """
        config = self.config
        embedded = sinusoid(timestep, config.block_out_channels[0], config.flip_sin_to_cos, config.freq_shift)
        # every block begins by activating the embedding, so it is activated once, here
        time = F.silu(self.time_embedding(embedded.to(sample.dtype), guidance_embedding))

        x = self.conv_in(sample)
        skips = [x]
        for down in self.down_blocks:
            x, made = down(x, time, states)
            skips += made

        x = self.mid_block(x, time, states)

        for up in self.up_blocks:
            count = self.config.layers_per_block + 1
            mine, skips = skips[-count:][::-1], skips[:-count]
            size = skips[-1].shape[-2:] if skips else x.shape[-2:]
            x = up(x, mine, time, states, size)

        return self.conv_out(F.silu(self.conv_norm_out(x)))
