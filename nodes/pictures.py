"""Pictures: in and out of latents, in and out of files, and how they are laid out to be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field

from engine import Collected, File, node
from engine.context import current
from nodes.files import save_file
from nodes.paths import find_file
from nodes.stages import image as stage
from nodes.stages import sheets
from nodes.stages import vae as autoencoder

if TYPE_CHECKING:
    from diffusion.checkpoint import VAEHandle as VAE
    from diffusion.image import Image, Mask
    from diffusion.latent import Latent

Size = Annotated[int, Field(ge=8, le=8192)]
Largest = Annotated[int, Field(ge=0, le=8192)]
Extent = Annotated[int, Field(ge=1, le=16384)]
Pixels = Annotated[int, Field(ge=0, le=16383)]
Border = Annotated[int, Field(ge=0, le=4096)]
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
def crop_image(image: Image, width: Extent, height: Extent, left: Pixels = 0, top: Pixels = 0) -> Image:
    """Cut a rectangle out of a picture.

    Args:
        image: of any size.
        width: of the rectangle in pixels; it must lie inside the picture.
        height: likewise.
        left: how many pixels are cut off on the left.
        top: how many are cut off above.
    """
    return stage.crop(image, left, top, width, height)


class Padded(NamedTuple):
    """A picture with room around it."""

    image: Image
    mask: Mask


@node
def pad_to_outpaint(
    image: Image,
    left: Border = 0,
    top: Border = 0,
    right: Border = 0,
    bottom: Border = 0,
    overlap: Annotated[int, Field(ge=0, le=512)] = 8,
) -> Padded:
    """Make a picture larger, to paint on beyond its edges, with the mask for it.

    The new border goes on from the picture's edge, softer with the distance: it is what inpainting begins from.

    Args:
        image: width and height with the border should be multiples of the VAE's factor (8 in Stable Diffusion).
        left: how many pixels to add on the left.
        top: how many to add above.
        right: how many to add on the right.
        bottom: how many to add below.
        overlap: how many pixels of the picture are repainted along a border, so that no seam shows.
    """
    return Padded(*stage.pad_for_outpaint(image, left, top, right, bottom, overlap))


@node
def film_strip(
    noisy: list[Image],
    denoised: list[Image] | None = None,
    eps: list[Image] | None = None,
    columns: Annotated[int, Field(ge=2, le=200)] = 11,
    rows: list[str] | None = None,
    corner: str = "after step",
    title: str = "",
    scale: Annotated[int, Field(ge=0, le=16)] = 0,
    largest: Largest = 256,
) -> Image:
    """What the loop does: the noisy latents, below them the clean picture that each step went by, and the noise.

    Args:
        noisy: a picture for each iteration, the first before any step.
        denoised: likewise, the clean picture that the step which led here went by.
        eps: the noise that this step took away, one less than the others, for before the first step there is none.
        columns: at most so many are shown, evenly chosen, the first and the last among them.
        rows: the names of the rows, where the strips show something else.
        corner: what the numbers above the columns mean.
        title: above all.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures.
        largest: pictures with a longer side are scaled down to this many pixels; 0 leaves them as they are.
    """
    chosen = sheets.evenly(len(noisy), columns)
    noises = None if eps is None else [*[None] * (len(noisy) - len(eps)), *eps]
    strips = {"noisy": noisy, "denoised": denoised, "eps": noises}
    for name, strip in strips.items():
        if strip is not None and len(strip) != len(noisy):
            raise ValueError(f"{name}: expected {len(noisy)} pictures, as many as noisy, found {len(strip)}")
    given = {name: strip for name, strip in strips.items() if strip is not None}
    if rows is not None and len(rows) != len(given):
        raise ValueError(f"rows: expected {len(given)} names, one a strip, found {len(rows)}")
    cells = [[strip[i] for i in chosen] for strip in given.values()]
    widest = max(image.size[0] for row in cells for image in row if image is not None)
    cells = [
        [image and stage.at_most(stage.enlarge(image, widest // image.size[0]), largest) for image in row]
        for row in cells
    ]
    return sheets.sheet(cells, [str(i) for i in chosen], rows or list(given), title, corner, scale=scale)


@node
def contact_sheet(
    images: Collected[Image],
    title: str = "",
    columns: Annotated[int, Field(ge=0, le=100)] = 0,
    scale: Annotated[int, Field(ge=0, le=16)] = 0,
    largest: Largest = 256,
    captions: Collected[str] | None = None,
) -> Image:
    """All pictures of a sweep on one sheet: one axis fills a grid, two axes make rows and columns.

    Args:
        images: every picture of the sweep.
        title: above all.
        columns: how many a row, for one axis; 0 chooses.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures.
        largest: pictures with a longer side are scaled down to this many pixels; 0 leaves them as they are.
        captions: a text for each, over the same axes, to stand below it; then they fill a grid however many axes
            there are. Without them the values of the axes are written.
    """
    axes = images.axes
    small = [(at, stage.at_most(image, largest)) for at, image in images.items]
    if captions is not None:
        if [at for at, _ in captions.items] != [at for at, _ in small]:
            counts = f"{len(small)} pictures, over the same axes, found {len(captions.items)}"
            raise ValueError(f"captions: expected one for each of {counts}")
        return sheets.wrap([image for _, image in small], captions.values, columns, title, scale)
    if len(axes) < 2:
        values = [shown(axes[0][1][at[0]]) if axes else "" for at, _ in images.items]
        about = " · ".join(part for part in (title, axes[0][0] if axes else "") if part)
        return sheets.wrap([image for _, image in small], values, columns, about, scale)
    (across, across_values), before = axes[-1], axes[:-1]
    places = dict(small)
    rows = sorted({at[:-1] for at in places})
    cells = [[places.get((*row, x)) for x in range(len(across_values))] for row in rows]
    names = [
        " · ".join(f"{name} {shown(values[i])}" for (name, values), i in zip(before, row, strict=True)) for row in rows
    ]
    return sheets.sheet(cells, [shown(value) for value in across_values], names, title, across, scale=scale)


@node
def side_by_side(
    first: Image,
    second: Image | None = None,
    third: Image | None = None,
    fourth: Image | None = None,
    fifth: Image | None = None,
    sixth: Image | None = None,
    captions: list[str] | None = None,
    columns: Annotated[int, Field(ge=0, le=6)] = 0,
    title: str = "",
    scale: Annotated[int, Field(ge=0, le=16)] = 0,
) -> Image:
    """Up to six pictures beside one another, or below, each with its caption.

    Args:
        first: a picture.
        second: another.
        third: another.
        fourth: another.
        fifth: another.
        sixth: another.
        captions: a text for each.
        columns: how many a row; 0 is all in one, 1 places them below one another.
        title: above all.
        scale: pixels a side that one pixel becomes; 0 enlarges small pictures.
    """
    given = [image for image in (first, second, third, fourth, fifth, sixth) if image is not None]
    texts = captions or []
    if texts and len(texts) != len(given):
        raise ValueError(f"captions: expected {len(given)}, one a picture, found {len(texts)}")
    return sheets.board(given, texts, columns, title, scale)


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

    def write(path: Path) -> None:
        image.to_pillow().save(path, format="PNG", pnginfo=info)

    return save_file(name, ".png", write, otherwise="picture")
