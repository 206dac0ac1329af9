"""Folders of pictures, their captions, copies that differ a little, and latents made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.dataset import Pictures, augment, encode_pictures, gather, move, read_folder
from diffusion.image import Image
from diffusion.vae import encode_image


def plain(colour: tuple[int, ...], size: tuple[int, int] = (16, 16)) -> Image:
    return Image(np.full((size[1], size[0], len(colour)), colour, dtype=np.uint8))


def left_red() -> Image:
    """Red on the left, blue on the right."""
    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    pixels[:, :8, 0] = pixels[:, 8:, 2] = 255
    return Image(pixels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, one with a text, and a file that is neither."""
    plain((255, 0, 0)).to_pillow().save(tmp_path / "b.png")
    plain((0, 0, 255), (20, 10)).to_pillow().save(tmp_path / "a.JPG")
    (tmp_path / "b.txt").write_text("\ufeffa red  square,\n* style\n", encoding="utf-8")
    (tmp_path / "notes.md").write_text("not a picture")
    return tmp_path


# ── folder → pictures ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_is_read_in_the_order_of_names_with_the_texts_beside(folder: Path) -> None:
    pictures, faults = read_folder(folder)
    assert pictures.names == ("a", "b")
    assert pictures.captions == ("", "a red square, * style")
    assert [image.size for image in pictures.images] == [(20, 10), (16, 16)]
    assert faults == []


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a cat")
    with pytest.raises(ValueError, match=rf"^{tmp_path.name}: expected pictures \(\.png, .*\), found none$"):
        read_folder(tmp_path)


def test_a_broken_picture_is_named_and_refused_or_skipped(folder: Path) -> None:
    (folder / "broken.png").write_bytes((folder / "b.png").read_bytes()[:40])
    with pytest.raises(ValueError, match=r"broken\.png.*take broken \"skip\""):
        read_folder(folder)
    pictures, faults = read_folder(folder, "skip")
    assert pictures.names == ("a", "b")
    assert len(faults) == 1 and "broken.png" in faults[0]


def test_broken_pictures_alone_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match="found 1 broken"):
        read_folder(tmp_path, "skip")


def test_a_caption_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / "a.txt").write_bytes("ein Bär".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.txt: expected text in UTF-8, found byte 0xe4"):
        read_folder(folder)


@pytest.mark.parametrize("captions", [(), ("a", "b")])
def test_each_picture_has_one_caption(captions: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="expected as many captions"):
        Pictures((left_red(),), captions, ("x",))


# ── pictures → more pictures ──────────────────────────────────────────────────────────────────────────────────────────


def test_augmenting_repeats_with_its_seed_and_keeps_captions_and_sizes(folder: Path) -> None:
    pictures, _ = read_folder(folder)
    first, again, other = (augment(pictures, 3, seed=seed) for seed in (1, 1, 2))
    assert first.captions == ("", "", "", *["a red square, * style"] * 3)
    assert [image.size for image in first.images] == [(20, 10)] * 3 + [(16, 16)] * 3
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first.images, again.images, strict=True))
    assert len(first) == len(other) == 6


def test_copies_differ_and_are_mirrored_by_halves() -> None:
    copies = augment(gather([left_red()], [""]), 60)
    red_left = [image.pixels[8, 2, 0] > 128 for image in copies.images]
    assert 15 < sum(red_left) < 45
    assert len({image.pixels.tobytes() for image in copies.images}) > 50


def test_without_changes_copies_are_the_picture() -> None:
    [copy] = augment(gather([left_red()], [""]), 1, flip=False, zoom=0, shift=0, turn=0).images
    assert np.array_equal(copy.pixels, left_red().pixels)


@given(
    st.booleans(), st.floats(0.6, 1.6), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-180, 180)
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_what_a_change_uncovers_is_filled_with_the_edge(
    mirrored: bool, scale: float, right: float, down: float, turn: float
) -> None:
    image = plain((40, 80, 120), (12, 20))
    assert np.array_equal(move(image, mirrored, scale, right, down, turn).pixels, image.pixels)


def test_directions_of_a_move() -> None:
    dot = np.zeros((33, 33, 3), dtype=np.uint8)
    dot[16, 24] = 255  # right of the middle

    def brightest(image: Image) -> tuple[int, int]:
        at = np.unravel_index(int(image.pixels[..., 0].argmax()), (33, 33))
        return int(at[1]), int(at[0])

    image = Image(dot)
    assert brightest(move(image, False, 1.0, -8 / 33, 0.0, 0.0)) == (16, 16)
    assert brightest(move(image, False, 1.0, 0.0, 8 / 33, 0.0)) == (24, 24)
    assert brightest(move(image, False, 1.0, 0.0, 0.0, 90.0)) == (16, 24)
    assert brightest(move(image, False, 0.5, 0.0, 0.0, 0.0))[0] in (20, 21)
    assert brightest(move(image, True, 1.0, 0.0, 0.0, 0.0)) == (8, 16)


def test_transparent_pictures_are_laid_on_white_or_on_colours_by_chance() -> None:
    clear = gather([plain((9, 9, 9, 0))], [""])
    assert {tuple(image.pixels[0, 0]) for image in augment(clear, 5).images} == {(255, 255, 255)}
    assert len({tuple(image.pixels[0, 0]) for image in augment(clear, 5, background="random").images}) == 5


# ── pictures → examples ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def checkpoint(tiny_model: Path) -> Checkpoint:
    return open_checkpoint(tiny_model)


def test_examples_are_the_latents_of_the_pictures(checkpoint: Checkpoint) -> None:
    vae = checkpoint.vae.load()
    examples = encode_pictures(vae, gather([left_red(), plain((1, 2, 3))], ["x", "y"]))
    assert examples.captions == ("x", "y")
    assert torch.equal(examples.latents[:1], encode_image(vae, left_red()).samples)


def test_pictures_of_all_sizes_come_to_one(checkpoint: Checkpoint) -> None:
    vae, pictures = checkpoint.vae.load(), gather([plain((1, 2, 3), (40, 20)), plain((1, 2, 3, 0))], ["", ""])
    assert encode_pictures(vae, pictures).latents.shape == (2, 4, 8, 8)
    assert encode_pictures(vae, pictures, 32, 24).latents.shape == (2, 4, 12, 16)
