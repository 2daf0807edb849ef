"""ThumbHash: a blurred placeholder of a picture, in about 25 bytes.

The formulas are those of the reference implementation, https://github.com/evanw/thumbhash. Each channel becomes a
few waves (a discrete cosine transform); they are summed up over rows first and then over columns, which is faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import cos, pi
from operator import mul
from typing import NamedTuple

from PIL import Image


class _Channel(NamedTuple):
    """A channel's mean, its waves from 0 to 1, and what they were divided by."""

    mean: float
    waves: Sequence[float]
    scale: float


def thumbhash(image: Image.Image) -> bytes:
    """The ThumbHash of an RGBA image. The time grows with the pixels: give it few."""
    width, height = image.size
    *colours, alpha = ([value / 255 for value in band.tobytes()] for band in image.split())
    opaque = min(alpha) == 1
    red, green, blue = colours if opaque else (_on_its_mean(band, alpha) for band in colours)
    most = 7 if opaque else 5
    across, down = (max(1, _round(most * side / max(width, height))) for side in (width, height))
    lightness = [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)]
    yellow_blue = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    red_green = [r - g for r, g in zip(red, green, strict=True)]
    light = _channel(lightness, width, max(3, across), max(3, down))
    yellow, reddish = (_channel(values, width, 3, 3) for values in (yellow_blue, red_green))
    landscape = width > height
    fields = [
        (63 * light.mean, 6), (31.5 + 31.5 * yellow.mean, 6), (31.5 + 31.5 * reddish.mean, 6),
        (31 * light.scale, 5), (not opaque, 1), (down if landscape else across, 3),
        (63 * yellow.scale, 6), (63 * reddish.scale, 6), (landscape, 1),
    ]  # fmt: skip
    channels = [light, yellow, reddish]
    if not opaque:
        channels.append(_channel(alpha, width, 5, 5))
        fields += [(15 * channels[-1].mean, 4), (15 * channels[-1].scale, 4)]
    return _packed([*fields, *((15 * wave, 4) for channel in channels for wave in channel.waves)])


def _on_its_mean(band: Sequence[float], alpha: Sequence[float]) -> list[float]:
    """The band on a background of its own mean colour, so that what can't be seen adds no waves."""
    mean = sum(map(mul, band, alpha)) / (sum(alpha) or 1)
    return [mean * (1 - a) + value * a for value, a in zip(band, alpha, strict=True)]


def _channel(values: Sequence[float], width: int, across: int, down: int) -> _Channel:
    """The mean, and the lower frequencies of `across` × `down`, each row of them from left to right."""
    height = len(values) // width
    rows = [values[at : at + width] for at in range(0, len(values), width)]
    sums = [[sum(map(mul, row, wave)) for row in rows] for wave in _cosines(width, across)]
    mean, *waves = [
        sum(map(mul, sums[x], wave)) / len(values)
        for y, wave in enumerate(_cosines(height, down))
        for x in range(across)
        if x * down < across * (down - y)
    ]
    scale = max(map(abs, waves))
    return _Channel(mean, [0.5 + 0.5 / scale * wave if scale else wave for wave in waves], scale)


def _cosines(side: int, count: int) -> Iterable[Sequence[float]]:
    return [[cos(pi / side * number * (at + 0.5)) for at in range(side)] for number in range(count)]


def _packed(fields: Iterable[tuple[float, int]]) -> bytes:
    """The numbers, each rounded to a field of so many bits, from the lowest bit of the first byte on."""
    packed = size = 0
    for value, bits in fields:
        packed |= _round(value) << size
        size += bits
    return packed.to_bytes((size + 7) // 8, "little")


def _round(value: float) -> int:
    """As JavaScript's Math.round does it: halves up."""
    return int(value + 0.5)
