"""Pictures that nobody vouches for: what fits is described, and everything else is refused before it costs much."""

from __future__ import annotations

import io
import json
import random
import struct
import time
import tracemalloc
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from engine import StorageError, WorkflowError
from nodes.recipe import read_recipe
from web.server.pictures_checked import SUFFIXES, Pictures
from web.server.refused import Refused
from web.server.settings import Limits

WORKFLOW = {"diffuscope": 1, "title": "T", "nodes": {"a": {"type": "load_image", "params": {"path": "a.png"}}}}
RECIPE = {"workflow": WORKFLOW, "sweeps": {"seed": [1, 2]}, "coordinates": "", "keys": {"image": "ab" * 32}}


@pytest.fixture
def pictures() -> Pictures:
    """With the limits that a server has by default."""
    return Pictures(Limits())


@pytest.fixture
def small() -> Pictures:
    """With low limits."""
    return Pictures(replace(Limits(), upload_side=100, upload_pixels=5000))


def drawn(width: int, height: int, mode: str = "RGB") -> Pillow.Image:
    """A picture in which every pixel counts."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Pillow.fromarray(pixels).convert(mode)


def saved(path: Path, picture: Pillow.Image, **options: Any) -> str:
    picture.save(path, **options)
    return str(path)


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, *before: bytes, bits: int = 1) -> bytes:
    """A grey PNG by hand; its rows need not be what its header says."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zero bytes, compressed without ever being in memory together."""
    squeeze = zlib.compressobj(9)
    block = bytes(1 << 20)
    parts = [squeeze.compress(block) for _ in range(count >> 20)]
    return b"".join([*parts, squeeze.compress(bytes(count & ((1 << 20) - 1))), squeeze.flush()])


def gif(width: int, height: int, frame: tuple[int, int], disposal: int = 0) -> bytes:
    """A GIF by hand, with a frame of another size than its screen."""
    control = b"!\xf9\x04" + bytes([disposal << 2]) + b"\0\0\0\0"
    screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    return screen + control + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x4c\x01\0;"


