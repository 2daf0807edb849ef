"""ICC profiles made on the spot, for colours that a file names without embedding one.

The layout is that of ICC.1:2022 (version 4): 128 bytes of header, a table of tags, the tags. Of the tags there are
only those that a conversion reads: a matrix of colorants and a tone curve for each channel.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

Xyz = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Colorants:
    """Red, green and blue of a colour space as CIE XYZ, adapted to the profile connection space's white, D50."""

    red: Xyz
    green: Xyz
    blue: Xyz


SRGB = Colorants((0.43604, 0.22248, 0.01392), (0.38511, 0.71691, 0.09707), (0.14305, 0.06061, 0.71391))
DISPLAY_P3 = Colorants((0.51512, 0.24119, -0.00105), (0.29198, 0.69224, 0.04188), (0.15710, 0.06657, 0.78407))
DCI_P3 = Colorants((0.48616, 0.22668, -0.00080), (0.32385, 0.71033, 0.04324), (0.15419, 0.06298, 0.78247))
BT_2020 = Colorants((0.67348, 0.27904, -0.00193), (0.16567, 0.67534, 0.02998), (0.12505, 0.04561, 0.79685))
_ADOBE_RGB = Colorants((0.60974, 0.31111, 0.01947), (0.20527, 0.62568, 0.06087), (0.14919, 0.06321, 0.74456))

_D50 = (0.9642, 1.0, 0.8249)


def matrix_profile(colorants: Colorants, curve: bytes) -> bytes:
    """The profile of an RGB space: the curve makes values linear, the matrix makes linear values CIE XYZ."""
    tags = {
        b"rXYZ": _xyz(colorants.red),
        b"gXYZ": _xyz(colorants.green),
        b"bXYZ": _xyz(colorants.blue),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    return _header(start + len(data)) + table + data


def srgb_curve() -> bytes:
    """The curve of IEC 61966-2-1."""
    return struct.pack(">4s4xHxx5i", b"para", 3, *map(_fixed, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))


def gamma_curve(gamma: float) -> bytes:
    """A power of the value; the exponent is kept in 256ths."""
    return struct.pack(">4s4xIH", b"curv", 1, round(gamma * 256))


def table_curve(values: Sequence[float]) -> bytes:
    """Linear values of 0 to 1, for channels at equal steps from 0 to 1."""
    return struct.pack(f">4s4xI{len(values)}H", b"curv", len(values), *(round(value * 65535) for value in values))


def adobe_rgb() -> bytes:
    """Adobe RGB (1998), by the figures of its specification."""
    return matrix_profile(_ADOBE_RGB, gamma_curve(2.19921875))


def _header(size: int) -> bytes:
    version, undated = 0x04400000, bytes(12)
    fields = struct.pack(">I4xI4s4s4s12s4s", size, version, b"mntr", b"RGB ", b"XYZ ", undated, b"acsp")
    return (fields + bytes(28) + struct.pack(">3i", *map(_fixed, _D50))).ljust(128, b"\0")


def _xyz(value: Xyz) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *map(_fixed, value))


def _fixed(value: float) -> int:
    """An s15Fixed16: a signed number of 65,536ths."""
    return round(value * 65536)
