"""Pictures that tests can tell apart."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageChops

QUADRANTS = ("red", "lime", "blue", "white")
"""Top left, top right, bottom left, bottom right: every orientation looks different."""


def quadrants(width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (width, height))
    half = (width // 2, height // 2)
    for number, colour in enumerate(QUADRANTS):
        corner = (number % 2 * half[0], number // 2 * half[1])
        image.paste(Image.new("RGB", (width - half[0], height - half[1]), colour), corner)
    return image.convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def opened(data: bytes) -> Image.Image:
    image: Image.Image = Image.open(io.BytesIO(data))
    image.load()
    return image


def alike(one: Image.Image, other: Image.Image, tolerance: int = 12) -> bool:
    """Whether two pictures look the same: no channel's mean differs by more."""
    if one.size != other.size:
        return False
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    extrema: Any = difference.resize((8, 8), Image.Resampling.BOX).getextrema()
    return bool(max(high for _, high in extrema) <= tolerance)


def oriented(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera stores it that notes this EXIF orientation."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    return image.transpose(undo[orientation]) if orientation in undo else image


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "the address of somebody's home"
    tags.get_ifd(0x8825)[2] = (47.0, 22.0, 0.0)
    return tags
