"""Typed nodes over `diffusion/`, one file a family. Importing this package declares them all and imports no torch.

The value types they name are declared here too, and the views by which their values are looked at.
"""

from nodes import values  # noqa: F401, I001 - the types come before the nodes that name them
from nodes import choosing, interrogate, learning, masks, model, pictures, sampling, seeing, steps, tuning, words
from nodes import views

__all__ = [
    "choosing", "interrogate", "learning", "masks", "model", "pictures", "sampling", "seeing", "steps", "tuning",
    "views", "words",
]  # fmt: skip
