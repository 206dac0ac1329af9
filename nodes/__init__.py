"""Typed nodes over `diffusion/`, one file a family. Importing this package declares them all and imports no torch."""

from nodes import values  # noqa: F401, I001 - the types come before the nodes that name them
from nodes import choosing, interrogate, learning, masks, model, pictures, sampling, seeing, steps, tuning, words

__all__ = [
    "choosing", "interrogate", "learning", "masks", "model", "pictures", "sampling", "seeing", "steps", "tuning",
    "words",
]  # fmt: skip
