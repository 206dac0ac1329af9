"""Low-rank adaptation (Hu et al., 2106.09685): two small matrices beside a layer change what it does, not its weights.

Which layers → factors → a layer with its branch → a model with a LoRA → a model into which it was merged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from diffusion.checkpoint import Handle, TextEncoderHandle, UNetHandle, weight_file
from diffusion.parts import with_parts
from diffusion.patches import TEXT_ROOT, digest, path_in

T = TypeVar("T")

PARTS = ("unet", "text_encoder")
"""The parts of a checkpoint that a LoRA may change."""


class LoraError(ValueError):
    """A LoRA is broken, or was made for another model; names the layer."""


# ── layers ────────────────────────────────────────────────────────────────────────────────────────────────────────────

Layers = Literal["attention", "transformer", "all"]

CHOSEN: dict[Layers, str] = {
    "attention": r"\.(to_[qkv]|to_out\.0|[qkv]_proj|out_proj)$",
    "transformer": r"\.(attentions|layers)\.",
    "all": "",
}
"""What the names of layers have in them: queries, keys, values and outputs of every attention; all of the transformers,
so feed-forward and projections too; or whatever multiplies, so convolutions too."""


def canonical(part: str, path: str) -> str:
    """A layer's or parameter's name in values and files: its part of the checkpoint, then its path in diffusers."""
    return f"{part}.{path}" if part == "unet" or path.startswith(TEXT_ROOT) else f"{part}.{TEXT_ROOT}{path}"


def of_part(named: Mapping[str, T], part: str) -> dict[str, T]:
    """What has canonical names of one part, by path."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): one for name, one in named.items() if name.startswith(prefix)}


def layers_of(network: nn.Module, chosen: Layers = "all") -> dict[str, Layer]:
    """The linear layers and convolutions of a network by path, also where a LoRA is on them already."""
    return {
        path: layer
        for path, layer in network.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d | LoraLayer)
        and not path.endswith(".base")
        and re.search(CHOSEN[chosen], path)
    }


# ── factors ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Factors(NamedTuple):
    """The two factors of a change of rank r, W' = W + alpha / r · up · down (2106.09685, eq. 3 and §4.1).

    down: A of the paper, (r, in); for a convolution (r, in, k, k).
    up: B, (out, r); for a convolution (out, r, 1, 1).
    alpha: as if for rank alpha, whatever the rank is.
    """

    down: Tensor
    up: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        """How many rows and columns the factors have between them."""
        return len(self.down)

    def on(self, weight: Tensor) -> Factors:
        """The same on the device and in the type of a weight, flat or as 1×1 convolutions as the weight is."""
        missing = (1,) * (weight.ndim - 2)
        down, up = (f if f.ndim == weight.ndim else f.reshape(*f.shape[:2], *missing) for f in self[:2])
        return Factors(nn.Parameter(down.to(weight), False), nn.Parameter(up.to(weight), False), self.alpha)

    def fit(self, shape: tuple[int, ...]) -> bool:
        """Whether they change a weight of this shape; a linear layer is as good as a 1×1 convolution."""
        change = (len(self.up), *self.down.shape[1:])
        return (*change, 1, 1)[:4] == (*shape, 1, 1)[:4]


@dataclass(frozen=True, eq=False)
class Lora:
    """Factors by the names of the layers that they change.

    factors: canonical name, such as `unet.mid_block.attentions.0.proj_in` → factors, float32 on the CPU.

    Raises LoraError if there are none, a name is of no part, or two factors do not belong together.
    """

    factors: Mapping[str, Factors]

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        if not self.factors:
            raise LoraError("lora: expected the factors of at least one layer, found none")
        for name, (down, up, _) in self.factors.items():
            if name.partition(".")[0] not in PARTS:
                raise LoraError(f"{name}: expected a layer of {' or '.join(PARTS)}")
            if not (down.ndim == up.ndim in (2, 4) and len(down) == up.shape[1] > 0 and set(up.shape[2:]) <= {1}):
                shapes = f"{tuple(down.shape)} and {tuple(up.shape)}"
                raise LoraError(f"{name}: expected factors (r, in) and (out, r), found {shapes}")


# ── a layer with its branch ───────────────────────────────────────────────────────────────────────────────────────────


