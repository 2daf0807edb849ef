"""A ThumbHash, decoded into the blurred picture that a page shows for it: https://evanw.github.io/thumbhash/."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from math import cos, pi

from PIL import Image

_SIDE = 32
_STRONGER = 1.25
"""Colours are shown so much stronger, because a blur makes them pale."""


def data_url(thumbhash: str) -> str:
    """The picture of a ThumbHash in base64, as a URL that has it in itself."""
    sink = io.BytesIO()
    decoded(base64.b64decode(thumbhash)).save(sink, "PNG")
    return f"data:image/png;base64,{base64.b64encode(sink.getvalue()).decode()}"


def decoded(thumbhash: bytes) -> Image.Image:
    """The picture in RGBA, 32 pixels on its longer side."""
    fields = _Fields(thumbhash)
    light, yellow, reddish = fields.take(6) / 63, fields.take(6) / 31.5 - 1, fields.take(6) / 31.5 - 1
    scale, clear, shorter = fields.take(5) / 31, fields.take(1), fields.take(3)
    yellow_scale, reddish_scale, landscape = fields.take(6) / 63, fields.take(6) / 63, fields.take(1)
    longer = 5 if clear else 7
    across, down = (longer, shorter) if landscape else (shorter, longer)
    alpha, alpha_scale = (fields.take(4) / 15, fields.take(4) / 15) if clear else (1.0, 0.0)
    ratio = across / down
    width, height = (_SIDE, round(_SIDE / ratio)) if ratio > 1 else (round(_SIDE * ratio), _SIDE)
    channels = [
        _channel(light, fields.waves(max(3, across), max(3, down), scale), width, height),
        _channel(yellow, fields.waves(3, 3, yellow_scale * _STRONGER), width, height),
        _channel(reddish, fields.waves(3, 3, reddish_scale * _STRONGER), width, height),
        _channel(alpha, fields.waves(5, 5, alpha_scale) if clear else {}, width, height),
    ]
    pixels = bytes(level for pixel in zip(*channels, strict=True) for level in _rgba(*pixel))
    return Image.frombytes("RGBA", (width, height), pixels)


class _Fields:
    """The bits of a ThumbHash, read from the lowest of its first byte on."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "little")

    def take(self, bits: int) -> int:
        value = self._bits & ((1 << bits) - 1)
        self._bits >>= bits
        return value

    def waves(self, across: int, down: int, scale: float) -> dict[tuple[int, int], float]:
        """The strength of each wave by how often it goes up and down along x and y."""
        return {
            (x, y): (self.take(4) / 7.5 - 1) * scale
            for y in range(down)
            for x in range(across)
            if (x or y) and x * down < across * (down - y)
        }


def _channel(mean: float, waves: dict[tuple[int, int], float], width: int, height: int) -> Iterator[float]:
    for y in range(height):
        for x in range(width):
            yield mean + 2 * sum(
                strength * cos(pi * (x + 0.5) * along / width) * cos(pi * (y + 0.5) * up / height)
                for (along, up), strength in waves.items()
            )


def _rgba(light: float, yellow: float, reddish: float, alpha: float) -> Iterator[int]:
    blue = light - 2 / 3 * yellow
    red = (3 * light - blue + reddish) / 2
    return (round(255 * min(max(level, 0), 1)) for level in (red, red - reddish, blue, alpha))
