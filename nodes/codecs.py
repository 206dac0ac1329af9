"""How tensors and the small values around them are stored and described."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from diffusion.attention import Attention, Layer
from diffusion.clip import ClipVector
from diffusion.inpaint import Channels
from diffusion.latent import Estimate, Latent
from diffusion.noise import Noise
from diffusion.prediction import Prediction
from diffusion.preview import Preview
from diffusion.schedules import Schedule
from diffusion.text import Conditioning, Embeddings, Tokens, spans
from engine.types import Encoded


def statistics(tensor: Tensor) -> dict[str, Any]:
    """Shape, dtype, range, mean and spread of a tensor, as JSON; null stands for what is no finite number."""
    found = {"min": tensor.min(), "max": tensor.max(), "mean": tensor.mean(), "std": tensor.std(correction=0)}
    rounded = {name: round(float(x), 5) if x.isfinite() else None for name, x in found.items()}
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch."), **rounded}


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
        return 64 * len(value.ids) + len(value.text) + len(value.cut)

    def describe(self, value: Tokens) -> dict[str, Any]:
        """The prompt, its pieces without padding and their weights, and what was cut off."""
        used = [at for span in spans(value) for at in (span.start - 1, *span, span.stop)]
        pieces, weights = [value.pieces[at] for at in used], [round(value.weights[at], 5) for at in used]
        return {"text": value.text, "pieces": pieces, "weights": weights, "cut": value.cut}


class EmbeddingsCodec:
    """Embeddings are a tensor and the tokens it was looked up for."""

    def encode(self, value: Embeddings) -> Encoded:
        """The vectors as an array, the tokens by name."""
        return Encoded({"vectors": value.vectors.numpy()}, asdict(value.tokens))

    def decode(self, encoded: Encoded) -> Embeddings:
        """The embeddings."""
        return Embeddings(torch.from_numpy(encoded.arrays["vectors"].copy()), TOKENS.decode(encoded))

    def nbytes(self, value: Embeddings) -> int:
        """The bytes of the vectors."""
        return size(value.vectors)

    def describe(self, value: Embeddings) -> dict[str, Any]:
        """The prompt, and statistics of the vectors."""
        return {"text": value.tokens.text, **statistics(value.vectors)}


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


class ChannelsCodec:
    """Channels are one tensor."""

    def encode(self, value: Channels) -> Encoded:
        """The tensor."""
        return Encoded({"tensor": value.tensor.numpy()})

    def decode(self, encoded: Encoded) -> Channels:
        """The channels."""
        return Channels(torch.from_numpy(encoded.arrays["tensor"].copy()))

    def nbytes(self, value: Channels) -> int:
        """The bytes of the tensor; a few for a value without any."""
        return size(value.tensor) or 64

    def describe(self, value: Channels) -> dict[str, Any]:
        """Statistics, and the share that is to be repainted."""
        if not value.tensor.shape[1]:
            return {"shape": list(value.tensor.shape)}
        return {**statistics(value.tensor), "share to repaint": round(float(value.tensor[:, 0].mean()), 4)}


class PredictionCodec:
    """A prediction is the latent it is about, and the clean one it sees there."""

    def encode(self, value: Prediction) -> Encoded:
        """Both as arrays."""
        arrays = {"samples": value.samples.numpy(), "denoised": value.denoised.numpy()}
        return Encoded(arrays, {"sigma": value.sigma})

    def decode(self, encoded: Encoded) -> Prediction:
        """The prediction."""
        samples, denoised = (torch.from_numpy(encoded.arrays[name].copy()) for name in ("samples", "denoised"))
        return Prediction(samples, encoded.meta["sigma"], denoised)

    def nbytes(self, value: Prediction) -> int:
        """The bytes of both."""
        return size(value.samples, value.denoised)

    def describe(self, value: Prediction) -> dict[str, Any]:
        """Noise level and statistics of the predicted noise."""
        return {"sigma": round(value.sigma, 5), **statistics(value.eps)}


class ClipVectorCodec:
    """A vector is one array."""

    def encode(self, value: ClipVector) -> Encoded:
        """The vector."""
        return Encoded({"vector": value.vector.numpy()})

    def decode(self, encoded: Encoded) -> ClipVector:
        """The vector."""
        return ClipVector(torch.from_numpy(encoded.arrays["vector"].copy()))

    def nbytes(self, value: ClipVector) -> int:
        """Its bytes."""
        return size(value.vector)

    def describe(self, value: ClipVector) -> dict[str, Any]:
        """Statistics of its numbers."""
        return statistics(value.vector)


class AttentionCodec:
    """Attention is the weights of each layer."""

    def encode(self, value: Attention) -> Encoded:
        """The weights by number, (heads, h, w, tokens), and the layers' names."""
        arrays = {f"layer.{i}": layer.weights.numpy() for i, layer in enumerate(value.layers)}
        return Encoded(arrays, [layer.name for layer in value.layers])

    def decode(self, encoded: Encoded) -> Attention:
        """The attention."""
        weights = (torch.from_numpy(encoded.arrays[f"layer.{i}"].copy()) for i in range(len(encoded.meta)))
        return Attention(tuple(Layer(name, each) for name, each in zip(encoded.meta, weights, strict=True)))

    def nbytes(self, value: Attention) -> int:
        """The bytes of all weights."""
        return size(*(layer.weights for layer in value.layers))

    def describe(self, value: Attention) -> dict[str, Any]:
        """Heads, size and tokens of each layer."""
        shapes = {layer.name: tuple(layer.weights.shape) for layer in value.layers}
        return {
            "layers": {name: f"{heads} heads, {w} × {h}" for name, (heads, h, w, _) in shapes.items()},
            "tokens": next((tokens for *_, tokens in shapes.values()), 0),
        }


class PreviewCodec:
    """A preview is two tensors."""

    def encode(self, value: Preview) -> Encoded:
        """Weights and bias."""
        return Encoded({"weights": value.weights.numpy(), "bias": value.bias.numpy()})

    def decode(self, encoded: Encoded) -> Preview:
        """The preview."""
        return Preview(*(torch.from_numpy(encoded.arrays[name].copy()) for name in ("weights", "bias")))

    def nbytes(self, value: Preview) -> int:
        """The bytes of both."""
        return size(value.weights, value.bias)

    def describe(self, value: Preview) -> dict[str, Any]:
        """The colour that each channel adds, red, green and blue."""
        return {"weights": value.weights.round(decimals=4).tolist(), "bias": value.bias.round(decimals=4).tolist()}


TOKENS, EMBEDDINGS, CONDITIONING, NOISE = TokensCodec(), EmbeddingsCodec(), ConditioningCodec(), NoiseCodec()
SCHEDULE, LATENT = ScheduleCodec(), LatentCodec()
CHANNELS = ChannelsCodec()
PREDICTION, CLIP_VECTOR = PredictionCodec(), ClipVectorCodec()
ATTENTION, PREVIEW = AttentionCodec(), PreviewCodec()
