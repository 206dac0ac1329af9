"""Pictures and masks: what a file gives, what is refused, and that nobody can change a value."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from diffusion import image as stage
from diffusion.image import Image, Mask, mask_from, read_image, resize

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)


def flat(width: int, height: int, *colour: int) -> Image:
    """A picture of one colour."""
    return Image(np.full((height, width, len(colour)), colour, dtype=np.uint8))


@pytest.mark.parametrize("pixels", [RGB, RGBA], ids=["RGB", "RGBA"])
def test_to_pillow_and_back(pixels: np.ndarray) -> None:
    image = Image(pixels.copy())
    assert image.size == (7, 5)
    assert np.array_equal(Image.from_pillow(image.to_pillow()).pixels, pixels)


@pytest.mark.parametrize("pixels", [RGB, RGBA], ids=["RGB", "RGBA"])
def test_a_png_comes_back_as_it_was(tmp_path: Path, pixels: np.ndarray) -> None:
    Image(pixels.copy()).to_pillow().save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png").pixels, pixels)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, [255, 255, 255]),
        ("L", 100, [100, 100, 100]),
        ("LA", (100, 50), [100, 100, 100, 50]),
        ("P", 0, [0, 0, 0]),
        ("CMYK", (0, 255, 255, 0), [255, 0, 0]),
        ("RGBA", (1, 2, 3, 4), [1, 2, 3, 4]),
    ],
)
def test_every_mode_becomes_colour(mode: str, colour: int | tuple[int, ...], expected: list[int]) -> None:
    assert Image.from_pillow(Pillow.new(mode, (2, 2), colour)).pixels[0, 0].tolist() == expected


def test_sixteen_bits_of_grey_become_eight(tmp_path: Path) -> None:
    Pillow.fromarray(np.array([[0, 257, 32768, 65535]], dtype=np.uint16)).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png").pixels[0, :, 0].tolist() == [0, 1, 127, 255]


def test_a_transparent_palette_gives_alpha(tmp_path: Path) -> None:
    Pillow.new("P", (2, 2), 0).save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png").pixels[0, 0].tolist() == [0, 0, 0, 0]


def test_pixels_are_read_only() -> None:
    for array in (Image(RGB.copy()).pixels, Mask(RGB[..., 0]).values, resize(Image(RGB.copy()), 4, 4).pixels):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0


def test_a_view_is_copied_so_its_owner_may_go_on_changing_it() -> None:
    owner = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    image = Image(owner[0])
    owner[:] = 9
    assert image.pixels.max() == 0


def test_to_pillow_gives_a_copy() -> None:
    image = Image(RGB.copy())
    image.to_pillow().paste((0, 0, 0), (0, 0, 7, 5))
    assert np.array_equal(image.pixels, RGB)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (0, 4, 3), (4, 4, 3, 1)])
def test_other_shapes_are_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Image\.pixels: expected shape \(H, W, 3 or 4\), found"):
        Image(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 1), (4, 0)])
def test_other_shapes_are_no_mask(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Mask\.values: expected shape \(H, W\), found"):
        Mask(np.zeros(shape, dtype=np.uint8))


def test_alpha_is_laid_on_white() -> None:
    half = flat(1, 1, 0, 0, 0, 51)
    assert half.on().pixels.tolist() == [[[204, 204, 204]]]
    assert half.on((255, 0, 0)).pixels.tolist() == [[[204, 0, 0]]]
    opaque = flat(1, 1, 1, 2, 3)
    assert opaque.on() is opaque


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (6, 4), (255, 255, 255))
    picture.putpixel((0, 0), (0, 0, 0))  # top left as stored: top right as it was taken
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turned by 90° clockwise
    picture.save(tmp_path / "photo.png", exif=exif)
    upright = read_image(tmp_path / "photo.png")
    assert upright.size == (4, 6)
    assert upright.pixels[0, 3].tolist() == [0, 0, 0]


def test_a_missing_file_stays_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "nope.png")


def truncated() -> bytes:
    """The first half of a PNG."""
    buffer = io.BytesIO()
    Pillow.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()[:6000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "notes.png: expected a picture .*, found another kind of file"),
        (b"no picture at all", "notes.png: expected a picture .*, found another kind of file"),
        (b"\x89PNG\r\n\x1a\n", "notes.png: "),
        (truncated(), "notes.png: the picture cannot be read: "),
    ],
    ids=["empty", "text", "only a signature", "truncated"],
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "notes.png").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_image(tmp_path / "notes.png")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the picture cannot be read"):
        read_image(tmp_path)


def test_a_picture_of_very_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flat(8, 8, 0, 0, 0).to_pillow().save(tmp_path / "large.png")
    monkeypatch.setattr(stage, "MAX_PIXELS", 63)
    with pytest.raises(ValueError, match=r"large.png: expected at most 63 pixels, found \(8, 8\)"):
        read_image(tmp_path / "large.png")


# ── sizes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("pixels", [RGB, RGBA], ids=["RGB", "RGBA"])
def test_a_resized_picture_has_the_size_asked_for(fit: stage.Fit, pixels: np.ndarray) -> None:
    resized = resize(Image(pixels.copy()), 16, 9, fit)
    assert resized.size == (16, 9)
    assert resized.pixels.shape[2] == pixels.shape[2]


def halves() -> Image:
    """20 × 10, the left half black, the right half red."""
    pixels = np.zeros((10, 20, 3), dtype=np.uint8)
    pixels[:, 10:, 0] = 255
    return Image(pixels)


def test_stretch_shows_everything() -> None:
    pixels = resize(halves(), 10, 10, "stretch").pixels
    assert pixels[5, 0].tolist() == [0, 0, 0] and pixels[5, 9].tolist() == [255, 0, 0]


def test_crop_keeps_the_middle() -> None:
    pixels = resize(halves(), 10, 10, "crop").pixels
    assert np.array_equal(pixels, halves().pixels[:, 5:15])


def test_pad_shows_all_on_white() -> None:
    pixels = resize(halves(), 20, 20, "pad").pixels
    assert (pixels[:5] == 255).all() and (pixels[15:] == 255).all()
    assert np.array_equal(pixels[5:15], halves().pixels)


# ── masks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "expected"), [("luminance", 150), ("red", 255), ("green", 100), ("blue", 130), ("alpha", 0)]
)
def test_a_mask_from_a_picture(source: stage.MaskSource, expected: int) -> None:
    image = flat(3, 2, 255, 100, 130, 255)
    mask = mask_from(image, source)
    assert mask.size == (3, 2)
    assert (mask.values == expected).all()
    assert (mask_from(image, source, invert=True).values == 255 - expected).all()


def test_transparent_means_repaint() -> None:
    assert mask_from(flat(1, 1, 0, 0, 0, 55), "alpha").values.tolist() == [[200]]


def test_a_mask_from_alpha_needs_alpha() -> None:
    with pytest.raises(ValueError, match="expected a picture with an alpha channel, found one without"):
        mask_from(flat(1, 1, 0, 0, 0), "alpha")
