"""Pictures in the colours that nclx names: Display P3, and BT.2020 with PQ or HLG, in HEIC and AVIF.

Light is relative to SDR's white, which is 203 cd/m² in PQ and 0.75 in HLG (ITU-R BT.2408). The formulas are
those of ITU-R BT.2100, the numbers those of ITU-T H.273.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image

from devstack.ffmpeg import ffmpeg

Floats = npt.NDArray[np.float64]
_D65 = (0.3127, 0.3290)
_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_BT_2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))


def to_xyz(primaries: tuple[tuple[float, float], ...], white: tuple[float, float] = _D65) -> Floats:
    """The matrix from linear RGB to CIE XYZ, by the chromaticities of red, green, blue and white."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    x, y = white
    scales: Floats = np.linalg.solve(columns, np.array([x / y, 1, (1 - x - y) / y]))
    matrix: Floats = columns * scales
    return matrix


def srgb_to_light(value: Floats) -> Floats:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _srgb(light: Floats) -> Floats:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _pq(light: Floats) -> Floats:
    power = (light * 203 / 10_000) ** (2610 / 16384)
    value: Floats = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    return value


def _hlg(light: Floats) -> Floats:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = light * (np.exp((0.75 - c) / a) + b) / 12
    value: Floats = np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)
    return value


@dataclass(frozen=True, slots=True)
class Colours:
    """A colour space, and what names it: numbers in HEIC, ffmpeg's words for AVIF."""

    primaries: tuple[tuple[float, float], ...]
    encode: Callable[[Floats], Floats]
    nclx: tuple[int, int, int]
    names: tuple[str, str, str]


COLOURS = {
    "P3": Colours(_P3, _srgb, (12, 13, 6), ("smpte432", "iec61966-2-1", "smpte170m")),
    "PQ": Colours(_BT_2020, _pq, (9, 16, 9), ("bt2020", "smpte2084", "bt2020nc")),
    "HLG": Colours(_BT_2020, _hlg, (9, 18, 9), ("bt2020", "arib-std-b67", "bt2020nc")),
}


def encoded_light(light: Floats, colours: Colours) -> Floats:
    """Linear light in sRGB's primaries, of any brightness, as values of 0 to 1 in other colours."""
    matrix = np.linalg.inv(to_xyz(colours.primaries)) @ to_xyz(_SRGB)
    return np.clip(colours.encode(np.clip(light @ matrix.T, 0, None)), 0, 1)


def heic(light: Floats, colours: Colours, bits: int) -> bytes:
    values = encoded_light(light, colours)
    mode, raw = ("RGB", _integers(values, 8)) if bits == 8 else ("RGB;16", _integers(values, 16))
    primaries, transfer, matrix = colours.nclx
    sink = io.BytesIO()
    pillow_heif.encode(
        mode,
        (light.shape[1], light.shape[0]),
        raw,
        sink,
        quality=90,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=matrix,
        full_range_flag=1,
    )
    return sink.getvalue()


def avif(light: Floats, colours: Colours, bits: int, folder: Path) -> bytes:
    """By ffmpeg, as Pillow writes no nclx but sRGB's, and no 10 bits; 4:4:4."""
    height, width = light.shape[:2]
    layout = "yuv444p" if bits == 8 else "yuv444p10le"
    primaries, transfer, matrix = colours.names
    source, target = folder / "planes", folder / "a.avif"
    source.write_bytes(_planes(encoded_light(light, colours), colours.nclx[2], bits))
    raw: list[str | Path] = ["-f", "rawvideo", "-pix_fmt", layout, "-s", f"{width}x{height}", "-i", source]
    says = f"setparams=color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}:range=pc"
    how = ["-c:v", "libaom-av1", "-still-picture", "1", "-crf", "6", "-cpu-used", "8", "-frames:v", "1"]
    ffmpeg(*raw, "-vf", says, *how, target)
    return target.read_bytes()


def _planes(values: Floats, matrix: int, bits: int) -> bytes:
    """Y, Cb and Cr in full range (ITU-T H.273, 8.3)."""
    red, blue = (0.2627, 0.0593) if matrix == 9 else (0.299, 0.114)
    luma = values @ np.array([red, 1 - red - blue, blue])
    chroma = ((values[..., 2] - luma) / 2 / (1 - blue), (values[..., 0] - luma) / 2 / (1 - red))
    middle = 2 ** (bits - 1) / (2**bits - 1)
    return b"".join(_integers(np.clip(plane, 0, 1), bits) for plane in (luma, *(part + middle for part in chroma)))


def _integers(values: Floats, bits: int) -> bytes:
    return bytes((values * (2**bits - 1)).round().astype("u1" if bits == 8 else "<u2").tobytes())


def light_of(image: Image.Image) -> Floats:
    """A picture in sRGB as linear light, height × width × 3."""
    return srgb_to_light(np.asarray(image.convert("RGB"), np.float64) / 255)
