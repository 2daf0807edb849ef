"""Colours: whatever names them, the renditions look like the picture."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from adapters.pictures import icc
from adapters.pictures.colour import source_profile
from adapters.pictures.deep import loaded
from adapters.pictures.nclx import nclx_profile, profile_of
from adapters.pictures.pillow import PillowImages
from devstack.icc import display_p3
from devstack.samples import photo
from domain.content import FileFormat
from domain.kinds import Size
from tests import hdr
from tests.delta_e import delta_e
from tests.heif import with_gain_map
from tests.images import alike, encoded, opened, quadrants
from tests.pictures.test_pillow import png_chunk

pillow_heif.register_heif_opener()

PHOTO = photo(1600, 1200, 3)


def rendered(data: bytes, file_format: FileFormat, size: Size = Size.LARGE) -> Image.Image:
    picture = PillowImages(30_000_000).render(data, file_format)
    (found,) = [rendition.data for rendition in picture.renditions if rendition.size is size]
    return opened(found)


@pytest.fixture(scope="module")
def true_colours() -> Image.Image:
    return rendered(encoded(PHOTO, "PNG"), FileFormat.PNG)


def made(light: hdr.Floats, file_format: FileFormat, name: str, bits: int, folder: Path) -> bytes:
    colours = hdr.COLOURS[name]
    if file_format is FileFormat.HEIF:
        return hdr.heic(light, colours, bits)
    return hdr.avif(light, colours, bits, folder)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("name", hdr.COLOURS)
@pytest.mark.parametrize("file_format", [FileFormat.HEIF, FileFormat.AVIF])
def test_a_picture_keeps_its_colours_in_any_that_nclx_names(
    file_format: FileFormat, name: str, bits: int, tmp_path: Path, true_colours: Image.Image
) -> None:
    data = made(hdr.light_of(PHOTO), file_format, name, bits, tmp_path)
    median, most = delta_e(true_colours, rendered(data, file_format))
    assert median <= 2.5
    assert most <= 9


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("name", hdr.COLOURS)
@pytest.mark.parametrize("file_format", [FileFormat.HEIF, FileFormat.AVIF])
def test_greys_stay_grey(file_format: FileFormat, name: str, bits: int, tmp_path: Path) -> None:
    light = np.linspace(0.005, 1, 512)[None, :, None] * np.ones((128, 1, 3))
    pixels = np.asarray(rendered(made(light, file_format, name, bits, tmp_path), file_format))
    assert np.ptp(pixels, axis=1).min() > 200
    assert np.ptp(pixels, axis=2).max() <= 1


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("name", hdr.COLOURS)
def test_a_heic_gets_no_tint(name: str, bits: int, true_colours: Image.Image) -> None:
    image = rendered(hdr.heic(hdr.light_of(PHOTO), hdr.COLOURS[name], bits), FileFormat.HEIF)
    red, green, blue = np.asarray(image).mean((0, 1)) - np.asarray(true_colours).mean((0, 1))
    assert abs(green - (red + blue) / 2) <= 0.6


@pytest.mark.parametrize(("name", "numbers"), [("P3", (1, 13)), ("HLG", (2, 2)), ("HLG", None)])
def test_a_heic_of_ten_bits_is_decoded_as_before_unless_nclx_changes_it(
    name: str, numbers: tuple[int, int] | None
) -> None:
    data = hdr.heic(hdr.light_of(PHOTO.resize((64, 48))), hdr.COLOURS[name], 10)
    if numbers:
        data = renamed(data, *numbers)
    with Image.open(io.BytesIO(data)) as image:
        assert (loaded(image, data) is image) == (numbers is not None)


@pytest.mark.parametrize("name", ["PQ", "HLG"])
def test_what_is_brighter_than_white_stays_apart_from_it(name: str) -> None:
    """Strips of 50 % to 250 % of SDR's white."""
    light = np.repeat([0.5, 1.0, 1.5, 2.5], 80)[None, :, None] * np.ones((200, 1, 3))
    image = np.asarray(rendered(hdr.heic(light, hdr.COLOURS[name], 10), FileFormat.HEIF).convert("L"))
    dark, white, bright, brightest = (int(image[100, x]) for x in (40, 120, 200, 280))
    assert abs(dark - 188) <= 2
    assert 240 <= white < bright < brightest < 255


def renamed(data: bytes, primaries: int, transfer: int) -> bytes:
    """The file with other numbers in its one `colr` box."""
    at = data.index(b"colrnclx") + 8
    assert data.count(b"colrnclx") == 1
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
@pytest.mark.parametrize("numbers", [(1, 1), (1, 6), (2, 2), (1, 2), (2, 13), (6, 6), (5, 6), (22, 7)])
def test_nclx_of_srgb_or_of_nothing_changes_no_byte(form: str, numbers: tuple[int, int]) -> None:
    data = encoded(PHOTO.resize((400, 300)), form, quality=90)
    images, file_format = PillowImages(1_000_000), FileFormat[form]
    assert images.render(renamed(data, *numbers), file_format) == images.render(data, file_format)
    assert profile_of(1, 13) is None
    assert images.render(renamed(data, 12, 13), file_format) != images.render(data, file_format)


