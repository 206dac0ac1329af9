"""How tensors and the small values around them are stored and described."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from diffusion.latent import Estimate, Latent
from diffusion.noise import Noise
from diffusion.schedules import Schedule
from diffusion.text import Conditioning, Tokens
from engine.types import Encoded


def statistics(tensor: Tensor) -> dict[str, Any]:
    """Shape, range, mean and spread of a tensor, as JSON; null stands for what is no finite number."""
    found = {"min": tensor.min(), "max": tensor.max(), "mean": tensor.mean(), "std": tensor.std(correction=0)}
    rounded = {name: round(float(x), 5) if x.isfinite() else None for name, x in found.items()}
    return {"shape": list(tensor.shape), **rounded}


def size(*tensors: Tensor | None) -> int:
    """The bytes of some tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


class TokensCodec:
    """Tokens are plain JSON."""

    def encode(self, value: Tokens) -> Encoded:
        """The fields by name."""
        return Encoded(meta=asdict(value))

    def decode(self, encoded: Encoded) -> Tokens:
        """The tokens."""
        meta = encoded.meta
        return Tokens(meta["text"], tuple(meta["ids"]), tuple(meta["pieces"]), tuple(meta["weights"]), meta["cut"])

    def nbytes(self, value: Tokens) -> int:
        """Roughly what the lists hold."""
        return 77 * 64 + len(value.text) + len(value.cut)

    def describe(self, value: Tokens) -> dict[str, Any]:
        """The prompt, its pieces without padding, and what was cut off."""
        used = next((i for i, piece in enumerate(value.pieces) if i and piece == value.pieces[-1]), len(value.pieces))
        return {"text": value.text, "pieces": list(value.pieces[: used + 1]), "cut": value.cut}


class ConditioningCodec:
    """Conditioning is two tensors."""

    def encode(self, value: Conditioning) -> Encoded:
        """States and the pooled state."""
        return Encoded({"states": value.states.numpy(), "pooled": value.pooled.numpy()})

    def decode(self, encoded: Encoded) -> Conditioning:
        """The conditioning."""
        return Conditioning(*(torch.from_numpy(encoded.arrays[name].copy()) for name in ("states", "pooled")))

    def nbytes(self, value: Conditioning) -> int:
        """The bytes of both."""
        return size(value.states, value.pooled)

    def describe(self, value: Conditioning) -> dict[str, Any]:
        """Statistics of the states."""
        return statistics(value.states)


class NoiseCodec:
    """Noise is its seed and shape."""

    def encode(self, value: Noise) -> Encoded:
        """Seed and shape."""
        return Encoded(meta={"seed": value.seed, "shape": list(value.shape)})

    def decode(self, encoded: Encoded) -> Noise:
        """The noise."""
        channels, height, width = encoded.meta["shape"]
        return Noise(encoded.meta["seed"], (channels, height, width))

    def nbytes(self, value: Noise) -> int:
        """A few numbers."""
        return 128

    def describe(self, value: Noise) -> dict[str, Any]:
        """Seed and shape."""
        return {"seed": value.seed, "shape": list(value.shape)}


class ScheduleCodec:
    """A schedule is a list of numbers."""

    def encode(self, value: Schedule) -> Encoded:
        """The fields by name."""
        return Encoded(meta=asdict(value))

    def decode(self, encoded: Encoded) -> Schedule:
        """The schedule."""
        return Schedule(**encoded.meta | {"sigmas": tuple(encoded.meta["sigmas"])})

    def nbytes(self, value: Schedule) -> int:
        """Roughly what the numbers hold."""
        return 128 + 32 * len(value.sigmas)

    def describe(self, value: Schedule) -> dict[str, Any]:
        """The sigmas, rounded."""
        return {"steps": value.steps, "sigmas": [round(sigma, 4) for sigma in value.sigmas]}


class LatentCodec:
    """A latent is its samples, its sigma, and what samplers and lookers keep beside them."""

    def encode(self, value: Latent) -> Encoded:
        """Samples, denoised, and each estimate of the history as arrays."""
        arrays = {"samples": value.samples.numpy()}
        if value.denoised is not None:
            arrays["denoised"] = value.denoised.numpy()
        for i, estimate in enumerate(value.history):
            arrays[f"history.{i}"] = estimate.value.numpy()
        history = [{"sigma": estimate.sigma, "kind": estimate.kind} for estimate in value.history]
        return Encoded(arrays, {"sigma": value.sigma, "history": history})

    def decode(self, encoded: Encoded) -> Latent:
        """The latent."""
        tensors = {name: torch.from_numpy(array.copy()) for name, array in encoded.arrays.items()}
        history = tuple(
            Estimate(tensors[f"history.{i}"], past["sigma"], past["kind"])
            for i, past in enumerate(encoded.meta["history"])
        )
        return Latent(tensors["samples"], encoded.meta["sigma"], history, tensors.get("denoised"))

    def nbytes(self, value: Latent) -> int:
        """The bytes of all tensors."""
        return size(value.samples, value.denoised, *(estimate.value for estimate in value.history))

    def describe(self, value: Latent) -> dict[str, Any]:
        """Noise level and statistics."""
        return {"sigma": round(value.sigma, 5), **statistics(value.samples), "history": len(value.history)}


TOKENS, CONDITIONING, NOISE = TokensCodec(), ConditioningCodec(), NoiseCodec()
SCHEDULE, LATENT = ScheduleCodec(), LatentCodec()