def refusal(pictures: Pictures, path: str, status: int = 422) -> str:
    """The one line with which every question about a file is refused, without much memory."""
    lines = set()
    for function in (pictures.inspect_upload, lambda path: pictures.thumbnail(path, 64)):
        tracemalloc.start()
        with pytest.raises(Refused) as caught:
            function(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert caught.value.status == status and peak < 64 << 20
        lines.add(str(caught.value))
    (line,) = lines
    assert "\n" not in line and path not in line
    return line


# ── what fits ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("format", "suffix"), SUFFIXES.items())
def test_each_format(pictures: Pictures, tmp_path: Path, format: str, suffix: str) -> None:
    path = saved(tmp_path / "a.bin", drawn(30, 20), format=format)
    found = pictures.inspect_upload(path)
    assert found.pop("mode") in ("RGB", "P")
    assert found == {"format": format, "suffix": suffix, "width": 30, "height": 20, "workflow": False}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_thumbnail_of_each_mode(pictures: Pictures, tmp_path: Path, mode: str) -> None:
    picture = drawn(300, 200, "L" if mode == "I;16" else "RGB" if mode == "P" else mode)
    if mode == "I;16":
        picture = Pillow.fromarray(np.asarray(picture, dtype=np.uint16) * 257)
    picture = picture.convert("P") if mode == "P" else picture
    sent = pictures.thumbnail(saved(tmp_path / "a.png", picture), 64)
    with Pillow.open(io.BytesIO(sent.data)) as small:
        assert (sent.type, small.format, small.size) == ("image/png", "PNG", (64, 43))
        assert small.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")
        assert 100 < np.asarray(small)[..., :3].mean() < 156


def test_a_small_picture_is_not_enlarged(pictures: Pictures, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", drawn(20, 10))
    with Pillow.open(io.BytesIO(pictures.thumbnail(path, 64).data)) as small:
        assert np.array_equal(np.asarray(small), np.asarray(drawn(20, 10)))
    for side in (0, 15, 2049):
        with pytest.raises(Refused, match=f"expected 16 to 2048, found {side}"):
            pictures.thumbnail(path, side)


def test_a_photograph_is_measured_and_shown_upright(pictures: Pictures, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture = Pillow.new("RGB", (400, 200), "red")
    picture.paste("blue", (0, 0, 200, 200))
    path = saved(tmp_path / "a.jpg", picture, exif=exif)
    found = pictures.inspect_upload(path)
    assert (found["width"], found["height"]) == (200, 400)
    with Pillow.open(io.BytesIO(pictures.thumbnail(path, 100).data)) as small:
        assert small.size == (50, 100)
        assert small.getpixel((25, 10))[2] > 200 and small.getpixel((25, 90))[0] > 200


def test_what_a_telephone_writes_is_a_jpeg(pictures: Pictures, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", drawn(30, 20), format="MPO", save_all=True, append_images=[drawn(30, 20)])
    with Pillow.open(path) as opened:
        assert opened.format == "MPO"
    found = pictures.inspect_upload(path)
    assert (found["format"], found["suffix"]) == ("JPEG", ".jpg")


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_a_film_the_first_picture_counts(pictures: Pictures, tmp_path: Path, format: str) -> None:
    frames = [Pillow.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    path = saved(tmp_path / "a", frames[0], format=format, save_all=True, append_images=frames[1:])
    assert pictures.inspect_upload(path)["width"] == 20
    with Pillow.open(io.BytesIO(pictures.thumbnail(path, 64).data)) as small:
        assert small.convert("RGB").getpixel((5, 5))[0] > 200


# ── other files ───────────────────────────────────────────────────────────────────────────────────────────────────────

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><image href="file:///etc/passwd"/></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize("data", [SVG, EPS, b"", b"hello", b"\0" * 5000, b"PK\3\4", b"RIFF1234WAVE"])
def test_another_kind_of_file(pictures: Pictures, tmp_path: Path, data: bytes) -> None:
    line = refusal(pictures, written(tmp_path / "a.png", data), 415)
    assert line == "expected a picture (PNG, JPEG, WEBP, GIF, BMP), found another kind of file"


@pytest.mark.parametrize("format", ["TIFF", "PPM", "ICO", "TGA", "PCX", "PDF", "EPS"])
def test_another_kind_of_picture(pictures: Pictures, tmp_path: Path, format: str) -> None:
    refusal(pictures, saved(tmp_path / "a.png", drawn(16, 16), format=format), 415)


def test_no_file_and_a_folder(pictures: Pictures, tmp_path: Path) -> None:
    refusal(pictures, str(tmp_path / "none.png"), 404)
    assert refusal(pictures, str(tmp_path)) == "the picture cannot be read: Is a directory"


@pytest.mark.parametrize("format", SUFFIXES)
def test_a_file_that_ends_too_early(pictures: Pictures, tmp_path: Path, format: str) -> None:
    whole = tmp_path / "whole"
    drawn(64, 48).save(whole, format=format)
    data = whole.read_bytes()
    for part in (0.1, 0.5, 0.9):
        line = refusal(pictures, written(tmp_path / "cut", data[: int(len(data) * part)]))
        assert line.startswith("the picture cannot be read")


@pytest.mark.parametrize("format", SUFFIXES)
def test_broken_bytes_are_refused_or_read_and_nothing_else(pictures: Pictures, tmp_path: Path, format: str) -> None:
    drawn(64, 48).save(tmp_path / "whole", format=format)
    data, chance = (tmp_path / "whole").read_bytes(), random.Random(0)
    told = set()
    for _ in range(150):
        broken = bytearray(data)
        for _ in range(chance.choice([1, 3, 30])):
            broken[chance.randrange(min(len(broken), chance.choice([60, 10**6])))] = chance.randrange(256)
        path = written(tmp_path / "broken", bytes(broken))
        try:
            pictures.inspect_upload(path)
            pictures.thumbnail(path, 32)
        except Refused as error:
            told.add(error.status)
    assert 422 in told and told <= {415, 422}


# ── bombs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_picture_of_one_colour_and_two_billion_pixels(pictures: Pictures, tmp_path: Path) -> None:
    data = png(50_000, 50_000, zeros(50_000 * (50_000 // 8 + 1)))
    assert len(data) < 400_000
    path = written(tmp_path / "a.png", data)
    began = time.perf_counter()
    for line in (refusal(pictures, path), read(pictures.recipe, path)):
        assert line == "expected at most 32,000,000 pixels, found more"
    assert time.perf_counter() - began < 1
    with pytest.raises(StorageError, match="expected a PNG that Diffuscope saved: Image size"):
        read_recipe(Path(path))


def read(function: Any, path: str) -> str:
    """The line with which one question is refused."""
    with pytest.raises(Refused) as caught:
        function(path)
    return str(caught.value)


def test_each_limit_alone(pictures: Pictures, small: Pictures, tmp_path: Path) -> None:
    long = written(tmp_path / "long.png", png(100_000, 1, zeros(12_501)))
    assert refusal(pictures, long) == "expected at most 16,384 pixels a side, found 100000 × 1"
    for size, line in {
        (101, 4): "expected at most 100 pixels a side, found 101 × 4",
        (72, 72): "expected at most 5,000 pixels, found more",
    }.items():
        for format in SUFFIXES:
            assert refusal(small, saved(tmp_path / "a", drawn(*size), format=format)) == line
    for size in ((100, 50), (50, 100), (70, 71)):
        assert small.inspect_upload(saved(tmp_path / "a.png", drawn(*size)))["width"] == size[0]


def test_a_header_that_lies(pictures: Pictures, tmp_path: Path) -> None:
    too_little = written(tmp_path / "a.png", png(5000, 5000, zeros(100)))
    assert refusal(pictures, too_little).startswith("the picture cannot be read")
    too_much = written(tmp_path / "b.png", png(8, 8, zeros(1 << 28)))
    assert len(Path(too_much).read_bytes()) > 250_000
    tracemalloc.start()
    found = pictures.inspect_upload(too_much)  # what stands behind the last row is left
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert (found["width"], found["height"]) == (8, 8)


@pytest.mark.parametrize(
    "text",
    [b"zTXt" + b"a\0\0" + zeros(64 << 20), b"iTXt" + b"a\0\1\0\0\0" + zeros(64 << 20)],
    ids=["zTXt", "iTXt"],
)  # fmt: skip
def test_a_text_that_unpacks_without_end(pictures: Pictures, tmp_path: Path, text: bytes) -> None:
    data = png(8, 8, zeros(16), chunk(text[:4], text[4:]))
    assert refusal(pictures, written(tmp_path / "a.png", data)).startswith("the picture cannot be read")


def test_texts_that_are_many(pictures: Pictures, tmp_path: Path) -> None:
    text = b"diffuscope\0\1\0\0\0" + zeros(1 << 20)
    data = png(8, 8, zeros(16), *[chunk(b"iTXt", text)] * 100)
    with pytest.raises(Refused, match="the picture cannot be read"):
        pictures.inspect_upload(written(tmp_path / "a.png", data))


@pytest.mark.parametrize("disposal", [0, 2, 3])
@pytest.mark.parametrize(
    ("screen", "frame"), [((65535, 65535), (1, 1)), ((1, 1), (65535, 65535)), ((1, 1), (9000, 9000))]
)
def test_a_frame_without_end(
    pictures: Pictures, tmp_path: Path, screen: tuple[int, int], frame: tuple[int, int], disposal: int
) -> None:
    path = written(tmp_path / "a.gif", gif(*screen, frame, disposal))
    assert refusal(pictures, path) == "expected at most 32,000,000 pixels, found more"


def test_pillow_and_its_warnings_are_left_as_they_were(pictures: Pictures, tmp_path: Path) -> None:
    before, filters = Pillow.MAX_IMAGE_PIXELS, list(warnings.filters)
    pictures.inspect_upload(saved(tmp_path / "a.png", drawn(8, 8)))
    read(pictures.inspect_upload, written(tmp_path / "b.png", png(50_000, 50_000, b"")))
    assert (Pillow.MAX_IMAGE_PIXELS, warnings.filters) == (before, filters)


# ── recipes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_text(path: Path, text: str, size: tuple[int, int] = (8, 8)) -> str:
    """A picture that carries a text as Diffuscope writes it."""
    info = PngInfo()
    info.add_itxt("diffuscope", text)
    return saved(path, drawn(*size), format="PNG", pnginfo=info)


def test_the_workflow_in_a_picture(pictures: Pictures, tmp_path: Path) -> None:
    path = with_text(tmp_path / "a.png", json.dumps(RECIPE))
    assert pictures.recipe(path) == {name: RECIPE[name] for name in ("workflow", "sweeps", "keys")}
    assert pictures.inspect_upload(path)["workflow"]
    assert read_recipe(Path(path)) == RECIPE


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "not json", '{"workflow": {}}', json.dumps(RECIPE | {"keys": 1}), "[" * 100_000,
     json.dumps(RECIPE | {"keys": {"a": "\ud800"}}), json.dumps(RECIPE).replace("1, 2", "1, NaN")],
)  # fmt: skip
def test_a_picture_with_another_text(pictures: Pictures, tmp_path: Path, text: str) -> None:
    path = with_text(tmp_path / "a.png", text)
    assert not pictures.inspect_upload(path)["workflow"]
    assert read(pictures.recipe, path) == "the picture carries no workflow"
    with pytest.raises(WorkflowError, match="carries no workflow"):
        read_recipe(Path(path))


def test_a_workflow_in_a_picture_has_faults_like_any_other(pictures: Pictures, tmp_path: Path) -> None:
    path = with_text(tmp_path / "a.png", json.dumps(RECIPE | {"workflow": {"diffuscope": 99}, "sweeps": 3}))
    assert pictures.inspect_upload(path)["workflow"]
    with pytest.raises(WorkflowError, match="expected format 1 or older, found 99"):
        pictures.recipe(path)


def test_only_a_whole_png_carries_a_workflow(pictures: Pictures, tmp_path: Path) -> None:
    for format in ("JPEG", "WEBP", "GIF"):
        none = "the picture carries no workflow"
        assert read(pictures.recipe, saved(tmp_path / "a", drawn(8, 8), format=format)) == none
    path = Path(with_text(tmp_path / "a.png", json.dumps(RECIPE), (100, 100)))
    line = read(pictures.recipe, written(tmp_path / "b.png", path.read_bytes()[:-200]))
    assert line.startswith("the picture cannot be read")
