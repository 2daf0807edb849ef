"""The rendering of images, with Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import pillow_heif
from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from adapters.pictures.colour import source_profile, to_srgb
from adapters.pictures.deep import loaded
from adapters.pictures.depth import eight_bit
from adapters.pictures.encode import encode, flattened, is_photo, without_needless_alpha
from adapters.pictures.placeholder import placeholder
from adapters.pictures.refuse import refuse
from domain.content import FileFormat
from domain.errors import MediaError, Permanent
from domain.kinds import WIDTHS, Size
from domain.model import Picture, Rendition

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
_REDUCING_GAP = 1.5
"""Boxes of whole pixels, which cost next to nothing, leave at least this many times the width that is wanted."""
_LAST_FILTER = {Size.THUMBNAIL: Image.Resampling.LANCZOS}
"""At so few pixels the sharper filter costs next to nothing and shows."""


class PillowImages:
    """Renders images of at most `max_pixels`, in a child of `adapters.decoders`: no decoder has threads."""

    def __init__(self, max_pixels: int) -> None:
        pillow_heif.register_heif_opener()
        pillow_heif.options.DECODE_THREADS = AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        Image.MAX_IMAGE_PIXELS = None  # Pillow merely warns up to twice its limit; ours holds before decoding
        self._max_pixels = max_pixels

    def render(self, data: bytes, file_format: FileFormat) -> Picture:
        """The four renditions, large first.

        Raises:
            Permanent: it can't be decoded, or has too many pixels. MemoryError: there isn't enough memory for it.
        """
        large, width, height, palette = self._decode(data, file_format)
        if file_format.becomes is FileFormat.JPEG:
            large = flattened(large)
        large.info.clear()  # Pillow would write the source's comment or profile
        scaled = _cascade(large, width, height)
        renditions = tuple(_renditions(scaled, file_format, palette))
        return Picture(width, height, renditions, *placeholder(scaled[Size.THUMBNAIL]))

    def _decode(self, data: bytes, file_format: FileFormat) -> tuple[Image.Image, int, int, bool]:
        """The large rendition's pixels, the upright source's width and height, and whether it has a palette."""
        with _undecodable(file_format):
            refuse(data, file_format)
            image: Image.Image = Image.open(io.BytesIO(data), formats=[file_format.name])
            width, height = image.size
            if width * height > self._max_pixels:
                raise Permanent(f"{width}×{height} are more than {self._max_pixels} pixels")
            _draft(image)
            image = loaded(image, data)
        orientation = _orientation(image)
        if orientation in _QUARTER_TURNS:
            width, height = height, width
        palette = image.mode == "P"
        profile = source_profile(image, data)
        return _large(image, profile, orientation, width, height), width, height, palette


def _draft(image: Image.Image) -> None:
    """Have a JPEG decoded at the smallest scale that is large enough."""
    turned = _orientation(image) in _QUARTER_TURNS
    image.draft(image.mode, (1, LARGEST) if turned else (LARGEST, 1))


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):  # a photo is worth more than its damaged metadata
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def _large(image: Image.Image, profile: bytes | None, orientation: int, width: int, height: int) -> Image.Image:
    """The image in 8 bits a channel, at most LARGEST wide, upright, in sRGB."""
    size = _fit(LARGEST, width, height)
    turned = size[::-1] if orientation in _QUARTER_TURNS else size
    decoded_at = width * height / (image.width * image.height)
    image = without_needless_alpha(eight_bit(image))
    if image.size != turned:
        image = image.resize(
            turned, _first_filter(decoded_at, image.width / turned[0]), reducing_gap=_REDUCING_GAP
        )
    if orientation in _TRANSPOSITIONS:
        image = image.transpose(_TRANSPOSITIONS[orientation])
    return to_srgb(image, profile)


def _first_filter(decoded_at: float, shrink: float) -> Image.Resampling:
    """The filter for the large rendition. The decoder made one pixel of `decoded_at`, and it has to shrink that.

    At half scale, where most JPEGs are, the cheapest filter keeps all there is. Behind boxes of 2×2 pixels, as 12
    megapixels have them, BICUBIC does. Larger boxes take some sharpness; without any, the filter alone counts.
    """
    drafted, box = round(decoded_at), int(shrink / _REDUCING_GAP)
    if drafted == 4:
        return Image.Resampling.HAMMING
    return Image.Resampling.BICUBIC if drafted > 1 or box == 2 else Image.Resampling.LANCZOS


def _fit(limit: int, width: int, height: int) -> tuple[int, int]:
    """The size within a width: the aspect is kept, and nothing is enlarged."""
    target = min(limit, width)
    return target, max(1, round(height * target / width))


def _cascade(large: Image.Image, width: int, height: int) -> Mapping[Size, Image.Image]:
    """The image in each size, each made from the next larger one; equal ones are one object."""
    scaled = {}
    image = large
    for size, limit in WIDTHS.items():
        fitted = _fit(limit, width, height)
        if image.size != fitted:
            image = image.resize(fitted, _LAST_FILTER.get(size, Image.Resampling.BICUBIC))
        scaled[size] = image
    return scaled


def _renditions(scaled: Mapping[Size, Image.Image], file_format: FileFormat, palette: bool) -> Iterator[Rendition]:
    """The renditions as bytes, all in one format; equal ones are encoded once."""
    target = file_format.becomes
    if target is FileFormat.PNG and is_photo(scaled[Size.LARGE], scaled[Size.THUMBNAIL]):
        target = FileFormat.JPEG
    encoded, encoded_of = b"", None
    for size, image in scaled.items():
        if image is not encoded_of:
            encoded, encoded_of = encode(image, target, palette), image
        yield Rendition(size, encoded, target)


@contextmanager
def _undecodable(file_format: FileFormat) -> Iterator[None]:
    """Turn a decoder's error into a Permanent one: the file causes it."""
    try:
        yield
    except (MediaError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise Permanent(f"it begins like a {file_format.name} but isn't a readable one") from error
    except Exception as error:
        raise Permanent(f"it can't be decoded as {file_format.name}: {error}") from error
