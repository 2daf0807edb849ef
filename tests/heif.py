"""Puts an `irot` box into a HEIF file, as phones do; pillow-heif doesn't write one.

Boxes: ISO/IEC 14496-12 (meta, iloc) and ISO/IEC 23008-12 (iprp, ipco, ipma, irot).
"""

from __future__ import annotations

import struct


def with_irot(heif: bytes, turns: int) -> bytes:
    """The file, to be shown turned by so many quarters anticlockwise."""
    irot = struct.pack(">I4sB", 9, b"irot", turns)
    properties, association = _find(heif, b"ipco"), _find(heif, b"ipma")
    assert heif[association + 8 : association + 18] == b"\0\0\0\0\0\0\0\1\0\1", "version 0, one item, numbered 1"
    essential = 0x80 | (_count(heif, properties) + 1)

    data = bytearray(heif)
    data[association + 18] += 1
    end = association + _size(heif, association)
    data[end:end] = bytes([essential])
    at = properties + _size(heif, properties)
    data[at:at] = irot
    grown = len(irot) + 1
    for box, growth in (
        (_find(heif, b"meta"), grown),
        (_find(heif, b"iprp"), grown),
        (properties, len(irot)),
        (association + len(irot), 1),
    ):
        struct.pack_into(">I", data, box, _size(data, box) + growth)
    return _shifted(bytes(data), grown)


def _size(data: bytes | bytearray, box: int) -> int:
    size: int = struct.unpack_from(">I", data, box)[0]
    return size


def _find(data: bytes, kind: bytes) -> int:
    return data.index(kind) - 4


def _count(data: bytes, container: int) -> int:
    """How many boxes a plain container has."""
    end = container + _size(data, container)
    at, number = container + 8, 0
    while at < end:
        at += _size(data, at)
        number += 1
    return number


def _shifted(data: bytes, by: int) -> bytes:
    """The file with its item's offset, which counts from the file's begin, moved along."""
    moved = bytearray(data)
    payload = _find(data, b"mdat") + 8
    old = struct.pack(">I", payload - by)
    iloc = _find(data, b"iloc")
    at = data.index(old, iloc)
    assert at < iloc + _size(data, iloc)
    struct.pack_into(">I", moved, at, payload)
    return bytes(moved)