def test_a_profile_in_the_file_goes_before_nclx() -> None:
    with Image.open(io.BytesIO(encoded(PHOTO.resize((64, 48)), "HEIF"))) as image:
        image.info["nclx_profile"] |= {"color_primaries": 9, "transfer_characteristics": 16}
        assert source_profile(image, b"") == profile_of(9, 16)
        image.info["icc_profile"] = display_p3()
        assert source_profile(image, b"") == display_p3()


AVIF = encoded(photo(96, 64, 1), "AVIF", quality=50)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=12), st.booleans())
def test_whatever_is_in_an_avifs_boxes_they_cost_no_picture(at: int, junk: bytes, cut: bool) -> None:
    damaged = AVIF[:at] + junk + (b"" if cut else AVIF[at + len(junk) :])
    with Image.open(io.BytesIO(AVIF)) as image:
        profile = nclx_profile(image, damaged)
    assert profile is None or profile[36:40] == b"acsp"


CHROMATICITIES = {
    "SRGB": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290)),
    "DISPLAY_P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)),
    "DCI_P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    "BT_2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290)),
    "_ADOBE_RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.3290)),
}
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@pytest.mark.parametrize("name", CHROMATICITIES)
def test_colorants_are_the_chromaticities_adapted_to_d50(name: str) -> None:
    *primaries, (x, y) = CHROMATICITIES[name]
    white, d50 = np.array([x / y, 1, (1 - x - y) / y]), np.array([0.9642, 1.0, 0.8249])
    adapt = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ d50) / (BRADFORD @ white)) @ BRADFORD
    expected = (adapt @ hdr.to_xyz(tuple(primaries), (x, y))).T
    colorants: icc.Colorants = getattr(icc, name)
    assert np.allclose(expected, [colorants.red, colorants.green, colorants.blue], atol=2e-5)


def shown(pixel: tuple[int, int, int], profile: bytes) -> tuple[int, int, int]:
    data = encoded(Image.new("RGB", (64, 64), pixel), "PNG", icc_profile=profile)
    red, green, blue = rendered(data, FileFormat.PNG, Size.SMALL).getpixel((30, 30))  # type: ignore[misc]
    return int(red), int(green), int(blue)


def described(profile: bytes, name: str) -> bytes:
    """The profile with one more tag: a name."""
    text = name.encode("utf-16-be")
    tag = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(text), 28) + text
    tag += bytes(-len(tag) % 4)
    count = struct.unpack_from(">I", profile, 128)[0]
    table = bytearray(profile[132 : 132 + 12 * count])
    for entry in range(count):
        at = 12 * entry + 4
        struct.pack_into(">I", table, at, struct.unpack_from(">I", table, at)[0] + 12)
    new = struct.pack(">4sII", b"desc", len(profile) + 12, 28 + len(text))
    body = profile[4:128] + struct.pack(">I", count + 1) + table + new + profile[132 + 12 * count :] + tag
    return struct.pack(">I", len(body) + 4) + body


def test_a_profile_counts_by_what_it_does_and_not_by_its_name() -> None:
    linear = described(icc.matrix_profile(icc.SRGB, icc.gamma_curve(1.0)), "GIMP built-in Linear sRGB")
    srgb = described(icc.matrix_profile(icc.SRGB, icc.srgb_curve()), "the colours of a monitor")
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(linear)))
    assert "monitor" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(srgb)))
    assert shown((55, 55, 55), linear) == (128, 128, 128)
    assert shown((55, 120, 200), srgb) == (55, 120, 200)
    assert shown((10, 10, 10), icc.matrix_profile(icc.SRGB, icc.gamma_curve(2.2))) != (10, 10, 10)


@pytest.mark.parametrize(("brighter", "colour"), [(1.01, (100, 150, 200)), (1.1, (105, 157, 209))])
def test_a_profile_that_is_almost_srgb_counts_as_srgb(brighter: float, colour: tuple[int, int, int]) -> None:
    light = [min(1.0, brighter * float(hdr.srgb_to_light(np.array(step / 255)))) for step in range(256)]
    assert shown((100, 150, 200), icc.matrix_profile(icc.SRGB, icc.table_curve(light))) == colour


