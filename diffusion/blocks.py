"""The convolutional pieces shared by the UNet and the VAE, under the parameter names of the diffusers layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConfigError(ValueError):
    """A model's config.json asks for something that these networks do not build."""


class ConfigBase:
    """What the two config dataclasses share: reading and writing a diffusers `config.json`."""

    SUPPORTED: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    """Keys that are not fields, with the values under which the network is the one built here."""

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> Self:
        """Read a diffusers config.json (already parsed); raise `ConfigError` for a variant that is not built here."""
        for key, allowed in cls.SUPPORTED.items():
            if key in config and config[key] not in allowed:
                raise ConfigError(
                    f"config.json: {key}: expected {' or '.join(map(repr, allowed))}, found {config[key]!r}"
                )
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items() if k in known}
        return cls(**frozen)

    def to_dict(self) -> dict[str, Any]:
        """The config as plain JSON data."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}  # type: ignore[call-overload]


class ResnetBlock(nn.Module):
    """Two 3×3 convolutions around a skip; the noise level, if any, is added to every pixel between them."""

    def __init__(self, channels_in: int, channels_out: int, time_channels: int | None, groups: int, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels_in, eps=eps)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        if time_channels is not None:
            self.time_emb_proj = nn.Linear(time_channels, channels_out)
        self.norm2 = nn.GroupNorm(groups, channels_out, eps=eps)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        if channels_in != channels_out:
            self.conv_shortcut = nn.Conv2d(channels_in, channels_out, 1)
        self.has_shortcut = channels_in != channels_out

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """(B, C_in, h, w) and the activated time embedding (B, T) → (B, C_out, h, w)."""
        h = self.conv1(F.silu(self.norm1(x)))
        if time is not None:
            h = h + self.time_emb_proj(time)[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return (self.conv_shortcut(x) if self.has_shortcut else x) + h


class Downsample(nn.Module):
    """Halve height and width by a strided 3×3 convolution."""

    def __init__(self, channels: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)
        self.asymmetric = padding == 0  # the VAE pads right and bottom only

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) → (B, C, h/2, w/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)) if self.asymmetric else x)


class Upsample(nn.Module):
    """Double height and width: repeat each pixel, then a 3×3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """(B, C, h, w) → (B, C, 2h, 2w), or to `size` where the skip connection has an odd number of rows."""
        if size is None:
            return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return self.conv(F.interpolate(x, size=size, mode="nearest"))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, n, heads·d) → (B, heads, n, d)."""
    batch, length, width = x.shape
    return x.view(batch, length, heads, width // heads).transpose(1, 2)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(QKᵀ/√d)·V per head (Vaswani et al., 1706.03762, eq. 1); (B, heads, n, d) → (B, n, heads·d)."""
    out = F.scaled_dot_product_attention(q, k, v)
    return out.transpose(1, 2).flatten(2)


def rename_prefix(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """A state dict with path segments renamed, for weights saved under older names."""
    return {".".join(names.get(part, part) for part in key.split(".")): value for key, value in state.items()}
