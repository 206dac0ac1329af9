"""Pictures and masks: what a file gives, what is refused, sizes, and that nobody can change a value."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from diffusion import image as stage
from diffusion.image import Image, Mask, crop, pad_for_outpaint, read_image, resize

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


def test_a_crop_is_cut_out() -> None:
    image = Image(RGBA.copy())
    assert np.array_equal(crop(image, 2, 1, 4, 3).pixels, RGBA[1:4, 2:6])
    assert np.array_equal(crop(image, 0, 0, 7, 5).pixels, RGBA)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((7, 0, 1, 1), "left: expected 0 to 6, inside the picture, found 7"),
        ((-1, 0, 1, 1), "left: expected 0 to 6, inside the picture, found -1"),
        ((0, 5, 1, 1), "top: expected 0 to 4, inside the picture, found 5"),
        ((3, 0, 5, 1), "width: expected 1 to 4, as left is 3 of 7, found 5"),
        ((0, 4, 7, 2), "height: expected 1 to 1, as top is 4 of 5, found 2"),
        ((0, 0, 0, 5), "width: expected 1 to 7, as left is 0 of 7, found 0"),
    ],
)
def test_a_crop_must_lie_inside(place: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        crop(Image(RGB.copy()), *place)


# ── room to paint on ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(*[st.integers(0, 9)] * 4, st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_padding_keeps_the_picture_and_frees_the_border(
    left: int, top: int, right: int, bottom: int, overlap: int
) -> None:
    padded, mask = pad_for_outpaint(Image(RGB.copy()), left, top, right, bottom, overlap)
    assert padded.size == mask.size == (7 + left + right, 5 + top + bottom)
    assert np.array_equal(padded.pixels[top : top + 5, left : left + 7], RGB)
    rows, columns = np.indices(mask.values.shape)
    kept = (
        (columns >= (left + overlap if left else 0))
        & (columns < 7 + left - (overlap if right else 0))
        & (rows >= (top + overlap if top else 0))
        & (rows < 5 + top - (overlap if bottom else 0))
    )
    assert np.array_equal(mask.values, np.where(kept, 0, 255))


def test_an_overlap_wider_than_the_picture_frees_all_of_it() -> None:
    assert (pad_for_outpaint(Image(RGB.copy()), 0, 0, 2, 0, 50)[1].values == 255).all()
    assert (pad_for_outpaint(Image(RGB.copy()), 0, 2, 0, 0, 50)[1].values == 255).all()
    assert (pad_for_outpaint(Image(RGB.copy()), 0, 0, 0, 0, 50)[1].values == 0).all()


def test_the_border_goes_on_from_the_edge() -> None:
    padded, _ = pad_for_outpaint(flat(6, 6, 10, 20, 30), 9, 5, 30, 17)
    assert (padded.pixels == [10, 20, 30]).all()
    pixels = pad_for_outpaint(Image(RGB.copy()), 3, 2, 4, 1)[0].pixels
    assert np.array_equal(pixels[2:7, 2], RGB[:, 0]) and np.array_equal(pixels[1, 3:10], RGB[0])  # next to it, sharp


def test_the_border_grows_softer_with_the_distance() -> None:
    stripes = np.zeros((64, 32, 3), dtype=np.uint8)
    stripes[::8] = stripes[1::8] = 255
    padded, _ = pad_for_outpaint(Image(stripes), 0, 0, 64, 0)
    edges = np.abs(np.diff(padded.pixels[:, 32:, 0].astype(int), axis=0)).max(axis=0)  # the hardest of each column
    assert edges[0] == 255 and edges[-1] < 8
    assert (np.diff(edges) <= 1).all()


def test_alpha_is_laid_on_white_in_the_padded_picture() -> None:
    padded, _ = pad_for_outpaint(flat(2, 2, 0, 0, 0, 51), 1, 1, 1, 1)
    assert (padded.pixels == [204, 204, 204]).all()
