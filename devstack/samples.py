"""Sample media, generated: one file of each format and oddity that uploads have. The same bytes each time."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import Any

import pillow_heif
from PIL import ExifTags, Image

from devstack.icc import display_p3
from devstack.scenes import floor_plan, house, room

ROTATED = 6
"""The EXIF orientation of a phone held upright: the picture is stored lying on its left side."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One upload. `media_type` is its path in a key, such as `photo/vertical`; `broken`: it can't be decoded."""

    name: str
    media_type: str
    content: bytes
    content_type: str
    description: str
    broken: bool = False

    @property
    def type(self) -> str:
        """The asset's type as a message names it."""
        return self.media_type.replace("/", "_").upper()


def photo(width: int, height: int, seed: int) -> Image.Image:
    """A drawn house with mild noise, RGB; another seed is another time of day."""
    return house(width, height, seed, f"THIS WAY UP - photo {seed}")


def sample_set() -> tuple[Sample, ...]:
    """All samples, in the order in which a message lists them; the last is broken."""
    return (
        _front(), _garden(), _sunset(), _living_room(), _logo(), _terrace(), _brochure(), _fly_through(),
        _tiny(), _evening(), _render(), _plan(), _broken(),
    )  # fmt: skip


def _front() -> Sample:
    content = _encoded(photo(4000, 3000, 0), "JPEG", quality=90, exif=_camera())
    return Sample("front.jpg", "photo/horizontal", content, "image/jpeg", "JPEG of 12 megapixels")


def _garden() -> Sample:
    exif = _camera()
    exif[ExifTags.Base.Orientation] = ROTATED
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            ExifTags.GPS.GPSLatitudeRef: "N",
            ExifTags.GPS.GPSLatitude: (51.0, 28.0, 40.0),
            ExifTags.GPS.GPSLongitudeRef: "W",
            ExifTags.GPS.GPSLongitude: (0.0, 0.0, 5.0),
        }
    )
    stored = photo(3000, 4000, 2).transpose(Image.Transpose.ROTATE_90)
    content = _encoded(stored, "JPEG", quality=90, exif=exif)
    return Sample(
        "garden.jpg", "photo/vertical", content, "image/jpeg", "JPEG turned by EXIF, with a GPS position"
    )


def _sunset() -> Sample:
    content = _encoded(photo(2400, 1600, 1), "JPEG", quality=90, icc_profile=display_p3())
    return Sample("sunset.jpg", "photo/horizontal", content, "image/jpeg", "JPEG in Display P3, a wide gamut")


def _living_room() -> Sample:
    image = room(1600, 1200, 4, "THIS WAY UP - living room")
    data = io.BytesIO()
    pillow_heif.from_pillow(image).save(data, quality=70)
    return Sample(
        "living-room.heic", "photo/horizontal", data.getvalue(), "image/heic", "HEIC, as iPhones store it"
    )


def _logo() -> Sample:
    """A house cut out of its sky: transparent around."""
    image = photo(1400, 1000, 8)
    mask = Image.radial_gradient("L").resize(image.size).point([255 if value < 128 else 0 for value in range(256)])
    image.putalpha(mask)
    return Sample("cut-out.png", "photo/horizontal", _encoded(image, "PNG"), "image/png", "PNG with transparency")


def _terrace() -> Sample:
    content = _encoded(photo(1500, 2000, 6), "WEBP", quality=85)
    return Sample("terrace.webp", "photo/vertical", content, "image/webp", "WebP")


def _brochure() -> Sample:
    content = _encoded(photo(1800, 1200, 5).convert("CMYK"), "TIFF", compression="tiff_lzw")
    return Sample("brochure.tif", "photo/horizontal", content, "image/tiff", "TIFF in CMYK, from a print shop")


def _fly_through() -> Sample:
    first, second = (photo(1200, 800, seed).quantize(128) for seed in (0, 3))
    content = _encoded(first, "GIF", save_all=True, append_images=[second], duration=800, loop=0)
    return Sample("day-and-night.gif", "photo/horizontal", content, "image/gif", "GIF of two frames")


def _tiny() -> Sample:
    content = _encoded(photo(150, 100, 0), "JPEG", quality=90)
    return Sample("tiny.jpg", "photo/horizontal", content, "image/jpeg", "JPEG 150 pixels wide: never enlarged")


def _evening() -> Sample:
    content = _encoded(photo(1600, 1067, 3), "AVIF", quality=70, speed=10)
    return Sample("evening.avif", "photo/horizontal", content, "image/avif", "AVIF")


def _render() -> Sample:
    content = _encoded(room(1920, 1080, 9, "THIS WAY UP - render"), "PNG", compress_level=1)
    return Sample("interior.png", "project/render", content, "image/png", "PNG render of a project")


def _plan() -> Sample:
    epoch = time.gmtime(0)
    page = floor_plan(1240, 1754, "GROUND FLOOR - 1:100")
    content = _encoded(page, "PDF", resolution=150, creationDate=epoch, modDate=epoch)
    return Sample("floor-plan.pdf", "project/doc", content, "application/pdf", "PDF, copied as it is")


def _broken() -> Sample:
    whole = _encoded(photo(1600, 1200, 7), "JPEG", quality=85)
    content = whole[: len(whole) // 3]
    return Sample(
        "broken.jpg", "photo/horizontal", content, "image/jpeg", "JPEG cut off in mid-upload", broken=True
    )


def _camera() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Devstack"
    exif[ExifTags.Base.Model] = "Drawing Camera"
    exif[ExifTags.Base.DateTime] = "2026:01:05 12:00:00"
    return exif


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()
