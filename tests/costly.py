"""Files that cost a decoder much memory or time, made from their formats' specifications."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

from tests.images import encoded

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_LONG, _SHORT = 4, 3
_UNCOMPRESSED, _CCITT, _DEFLATE = 1, 2, 8
_DATA = -1
"""Stands for the offset of a TIFF's pixels."""


def segment(marker: int, data: bytes) -> bytes:
    """A segment of a JPEG: ITU-T T.81, B.1.1.4."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_of_segments(count: int, size: int = 0, junk: int = 0) -> bytes:
    """A small JPEG with `count` segments of `size` bytes, and so many bytes of junk, before its pixels."""
    return SOI + segment(0xE5, bytes(size)) * count + bytes(junk) + encoded(Image.new("RGB", (64, 64)), "JPEG")[2:]


def jpeg_of_scans(scans: int, width: int = 64, height: int = 64, comment: bytes = b"") -> bytes:
    """A progressive grey JPEG: one scan for the DC coefficients, the others refine them, each by zeros.

    `comment` stands before each scan but the first.
    """
    frame = segment(0xC2, struct.pack(">BHHB3B", 8, height, width, 1, 1, 0x11, 0))
    quantization = segment(0xDB, bytes([0]) + bytes([1]) * 64)
    one_code = bytes([1]) + bytes(15)  # a Huffman table whose only code is 0
    tables = segment(0xC4, b"\x00" + one_code + b"\x00") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    blocks = -(-width // 8) * -(-height // 8)
    first = segment(0xDA, bytes([1, 1, 0x00, 0, 0, 0x01])) + bytes(-(-blocks // 8))
    ends = blocks // 0x4000 + 1  # each code 0xE0 ends 2¹⁴ blocks at least, by 14 more bits
    zeros = segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0x00])) + bytes(-(-ends * 15 // 8))
    more = (segment(0xFE, comment) if comment else b"") + zeros
    return SOI + quantization + frame + tables + first + more * (scans - 1) + EOI


def tiff_of_tile(side: int, width: int = 16, height: int = 16) -> bytes:
    """A TIFF with one deflated RGB tile of `side`² pixels: TIFF 6.0, section 15."""
    deflate = zlib.compressobj(9)
    row = bytes(3 * side)
    tile = b"".join(deflate.compress(row) for _ in range(side)) + deflate.flush()
    return _tiff(width, height, _DEFLATE, {322: [side], 323: [side], 324: [_DATA], 325: [len(tile)]}, tile)


def tiff_of_strips(count: int, width: int = 16, height: int = 16) -> bytes:
    """A TIFF that lists so many strips, all of them the same bytes."""
    strip = bytes(3 * width)
    return _tiff(width, height, _UNCOMPRESSED, {273: [_DATA] * count, 278: [1], 279: [len(strip)] * count}, strip)


def tiff_of_fax(rows: int) -> bytes:
    """A TIFF in CCITT codes of which no row is right: libtiff writes a line of each to standard error."""
    strip = b"\x00\x10\x01" * rows
    return _tiff(64, rows, _CCITT, {273: [_DATA], 278: [rows], 279: [len(strip)]}, strip)


def _tiff(width: int, height: int, compression: int, where: dict[int, list[int]], data: bytes) -> bytes:
    """A little-endian TIFF of one page; `data` begins at byte 8, its directory comes last."""
    bilevel = compression == _CCITT
    tags: dict[int, tuple[int, list[int]]] = {
        256: (_LONG, [width]), 257: (_LONG, [height]), 258: (_SHORT, [1] if bilevel else [8, 8, 8]),
        259: (_SHORT, [compression]), 262: (_SHORT, [0 if bilevel else 2]), 277: (_SHORT, [1 if bilevel else 3]),
        **{tag: (_LONG, values) for tag, values in where.items()},
    }  # fmt: skip
    entries, outside, end = b"", b"", 8 + len(data)
    for tag, (kind, values) in sorted(tags.items()):
        values = [8 if value == _DATA else value for value in values]
        packed = struct.pack(f"<{len(values)}{'I' if kind == _LONG else 'H'}", *values)
        if len(packed) > 4:
            packed, outside = struct.pack("<I", end + len(outside)), outside + packed
        entries += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, end + len(outside)) + data + outside + directory


def tiff_header(order: str, big: bool, kind: int, tags: dict[int, int]) -> bytes:
    """A TIFF without pixels, in either order of bytes ("<" or ">"), with these tags of one number each.

    `kind` is the numbers' type, 3 (SHORT) or 4 (LONG). What pads a number isn't zero.
    """
    magic, number = b"II" if order == "<" else b"MM", struct.Struct(order + {3: "H", 4: "I"}[kind])
    word = "Q" if big else "I"
    entries = b"".join(
        struct.pack(order + "HH" + word, tag, kind, 1) + number.pack(value).ljust(struct.calcsize(word), b"x")
        for tag, value in tags.items()
    )
    if big:
        return magic + struct.pack(order + "HHHQQ", 43, 8, 0, 16, len(tags)) + entries + bytes(8)
    return magic + struct.pack(order + "HIH", 42, 8, len(tags)) + entries + bytes(4)


def avif_of_size(data: bytes, width: int, height: int) -> bytes:
    """An AVIF whose header claims another size (`ispe`, ISO/IEC 23008-12) than its pixels have."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def tiff_of_tags(count: int) -> bytes:
    """A BigTIFF whose first directory has so many tags: 20 bytes each."""
    entries = struct.pack("<HHQQ", 65000, 4, 1, 0) * count
    return struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, count) + entries + bytes(8)


def png_of_chunks(count: int, kind: bytes = b"prVt") -> bytes:
    """A small PNG with so many empty chunks after its pixels."""
    png = encoded(Image.new("RGB", (64, 64)), "PNG")
    end = png.index(b"IEND") - 4
    return png[:end] + (struct.pack(">I4sI", 0, kind, zlib.crc32(kind))) * count + png[end:]


def webp_of_frames(count: int) -> bytes:
    """An animation of tiny frames: https://developers.google.com/speed/webp/docs/riff_container"""
    frame = encoded(Image.new("RGB", (16, 16)), "WEBP", lossless=True)[12:]
    place = bytes(6) + (15).to_bytes(3, "little") * 2 + bytes(4)
    animated = _chunk(b"ANMF", place + frame) * count
    screen = _chunk(b"VP8X", b"\x02\0\0\0" + (15).to_bytes(3, "little") * 2)
    return _chunk(b"RIFF", b"WEBP" + screen + _chunk(b"ANIM", bytes(6)) + animated)


def gif_of_frames(count: int) -> bytes:
    """An animation of tiny frames."""
    gif = encoded(Image.new("P", (16, 16)), "GIF")
    begin = gif.index(b"\x2c")
    return gif[:begin] + gif[begin:-1] * count + gif[-1:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
