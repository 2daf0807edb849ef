"""Puts boxes into a HEIF file, as phones do, that pillow-heif doesn't write: `irot`, and a gain map's.

Boxes: ISO/IEC 14496-12 (meta, iloc, iref) and ISO/IEC 23008-12 (iprp, ipco, ipma, irot, auxC).
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


def with_gain_map(heif: bytes) -> bytes:
    """The file of two images, of which the second becomes the first one's gain map, as Apple writes it."""
    kind = b"\0\0\0\0urn:com:apple:photo:2020:aux:hdrgainmap\0"
    aux = struct.pack(">I4s", 8 + len(kind), b"auxC") + kind
    reference = struct.pack(">I4sIIIHHH", 26, b"iref", 0, 14, *struct.unpack(">I", b"auxl"), 2, 1, 1)
    meta, iprp, ipco, ipma, iloc = (_find(heif, name) for name in (b"meta", b"iprp", b"ipco", b"ipma", b"iloc"))
    assert heif[ipma + 8 : ipma + 18] == b"\0\0\0\0\0\0\0\2\0\1", "version 0, two items, the first numbered 1"
    second = ipma + 18 + 1 + heif[ipma + 18]

    data = bytearray(heif)
    grown = len(aux) + 1 + len(reference)
    for entry in (iloc + 16, iloc + 34):  # id, source, base offset, and one extent
        struct.pack_into(">I", data, entry + 4, struct.unpack_from(">I", heif, entry + 4)[0] + grown)
    for box, growth in ((meta, grown), (iprp, len(aux) + 1), (ipco, len(aux)), (ipma, 1)):
        struct.pack_into(">I", data, box, _size(heif, box) + growth)
    data[second + 2] += 1
    data[meta + _size(heif, meta) : meta + _size(heif, meta)] = reference
    end = ipma + _size(heif, ipma)
    data[end:end] = bytes([_count(heif, ipco) + 1])
    end = ipco + _size(heif, ipco)
    data[end:end] = aux
    return bytes(data)


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
