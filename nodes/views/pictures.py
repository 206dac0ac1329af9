"""How pictures, masks and maps are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import Seen, view
from nodes.stages import heat as heats
from nodes.stages import image as pixels
from nodes.views.parts import LARGEST, SMALLEST, Colours, Side, grid, one_map, picture, pixels_of

if TYPE_CHECKING:
    from diffusion.heat import Heat
    from diffusion.image import Image, Mask


@view(name="picture")
def image_picture(image: Image, side: Side = LARGEST) -> Seen:
    """The picture itself.

    Args:
        image: of any size.
        side: pixels that its longer side has at most; 0 shows it pixel for pixel, whatever its size.
    """
    if side == 0:
        return Seen(lambda: pixels_of(image, "side takes a smaller picture"), lambda: pixels.to_png(image))
    shown = pixels.at_most(image, side)
    return picture(lambda: shown, lambda: pixels_of(shown, "side takes a smaller picture"), min(side, SMALLEST))


@view(name="picture")
def mask_picture(mask: Mask) -> Seen:
    """The mask itself: white is repainted, black is kept."""
    rows, columns = map(range, mask.values.shape)
    return picture(
        lambda: pixels.Image(mask.values[..., None].repeat(3, axis=2)),
        lambda: grid(mask.values, row=rows, column=columns),
    )


@view(name="heat")
def heat_picture(heat: Heat, colours: Colours = "viridis", low: float | None = None, high: float | None = None) -> Seen:
    """A square for each number.

    Args:
        heat: of any size.
        colours: `diverging` is white at zero, blue below, red above, equally far.
        low: the number at the lower end of the colours; by default the least.
        high: the number at the upper end; by default the greatest.
    """
    return one_map(heat, colours, heats.chosen_span(heat, low, high, colours))
