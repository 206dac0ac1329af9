"""Changes to a model that leave its checkpoint alone: a handle carries them, and they are made when it is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from diffusion.parts import with_parts

T = TypeVar("T", bound=Tensor)


class Patch(Protocol):
    """A change to a network."""

    @property
    def identity(self) -> str:
        """Another for every other change; what the store of weights knows it by."""

    def on(self, network: nn.Module) -> nn.Module:
        """The changed network. What is not changed is shared with the given one, which stays as it was."""


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of some tensors."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows below the last of a text encoder's table of token embeddings: new words (Gal et al., 2208.01618).

    vectors: (n, D).
    """

    vectors: Tensor

    @cached_property
    def identity(self) -> str:
        """By the vectors' bytes."""
        return f"rows {digest({'vectors': self.vectors})}"

    def on(self, network: nn.Module) -> nn.Module:
        """The encoder with a longer table."""
        place, table = token_table(network)
        longer = nn.Embedding.from_pretrained(torch.cat([table.weight, self.vectors.to(table.weight)]))
        return with_parts(network, {place: longer})


@dataclass(frozen=True, eq=False)
class NewWeights:
    """Parameters in place of those of the checkpoint, by canonical path (see `path_in`); those not named stay.

    strength: 1 for these, 0 for the checkpoint's, anything else for what lies on the line through both.
    """

    parameters: Mapping[str, Tensor]
    strength: float = 1.0

    @cached_property
    def identity(self) -> str:
        """By the strength and the parameters' bytes."""
        return f"weights {self.strength} {digest(self.parameters)}"

    def on(self, network: nn.Module) -> nn.Module:
        """The network with these parameters. ValueError if it has none of a name, or one of another shape."""
        changed = {}
        for path, (before, after) in paired(network, self.parameters).items():
            mixed = torch.lerp(before.float(), after.to(before.device, torch.float32), self.strength)
            changed[path] = nn.Parameter(mixed.to(before), False)
        return with_parts(network, changed)


def paired(network: nn.Module, parameters: Mapping[str, T]) -> dict[str, tuple[nn.Parameter, T]]:
    """A network's parameters and those that may take their places, by path in the network.

    Raises:
        ValueError: the network has none of a name, or one of another shape.
    """
    found = dict(network.named_parameters())
    pairs = {}
    for name, after in parameters.items():
        before = found.get(path_in(network, name))
        if before is None or before.shape != after.shape:
            there = "none" if before is None else f"one of shape {tuple(before.shape)}"
            raise ValueError(f"{name}: expected a parameter {tuple(after.shape)}, found {there}; of another model?")
        pairs[path_in(network, name)] = before, after
    return pairs


TEXT_ROOT = "text_model."
"""What the names of the text encoder's parameters begin with in files; transformers 5 loads them without."""


def path_in(network: nn.Module, path: str) -> str:
    """Where the path of a layer or parameter, as files have it, leads in a live network."""
    return path if hasattr(network, TEXT_ROOT[:-1]) else path.removeprefix(TEXT_ROOT)


def token_table(encoder: nn.Module) -> tuple[str, nn.Embedding]:
    """A text encoder's table of token embeddings, and where it is; its place depends on transformers' version."""
    return next((name, part) for name, part in encoder.named_modules()
                if name.endswith("token_embedding") and isinstance(part, nn.Embedding))  # fmt: skip
