"""Files that mean harm: each is small, and would be large, or somewhere else, or something else once it is opened."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image as Pillow

MIB = 1 << 20


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes, rows: int | None = None, depth: int = 8, colour: int = 2) -> bytes:
    """A black PNG, compressed; `rows` are how many it really holds, `extra` are chunks before the pixels."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = bytes(1 + (width * channels * depth + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height if rows is None else rows)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zip_bomb() -> bytes:
    """50,000 × 50,000 pixels in a few kilobytes."""
    return png(50_000, 50_000, rows=100, depth=1, colour=0)


def text_bomb() -> bytes:
    """A chunk of text that unpacks to 100 MB."""
    return png(8, 8, chunk(b"zTXt", b"diffuscope\0\0" + zlib.compress(bytes(100 * MIB), 9)))


def recipe_bomb() -> bytes:
    """The chunk in which a workflow travels, unpacking to 100 MB."""
    return png(8, 8, chunk(b"iTXt", b"diffuscope\0\1\0\0\0" + zlib.compress(bytes(100 * MIB), 9)))


def texts_bomb() -> bytes:
    """Two hundred chunks of text of a megabyte each."""
    text = zlib.compress(bytes(MIB - 1000), 9)
    return png(8, 8, *(chunk(b"zTXt", b"t%d\0\0" % i + text) for i in range(200)))


def profile_bomb() -> bytes:
    """A colour profile that unpacks to 100 MB."""
    return png(8, 8, chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(100 * MIB), 9)))


def animated(width: int, height: int) -> bytes:
    """A PNG of two billion pictures, the first of them far larger than the whole."""
    frame = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 1, 0, 0)
    return png(8, 8, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)), chunk(b"fcTL", frame), rows=1)


def gif(width: int, height: int, screen: int = 1) -> bytes:
    """A GIF whose first picture is larger than its screen."""
    head = b"GIF89a" + struct.pack("<HHBBB", screen, screen, 0x80, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08\x03\x00\x01\x04\x00\x3b"


def bmp(width: int, height: int) -> bytes:
    """The head of a BMP."""
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def jpeg(width: int, height: int) -> bytes:
    """A small JPEG that says it is larger."""
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(file, format="JPEG")
    data = bytearray(file.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def webp(side: int) -> bytes:
    """A small WebP that says it has `side` pixels a side."""
    file = io.BytesIO()
    Pillow.new("RGB", (1, 1)).save(file, format="WEBP", lossless=True)
    data = bytearray(file.getvalue())
    at = data.index(b"VP8L") + 9
    data[at : at + 4] = ((side - 1) | (side - 1) << 14).to_bytes(4, "little")
    return bytes(data)


def tiff() -> bytes:
    """A picture of a format that is not read."""
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(file, format="TIFF")
    return file.getvalue()


def truncated(format: str) -> bytes:
    """The first half of a picture."""
    file = io.BytesIO()
    Pillow.effect_noise((64, 64), 50).convert("RGB").save(file, format=format)
    return file.getvalue()[: len(file.getvalue()) // 2]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
ENTITIES = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><svg>&b;</svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n"
POLYGLOT = b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"
