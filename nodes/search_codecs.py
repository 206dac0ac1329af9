"""How the values of a search for words are stored and described."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from diffusion.interrogate import Description
from diffusion.terms import TermVectors
from engine.types import Encoded
from nodes.codecs import size


class TermVectorsCodec:
    """Terms are strings, their vectors one array."""

    def encode(self, value: TermVectors) -> Encoded:
        """The vectors as an array, and the terms."""
        return Encoded({"vectors": value.vectors.numpy()}, list(value.terms))

    def decode(self, encoded: Encoded) -> TermVectors:
        """The terms."""
        return TermVectors(tuple(encoded.meta), torch.from_numpy(encoded.arrays["vectors"].copy()))

    def nbytes(self, value: TermVectors) -> int:
        """The bytes of the vectors."""
        return size(value.vectors)

    def describe(self, value: TermVectors) -> dict[str, Any]:
        """How many there are, and the first of them."""
        return {"shape": list(value.vectors.shape), "terms": list(value.terms[:20])}


class DescriptionCodec:
    """A description is plain JSON."""

    def encode(self, value: Description) -> Encoded:
        """The fields by name."""
        return Encoded(meta=asdict(value))

    def decode(self, encoded: Encoded) -> Description:
        """The description."""
        found = encoded.meta
        lists = {name: tuple(found[name]) for name in ("additions", "similarities")}
        return Description(**found | lists)

    def nbytes(self, value: Description) -> int:
        """Roughly what the texts and numbers hold."""
        return 128 + len(value.text) + 64 * len(value.similarities)

    def describe(self, value: Description) -> dict[str, Any]:
        """The text, and the similarities on the way to it."""
        return {"text": value.text, "similarities": list(value.similarities), "finished": value.finished}


TERM_VECTORS, DESCRIPTION = TermVectorsCodec(), DescriptionCodec()
