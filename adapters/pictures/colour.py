"""Colours as sRGB."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import ExifTags, Image, ImageChops, ImageCms

from adapters.pictures.icc import adobe_rgb
from adapters.pictures.nclx import nclx_profile

_ICC_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The colour space that a profile names, and the mode of the images that it can be applied to."""
_SAME = 3
"""How far, of 255, a profile may move a channel and still be some maker's sRGB: those seen move it by 1, and a
gamma of 2.2 by 9."""
_PROBE = bytes(value for step in range(0, 256, 15) for value in (*(step,) * 4, 0, 0, 0, step, 0, 0, 0, step))
"""Greys, reds, greens and blues."""


def source_profile(image: Image.Image, data: bytes) -> bytes | None:
    """The ICC profile that says what the colours of an opened image are; None where nothing says it.

    A profile in the file says it before nclx does (github.com/AOMediaCodec/av1-avif/issues/84), and either before
    EXIF. `data` is the image's file.
    """
    return image.info.get("icc_profile") or nclx_profile(image, data) or _exif_profile(image)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in L, RGB or RGBA."""
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    with suppress(OSError, ImageCms.PyCMSError):  # a profile that can't be applied is as good as none
        source = _source(colours.mode, profile)
        if source and not _is_srgb(colours.mode, source):
            colours = _converted(colours, source)
    if colours.mode not in ("L", "RGB"):
        colours = colours.convert("RGB")
    if alpha:
        colours = colours.convert("RGB")
        colours.putalpha(alpha)
    return colours


def _source(mode: str, profile: bytes | None) -> ImageCms.ImageCmsProfile | None:
    """The profile to convert from; None where there is none for images of this mode."""
    if mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    if not profile:
        return None
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return source if _ICC_MODES.get(source.profile.xcolor_space) == mode else None


def _is_srgb(mode: str, source: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile leaves colours as they are: its name proves nothing."""
    if mode not in ("L", "RGB"):
        return False
    probe = Image.frombytes("RGB", (len(_PROBE) // 3, 1), _PROBE).convert(mode)
    # to optimise a transform for many pixels takes longer than to apply it to these
    converted = _converted(probe, source, ImageCms.Flags.NOOPTIMIZE)
    return max(ImageChops.difference(converted, probe.convert("RGB")).tobytes()) <= _SAME


def _converted(
    image: Image.Image, source: ImageCms.ImageCmsProfile, flags: ImageCms.Flags = ImageCms.Flags.NONE
) -> Image.Image:
    target = ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = ImageCms.profileToProfile(image, source, target, intent, "RGB", flags=flags)
    assert converted is not None  # noqa: S101 - only an in-place conversion returns nothing
    return converted


def _exif_profile(image: Image.Image) -> bytes | None:
    """Adobe RGB's, where the interoperability index names it as cameras do (DCF 2.0, CIPA DC-009)."""
    with suppress(Exception):  # a photo is worth more than its damaged metadata
        if image.getexif().get_ifd(ExifTags.IFD.Interop).get(1) == "R03":
            return adobe_rgb()
    return None
