"""The image front door: bytes in; renditions, or an error that says what is wrong with them."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageDraw

from adapters.pictures.pillow import PillowImages
from devstack.icc import display_p3
from domain.content import FileFormat, sniff
from domain.errors import Permanent
from domain.kinds import WIDTHS, Kind, Size
from domain.model import Picture
from tests.conftest import DrawOnce
from tests.heif import with_irot
from tests.images import alike, encoded, exif, opened, oriented, quadrants

MAX_PIXELS = 30_000_000
CORPUS = os.environ.get("MEDIA_CORPUS")

pillow_heif.register_heif_opener()


@pytest.fixture(scope="module")
def images() -> PillowImages:
    return PillowImages(MAX_PIXELS)


def render(images: PillowImages, data: bytes) -> Picture:
    file_format = sniff(data)
    assert file_format is not None
    assert file_format.kind is Kind.PHOTO
    return images.render(data, file_format)


def rendition(picture: Picture, size: Size) -> Image.Image:
    (data,) = [rendition.data for rendition in picture.renditions if rendition.size is size]
    return opened(data)


FORMATS: dict[str, tuple[str, str, dict[str, Any], FileFormat]] = {
    "jpeg": ("RGB", "JPEG", {"quality": 95}, FileFormat.JPEG),
    "progressive jpeg": ("RGB", "JPEG", {"quality": 95, "progressive": True}, FileFormat.JPEG),
    "cmyk jpeg": ("CMYK", "JPEG", {"quality": 95}, FileFormat.JPEG),
    "png": ("RGB", "PNG", {}, FileFormat.PNG),
    "palette png": ("P", "PNG", {}, FileFormat.PNG),
    "webp": ("RGB", "WEBP", {"quality": 95}, FileFormat.WEBP),
    "lossless webp": ("RGBA", "WEBP", {"lossless": True}, FileFormat.WEBP),
    "gif": ("P", "GIF", {}, FileFormat.PNG),
    "tiff": ("RGB", "TIFF", {"compression": "tiff_lzw"}, FileFormat.JPEG),
    "cmyk tiff": ("CMYK", "TIFF", {}, FileFormat.JPEG),
    "lab tiff": ("LAB", "TIFF", {}, FileFormat.JPEG),
    "bmp": ("RGB", "BMP", {}, FileFormat.JPEG),
    "avif": ("RGB", "AVIF", {"quality": 95}, FileFormat.JPEG),
    "heic": ("RGB", "HEIF", {"quality": 95}, FileFormat.JPEG),
}


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
        assert converted is not None
        return converted
    return image.convert(mode, palette=Image.Palette.ADAPTIVE) if mode == "P" else image.convert(mode)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_comes_out_as_it_looks_and_is_what_it_says(images: PillowImages, name: str) -> None:
    mode, form, options, becomes = FORMATS[name]
    picture = render(images, encoded(in_mode(quadrants(1600, 1000), mode), form, **options))
    assert (picture.width, picture.height) == (1600, 1000)
    assert [rendition.size for rendition in picture.renditions] == list(WIDTHS)
    for rendition in picture.renditions:
        image = opened(rendition.data)
        assert rendition.format is becomes
        assert sniff(rendition.data) is becomes
        assert image.size == (WIDTHS[rendition.size], WIDTHS[rendition.size] * 1000 // 1600)
        assert alike(image, quadrants(*image.size), tolerance=40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation_is_applied(images: PillowImages, form: str, orientation: int) -> None:
    stored = oriented(quadrants(1600, 1000), orientation)
    picture = render(images, encoded(stored, form, exif=exif(orientation)))
    assert (picture.width, picture.height) == (1600, 1000)
    assert alike(rendition(picture, Size.LARGE), quadrants(1200, 750), tolerance=24)
    assert rendition(picture, Size.THUMBNAIL).size == (200, 125)


@pytest.mark.parametrize("turns", range(4))
def test_a_heic_is_turned_by_its_irot_box_and_not_by_its_exif_too(images: PillowImages, turns: int) -> None:
    """As an iPhone writes it: the box says how to show it, and EXIF says the same once more."""
    stored = quadrants(1600, 1000).rotate(-90 * turns, expand=True)
    data = with_irot(encoded(stored, "HEIF", quality=95), turns)
    picture = render(images, data)
    assert (picture.width, picture.height) == (1600, 1000)
    assert alike(rendition(picture, Size.LARGE), quadrants(1200, 750), tolerance=40)


def test_damaged_exif_costs_no_photo(images: PillowImages) -> None:
    data = encoded(quadrants(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff nonsense")
    assert render(images, data).width == 320


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_no_metadata_is_left(images: PillowImages, form: str) -> None:
    options: dict[str, Any] = {"exif": exif(1), "icc_profile": display_p3()}
    if form == "JPEG":
        options |= {"comment": b"the address of somebody's home", "xmp": b"<x:xmpmeta>home</x:xmpmeta>"}
    for rendition in render(images, encoded(quadrants(800, 600), form, **options)).renditions:
        image = opened(rendition.data)
        assert not image.getexif()
        assert not {"icc_profile", "exif", "comment", "xmp", "photoshop"} & image.info.keys()
        assert b"home" not in rendition.data


def test_wide_gamut_colours_are_converted(images: PillowImages) -> None:
    """Display P3's (200, 100, 50), a colour that sRGB has, too, is a more vivid triple there."""
    wide = Image.new("RGB", (400, 300), (200, 100, 50))
    picture = render(images, encoded(wide, "PNG", icc_profile=display_p3()))
    red, green, blue = rendition(picture, Size.SMALL).getpixel((200, 150))  # type: ignore[misc]
    assert (red, green, blue) != (200, 100, 50)
    assert abs(red - 213) <= 3
    assert abs(green - 96) <= 3
    assert abs(blue - 34) <= 6


