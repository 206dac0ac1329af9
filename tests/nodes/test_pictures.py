"""Pictures: strips and sheets of any sweep, sizes for the VAE, and files that know how they were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from diffusion import sheets
from diffusion.checkpoint import open_checkpoint
from diffusion.image import Image
from engine import Collected, StorageError
from engine.context import Context, entered
from nodes import pictures
from nodes.pictures import contact_sheet, crop_image, film_strip, pad_to_outpaint, resize_for, save_image, side_by_side


def flat(width: int, height: int, *colour: int) -> Image:
    """A picture of one colour."""
    return Image(np.full((height, width, len(colour)), colour, dtype=np.uint8))


def shades(count: int) -> list[Image]:
    """Small pictures that can be told apart."""
    return [flat(4, 4, 40 + i, 0, 0) for i in range(count)]


def seen(sheet: Image, images: list[Image]) -> list[int]:
    """Which of some pictures are on a sheet, by their numbers."""
    colours = {tuple(colour) for colour in np.unique(sheet.pixels.reshape(-1, 3), axis=0).tolist()}
    return [i for i, image in enumerate(images) if tuple(image.pixels[0, 0].tolist()) in colours]


# ── strips ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "columns", "expected"),
    [
        (1, 11, [0]),
        (2, 11, [0, 1]),
        (11, 11, [*range(11)]),
        (21, 11, [*range(0, 21, 2)]),
        (21, 2, [0, 20]),
        (5, 3, [0, 2, 4]),
        (3, 200, [0, 1, 2]),
    ],
)
def test_a_strip_shows_the_first_the_last_and_some_between(count: int, columns: int, expected: list[int]) -> None:
    noisy = shades(count)
    assert seen(film_strip(noisy, columns=columns), noisy) == expected


def test_a_strip_of_two_rows_is_twice_as_high() -> None:
    noisy, clean = shades(3), [flat(4, 4, 0, 0, 90 + i) for i in range(3)]
    one, two = film_strip(noisy, scale=10), film_strip(noisy, clean, scale=10)
    assert two.size[1] == one.size[1] + 40 + sheets.GAP
    assert seen(two, noisy) == seen(two, clean) == [0, 1, 2]


# ── sheets ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def collected(axes: dict[str, list[Any]], leave_out: tuple[tuple[int, ...], ...] = ()) -> Collected[Image]:
    """A picture for each coordinate, but some."""
    places = [at for at in np.ndindex(*map(len, axes.values())) if at not in leave_out]
    return Collected([*axes.items()], list(zip(places, shades(len(places)), strict=True)))


def test_a_sheet_without_an_axis_is_one_picture() -> None:
    sheet = contact_sheet(collected({}), title="one")
    assert seen(sheet, shades(1)) == [0]


def test_one_axis_fills_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(sheets, "wrap", lambda *args: asked.append(args) or shades(1)[0])
    contact_sheet(collected({"seed": [3, 4, 5]}), "title", 2, 1)
    images, captions, columns, title, scale = asked[0]
    assert (len(images), captions, columns, title, scale) == (3, ["3", "4", "5"], 2, "title · seed", 1)


def test_two_axes_make_rows_and_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def sheet(cells: Any, columns: Any, rows: Any, title: str, corner: str, scale: int) -> Image:
        asked.update(cells=cells, columns=columns, rows=rows, corner=corner)
        return cells[0][0]

    monkeypatch.setattr(sheets, "sheet", sheet)
    contact_sheet(collected({"steps": [4, 20], "sampler": ["ddim", "euler", "heun"]}))
    assert (asked["rows"], asked["columns"], asked["corner"]) == (
        ["steps 4", "steps 20"],
        ["ddim", "euler", "heun"],
        "sampler",
    )
    assert [[image.pixels[0, 0, 0] - 40 for image in row] for row in asked["cells"]] == [[0, 1, 2], [3, 4, 5]]


def test_three_axes_name_two_in_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(sheets, "sheet", lambda cells, *args, **kw: asked.append((cells, *args)) or cells[0][0])
    contact_sheet(collected({"a": [1, 2], "b": [0.5, 0.75], "c": [True, None]}))
    cells, columns, rows, *_ = asked[0]
    assert rows == ["a 1 · b 0.5", "a 1 · b 0.75", "a 2 · b 0.5", "a 2 · b 0.75"]
    assert columns == ["true", "null"]
    assert len(cells) == 4 and all(len(row) == 2 for row in cells)


def test_a_ragged_sweep_leaves_places_empty() -> None:
    images = collected({"a": [1, 2], "b": [1, 2, 3]}, leave_out=((0, 2), (1, 0)))
    assert seen(contact_sheet(images), shades(4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("axes", [{}, {"a": [1]}, {"a": [1], "b": [2]}, {"a": [1], "b": [2], "c": ["x" * 500]}])
def test_any_number_of_axes_gives_a_sheet(axes: dict[str, list[Any]]) -> None:
    assert min(contact_sheet(collected(axes)).size) > 2 * sheets.MARGIN


# ── sizes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("size", "expected"), [((16, 12), (16, 12)), ((17, 11), (16, 12)), ((1, 1), (2, 2)), ((99, 101), (100, 100))]
)
def test_a_picture_is_brought_to_the_nearest_size_that_fits(
    tiny_model: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    vae, picture = open_checkpoint(tiny_model).vae, flat(*size, 9, 9, 9)
    resized = resize_for(vae, picture)
    assert resized.size == expected
    assert (resized is picture) == (size == expected)
    pictures.vae_encode(vae, resized)


def test_a_crop_is_cut_out_of_a_picture() -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert np.array_equal(crop_image(Image(pixels), 4, 3, left=2, top=1).pixels, pixels[1:4, 2:6])
    assert np.array_equal(crop_image(Image(pixels), 4, 3).pixels, pixels[:3, :4])
    with pytest.raises(ValueError, match="width: expected 1 to 5, as left is 2 of 7, found 6"):
        crop_image(Image(pixels), 6, 3, left=2)


def test_padding_gives_picture_and_mask() -> None:
    padded = pad_to_outpaint(flat(16, 8, 9, 9, 9), left=8, bottom=4, overlap=2)
    assert padded.image.size == padded.mask.size == (24, 12)
    assert (padded.image.pixels == 9).all()
    assert (padded.mask.values[:6, 10:] == 0).all()
    assert (padded.mask.values == 0).sum() == 6 * 14


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

PICTURE = flat(3, 2, 10, 20, 30)


def context(out: Path, **more: Any) -> Context:
    """What a run says to the node that saves."""
    about: dict[str, Any] = {
        "workflow": {"diffuscope": 1, "title": "Fuchs 🦊"},
        "title": "fox",
        "inputs": {"image": "ab12"},
    }
    return Context(out=out, **about | more)


def test_a_saved_picture_knows_how_it_was_made(tmp_path: Path) -> None:
    files: list[Path] = []
    more = {"sweeps": {"seed": [1, 2]}, "coordinates": "seed=2", "on_file": files.append}
    with entered(context(tmp_path / "new" / "folder", **more)):
        path = Path(save_image(PICTURE))
    assert files == [path] == [tmp_path / "new" / "folder" / "fox seed=2-0001.png"]
    with Pillow.open(path) as opened:
        about = json.loads(opened.info["diffuscope"])
        assert np.array_equal(np.asarray(opened), PICTURE.pixels)
    assert about == {
        "workflow": {"diffuscope": 1, "title": "Fuchs 🦊"},
        "sweeps": {"seed": [1, 2]},
        "coordinates": "seed=2",
        "keys": {"image": "ab12"},
    }


def test_alpha_is_saved(tmp_path: Path) -> None:
    clear = flat(2, 2, 1, 2, 3, 0)
    with entered(context(tmp_path)), Pillow.open(save_image(clear)) as opened:
        assert np.array_equal(np.asarray(opened), clear.pixels)


def test_numbers_follow_all_others_of_the_name(tmp_path: Path) -> None:
    for taken in ("fox-0007.png", "fox-12.png", "fox seed=1-0099.png", "foxes-0100.png", "fox-0200.jpg", "fox-x.png"):
        (tmp_path / taken).touch()
    with entered(context(tmp_path)):
        assert [Path(save_image(PICTURE)).name for _ in range(2)] == ["fox-0013.png", "fox-0014.png"]


def test_nothing_is_ever_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fox-0001.png").write_text("another run's")
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter(()))  # written just after the folder was looked at
    with entered(context(tmp_path)):
        assert Path(save_image(PICTURE)).name == "fox-0002.png"
    assert (tmp_path / "fox-0001.png").read_text() == "another run's"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("", "fox-0001.png"),
        ("my picture", "my picture-0001.png"),
        ("../../etc/passwd", "_.._etc_passwd-0001.png"),
        ("a/b\\c:d*e", "a_b_c_d_e-0001.png"),
        ("🦊", "_-0001.png"),
        ("...", "picture-0001.png"),
        ("狐", "狐-0001.png"),
    ],
)
def test_any_name_makes_a_file_inside_the_folder(tmp_path: Path, name: str, file: str) -> None:
    with entered(context(tmp_path)):
        path = Path(save_image(PICTURE, name))
    assert path == tmp_path / file
    assert path.exists()


@pytest.mark.parametrize("letter", ["x", "狐"])
def test_a_long_name_is_cut(tmp_path: Path, letter: str) -> None:
    with entered(context(tmp_path)):
        path = Path(save_image(PICTURE, letter * 500))
    assert path.exists() and len(path.name.encode()) <= 140


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    for out in (tmp_path / "out", tmp_path / "out" / "below"):
        with (
            entered(context(out)),
            pytest.raises(StorageError, match=rf"{out}: cannot be written: .*; choose another folder with --out"),
        ):
            save_image(PICTURE)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_half_a_picture_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def full(self: Pillow.Image, path: Path, **options: Any) -> None:
        Path(path).write_bytes(b"\x89PNG half of it")
        raise error

    monkeypatch.setattr(Pillow.Image, "save", full)
    expected = StorageError if isinstance(error, OSError) else KeyboardInterrupt
    with entered(context(tmp_path)), pytest.raises(expected) as raised:
        save_image(PICTURE)
    assert list(tmp_path.iterdir()) == []
    if expected is StorageError:
        assert str(raised.value) == (
            f"{tmp_path}: cannot be written: No space left on device; choose another folder with --out"
        )


def test_large_pictures_are_made_smaller_for_a_sheet() -> None:
    tall = Image(np.full((600, 300, 3), 90, dtype=np.uint8))
    one: Collected[Image] = Collected([], [((), tall)])
    small, whole = contact_sheet(one, largest=200), contact_sheet(one, largest=0)
    assert (np.count_nonzero(small.pixels[..., 0] == 90), np.count_nonzero(whole.pixels[..., 0] == 90)) == (
        200 * 100, 600 * 300,
    )  # fmt: skip
    film = film_strip([tall, tall], largest=200)
    assert np.count_nonzero(film.pixels[..., 0] == 90) == 2 * 200 * 100


def test_pictures_stand_beside_or_below_one_another() -> None:
    wide, tall = (Image(np.full((*size, 3), 90, dtype=np.uint8)) for size in ((20, 60), (50, 30)))
    row, column = (side_by_side(wide, tall, columns=columns, scale=1) for columns in (0, 1))
    assert row.size == (2 * sheets.MARGIN + 60 + sheets.GAP + 30, 2 * sheets.MARGIN + 50)
    assert column.size == (2 * sheets.MARGIN + 60, 2 * sheets.MARGIN + 20 + sheets.GAP + 50)
    for page in (row, column):
        assert np.count_nonzero((page.pixels == 90).all(axis=2)) == 20 * 60 + 50 * 30
    assert side_by_side(wide, captions=["a"], scale=1).size[1] > side_by_side(wide, scale=1).size[1]
    with pytest.raises(ValueError, match="captions: expected 2, one a picture, found 1"):
        side_by_side(wide, tall, captions=["a"])


def test_each_picture_stands_above_its_words() -> None:
    images = [Image(np.full((8, 8, 3), level, dtype=np.uint8)) for level in (10, 120)]
    axes = [("tile", [0, 1])]
    pictures: Collected[Image] = Collected(axes, [((i,), image) for i, image in enumerate(images)])
    texts: Collected[str] = Collected(axes, [((i,), text) for i, text in enumerate(["dark", "a long text " * 9])])
    plain: Collected[str] = Collected(axes, [((i,), "") for i in range(2)])
    sheet, without = (contact_sheet(pictures, captions=given, columns=2, scale=9).pixels for given in (texts, plain))
    row = sheet[20, :, 0].tolist()
    assert row.index(10) < row.index(120)
    assert sheet.shape == without.shape and not np.array_equal(sheet, without)


@pytest.mark.parametrize("texts", [["a", "b"], ["a"], []])
def test_words_for_other_pictures_are_refused(texts: list[str]) -> None:
    image = Image(np.zeros((8, 8, 3), dtype=np.uint8))
    pictures: Collected[Image] = Collected([("tile", [0, 1, 2])], [((i,), image) for i in range(3)])
    given: Collected[str] = Collected([("tile", [0, 1, 2])], [((i,), text) for i, text in enumerate(texts)])
    message = f"captions: expected one for each of 3 pictures, over the same axes, found {len(texts)}"
    with pytest.raises(ValueError, match=message):
        contact_sheet(pictures, captions=given)
