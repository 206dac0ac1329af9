"""Masks: read, drawn, changed, looked at, shown to a UNet, and used to put pictures together and to compare them.

White = repaint freely, black = keep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine import node
from nodes.stages import composite as composition
from nodes.stages import inpaint
from nodes.stages import masks as stage

if TYPE_CHECKING:
    from diffusion.checkpoint import UNetHandle as UNet
    from diffusion.checkpoint import VAEHandle as VAE
    from diffusion.image import Image, Mask
    from diffusion.inpaint import Channels

Share = Annotated[float, Field(ge=0, le=1)]
Place = Annotated[float, Field(ge=-1, le=2)]
"""Shares of the picture; a shape may begin or end outside it."""

Length = Annotated[float, Field(ge=0, le=3)]
Corner = Annotated[list[Place], Field(min_length=2, max_length=2)]
Radius = Annotated[int, Field(ge=0, le=512)]


@node
def mask_from_image(
    image: Image,
    source: Literal["luminance", "alpha", "red", "green", "blue"] = "luminance",
    invert: bool = False,
    threshold: Annotated[float | None, Field(ge=0, le=1)] = None,
) -> Mask:
    """Read a mask from a picture: white = repaint freely, black = keep.

    Args:
        image: a picture of the mask, or one with transparent parts.
        source: its brightness, its transparency (transparent = repaint), or one colour channel.
        invert: exchange white and black, last of all.
        threshold: make the mask hard: white from this share of white on. Without one the greys stay.
    """
    mask = stage.mask_from(image, source)
    if threshold is not None:
        mask = stage.threshold(mask, threshold)
    return stage.invert(mask) if invert else mask


@node
def draw_mask(
    image: Image,
    shape: Literal["rectangle", "ellipse", "polygon"] = "rectangle",
    left: Place = 0.25,
    top: Place = 0.25,
    width: Length = 0.5,
    height: Length = 0.5,
    points: Annotated[list[Corner] | None, Field(min_length=3, max_length=10000)] = None,
) -> Mask:
    """Draw a mask for a picture: a white shape on black. Shares of the picture place it, so it fits any size.

    Args:
        image: gives the mask its size.
        shape: a rectangle, the ellipse that fills it, or a polygon.
        left: of the rectangle: 0 is the picture's left edge, 1 its right edge.
        top: 0 is the picture's upper edge, 1 its lower edge.
        width: 1 is as wide as the picture; what stands over the edge is cut.
        height: 1 is as high as the picture.
        points: the polygon's corners [x, y], three or more, as shares likewise; only a polygon reads them, and it
            reads nothing else.
    """
    return stage.draw(image.size, shape, left, top, width, height, points or ())


@node
def grow_mask(mask: Mask, pixels: Annotated[int, Field(ge=-512, le=512)] = 8) -> Mask:
    """Make the white larger on all sides, with round corners, or smaller.

    Args:
        mask: to be changed.
        pixels: how far the white grows; a negative number makes it shrink.
    """
    return stage.grow(mask, pixels)


@node
def feather_mask(mask: Mask, radius: Radius = 16) -> Mask:
    """Give the white a soft edge that lies outside it: what is white stays white. To soften inwards, shrink it first.

    Args:
        mask: to be softened.
        radius: over how many pixels the white fades to black; 2 is the least that shows.
    """
    return stage.feather(mask, radius)


@node
def invert_mask(mask: Mask) -> Mask:
    """Exchange white and black: repaint what was to be kept.

    Args:
        mask: to be inverted.
    """
    return stage.invert(mask)


@node
def threshold_mask(mask: Mask, level: Share = 0.5) -> Mask:
    """Make a mask hard: white or black, no grey.

    Args:
        mask: with greys.
        level: white from this share of white on, black below; 0 makes all white.
    """
    return stage.threshold(mask, level)


@node
def combine_masks(a: Mask, b: Mask, operation: Literal["union", "intersection", "difference"] = "union") -> Mask:
    """Make one mask of two.

    Args:
        a: a mask.
        b: another of the same size.
        operation: white in either (`union`), in both (`intersection`), or in a but not in b (`difference`).
    """
    return stage.combine(a, b, operation)


@node
def mask_to_image(mask: Mask) -> Image:
    """Show a mask as a grey picture.

    Args:
        mask: to be looked at.
    """
    return stage.to_image(mask)


@node
def inpaint_channels(
    vae: VAE,
    image: Image,
    mask: Mask,
    unet: UNet | None = None,
    seed: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None,
) -> Channels:
    """What a UNet trained to inpaint (one with nine channels) is shown at every step, beside the latent.

    That is the mask, and the latent of the picture with what is masked left blank.

    Args:
        vae: of the checkpoint.
        unet: of the checkpoint; if it reads the latent alone, no channels are made, so one workflow fits both kinds.
        image: width and height must be multiples of the VAE's factor (8 in Stable Diffusion).
        mask: white = repaint, black = keep; made hard at half white.
        seed: draw the latent from the VAE's posterior with this seed; without one, its mean is taken.
    """
    if unet is not None and unet.config.in_channels == vae.config.latent_channels:
        return inpaint.no_channels()
    return inpaint.inpaint_channels(vae.load(), image, mask, seed)


@node
def composite(original: Image, painted: Image, mask: Mask, feather: Radius = 8) -> Image:
    """Lay the original's own pixels over what inpainting kept: painted where the mask is white, the original elsewhere.

    What is kept in a latent comes back from the VAE close to the original, not equal to it. Outside the mask and its
    soft edge, the result equals the original in every pixel.

    Args:
        original: the picture as it was; the result has its size.
        painted: the picture as inpainting gave it; of another size it is stretched to the original's.
        mask: the one that was used to inpaint; of another size it is stretched too.
        feather: how many pixels outside the white the painted picture fades into the original; 0 cuts hard.
    """
    return composition.composite(original, painted, mask, feather)


@node
def difference_image(a: Image, b: Image, gain: Annotated[float, Field(ge=1, le=255)] = 8.0) -> Image:
    """Show where two pictures differ: black where they are equal, brighter the more they differ.

    Args:
        a: a picture.
        b: another of the same size.
        gain: how many times brighter than the difference itself.
    """
    return composition.difference(a, b, gain)


@node
def image_change(a: Image, b: Image, mask: Mask | None = None, measure: Literal["mean", "largest"] = "mean") -> float:
    """How much two pictures differ, as a number from 0 (equal) to 255.

    Args:
        a: a picture.
        b: another of the same size.
        mask: count only where it is wholly white; `invert_mask` gives what was kept. Without one, all counts.
        measure: the mean of all absolute differences, or the largest.
    """
    return composition.change(a, b, mask, measure)