class LoraLayer(nn.Module):
    """A linear layer or convolution, as it was, and beside it the branch strength · alpha / r · up(down(x))."""

    def __init__(self, base: Layer, factors: Factors, strength: float = 1.0) -> None:
        """`base` may have such a branch itself."""
        super().__init__()
        self.base = base
        self.down, self.up = factors.down, factors.up
        self.scale = strength * factors.alpha / factors.rank

    @property
    def plain(self) -> nn.Linear | nn.Conv2d:
        """The layer without any branch."""
        return self.base.plain if isinstance(self.base, LoraLayer) else self.base

    @property
    def weight(self) -> Tensor:
        """The weight without any branch."""
        return self.plain.weight

    def forward(self, x: Tensor) -> Tensor:
        """As the layer's own."""
        plain = self.plain
        if isinstance(plain, nn.Conv2d):
            low = F.conv2d(x, self.down, None, plain.stride, plain.padding, plain.dilation)
            return self.base(x) + self.scale * F.conv2d(low, self.up)
        return self.base(x) + self.scale * F.linear(F.linear(x, self.down), self.up)

    def merged(self) -> nn.Module:
        """The plain layer with the change that each branch makes added to its weight."""
        return with_parts(self.plain, {"weight": nn.Parameter(self.changed().to(self.weight), False)})

    def changed(self) -> Tensor:
        """The weight with these changes, float32."""
        before = self.base.changed() if isinstance(self.base, LoraLayer) else self.base.weight.float()
        return before + self.scale * (self.up.float().flatten(1) @ self.down.float().flatten(1)).view_as(before)


Layer: TypeAlias = nn.Linear | nn.Conv2d | LoraLayer


@dataclass(frozen=True, eq=False)
class LoraPatch:
    """A branch for each of some layers of one part.

    factors: by canonical path; they fit the layers.
    strength: of all branches; 1 as trained.
    """

    factors: Mapping[str, Factors]
    strength: float

    @cached_property
    def identity(self) -> str:
        """By the factors' bytes, their alphas and the strength."""
        downs = {f"{path}.down {one.alpha}": one.down for path, one in self.factors.items()}
        ups = {f"{path}.up": one.up for path, one in self.factors.items()}
        return f"lora {self.strength} {digest(downs | ups)}"

    def on(self, network: nn.Module) -> nn.Module:
        """The network with the branches."""
        layers = layers_of(network)
        found = {path_in(network, path): one for path, one in self.factors.items()}
        return with_parts(
            network,
            {path: LoraLayer(layers[path], one.on(layers[path].weight), self.strength) for path, one in found.items()},
        )


# ── a model with a LoRA ───────────────────────────────────────────────────────────────────────────────────────────────


def with_lora(
    unet: UNetHandle, text_encoder: TextEncoderHandle, lora: Lora, strength: float = 1.0
) -> tuple[UNetHandle, TextEncoderHandle]:
    """The parts with a LoRA on them; the given ones stay as they are.

    Args:
        unet: of a checkpoint.
        text_encoder: of the same.
        lora: trained on it, or on one of its kind.
        strength: 1 as trained; 0 gives the parts back as they are, below 0 turns what was learnt into its opposite.

    Raises:
        LoraError: it has a layer that the model does not have, or one of another shape.
    """
    found = []
    for part, handle in zip(PARTS, (unet, text_encoder), strict=True):
        factors = of_part(lora.factors, part)
        shapes = weight_shapes(part, handle) if factors else {}
        for path, one in factors.items():
            expect_fit(f"{part}.{path}", one, shapes.get(f"{part}.{path}.weight"))
        found.append(handle.patched(LoraPatch(factors, strength)) if factors and strength else handle)
    return found[0], found[1]  # type: ignore[return-value]


def weight_shapes(part: str, handle: Handle) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter of a part by its canonical name, read off the file without loading it."""
    with safe_open(weight_file(handle.folder), framework="pt") as file:
        return {canonical(part, name): tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def expect_fit(name: str, factors: Factors, shape: tuple[int, ...] | None) -> None:
    """Raise `LoraError` if factors are not for a layer whose weight has this shape; None where there is no such."""
    hint = "trained for another model?"
    if shape is None:
        raise LoraError(f"lora: {name}: expected a layer of this model, found none of this name; {hint}")
    if not factors.fit(shape):
        shapes = " and ".join(str(tuple(f.shape)) for f in factors[:2])
        raise LoraError(f"lora: {name}: expected factors for a weight {shape}, found {shapes}; {hint}")


def merged(network: nn.Module) -> nn.Module:
    """The network with every branch added to the weight beside it, so that a plain model does the same."""
    layers = layers_of(network).items()
    return with_parts(network, {path: layer.merged() for path, layer in layers if isinstance(layer, LoraLayer)})
