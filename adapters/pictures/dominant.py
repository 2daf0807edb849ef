"""The dominant colour of a picture."""

from __future__ import annotations

from math import dist

from PIL import Image

_COLOURS = 16
_ALIKE = 48
"""How far apart two colours in RGB may be to count as one; black and white are 442 apart."""
_VISIBLE = 128


def dominant_colour(image: Image.Image) -> str:
    """The colour of most of an RGBA image, as `#rrggbb`: the mean of the largest group of similar colours.

    Transparent pixels count only where there are no others. The time grows with the pixels: give it few.
    """
    visible = image.getchannel("A").point(lambda alpha: 255 if alpha >= _VISIBLE else 0)
    reduced = image.convert("RGB").quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    counts = reduced.histogram(visible if visible.getbbox() else None)
    levels = reduced.getpalette() or []
    colours = [tuple(levels[at : at + 3]) for at in range(0, len(levels), 3)]
    groups = (
        [(count, other) for count, other in zip(counts, colours, strict=False) if dist(colour, other) <= _ALIKE]
        for colour in colours
    )
    largest = max(groups, key=lambda group: sum(count for count, _ in group))
    pixels = sum(count for count, _ in largest)
    means = (sum(count * colour[band] for count, colour in largest) / pixels for band in range(3))
    return "#" + "".join(f"{round(mean):02x}" for mean in means)
