"""CLIP: pictures and words as vectors in one space, and how alike they are (Radford et al., 2103.00020).

This is not the space of the tokens that a UNet reads: one vector here stands for a whole picture or a whole text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from diffusion.image import Image
from diffusion.text import tokenize

if TYPE_CHECKING:
    from diffusion.checkpoint import CLIPHandle


@dataclass(frozen=True, eq=False)
class ClipVector:
    """A picture or a text in CLIP's common space: (1, D) float32 of length 1. ValueError for another shape."""

    vector: Tensor

    def __post_init__(self) -> None:
        if self.vector.ndim != 2 or len(self.vector) != 1:
            raise ValueError(f"ClipVector: expected shape (1, D), found {tuple(self.vector.shape)}")


def unit(vector: Tensor) -> ClipVector:
    """The direction of a vector (1, D)."""
    vector = vector.detach().float().cpu()
    return ClipVector(vector / vector.norm(dim=-1, keepdim=True))


def pixels_for(clip: CLIPHandle, image: Image) -> Tensor:
    """A picture as the picture tower reads it, (1, 3, size, size): shorter side to size, middle cut out, normalised."""
    picture = image.on().to_pillow()
    shorter = min(picture.size)
    width, height = (round(side * clip.size / shorter) for side in picture.size)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Pillow.Resampling.BICUBIC)
    left, top = (width - clip.size) // 2, (height - clip.size) // 2
    picture = picture.crop((left, top, left + clip.size, top + clip.size))
    values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255  # (H, W, 3) → (3, H, W)
    mean, std = torch.tensor(clip.mean)[:, None, None], torch.tensor(clip.std)[:, None, None]
    return ((values - mean) / std)[None]


def embed_picture(clip: CLIPHandle, image: Image) -> ClipVector:
    """A picture of any size as a vector."""
    model = clip.load()
    weight = next(model.parameters())
    with torch.no_grad():
        pooled = model.vision_model(pixel_values=pixels_for(clip, image).to(weight)).pooler_output
        return unit(model.visual_projection(pooled))


def embed_text(clip: CLIPHandle, text: str) -> ClipVector:
    """A text as a vector; what does not fit into 77 tokens is left off."""
    model = clip.load()
    tokens = tokenize(clip.tokenizer.load(), text, weighted=False)
    with torch.no_grad():
        ids = torch.tensor([tokens.ids], device=next(model.parameters()).device)
        return unit(model.text_projection(model.text_model(input_ids=ids).pooler_output))


def similarity(a: ClipVector, b: ClipVector) -> float:
    """The cosine of the angle between two vectors, -1 … 1.

    Between a text and a picture that belong together it is about 0.2 to 0.35 for OpenAI's models, not near 1: in so
    many dimensions the two towers fill different cones. ValueError if the two come from models of different width.
    """
    if a.vector.shape != b.vector.shape:
        shapes = f"{a.vector.shape[1]} and {b.vector.shape[1]}"
        raise ValueError(f"similarity: expected two vectors of one width, found {shapes}; use the same CLIP for both")
    return float((a.vector * b.vector).sum().clamp(-1, 1))
