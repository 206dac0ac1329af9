"""How values are looked at: a view or more for each type, the first the default. Pictures are drawn in `diffusion/`."""

from nodes.views import attention, clip, handles, latents, pictures, tables, training, words

__all__ = ["attention", "clip", "handles", "latents", "pictures", "tables", "training", "words"]
