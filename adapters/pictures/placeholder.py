"""What a page can show before a picture is there."""

from __future__ import annotations

import base64

from PIL import Image

from adapters.pictures.dominant import dominant_colour
from adapters.pictures.thumbhash import thumbhash

_SIDE = 32
"""Pixels of the longer side that are looked at; the finest wave of a ThumbHash is 9 of them long."""


def placeholder(thumbnail: Image.Image) -> tuple[str, str]:
    """The dominant colour as `#rrggbb`, and the ThumbHash in base64, of an image in L, RGB or RGBA."""
    small = thumbnail.convert("RGBA")
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    return dominant_colour(small), base64.b64encode(thumbhash(small)).decode()
