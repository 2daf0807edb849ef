"""The dominant colour of a picture."""

from __future__ import annotations

from math import dist
from operator import mul

from PIL import Image

_COLOURS = 16
_REACH = 64
"""How far apart two colours in RGB are that have nothing in common; black and white are 442 apart."""
_VISIBLE = 128


def dominant_colour(image: Image.Image) -> str:
    """The colour of most of an RGBA image, as `#rrggbb`: the mean around the colour that has most like itself.

    Transparent pixels count only where there are no others. The time grows with the pixels: give it few.
    """
    visible = image.getchannel("A").point(lambda alpha: 255 if alpha >= _VISIBLE else 0)
    reduced = image.convert("RGB").quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    counts = reduced.histogram(visible if visible.getbbox() else None)
    levels = reduced.getpalette() or []
    colours = [tuple(levels[at : at + 3]) for at in range(0, len(levels), 3)]

    def alike(colour: tuple[int, ...]) -> list[float]:
        """How much of the picture each colour is, times how near it is to this one."""
        nearness = (max(0.0, 1 - dist(colour, other) / _REACH) for other in colours)
        return [count * near for count, near in zip(counts, nearness, strict=False)]

    weights = max(map(alike, colours), key=sum)
    means = (sum(map(mul, weights, band)) / sum(weights) for band in zip(*colours, strict=True))
    return "#" + "".join(f"{round(mean):02x}" for mean in means)
