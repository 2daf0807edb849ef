"""HEICs of more than 8 bits a channel."""

from __future__ import annotations

import io

import pillow_heif
from PIL import Image

from adapters.pictures.nclx import nclx_profile


def loaded(image: Image.Image, data: bytes) -> Image.Image:
    """An opened image with its pixels, in 8 bits a channel. `data` is the image's file.

    libheif cuts chromas to 8 bits before it makes RGB of them, and what is not quite grey turns greenish: by 2 of
    255 in PQ. So colours that nclx describes become RGB in all their bits.
    """
    if not _deep(image) or nclx_profile(image, data) is None:
        image.load()
        return image
    heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, remove_stride=False)
    wide = heif.data  # decoding may correct the size
    pixels = Image.frombytes(image.mode, heif.size, wide, "raw", f"{image.mode};16L", heif.stride)
    pixels.info = image.info
    return pixels


def _deep(image: Image.Image) -> bool:
    return (
        image.format == "HEIF"
        and image.mode in ("RGB", "RGBA")
        and image.info["bit_depth"] > 8
        and "icc_profile" not in image.info
    )
