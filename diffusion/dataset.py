"""What is learnt from: a folder of pictures with what they show, made more by small changes, as clean latents.

Folder → pictures → more pictures → examples.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from diffusion.image import Image, read_image, resize
from diffusion.training import Examples
from diffusion.vae import VAE, encode_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Endings of the names of files that are taken for pictures."""

Broken = Literal["refuse", "skip"]
Background = Literal["white", "random"]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures to learn from, at least one: each with a caption, perhaps empty, and a name to speak of it.

    Raises ValueError if the numbers differ or there are none.
    """

    images: tuple[Image, ...]
    captions: tuple[str, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check what the class says of its fields."""
        counts = len(self.images), len(self.captions), len(self.names)
        if len(set(counts)) > 1 or not self.images:
            raise ValueError(f"Pictures: expected as many captions and names as pictures, at least one; found {counts}")

    def __len__(self) -> int:
        return len(self.images)


# ── folder → pictures ─────────────────────────────────────────────────────────────────────────────────────────────────


def read_folder(folder: Path, broken: Broken = "refuse") -> tuple[Pictures, list[str]]:
    """The pictures of a folder, in the order of their names, and what is wrong with those that were left out.

    What a picture shows is read from the text file beside it, `cat.txt` for `cat.png`; without one it is empty.

    Args:
        folder: its own files count, not those of folders in it.
        broken: what to do with a picture that cannot be read: `refuse` it and all, or `skip` it.

    Raises:
        ValueError: there is no picture; one cannot be read, or its text is not UTF-8 (both name the file).
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"{folder.name}: expected pictures ({', '.join(SUFFIXES)}), found none")
    found, faults = list[tuple[Image, str, str]](), list[str]()
    for file in files:
        try:
            found.append((read_image(file), caption_beside(file), file.stem))
        except ValueError as error:
            if broken == "refuse":
                raise ValueError(f'{folder.name}/{error}; mend it, or take broken "skip"') from None
            faults.append(f"{folder.name}/{error}")
    if not found:
        raise ValueError(f"{folder.name}: expected a picture that can be read, found {len(faults)} broken ones")
    images, captions, names = zip(*found, strict=True)
    return Pictures(images, captions, names), faults


def caption_beside(picture: Path) -> str:
    """The text in the file of the same name that ends in `.txt`, on one line; empty where there is none."""
    try:
        return " ".join(picture.with_suffix(".txt").read_text(encoding="utf-8-sig").split())
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        where = picture.with_suffix(".txt").name
        raise ValueError(f"{where}: expected text in UTF-8, found byte {error.object[error.start]:#x}") from None


# ── pictures → more pictures ──────────────────────────────────────────────────────────────────────────────────────────


def augment(
    pictures: Pictures,
    copies: int = 16,
    flip: bool = True,
    zoom: float = 0.05,
    shift: float = 0.03,
    turn: float = 4.0,
    background: Background = "white",
    seed: int = 0,
) -> Pictures:
    """Several copies of each picture, each changed a little at random; the captions stay.

    What a change uncovers is filled with the picture's edge.

    Args:
        pictures: of any size.
        copies: of each picture, ≥ 1.
        flip: mirror every other one, by chance. Not for pictures in which left and right matter, or with writing.
        zoom: make them larger or smaller by up to this share.
        shift: move them in both directions by up to this share of their sides.
        turn: turn them by up to so many degrees, either way.
        background: what a transparent picture is laid on: white, or another colour for each copy.
        seed: of all that is random.
    """
    made = []
    for image, caption, name in zip(pictures.images, pictures.captions, pictures.names, strict=True):
        for copy in range(copies):
            rng = random.Random(f"{seed} {name} {copy}")
            mirrored = flip and rng.random() < 0.5
            scale = 1 + rng.uniform(-zoom, zoom)
            right, down = rng.uniform(-shift, shift), rng.uniform(-shift, shift)
            colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
            opaque = image.on(colour if background == "random" else (255, 255, 255))
            moved = move(opaque, mirrored, scale, right, down, rng.uniform(-turn, turn))
            made.append((moved, caption, f"{name} {copy}"))
    images, captions, names = zip(*made, strict=True)
    return Pictures(images, captions, names)


def move(image: Image, mirrored: bool, scale: float, right: float, down: float, turn: float) -> Image:
    """A picture without alpha mirrored, then enlarged and turned about its middle, then moved; of the same size.

    Args:
        image: (H, W, 3).
        mirrored: left for right.
        scale: 1 leaves it as large as it is.
        right: share of the width, negative to the left.
        down: share of the height, negative upward.
        turn: degrees, clockwise.
    """
    width, height = image.size
    sine, cosine = (float(f(np.radians(turn))) / scale for f in (np.sin, np.cos))
    # where each pixel of the result comes from, in halves of the sides from the middle: the shift is undone, then the
    # turn and the enlargement, then the mirroring
    back = torch.tensor([[cosine, sine * height / width], [-sine * width / height, cosine]])
    if mirrored:
        back[0] *= -1
    place = torch.cat([back, -back @ torch.tensor([[2 * right], [2 * down]])], dim=1)
    grid = functional.affine_grid(place[None], [1, 3, height, width], align_corners=False)
    pixels = torch.from_numpy(image.pixels.copy()).permute(2, 0, 1)[None].float()  # (H, W, 3) → (1, 3, H, W)
    moved = functional.grid_sample(pixels, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return Image(moved[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy())


# ── pictures → examples ───────────────────────────────────────────────────────────────────────────────────────────────


def encode_pictures(vae: VAE, pictures: Pictures, width: int = 0, height: int = 0) -> Examples:
    """The pictures as clean latents of one size, with their captions.

    Args:
        vae: on its device.
        pictures: each is cut to the proportions and scaled; alpha is laid on white.
        width: in pixels, a multiple of the VAE's factor; 0 is what the VAE was trained at.
        height: likewise.

    Raises:
        ValueError: the size does not fit.
    """
    wanted = (width or vae.config.sample_size, height or vae.config.sample_size)
    fitting = (image if image.size == wanted else resize(image.on(), *wanted) for image in pictures.images)
    latents = [encode_image(vae, image).samples for image in fitting]
    return Examples(torch.cat(latents), pictures.captions)


def gather(images: Sequence[Image], captions: Sequence[str]) -> Pictures:
    """Pictures that were made, one caption each, named by their number."""
    return Pictures(tuple(images), tuple(captions), tuple(map(str, range(len(images)))))