@pytest.mark.parametrize("profile", [b"no profile at all", display_p3()[:200], b""])
def test_a_profile_that_is_broken_or_for_another_mode_is_ignored(images: PillowImages, profile: bytes) -> None:
    picture = render(images, encoded(quadrants(), "PNG", icc_profile=profile))
    assert alike(rendition(picture, Size.LARGE), quadrants())
    gray = render(images, encoded(quadrants(mode="L"), "PNG", icc_profile=display_p3()))
    assert alike(rendition(gray, Size.LARGE), quadrants(mode="L"))


def test_alpha_is_kept_where_the_format_has_it_and_white_elsewhere(images: PillowImages) -> None:
    clear = Image.new("RGBA", (400, 300), (255, 0, 0, 0))
    ImageDraw.Draw(clear).rectangle((0, 0, 199, 299), (255, 0, 0, 255))
    for form in ("PNG", "WEBP"):
        small = rendition(render(images, encoded(clear, form, lossless=True)), Size.SMALL)
        assert small.mode == "RGBA"
        assert small.getpixel((350, 150))[3] == 0  # type: ignore[index]
        assert small.getpixel((50, 150))[3] == 255  # type: ignore[index]
    for form in ("TIFF", "AVIF"):
        small = rendition(render(images, encoded(clear, form)), Size.SMALL)
        assert small.mode == "RGB"
        assert min(small.getpixel((350, 150))) > 250  # type: ignore[arg-type]


