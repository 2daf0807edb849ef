"""What the `nclx` of a HEIC or AVIF says about its colours, as an ICC profile.

The numbers are code points of ITU-T H.273: the primaries and the transfer characteristics. The matrix and the
range concern the decoder.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pillow_heif
from PIL import Image

from adapters.pictures.icc import (
    BT_2020,
    DCI_P3,
    DISPLAY_P3,
    SRGB,
    gamma_curve,
    matrix_profile,
    srgb_curve,
    table_curve,
)

_COLORANTS = {9: BT_2020, 11: DCI_P3, 12: DISPLAY_P3}
"""By primaries. The others are BT.709's or so near that writers of sRGB pictures named them by mistake
(libheif 1.17.0 did: github.com/strukturag/libheif/pull/1015)."""
_GAMMA = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_PQ, _HLG = 16, 18
"""By transfer characteristics. The others are sRGB's, or BT.709's, which viewers show as sRGB's."""

_WHITE = 203.0
"""cd/m² that SDR's white has in HDR (ITU-R BT.2408)."""
_KNEE = 0.8
"""The part of SDR's white above which HDR is compressed."""


def nclx_profile(image: Image.Image, data: bytes) -> bytes | None:
    """The profile of a HEIC or AVIF; None where its nclx says sRGB, or nothing.

    `data` is the image's file: Pillow says nothing of an AVIF's nclx, but pillow-heif reads that of either.
    """
    info: dict[Any, Any] = image.info
    if image.format == "AVIF":
        with suppress(Exception):  # a picture is worth more than what its file says about it
            info = pillow_heif.open_heif(io.BytesIO(data)).info
    nclx = info.get("nclx_profile")
    if not nclx:
        return None
    return profile_of(nclx["color_primaries"], nclx["transfer_characteristics"])


def profile_of(primaries: int, transfer: int) -> bytes | None:
    """The profile of a pair of H.273's code points; None for sRGB and what is taken for it."""
    colorants = _COLORANTS.get(primaries, SRGB)
    if transfer in (_PQ, _HLG):
        return matrix_profile(colorants, _hdr_curve(_pq if transfer == _PQ else _hlg))
    if transfer in _GAMMA:
        return matrix_profile(colorants, gamma_curve(_GAMMA[transfer]))
    return matrix_profile(colorants, srgb_curve()) if primaries in _COLORANTS else None


def _hdr_curve(light: Callable[[float], float]) -> bytes:
    """A point for each value of an image in 8 bits."""
    return table_curve([_compressed(light(value / 255)) for value in range(256)])


def _pq(value: float) -> float:
    """Parts of SDR's white, for a value of 0 to 1: the EOTF of SMPTE ST 2084."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = value ** (1 / m2)
    return float(10_000 / _WHITE * (max(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1))


def _hlg(value: float) -> float:
    """Parts of SDR's white, for a value of 0 to 1: the inverse OETF of ARIB STD-B67, in which 0.75 is white.

    The display's part, the OOTF, is left out: its gamma is 1.2 for 1,000 cd/m², but nearly 1 for a display that is
    as bright as SDR's (ITU-R BT.2100, table 5).
    """
    return _scene_light(value) / _scene_light(0.75)


def _scene_light(value: float) -> float:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return value**2 / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12


def _compressed(light: float) -> float:
    """Light as parts of SDR's white, in which any HDR is at most 1: as it is, up to the knee."""
    if light <= _KNEE:
        return light
    room = 1 - _KNEE
    above = (light - _KNEE) / room
    return _KNEE + room * above / (1 + above)
