from __future__ import annotations

import io
from collections.abc import Mapping

import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps

from devstack.icc import display_p3
from devstack.samples import Sample, photo, sample_set

Samples = Mapping[str, Sample]


@pytest.fixture(scope="module")
def samples(sample_media: tuple[Sample, ...]) -> Samples:
    return {sample.name: sample for sample in sample_media}


def opened(sample: Sample) -> Image.Image:
    pillow_heif.register_heif_opener()
    return Image.open(io.BytesIO(sample.content))


def test_pictures_open_as_what_they_say_they_are(samples: Samples) -> None:
    pictures = [sample for sample in samples.values() if sample.media_type != "project/doc" and not sample.broken]
    for sample in pictures:
        image = opened(sample)
        image.load()
        assert Image.MIME[str(image.format)] in {sample.content_type, "image/heif"}
        upright = ImageOps.exif_transpose(image)
        if sample.media_type.startswith("photo/"):
            assert sample.media_type == (
                "photo/vertical" if upright.height > upright.width else "photo/horizontal"
            )
    formats = {opened(sample).format for sample in pictures}
    assert formats == {"JPEG", "PNG", "HEIF", "WEBP", "TIFF", "GIF", "AVIF"}


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [
        ("front.jpg", "RGB", (4000, 3000)),
        ("cut-out.png", "RGBA", (1400, 1000)),
        ("brochure.tif", "CMYK", (1800, 1200)),
        ("tiny.jpg", "RGB", (150, 100)),
    ],
)
def test_what_makes_a_sample_special(samples: Samples, name: str, mode: str, size: tuple[int, int]) -> None:
    image = opened(samples[name])
    assert (image.mode, image.size) == (mode, size)


def test_the_garden_is_stored_lying_and_says_where_it_is(samples: Samples) -> None:
    image = opened(samples["garden.jpg"])
    exif = image.getexif()
    assert exif[ExifTags.Base.Orientation] == 6
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (51.0, 28.0, 40.0)
    assert (image.size, ImageOps.exif_transpose(image).size) == ((4000, 3000), (3000, 4000))
    sky, grass = (ImageOps.exif_transpose(image).convert("RGB").getpixel((30, y)) for y in (300, 3900))
    assert isinstance(sky, tuple)
    assert isinstance(grass, tuple)
    assert sky[2] > sky[1] > sky[0]
    assert grass[1] > grass[0] > grass[2]


def test_the_sunset_carries_a_wide_gamut(samples: Samples) -> None:
    embedded = opened(samples["sunset.jpg"]).info["icc_profile"]
    assert embedded == display_p3()
    profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
    assert ImageCms.getProfileDescription(profile).strip() == "Display P3"


@pytest.mark.parametrize(
    ("p3", "srgb"),
    [((128, 128, 128), (128, 128, 128)), ((200, 100, 100), (215, 93, 97)), ((0, 255, 0), (0, 255, 0))],
)
def test_the_profile_means_what_display_p3_means(p3: tuple[int, ...], srgb: tuple[int, ...]) -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(display_p3()))
    image = ImageCms.profileToProfile(Image.new("RGB", (1, 1), p3), profile, ImageCms.createProfile("sRGB"))
    assert image is not None
    converted = image.getpixel((0, 0))
    assert isinstance(converted, tuple)
    assert all(abs(ours - theirs) <= 1 for ours, theirs in zip(converted, srgb, strict=True))


def test_the_gif_moves(samples: Samples) -> None:
    assert getattr(opened(samples["day-and-night.gif"]), "n_frames", 1) == 2


def test_the_document_is_a_pdf(samples: Samples) -> None:
    assert samples["floor-plan.pdf"].content.startswith(b"%PDF-")


def test_the_broken_one_begins_like_a_jpeg_and_ends_too_early(samples: Samples) -> None:
    (broken,) = (sample for sample in samples.values() if sample.broken)
    image = opened(broken)
    assert image.format == "JPEG"
    with pytest.raises(OSError, match="truncated"):
        image.load()


def test_the_same_bytes_each_time(samples: Samples) -> None:
    assert sample_set() == tuple(samples.values())


def test_types_are_the_contracts(samples: Samples) -> None:
    assert {sample.type for sample in samples.values()} == {
        "PHOTO_HORIZONTAL",
        "PHOTO_VERTICAL",
        "PROJECT_RENDER",
        "PROJECT_DOC",
    }


def test_another_seed_is_another_photo() -> None:
    assert photo(60, 40, 1).tobytes() == photo(60, 40, 1).tobytes()
    assert photo(60, 40, 1).tobytes() != photo(60, 40, 5).tobytes()
