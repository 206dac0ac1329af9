"""Picture files that nobody vouches for: measured by their header first, decoded only if they are small enough."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from engine import parse_workflow
from nodes.recipe import at_most, recipe_in
from nodes.stages import image as stage
from web.server.looking import Sent
from web.server.refused import Refused
from web.server.settings import Limits

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
"""The formats that are read. None of them reads other files or runs anything, as SVG and EPS may."""

BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM")
"""By these a broken file of one of the formats is told from another kind of file; WebP's has a length in it."""

ORIENTATION = 0x0112
"""In the Exif data: how the camera was held; from 5 on lying."""


class Pictures:
    """Looks at picture files within limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def inspect_upload(self, path: str) -> dict[str, Any]:
        """What kind of picture a file holds, upright; it is decoded to its end to know."""
        with self.opened(path) as picture:
            width, height = upright(picture)
            picture.load()
            format = format_of(picture)
            carries = recipe_in(picture) is not None
            return {"format": format, "suffix": SUFFIXES[format], "width": width, "height": height,
                    "mode": picture.mode, "workflow": carries}  # fmt: skip

    def thumbnail(self, path: str, side: int) -> Sent:
        """A picture as a PNG of at most so many pixels a side, 16 to 2048; a smaller one stays as it is."""
        if not 16 <= side <= 2048:
            raise Refused(400, f"expected 16 to 2048, found {side}", where="side")
        data = io.BytesIO()
        with self.opened(path) as picture:
            picture.draft("RGB", (side, side))  # a JPEG can be decoded smaller
            small = stage.Image.from_pillow(ImageOps.exif_transpose(picture)).to_pillow()
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
            small.save(data, format="PNG")
        return Sent("image/png", data.getvalue())

    def recipe(self, path: str) -> dict[str, Any]:
        """The workflow in a picture that Diffuscope saved, its inputs as defaults; what was swept; the keys."""
        with self.opened(path) as picture:
            picture.load()
            recipe = recipe_in(picture)
        if recipe is None:
            raise Refused(422, "the picture carries no workflow", hint="only a PNG that Diffuscope saved does")
        sweeps = recipe.get("sweeps")
        return {
            "workflow": parse_workflow(recipe["workflow"], "picture").to_json(),
            "sweeps": sweeps if isinstance(sweeps, dict) else {},
            "keys": recipe["keys"],
        }

    @contextmanager
    def opened(self, path: str) -> Iterator[ImageFile]:
        """A picture whose header is read and fits; whatever goes wrong with it from here on is a `Refused`."""
        pixels = self.limits.upload_pixels
        try:
            with at_most(pixels), Image.open(path, formats=tuple(SUFFIXES)) as picture:
                self.expect_small(*picture.size)
                yield picture
        except (Refused, MemoryError):
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise Refused(422, f"expected at most {pixels:,} pixels, found more") from None
        except FileNotFoundError:
            raise Refused(404, "no such file") from None
        except UnidentifiedImageError:
            if begins_well(Path(path)):
                raise Refused(422, "the picture cannot be read: its header is broken") from None
            raise Refused(415, f"expected a picture ({', '.join(SUFFIXES)}), found another kind of file") from None
        except Exception as error:  # decoders raise whatever a broken file leads them to
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise Refused(422, f"the picture cannot be read: {reason}") from None

    def expect_small(self, width: int, height: int) -> None:
        """Raise `Refused` (422) for a picture that is too large to be decoded."""
        side, pixels = self.limits.upload_side, self.limits.upload_pixels
        if max(width, height) > side:
            raise Refused(422, f"expected at most {side:,} pixels a side, found {width} × {height}")
        if width * height > pixels:
            raise Refused(422, f"expected at most {pixels:,} pixels, found {width} × {height}")


def format_of(picture: ImageFile) -> str:
    """One of `SUFFIXES`; a JPEG with more pictures in it (MPO, as telephones write) is a JPEG."""
    return "JPEG" if picture.format == "MPO" else str(picture.format)


def upright(picture: ImageFile) -> tuple[int, int]:
    """Width and height as seen once the picture is turned as its camera noted, which is how nodes read it."""
    width, height = picture.size
    return (height, width) if picture.getexif().get(ORIENTATION) in (5, 6, 7, 8) else (width, height)


def begins_well(path: Path) -> bool:
    """Whether a file begins as one of the formats does."""
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith(BEGINNINGS) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")