def test_transparency_of_a_palette_and_of_a_single_colour(images: PillowImages) -> None:
    palette = quadrants().convert("P", palette=Image.Palette.ADAPTIVE)
    colour = palette.getpixel((10, 10))
    for data in (
        encoded(palette, "PNG", transparency=colour),
        encoded(palette, "GIF", transparency=colour),
        encoded(quadrants(), "PNG", transparency=(255, 0, 0)),
    ):
        small = rendition(render(images, data), Size.SMALL)
        assert small.getpixel((10, 10))[3] == 0  # type: ignore[index]
        assert small.getpixel((300, 200))[3] == 255  # type: ignore[index]


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_a_channel_are_no_white_picture(images: PillowImages, form: str) -> None:
    ramp = Image.new("I;16", (400, 100))
    ramp.putdata([x * 65535 // 399 for _ in range(100) for x in range(400)])
    small = rendition(render(images, encoded(ramp, form)), Size.SMALL).convert("L")
    for x in (20, 200, 380):
        assert abs(small.getpixel((x, 50)) - x * 255 // 399) <= 4  # type: ignore[operator]


def test_floating_point_and_one_bit_pictures(images: PillowImages) -> None:
    ramp = Image.new("F", (400, 100))
    ramp.putdata([x / 399 for _ in range(100) for x in range(400)])
    small = rendition(render(images, encoded(ramp, "TIFF")), Size.SMALL).convert("L")
    assert small.getpixel((20, 50)) < 30 < 220 < small.getpixel((380, 50))  # type: ignore[operator]
    flat = rendition(render(images, encoded(Image.new("F", (40, 30), -5.0), "TIFF")), Size.SMALL)
    assert flat.size == (40, 30)
    bits = rendition(render(images, encoded(quadrants(mode="1"), "PNG")), Size.SMALL)
    assert bits.getpixel((300, 200)) == 255


def test_the_first_frame_of_an_animation_and_the_first_page_of_a_tiff(images: PillowImages) -> None:
    frames = [quadrants(), Image.new("RGB", (320, 240), "black")]
    for form in ("GIF", "WEBP", "TIFF"):
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        assert alike(rendition(render(images, data), Size.LARGE), quadrants(), tolerance=24)


@pytest.mark.parametrize(
    ("width", "height"),
    [(150, 100), (200, 900), (201, 1), (1, 5000), (5000, 1), (1199, 800), (1200, 800), (1300, 7)],
)
def test_nothing_is_enlarged_and_no_side_vanishes(images: PillowImages, width: int, height: int) -> None:
    picture = render(images, encoded(Image.new("RGB", (width, height), "teal"), "JPEG"))
    for rendition in picture.renditions:
        target = min(width, WIDTHS[rendition.size])
        assert opened(rendition.data).size == (target, max(1, round(height * target / width)))


def test_jpegs_have_quality_85_and_4_2_0(images: PillowImages) -> None:
    reference = opened(encoded(quadrants(), "JPEG", quality=85))
    for rendition in render(images, encoded(quadrants(2000, 1500), "JPEG")).renditions:
        image: Any = opened(rendition.data)
        assert image.quantization == reference.quantization  # type: ignore[attr-defined]
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]


@pytest.fixture
def big_source(form: str, draw_once: DrawOnce) -> bytes:
    """The noisier, the longer it takes to encode."""

    def draw(folder: Path) -> None:
        noisy = Image.effect_noise((1500, 1000), 60).convert("RGB")
        options = {"quality": 90} if form in ("AVIF", "HEIF", "WEBP") else {}
        (folder / "noise").write_bytes(encoded(noisy, form, **options))

    return (draw_once(f"noise-{form}", draw) / "noise").read_bytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.9])
def test_a_truncated_file_is_an_error_of_its_own(images: PillowImages, big_source: bytes, part: float) -> None:
    with pytest.raises(Permanent):
        render(images, big_source[: int(len(big_source) * part)])


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + png_chunk(b"IEND", b"")


def test_too_many_pixels_are_refused_before_they_are_decoded(images: PillowImages) -> None:
    gif = b"GIF89a" + struct.pack("<HHBBB", 30_000, 30_000, 0, 0, 0)
    gif += b"\x2c" + struct.pack("<HHHHB", 0, 0, 30_000, 30_000, 0) + b"\x08\x01\x00\x00;"
    for bomb in (gif, png_of(50_000, 50_000)):
        with pytest.raises(Permanent, match="pixels"):
            render(images, bomb)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_bomb_in_a_text_or_profile_chunk_is_harmless(images: PillowImages, kind: bytes) -> None:
    bomb = b"name\0\0" + zlib.compress(b"\0" * 200_000_000, 9)
    with pytest.raises(Permanent):
        render(images, png_of(10_000, 2_000, png_chunk(kind, bomb)))


def test_a_file_is_opened_by_the_plugin_of_its_first_bytes_alone(images: PillowImages) -> None:
    with pytest.raises(Permanent, match="begins like a JPEG"):
        images.render(encoded(quadrants(), "PNG"), FileFormat.JPEG)


@pytest.mark.skipif(CORPUS is None, reason="MEDIA_CORPUS names no folder of camera photos")
class TestCorpus:
    """Real photos of many cameras."""

    @pytest.mark.parametrize("scene", ["Landscape", "Portrait"])
    def test_every_orientation_of_a_scene_looks_the_same(self, images: PillowImages, scene: str) -> None:
        folder = Path(CORPUS or "") / "orientation"
        upright = rendition(render(images, (folder / f"{scene}_1.jpg").read_bytes()), Size.SMALL)
        for number in range(9):
            path = folder / f"{scene}_{number}.jpg"
            if path.exists():
                picture = rendition(render(images, path.read_bytes()), Size.SMALL)
                assert alike(picture, upright, tolerance=60), path.name

    def test_every_camera_photo_is_rendered_but_for_the_corrupted_one(self, images: PillowImages) -> None:
        broken = []
        for path in sorted((Path(CORPUS or "") / "cameras").glob("*.jpg")):
            try:
                assert len(render(images, path.read_bytes()).renditions) == 4
            except Permanent:
                broken.append(path.name)
        assert set(broken) <= {"corrupted.jpg"}
