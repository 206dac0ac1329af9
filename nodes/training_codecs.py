"""How what is learnt, and what is learnt from, is stored and described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from diffusion.dataset import Pictures
from diffusion.finetune import Tuning
from diffusion.image import Image
from diffusion.inversion import Inversion
from diffusion.learned import LearnedWord
from diffusion.lora import PARTS, Factors, Lora, of_part
from diffusion.training import Examples
from engine.types import Encoded
from nodes.codecs import size, statistics


class PicturesCodec:
    """Pictures are their pixels, captions and names."""

    def encode(self, value: Pictures) -> Encoded:
        """Pixels by number; captions and names."""
        arrays = {f"image.{i}": image.pixels for i, image in enumerate(value.images)}
        return Encoded(arrays, {"captions": list(value.captions), "names": list(value.names)})

    def decode(self, encoded: Encoded) -> Pictures:
        """The pictures."""
        captions, names = (tuple(encoded.meta[part]) for part in ("captions", "names"))
        return Pictures(tuple(Image(encoded.arrays[f"image.{i}"]) for i in range(len(names))), captions, names)

    def nbytes(self, value: Pictures) -> int:
        """The bytes of all pixels."""
        return sum(image.pixels.nbytes for image in value.images)

    def describe(self, value: Pictures) -> dict[str, Any]:
        """How many there are, and what the first of them show."""
        return {"pictures": len(value), "captions": list(dict.fromkeys(value.captions))[:10]}


class ExamplesCodec:
    """Examples are one tensor and the captions."""

    def encode(self, value: Examples) -> Encoded:
        """The latents as an array."""
        return Encoded({"latents": value.latents.numpy()}, list(value.captions))

    def decode(self, encoded: Encoded) -> Examples:
        """The examples."""
        return Examples(torch.from_numpy(encoded.arrays["latents"].copy()), tuple(encoded.meta))

    def nbytes(self, value: Examples) -> int:
        """The bytes of the latents."""
        return size(value.latents)

    def describe(self, value: Examples) -> dict[str, Any]:
        """Statistics of the latents, and what the first of them show."""
        return {**statistics(value.latents), "captions": list(dict.fromkeys(value.captions))[:10]}


class LearnedWordCodec:
    """A word is its placeholder and its vectors."""

    def encode(self, value: LearnedWord) -> Encoded:
        """The vectors as an array."""
        return Encoded({"vectors": value.vectors.numpy()}, value.placeholder)

    def decode(self, encoded: Encoded) -> LearnedWord:
        """The word."""
        return LearnedWord(encoded.meta, torch.from_numpy(encoded.arrays["vectors"].copy()))

    def nbytes(self, value: LearnedWord) -> int:
        """The bytes of the vectors."""
        return size(value.vectors)

    def describe(self, value: LearnedWord) -> dict[str, Any]:
        """The placeholder, and statistics of the vectors."""
        return {"placeholder": value.placeholder, **statistics(value.vectors)}


class InversionCodec:
    """An inversion is its word, Adam's averages, and the losses."""

    def encode(self, value: Inversion) -> Encoded:
        """Three arrays, and the losses as they are."""
        arrays = {"vectors": value.word.vectors.numpy(), "mean": value.mean.numpy(), "square": value.square.numpy()}
        return Encoded(arrays, {"placeholder": value.word.placeholder, "losses": list(value.losses)})

    def decode(self, encoded: Encoded) -> Inversion:
        """The inversion."""
        vectors, mean, square = (
            torch.from_numpy(encoded.arrays[name].copy()) for name in ("vectors", "mean", "square")
        )
        word = LearnedWord(encoded.meta["placeholder"], vectors)
        return Inversion(word, mean, square, tuple(encoded.meta["losses"]))

    def nbytes(self, value: Inversion) -> int:
        """The bytes of the arrays, and roughly what the losses hold."""
        return size(value.word.vectors, value.mean, value.square) + 32 * len(value.losses)

    def describe(self, value: Inversion) -> dict[str, Any]:
        """The placeholder, the steps taken, the latest losses."""
        latest = [round(loss, 5) for loss in value.losses[-5:]]
        return {"placeholder": value.word.placeholder, "steps": value.step, "latest losses": latest}


class LoraCodec:
    """A LoRA is its factors."""

    def encode(self, value: Lora) -> Encoded:
        """Two arrays a layer, and the alphas."""
        arrays = {f"{name}.down": one.down.numpy() for name, one in value.factors.items()}
        arrays |= {f"{name}.up": one.up.numpy() for name, one in value.factors.items()}
        return Encoded(arrays, {name: one.alpha for name, one in value.factors.items()})

    def decode(self, encoded: Encoded) -> Lora:
        """The LoRA."""
        tensors = {name: torch.from_numpy(array.copy()) for name, array in encoded.arrays.items()}
        alphas = encoded.meta.items()
        return Lora({name: Factors(tensors[f"{name}.down"], tensors[f"{name}.up"], alpha) for name, alpha in alphas})

    def nbytes(self, value: Lora) -> int:
        """The bytes of all factors."""
        return size(*(factor for one in value.factors.values() for factor in (one.down, one.up)))

    def describe(self, value: Lora) -> dict[str, Any]:
        """How many layers of each part there are, their ranks and alphas, and how many numbers."""
        factors = value.factors.values()
        return {
            "layers": {part: len(of_part(value.factors, part)) for part in PARTS},
            "ranks": sorted({one.rank for one in factors}),
            "alphas": sorted({round(one.alpha, 4) for one in factors}),
            "numbers": sum(one.down.numel() + one.up.numel() for one in factors),
        }


class TuningCodec:
    """A tuning is what is trained, what the optimizer keeps, and the losses."""

    def encode(self, value: Tuning) -> Encoded:
        """Each tensor by what it is of, and its name."""
        arrays = {f"{kind}/{name}": tensor.numpy() for kind, name, tensor in self.tensors(value)}
        meta = {"alpha": value.alpha, "scaler": dict(value.scaler), "losses": list(value.losses)}
        return Encoded(arrays, meta)

    def decode(self, encoded: Encoded) -> Tuning:
        """The tuning."""
        found: dict[str, dict[str, Tensor]] = {"parameters": {}, "moments": {}, "average": {}}
        for name, array in encoded.arrays.items():
            kind, _, rest = name.partition("/")
            found[kind][rest] = torch.from_numpy(array.copy())
        meta = encoded.meta
        return Tuning(**found, alpha=meta["alpha"], scaler=meta["scaler"], losses=tuple(meta["losses"]))

    def nbytes(self, value: Tuning) -> int:
        """The bytes of all tensors."""
        return size(*(tensor for _, _, tensor in self.tensors(value)))

    def describe(self, value: Tuning) -> dict[str, Any]:
        """What is trained, the steps taken, the latest losses."""
        return {
            "method": value.method,
            "trained": {part: len(of_part(value.parameters, part)) for part in PARTS},
            "numbers": sum(tensor.numel() for tensor in value.parameters.values()),
            "steps": value.step,
            "latest losses": [round(loss, 5) for loss in value.losses[-5:]],
        }

    def tensors(self, value: Tuning) -> Iterator[tuple[str, str, Tensor]]:
        """All tensors, each with what it is of and its name."""
        for kind in ("parameters", "moments", "average"):
            yield from ((kind, name, tensor) for name, tensor in getattr(value, kind).items())


PICTURES, EXAMPLES, LEARNED_WORD, INVERSION = PicturesCodec(), ExamplesCodec(), LearnedWordCodec(), InversionCodec()
LORA, TUNING = LoraCodec(), TuningCodec()
