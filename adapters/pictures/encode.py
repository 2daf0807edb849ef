"""Renditions as bytes, and the format that they have."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageChops, ImageStat

from domain.content import FileFormat
from domain.errors import Permanent

QUALITY = 85
_SAVE: dict[FileFormat, dict[str, Any]] = {
    FileFormat.JPEG: {"format": "JPEG", "quality": QUALITY, "subsampling": "4:2:0"},
    FileFormat.PNG: {"format": "PNG"},
    FileFormat.WEBP: {"format": "WEBP", "quality": QUALITY},
}
PHOTO_SHARE = 2 / 3
"""As a JPEG, a photo's thumbnail has at most this share of its bytes as a PNG: the contract's third less. Photos
have 0.2 to 0.4 of them, drawings more than 1."""
_JPEG_ROWS = 65_500
"""libjpeg's JPEG_MAX_DIMENSION."""
_COLOURS = 256
_LIKE = 1.0
"""By how much of 255 a palette may change a channel, on average."""


def without_needless_alpha(image: Image.Image) -> Image.Image:
    """The image without its alpha channel where it is opaque throughout."""
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() == (255, 255):
        return image.convert(image.mode.removesuffix("A"))
    return image


def is_photo(large: Image.Image, thumbnail: Image.Image) -> bool:
    """Whether all sizes of a picture that could stay a PNG become JPEGs: the rule of the contract's section 2."""
    if thumbnail.mode == "RGBA" or large.height > _JPEG_ROWS:
        return False
    as_jpeg, as_png = encode(thumbnail, FileFormat.JPEG), encode(thumbnail, FileFormat.PNG, palette=True)
    return len(as_jpeg) <= PHOTO_SHARE * len(as_png)


def flattened(image: Image.Image) -> Image.Image:
    """The image without transparency, on white: a JPEG has no alpha channel."""
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def encode(image: Image.Image, file_format: FileFormat, palette: bool = False) -> bytes:
    """The image as a file. An opaque PNG that may have a palette gets one where it is smaller and looks the same.

    Raises:
        Permanent: it can't be stored in this format.
    """
    plain = _saved(image, file_format)
    if not palette or file_format is not FileFormat.PNG or image.mode == "RGBA":
        return plain
    indexed = image.quantize(_COLOURS)
    difference = ImageChops.difference(indexed.convert(image.mode), image)
    if max(ImageStat.Stat(difference).mean) > _LIKE:
        return plain
    return min(plain, _saved(indexed, file_format), key=len)


def _saved(image: Image.Image, file_format: FileFormat) -> bytes:
    sink = io.BytesIO()
    try:
        image.save(sink, **_SAVE[file_format])
    except OSError as error:  # such as more rows than a JPEG can have
        raise Permanent(f"{image.width}×{image.height} can't be stored as {file_format.name}: {error}") from error
    return sink.getvalue()
