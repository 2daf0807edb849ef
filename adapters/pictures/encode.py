"""Renditions as bytes."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from domain.content import FileFormat
from domain.errors import Permanent

QUALITY = 85
_SAVE: dict[FileFormat, dict[str, Any]] = {
    FileFormat.JPEG: {"format": "JPEG", "quality": QUALITY, "subsampling": "4:2:0"},
    FileFormat.PNG: {"format": "PNG"},
    FileFormat.WEBP: {"format": "WEBP", "quality": QUALITY},
}


def flattened(image: Image.Image) -> Image.Image:
    """The image without transparency, on white: a JPEG has no alpha channel."""
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def encode(image: Image.Image, file_format: FileFormat) -> bytes:
    sink = io.BytesIO()
    try:
        image.save(sink, **_SAVE[file_format])
    except OSError as error:  # such as more rows than a JPEG can have
        raise Permanent(f"{image.width}×{image.height} can't be stored as {file_format.name}: {error}") from error
    return sink.getvalue()
