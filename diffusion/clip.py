"""CLIP: pictures and words as vectors in one space, and how alike they are (Radford et al., 2103.00020).

This is not the space of the tokens that a UNet reads: one vector here stands for a whole picture or a whole text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor

from diffusion.image import Image

if TYPE_CHECKING:
    from transformers import CLIPTextModel

    from diffusion.checkpoint import CLIPHandle, PictureHandle

BATCH = 128
"""How many texts go through the text tower at a time."""

Tell = Callable[[float], None]
"""Is told, while something takes its time, which share is done, 0 … 1."""


def unheard(done: float) -> None:
    """Where nobody asks how far it is."""


@dataclass(frozen=True, eq=False)
class ClipVector:
    """A picture or a text in CLIP's common space: (1, D) float32 of length 1. ValueError for another shape."""

    vector: Tensor

    def __post_init__(self) -> None:
        if self.vector.ndim != 2 or len(self.vector) != 1:
            raise ValueError(f"ClipVector: expected shape (1, D), found {tuple(self.vector.shape)}")


def unit(vectors: Tensor) -> Tensor:
    """The directions of vectors, (N, D) → (N, D) float32 of length 1, on the CPU."""
    vectors = vectors.detach().float().cpu()
    return vectors / vectors.norm(dim=-1, keepdim=True)


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def embed_picture(clip: CLIPHandle, image: Image) -> ClipVector:
    """A picture of any size as a vector."""
    model = clip.load()
    weight = next(model.parameters())
    with torch.no_grad():
        pooled = model.vision_model(pixel_values=pixels_for(clip, image).to(weight)).pooler_output
        return ClipVector(unit(model.visual_projection(pooled)))


def pixels_for(clip: CLIPHandle, image: Image) -> Tensor:
    """A picture as the picture tower reads it, (1, 3, size, size): shorter side to size, middle cut out, normalised."""
    picture = image.on().to_pillow()
    shorter = min(picture.size)
    width, height = (round(side * clip.size / shorter) for side in picture.size)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Pillow.Resampling.BICUBIC)
    left, top = (width - clip.size) // 2, (height - clip.size) // 2
    return normalised(clip, picture.crop((left, top, left + clip.size, top + clip.size)))


def normalised(network: PictureHandle, picture: Pillow.Image) -> Tensor:
    """A picture with the mean and deviation that a network is used to: (1, 3, H, W)."""
    values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255  # (H, W, 3) → (3, H, W)
    mean, std = torch.tensor(network.mean)[:, None, None], torch.tensor(network.std)[:, None, None]
    return ((values - mean) / std)[None]


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def embed_text(clip: CLIPHandle, text: str) -> ClipVector:
    """A text as a vector; what does not fit into 77 tokens is left off."""
    return ClipVector(embed_texts(clip, [text]))


def embed_texts(clip: CLIPHandle, texts: Sequence[str], tell: Tell = unheard) -> Tensor:
    """Texts as vectors, (N, D) float32 of length 1; what does not fit into 77 tokens is left off.

    A state of the text tower depends on what stands before it alone. So what all texts begin with goes through the
    tower once, and texts of like length go together, without what stands after the end of the longest.

    Args:
        clip: both towers.
        texts: at least one.
        tell: is told which share is done, 0 … 1.
    """
    model, tokenizer = clip.load(), clip.tokenizer.load()
    tower, end = model.text_model, tokenizer.eos_token_id
    length = min(tokenizer.model_max_length, tower.embeddings.position_embedding.num_embeddings)
    rows = [ids[: ids.index(end) + 1] for ids in tokenizer(list(texts), truncation=True, max_length=length).input_ids]
    first, last = min(rows), max(rows)
    shared = [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first[:-1], last, strict=False))]
    device = next(model.parameters()).device
    with torch.no_grad():
        past = through(tower, torch.tensor([shared], device=device))[1] if shared else ()
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        vectors = []
        for begin in range(0, len(order), BATCH):
            own = [rows[i][len(shared) :] for i in order[begin : begin + BATCH]]
            ids = torch.tensor([row + [end] * (len(own[-1]) - len(row)) for row in own], device=device)
            states, _ = through(tower, ids, past)
            ends = torch.tensor([len(row) - 1 for row in own], device=device)
            pooled = tower.final_layer_norm(states[torch.arange(len(own), device=device), ends])
            vectors.append(unit(model.text_projection(pooled)))
            tell((begin + len(own)) / len(order))
    return torch.cat(vectors)[torch.tensor(order).argsort()]


Past = Sequence[tuple[Tensor, Tensor]]
"""Keys and values of each layer, (B or 1, heads, m, W / heads), for m tokens that have gone through."""


def through(tower: CLIPTextModel, ids: Tensor, past: Past = ()) -> tuple[Tensor, Past]:
    """Send tokens through the layers of CLIP's text tower; transformers' own way through knows of no past.

    Args:
        tower: CLIP's.
        ids: (B, n).
        past: of the m tokens that stand before all of them.

    Returns:
        States after the last layer (B, n, W), and the past of what comes after.
    """
    batch, n = ids.shape
    m = past[0][0].shape[2] if past else 0
    x = tower.embeddings(ids, torch.arange(m, m + n, device=ids.device)[None])
    visible = torch.ones(n, m + n, dtype=torch.bool, device=ids.device).tril(m)
    seen = []
    for i, layer in enumerate(tower.encoder.layers):
        normed, attention = layer.layer_norm1(x), layer.self_attn
        q, k, v = (
            project(normed).view(batch, n, attention.num_heads, -1).transpose(1, 2)  # (B, n, W) → (B, heads, n, W / h)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        if past:
            k, v = (
                torch.cat([old.expand(batch, -1, -1, -1), new], 2) for old, new in zip(past[i], (k, v), strict=True)
            )
        seen.append((k, v))
        attended = F.scaled_dot_product_attention(q, k, v, visible)
        x = x + attention.out_proj(attended.transpose(1, 2).reshape(batch, n, -1))
        x = x + layer.mlp(layer.layer_norm2(x))
    return x, seen


# ── how alike they are ────────────────────────────────────────────────────────────────────────────────────────────────


def similarity(a: ClipVector, b: ClipVector) -> float:
    """The cosine of the angle between two vectors, -1 … 1.

    Between a text and a picture that belong together it is about 0.2 to 0.35 for OpenAI's models, not near 1: in so
    many dimensions the two towers fill different cones. ValueError if the two come from models of different width.
    """
    return float(similarities(a, b.vector))


def similarities(a: ClipVector, others: Tensor) -> Tensor:
    """The cosines of the angles between a vector and each of others, (N, D) → (N,); see `similarity`."""
    if a.vector.shape[1] != others.shape[1]:
        widths = f"{a.vector.shape[1]} and {others.shape[1]}"
        raise ValueError(f"similarity: expected two vectors of one width, found {widths}; use the same CLIP for both")
    return (others @ a.vector[0]).clamp(-1, 1)
