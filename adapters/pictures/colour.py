"""Colours as sRGB."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image, ImageCms

_ICC_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The colour space that a profile names, and the mode of the images that it can be applied to."""


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha else image
    source = _source_profile(colours.mode, profile)
    if source is not None:
        with suppress(ImageCms.PyCMSError):  # a profile that can't be applied is as good as none
            colours = _converted(colours, source)
    if colours.mode not in ("L", "RGB"):
        colours = colours.convert("RGB")
    if alpha:
        colours.putalpha(alpha)
    return colours


def _converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    target = ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = ImageCms.profileToProfile(image, source, target, intent, "RGB")
    assert converted is not None  # noqa: S101 - only an in-place conversion returns nothing
    return converted


def _source_profile(mode: str, profile: bytes | None) -> ImageCms.ImageCmsProfile | None:
    """The profile to convert from; None where the image is in sRGB as far as anybody can tell."""
    if mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        fits = _ICC_MODES.get(source.profile.xcolor_space) == mode
        is_srgb = "sRGB" in (source.profile.profile_description or "")
    except (OSError, ImageCms.PyCMSError):
        return None
    return source if fits and not is_srgb else None
