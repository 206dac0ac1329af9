"""How near a model's drawings are to a style it was never trained on: what tests of teaching measure by.

Twenty pictures of the style, of things that the model knows in other styles and was not shown in this one. A drawing of
one of these things is compared, by CLIP, with the pictures of the nineteen others, so that the style counts and not the
thing. What the real pictures reach in the same comparison is the goal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow
from shipped import MODEL, SIDE
from torch import Tensor

from diffusion.checkpoint import Checkpoint, open_checkpoint, open_clip
from diffusion.clip import embed_picture
from diffusion.image import Image
from diffusion.latent import Latent
from diffusion.training import prompt_ids, prompt_states
from diffusion.vae import decode_latent
from models.recipe.sampling import sample

TESTS = Path(__file__).resolve().parent
STYLE = "openmoji"


@dataclass(frozen=True)
class HeldOut:
    """A thing, before a background, as the style has it."""

    thing: str
    background: str
    picture: Image

    @property
    def prompt(self) -> str:
        """What to ask a model for."""
        article = "an" if self.thing[0] in "aeiou" else "a"
        return f"{article} {self.thing}, {STYLE} style, on a {self.background} background"


@cache
def held_out() -> tuple[HeldOut, ...]:
    """The twenty, from the sheet that `models/recipe/unseen.py` writes."""
    sheet = np.asarray(Pillow.open(TESTS / "models" / f"{STYLE}.png").convert("RGB"))
    columns = sheet.shape[1] // SIDE
    shown = json.loads((TESTS / "models" / f"{STYLE}.json").read_text())
    corners = [(i // columns * SIDE, i % columns * SIDE) for i in range(len(shown))]
    return tuple(
        HeldOut(thing, background, Image(sheet[up : up + SIDE, left : left + SIDE]))
        for (thing, background), (up, left) in zip(shown, corners, strict=True)
    )


@cache
def model() -> Checkpoint:
    """The shipped model, as it ships."""
    return open_checkpoint(MODEL)


@torch.no_grad()
def draw(checkpoint: Checkpoint) -> list[Image]:
    """The twenty things, as a model draws them when it is asked for the style: ddim, 20 steps, guidance 3."""
    encoder = checkpoint.text_encoder.load()
    prompts = [one.prompt for one in held_out()]
    states, empty = (prompt_states(encoder, prompt_ids(checkpoint.tokenizer, texts)) for texts in (prompts, [""]))
    generators = (torch.Generator().manual_seed(seed) for seed in range(len(prompts)))
    noise = torch.cat([torch.randn(1, 4, 16, 16, generator=generator) for generator in generators])
    latents = sample(checkpoint.unet.load(), noise, states, empty, steps=20, guidance=3.0, sampler="ddim")
    vae = checkpoint.vae.load()
    return [decode_latent(vae, Latent(samples[None], 0.0)) for samples in latents]


def likeness(pictures: list[Image]) -> float:
    """The mean similarity of each picture to those of the nineteen other things, -1 … 1."""
    clip = open_clip(MODEL / "clip")

    def vectors(images: list[Image]) -> Tensor:
        return torch.cat([embed_picture(clip, image).vector for image in images])

    pairs = vectors(pictures) @ vectors([one.picture for one in held_out()]).T
    others = ~torch.eye(len(pairs), dtype=torch.bool)
    return float(pairs[others].mean())


def way(checkpoint: Checkpoint) -> float:
    """How far a model has come: 0 is where the untaught one is, 1 is where the style's own pictures are."""
    untaught, real = likeness(draw(model())), likeness([one.picture for one in held_out()])
    return (likeness(draw(checkpoint)) - untaught) / (real - untaught)