@pytest.mark.parametrize(
    ("grey", "saved"),
    [
        (Image.new("L", (64, 64), 60), {}),
        (Image.new("L", (64, 64), 60), {"transparency": 5}),
        (Image.new("LA", (64, 64), (60, 128)), {}),
        (Image.new("LA", (64, 64), (60, 255)), {}),
        (Image.new("I;16", (64, 64), 60 * 257), {}),
        (Image.new("I;16", (64, 64), 60 * 257), {"transparency": 5}),
    ],
    ids=["L", "L with tRNS", "LA", "opaque LA", "16 bit", "16 bit with tRNS"],
)
def test_a_profile_of_greys_counts_with_and_without_transparency(grey: Image.Image, saved: dict[str, int]) -> None:
    data = encoded(grey, "PNG", icc_profile=linear_greys(), **saved)
    *colour, alpha = rendered(data, FileFormat.PNG, Size.SMALL).convert("RGBA").getpixel((30, 30))  # type: ignore[misc]
    assert colour == [133, 133, 133]
    assert alpha == grey.convert("LA").getpixel((30, 30))[1]  # type: ignore[index]


def linear_greys() -> bytes:
    """An ICC profile (version 2) of greys whose values are linear light."""
    tone = struct.pack(">4s4xIHxx", b"curv", 1, 256)
    table = struct.pack(">I4sII", 1, b"kTRC", 144, len(tone))
    head = struct.pack(
        ">I4xI4s4s4s12s4s", 144 + len(tone), 0x02400000, b"mntr", b"GRAY", b"XYZ ", bytes(12), b"acsp"
    )
    return (head + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\0") + table + tone


def test_a_makers_srgb_changes_no_byte() -> None:
    table = icc.table_curve([float(hdr.srgb_to_light(np.array(step / 63))) for step in range(64)])
    makers = (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        icc.matrix_profile(
            icc.Colorants((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)), table
        ),
    )
    images, picture = PillowImages(1_000_000), PHOTO.resize((400, 300))
    plain = images.render(encoded(picture, "JPEG", quality=90), FileFormat.JPEG)
    for profile in makers:
        data = encoded(picture, "JPEG", quality=90, icc_profile=profile)
        assert images.render(data, FileFormat.JPEG) == plain


@pytest.mark.parametrize(("index", "colour"), [("R03", (227, 100, 42)), ("R98", (200, 100, 50))])
def test_adobe_rgb_that_exif_alone_names_is_converted(index: str, colour: tuple[int, int, int]) -> None:
    tags = Image.Exif()
    tags.get_ifd(0x8769)[0xA001] = 0xFFFF
    tags.get_ifd(0x8769)[0xA005] = {1: index}
    data = encoded(Image.new("RGB", (64, 64), (200, 100, 50)), "JPEG", quality=100, exif=tags)
    found = np.asarray(rendered(data, FileFormat.JPEG, Size.SMALL))[30, 30]
    assert np.allclose(found, colour, atol=3), found


def test_sixteen_bit_grey_that_is_transparent_stays_so() -> None:
    row = struct.pack(">64H", *([1000] * 32 + [1001] * 32))
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 16, 0, 0, 0, 0))
    data += png_chunk(b"tRNS", struct.pack(">H", 1000))
    data += png_chunk(b"IDAT", zlib.compress((b"\0" + row) * 64)) + png_chunk(b"IEND", b"")
    image = rendered(data, FileFormat.PNG, Size.SMALL)
    assert image.mode == "RGBA"
    assert image.getpixel((10, 30))[3] == 0  # type: ignore[index]
    assert image.getpixel((50, 30)) == (3, 3, 3, 255)


@pytest.mark.parametrize("metadata", [{"xmp": b'<x:xmpmeta hdrgm:Version="1.0"/>'}, {}])
def test_of_a_jpeg_with_a_gain_map_the_base_picture_is_shown(metadata: dict[str, bytes]) -> None:
    """Ultra HDR: the gain map is the second image of a Multi-Picture Format, and XMP says so."""
    base, gain_map = quadrants(800, 600), Image.new("L", (200, 150), 255).convert("RGB")
    data = encoded(base, "MPO", save_all=True, append_images=[gain_map], quality=95, **metadata)
    assert b"MPF\0" in data
    assert data.count(b"\xff\xd8\xff") == 2
    assert alike(rendered(data, FileFormat.JPEG), base, tolerance=40)


def test_of_a_heic_with_a_gain_map_the_base_picture_is_shown() -> None:
    base, gain_map = quadrants(800, 600), Image.new("L", (400, 300), 255)
    two = encoded(base, "HEIF", save_all=True, append_images=[gain_map], quality=95)
    data = with_gain_map(two)
    kinds = pillow_heif.open_heif(io.BytesIO(data)).info["aux"]
    assert list(kinds) == ["urn:com:apple:photo:2020:aux:hdrgainmap"]
    assert alike(rendered(data, FileFormat.HEIF), base, tolerance=40)
