"""The rendering of images, with Pillow."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pillow_heif
from PIL import Image, ImageCms, UnidentifiedImageError

from domain.content import FileFormat
from domain.errors import MediaError, Permanent, Transient
from domain.kinds import WIDTHS, Size
from domain.model import Picture, Rendition

QUALITY = 85
LARGEST = max(WIDTHS.values())
_ORIENTATION = 0x0112  # the EXIF tag
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = frozenset({5, 6, 7, 8})
_SAVE: dict[FileFormat, dict[str, Any]] = {
    FileFormat.JPEG: {"format": "JPEG", "quality": QUALITY, "subsampling": "4:2:0"},
    FileFormat.PNG: {"format": "PNG"},
    FileFormat.WEBP: {"format": "WEBP", "quality": QUALITY},
}
_FIRST_FILTER = {1: Image.Resampling.LANCZOS, 4: Image.Resampling.HAMMING}
"""By how many source pixels the decoder made one of. At full scale sharpness shows; at half scale, where most
photos are, a cheap filter keeps all there is; BICUBIC for the rest."""
_LAST_FILTER = {Size.THUMBNAIL: Image.Resampling.LANCZOS}
"""At so few pixels the sharper filter costs next to nothing and shows."""
_SIXTEEN_BIT = (65535.0,)
_FULL_SCALE = {"I": (255.0, 65535.0), "F": (1.0, 255.0, 65535.0)}
"""What white may be in images of wide channels; where it is none of these, the brightest pixel is."""
_ICC_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The colour space that a profile names, and the mode of the images that it can be applied to."""


class PillowImages:
    """The `Images` port.

    At most `threads` images are decoded at once, none of more than `max_pixels`, and together of no more than
    twice that.
    """

    def __init__(self, threads: int, max_pixels: int) -> None:
        pillow_heif.register_heif_opener()
        Image.MAX_IMAGE_PIXELS = None  # Pillow merely warns up to twice its limit; ours holds before decoding
        self._max_pixels = max_pixels
        self._slots = threading.BoundedSemaphore(threads)
        self._in_memory = _Budget(2 * max_pixels)

    def render(self, data: bytes, file_format: FileFormat) -> Picture:
        with self._slots:
            large, width, height = self._decode(data, file_format)
            return Picture(width, height, tuple(_cascade(large, width, height, file_format)))

    def _decode(self, data: bytes, file_format: FileFormat) -> tuple[Image.Image, int, int]:
        """The large rendition's pixels, and the upright source's width and height."""
        with _undecodable(file_format):
            image: Image.Image = Image.open(io.BytesIO(data), formats=[file_format.name])
            width, height = image.size
            if width * height > self._max_pixels:
                raise Permanent(f"{width}×{height} are more than {self._max_pixels} pixels")
            weight = _draft(image)
        with self._in_memory.spending(weight):
            with _undecodable(file_format):
                image.load()
            orientation = _orientation(image)
            if orientation in _QUARTER_TURNS:
                width, height = height, width
            return _large(image, orientation, width, height), width, height


def _draft(image: Image.Image) -> int:
    """Have a JPEG decoded at the smallest scale that is large enough; returns the pixels held while decoding."""
    pixels = image.width * image.height
    turned = _orientation(image) in _QUARTER_TURNS
    image.draft(image.mode, (1, LARGEST) if turned else (LARGEST, 1))
    # libjpeg holds all coefficients of a progressive JPEG, whatever the scale
    return pixels if image.info.get("progressive") else image.width * image.height


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):  # a photo is worth more than its damaged metadata
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def _large(image: Image.Image, orientation: int, width: int, height: int) -> Image.Image:
    """The image in 8 bits a channel, at most LARGEST wide, upright, in sRGB."""
    profile = image.info.get("icc_profile")
    size = _fit(LARGEST, width, height)
    turned = size[::-1] if orientation in _QUARTER_TURNS else size
    decoded_at = width * height / (image.width * image.height)
    image = _eight_bit(image)
    if image.size != turned:
        image = image.resize(turned, _FIRST_FILTER.get(round(decoded_at), Image.Resampling.BICUBIC))
    if orientation in _TRANSPOSITIONS:
        image = image.transpose(_TRANSPOSITIONS[orientation])
    return _to_srgb(image, profile)


def _fit(limit: int, width: int, height: int) -> tuple[int, int]:
    """The size within a width: the aspect is kept, and nothing is enlarged."""
    target = min(limit, width)
    return target, max(1, round(height * target / width))


def _eight_bit(image: Image.Image) -> Image.Image:
    """The image in a mode of 8 bits that can be resized: L, RGB, RGBA, CMYK or LAB."""
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_to_eight_bit(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("RGB")


def _scaled_to_eight_bit(image: Image.Image) -> Image.Image:
    """The image scaled to 8 bits. Pillow's own conversion cuts off at 255, so a 16-bit image turns white."""
    wide = image.convert("F")
    low, high = (float(end) for end in wide.getextrema())  # type: ignore[arg-type]  # F has one band
    tops = _FULL_SCALE.get(image.mode, _SIXTEEN_BIT)
    top = next((top for top in tops if low >= 0 and high <= top), None)
    if top is not None:
        low, high = 0.0, top
    scale = 255 / ((high - low) or 1)
    return wide.point(lambda value: value * scale - low * scale).convert("L")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
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


def _cascade(large: Image.Image, width: int, height: int, file_format: FileFormat) -> Iterator[Rendition]:
    """The renditions, each made from the next larger one; equal ones are encoded once."""
    target = file_format.becomes
    image = _flattened(large) if target is FileFormat.JPEG else large
    image.info.clear()  # Pillow would write the source's comment or profile
    encoded = b""
    for size, limit in WIDTHS.items():
        fitted = _fit(limit, width, height)
        if image.size != fitted:
            image = image.resize(fitted, _LAST_FILTER.get(size, Image.Resampling.BICUBIC))
            encoded = b""
        encoded = encoded or _encode(image, target)
        yield Rendition(size, encoded, target)


def _flattened(image: Image.Image) -> Image.Image:
    """The image without transparency, on white: a JPEG has no alpha channel."""
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _encode(image: Image.Image, file_format: FileFormat) -> bytes:
    sink = io.BytesIO()
    try:
        image.save(sink, **_SAVE[file_format])
    except OSError as error:  # such as more rows than a JPEG can have
        raise Permanent(f"{image.width}×{image.height} can't be stored as {file_format.name}: {error}") from error
    return sink.getvalue()


@contextmanager
def _undecodable(file_format: FileFormat) -> Iterator[None]:
    """Turn a decoder's error into a Permanent one: the file causes it. A lack of memory is Transient."""
    try:
        yield
    except MediaError:
        raise
    except MemoryError as error:
        raise Transient("there wasn't enough memory to decode it") from error
    except UnidentifiedImageError as error:
        raise Permanent(f"it begins like a {file_format.name} but isn't a readable one") from error
    except Exception as error:
        raise Permanent(f"it can't be decoded as {file_format.name}: {error}") from error


class _Budget:
    """A number of pixels that may be in memory at once."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._freed = threading.Condition()

    @contextmanager
    def spending(self, amount: int) -> Iterator[None]:
        with self._freed:
            self._freed.wait_for(lambda: amount <= self._left)
            self._left -= amount
        try:
            yield
        finally:
            with self._freed:
                self._left += amount
                self._freed.notify_all()
