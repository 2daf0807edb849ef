"""What is refused before Pillow opens it: files that cost far more to open or to decode than their pixels do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Literal

from domain.content import FileFormat
from domain.errors import Permanent

MOST_SCANS = 100
"""Of a JPEG. Encoders write about 10; nothing real needs 100: https://bugzilla.redhat.com/show_bug.cgi?id=1344214"""
MOST_SEGMENTS = 1_000
"""Before a JPEG's pixels. A camera writes a few dozen."""
MOST_SEGMENT_BYTES = 16 * 1024 * 1024
"""Before a JPEG's pixels. Depth maps in XMP are the largest that cameras write, of some MB."""
MOST_CHUNKS = 200_000
"""Of a PNG. Encoders put 4 KiB of pixels or more into each."""
MOST_PIECES = 500_000
"""Tiles or strips of a TIFF. 100 megapixels in the smallest tiles, of 16 × 16, are 390,625."""
TILE_MARGIN = 1024 * 1024
"""By how many pixels a TIFF's tile may be larger than its picture: a small one is padded to a tile."""
COUNTED = 1_000_000
"""Further than this nothing is counted: who reads the message doesn't need to know."""

_BEFORE_SCANS = re.compile(rb"\xff([\xc0-\xc7\xc9-\xcf\xda-\xef\xfe])")
"""A marker with a length after it: ITU-T T.81, table B.1."""
_AFTER_SCAN = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
"""A marker that ends a scan's data: no escaped 0xFF, no restart, no padding."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN, _END = 0xDA, 0xD9

_VALUE_BYTES = {3: 2, 4: 4, 16: 8}
"""Of the types SHORT, LONG and, in a BigTIFF, LONG8."""
_WIDTH, _HEIGHT, _STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 256, 257, 273, 322, 323, 324
"""Tags: TIFF 6.0, sections 8 and 15."""


def refuse(data: bytes, file_format: FileFormat) -> None:
    """Let nothing pass that is built to cost memory or time.

    Animations pass: only their first frame is read, whatever follows.

    Raises:
        Permanent: it is.
    """
    if file_format is FileFormat.JPEG:
        _refuse_jpeg(data)
    elif file_format is FileFormat.PNG:
        _require_at_most(MOST_CHUNKS, _png_chunks(data), "chunks")
    elif file_format is FileFormat.TIFF:
        _refuse_tiff(data)


def _require_at_most(most: int, pieces: Iterable[object], what: str) -> None:
    count = sum(1 for _ in islice(pieces, COUNTED))
    if count > most:
        raise Permanent(f"its {count:,} {what} are more than {most:,}")


def _refuse_jpeg(data: bytes) -> None:
    """Pillow copies what comes before the pixels, and libjpeg goes over the whole picture for each scan."""
    _require_at_most(MOST_SEGMENTS, _jpeg_segments(data), "segments before the pixels")
    at, components, progressive = len(data), b"", False
    for marker, start in _jpeg_segments(data):
        if marker in _FRAMES:
            components, progressive = data[start + 9 : start + 10], marker in _PROGRESSIVE
        if marker == _SCAN:
            at = start
    if at > MOST_SEGMENT_BYTES:
        raise Permanent(f"its {at:,} bytes before the pixels are more than {MOST_SEGMENT_BYTES:,}")
    if progressive or data[at + 4 : at + 5] < components:  # otherwise libjpeg reads one scan
        _require_at_most(MOST_SCANS, _jpeg_scans(data, at), "scans")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """The marker and the place of each segment, up to the header of the first scan; found as Pillow finds them."""
    at = 2
    while found := _BEFORE_SCANS.search(data, at):
        marker = found[1][0]
        yield marker, found.start()
        if marker == _SCAN:
            return
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


def _jpeg_scans(data: bytes, at: int) -> Iterator[int]:
    """The places of the scans, of which the first one is at `at`; found as libjpeg finds them."""
    while (found := _AFTER_SCAN.search(data, at)) and found[1][0] != _END:
        if found[1][0] == _SCAN:
            yield found.start()
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


def _png_chunks(data: bytes) -> Iterator[int]:
    """The places of the chunks: PNG 3, 5.3."""
    at = 8
    while at < len(data):
        yield at
        at += 12 + int.from_bytes(data[at : at + 4])


def _refuse_tiff(data: bytes) -> None:
    """Pillow lists the strips, and libtiff decodes whole tiles, however few of their pixels are the picture's."""
    tags = _tiff_tags(data)
    for tag, what in ((_STRIPS, "strips"), (_TILES, "tiles")):
        count, _ = tags.get(tag, (0, 0))
        if count > MOST_PIECES:
            raise Permanent(f"its {count:,} {what} are more than {MOST_PIECES:,}")
    tile_width, tile_height, width, height = (
        tags.get(tag, (0, 0))[1] for tag in (_TILE_WIDTH, _TILE_HEIGHT, _WIDTH, _HEIGHT)
    )
    if tile_width * tile_height > width * height + TILE_MARGIN:
        raise Permanent(f"its tiles of {tile_width}×{tile_height} are too large for {width}×{height} pixels")


def _tiff_tags(data: bytes) -> Mapping[int, tuple[int, int]]:
    """The count and the value, or its offset, of each tag in a TIFF's first directory: TIFF 6.0, section 2."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    big = 43 in data[2:4]  # BigTIFF, with words of 8 bytes
    word, number_bytes = (8, 8) if big else (4, 2)

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    directory = number(word, word)
    entries = min(number(directory, number_bytes), 0xFFFF)
    size = 4 + 2 * word
    tags: dict[int, tuple[int, int]] = {}
    for at in range(directory + number_bytes, directory + number_bytes + entries * size, size):
        value_bytes = _VALUE_BYTES.get(number(at + 2, 2), word)
        tags.setdefault(number(at, 2), (number(at + 4, word), number(at + 4 + word, value_bytes)))
    return tags
