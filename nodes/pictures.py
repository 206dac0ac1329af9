"""Pictures: in and out of latents, in and out of files, and how they are laid out to be compared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from engine import Collected, File, StorageError, node, saved
from engine.context import current
from nodes.paths import find_file
from nodes.stages import image as stage
from nodes.stages import sheets
from nodes.stages import vae as autoencoder

if TYPE_CHECKING:
    from diffusion.checkpoint import VAEHandle as VAE
    from diffusion.image import Image, Mask
    from diffusion.latent import Latent

Size = Annotated[int, Field(ge=8, le=8192)]
MARK = "diffuscope"
"""The PNG text chunk that holds a picture's workflow."""


@node
def vae_decode(vae: VAE, latent: Latent) -> Image:
    """Turn a latent into a picture. One that is still noisy is shown as the UNet sees it.

    Args:
        vae: of the checkpoint.
        latent: at any noise level.
    """
    return autoencoder.decode_latent(vae.load(), latent)


@node
def vae_encode(vae: VAE, image: Image, seed: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None) -> Latent:
    """Turn a picture into a clean latent.

    Args:
        vae: of the checkpoint.
        image: width and height must be multiples of the VAE's factor (8 in Stable Diffusion).
        seed: draw the latent from the VAE's posterior with this seed; without one, its mean is taken.
    """
    return autoencoder.encode_image(vae.load(), image, seed)


@node
def load_image(path: Annotated[str, File(find_file)]) -> Image:
    """Read a picture from a file.

    Args:
        path: absolute, beside the workflow, or in the working directory.
    """
    return stage.read_image(Path(path))


@node
def resize_image(image: Image, width: Size, height: Size, fit: Literal["stretch", "crop", "pad"] = "crop") -> Image:
    """Bring a picture to a size.

    Args:
        image: of any size.
        width: in pixels.
        height: in pixels.
        fit: `crop` fills the size and cuts what stands over, `pad` shows all on white, `stretch` changes proportions.
    """
    return stage.resize(image, width, height, fit)


@node
def resize_for(vae: VAE, image: Image, fit: Literal["stretch", "crop", "pad"] = "crop") -> Image:
    """Bring a picture to the nearest size that the VAE takes; one that fits already stays as it is.

    Args:
        vae: its factor (8 in Stable Diffusion) must divide width and height.
        image: of any size.
        fit: `crop` fills the size and cuts what stands over, `pad` shows all on white, `stretch` changes proportions.
    """
    factor = vae.config.factor
    width, height = (max(round(pixels / factor), 1) * factor for pixels in image.size)
    return image if image.size == (width, height) else stage.resize(image, width, height, fit)


@node
def mask_from_image(
    image: Image, source: Literal["luminance", "alpha", "red", "green", "blue"] = "luminance", invert: bool = False
) -> Mask:
    """Read a mask from a picture: white = repaint freely, black = keep.

    Args:
        image: a picture of the mask, or one with transparent parts.
        source: its brightness, its transparency (transparent = repaint), or one colour channel.
        invert: exchange white and black.
    """
    return stage.mask_from(image, source, invert)


@node
def film_strip(
    noisy: list[Image],
    denoised: list[Image] | None = None,
    columns: Annotated[int, Field(ge=2, le=200)] = 11,
    title: str = "",
    scale: Annotated[int, Field(ge=0, le=16)] = 0,
) -> Image:
    """What the loop does, side by side: the noisy latents, and below them the clean picture that each step went by.

    Args:
        noisy: a picture for each iteration, the first before any step.
        denoised: likewise.
        columns: at most so many are shown, evenly chosen, the first and the last among them.
        title: above all.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures.
    """
    last = len(noisy) - 1
    count = min(columns, len(noisy))
    chosen = sorted({round(i * last / max(count - 1, 1)) for i in range(count)})
    strips = [noisy] if denoised is None else [noisy, denoised]
    cells = [[strip[i] for i in chosen] for strip in strips]
    rows = ["noisy", "denoised"][: len(strips)]
    return sheets.sheet(cells, [str(i) for i in chosen], rows, title, "after step", scale=scale)


@node
def contact_sheet(
    images: Collected[Image],
    title: str = "",
    columns: Annotated[int, Field(ge=0, le=100)] = 0,
    scale: Annotated[int, Field(ge=0, le=16)] = 0,
) -> Image:
    """All pictures of a sweep on one sheet: one axis fills a grid, two axes make rows and columns.

    Args:
        images: every picture of the sweep.
        title: above all.
        columns: how many a row, for one axis; 0 chooses.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures.
    """
    axes = images.axes
    if len(axes) < 2:
        captions = [f"{axes[0][0]} {shown(axes[0][1][at[0]])}" if axes else "" for at, _ in images.items]
        return sheets.wrap(images.values, captions, columns, title, scale)
    (across, across_values), before = axes[-1], axes[:-1]
    places = dict(images.items)
    rows = sorted({at[:-1] for at in places})
    cells = [[places.get((*row, x)) for x in range(len(across_values))] for row in rows]
    names = [
        " · ".join(f"{name} {shown(values[i])}" for (name, values), i in zip(before, row, strict=True)) for row in rows
    ]
    return sheets.sheet(cells, [shown(value) for value in across_values], names, title, across, scale=scale)


def shown(value: Any) -> str:
    """A value as a caption."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@node(effect=True)
def save_image(image: Image, name: str = "") -> str:
    """Write a picture as a PNG that carries its workflow, inputs and keys, so that it can be made again.

    Args:
        image: what to save.
        name: the beginning of the file's name; by default that of the workflow. A number is added.
    """
    from PIL.PngImagePlugin import PngInfo

    context = current()
    about = {
        "workflow": context.workflow,
        "sweeps": context.sweeps,
        "coordinates": context.coordinates,
        "keys": context.inputs,
    }
    info = PngInfo()
    info.add_itxt(MARK, json.dumps(about, ensure_ascii=True, separators=(",", ":")))
    stem = " ".join(part for part in (name or context.title, context.coordinates) if part)
    try:
        path = claim(context.out, file_name(stem) or "picture")
        try:
            image.to_pillow().save(path, format="PNG", pnginfo=info)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"{context.out}: cannot be written: {reason}; choose another folder with --out") from None
    saved(path)
    return str(path)


def file_name(text: str) -> str:
    """As much of a text as may be part of a file's name anywhere."""
    plain = re.sub(r"[^\w .,=+-]+", "_", text)
    return plain.encode()[:120].decode(errors="ignore").strip(". ")


def claim(folder: Path, stem: str) -> Path:
    """An empty `stem-0001.png` of our own, with the first number that follows all others."""
    folder.mkdir(parents=True, exist_ok=True)
    pattern = re.compile(re.escape(stem) + r"-(\d+)\.png")
    taken = [int(found[1]) for path in folder.iterdir() if (found := pattern.fullmatch(path.name))]
    number = max(taken, default=0) + 1
    while True:
        path = folder / f"{stem}-{number:04d}.png"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:  # another run has taken it in the meantime
            number += 1
        else:
            return path
