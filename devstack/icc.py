"""A Display P3 colour profile, made from its published figures: what iPhones tag their photos with.

The layout is that of ICC.1:2001-04 (version 2), a matrix and one tone curve: 128 bytes of header, a table of
tags, the tags. Numbers are s15Fixed16: a signed 32-bit integer of 65,536ths.
"""

from __future__ import annotations

import struct

# Red, green and blue as CIE XYZ, adapted to the profile connection space's white, D50.
PRIMARIES = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
D50 = (0.9642, 1.0, 0.8249)
CURVE_POINTS = 1024


def display_p3() -> bytes:
    """The profile, to be embedded in an image."""
    curve = b"curv" + struct.pack(">4xI", CURVE_POINTS) + _curve()
    tags = {
        b"desc": _description(b"Display P3"),
        b"cprt": b"text\0\0\0\0No copyright, use freely\0",
        b"wtpt": _xyz(D50),
        **{name: _xyz(value) for name, value in PRIMARIES.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    return _header(start + len(data)) + table + data


def _header(size: int) -> bytes:
    version, date = 0x02400000, (2026, 1, 1, 0, 0, 0)
    kinds = struct.pack(">I4sI4s4s4s6H", size, b"\0" * 4, version, b"mntr", b"RGB ", b"XYZ ", *date)
    return (kinds + b"acsp" + bytes(28) + struct.pack(">3i", *map(_fixed, D50))).ljust(128, b"\0")


def _curve() -> bytes:
    """The sRGB curve, which Display P3 shares (IEC 61966-2-1)."""
    steps = (index / (CURVE_POINTS - 1) for index in range(CURVE_POINTS))
    linear = (step / 12.92 if step <= 0.04045 else ((step + 0.055) / 1.055) ** 2.4 for step in steps)
    return struct.pack(f">{CURVE_POINTS}H", *(round(value * 65535) for value in linear))


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + struct.pack(">4x3i", *map(_fixed, value))


def _description(text: bytes) -> bytes:
    """A name in ASCII; its Unicode and Macintosh forms are left empty."""
    return b"desc" + struct.pack(">4xI", len(text) + 1) + text + b"\0" + bytes(4 + 4 + 2 + 1 + 67)


def _fixed(value: float) -> int:
    return round(value * 65536)
