"""Which PNGs and GIFs become JPEGs, and which PNGs have a palette."""

from __future__ import annotations

import numpy
import pytest
from PIL import Image, ImageDraw

from adapters.pictures.pillow import PillowImages
from devstack.scenes import floor_plan, house
from domain.content import FileFormat, sniff
from domain.kinds import Size
from domain.model import Picture
from tests.images import encoded, opened, quadrants


@pytest.fixture(scope="module")
def images() -> PillowImages:
    return PillowImages(30_000_000)


def render(images: PillowImages, data: bytes) -> Picture:
    file_format = sniff(data)
    assert file_format in (FileFormat.PNG, FileFormat.GIF)
    return images.render(data, file_format)


def photo() -> Image.Image:
    return house(900, 600, 0, "photo")


def with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    both = image.convert("RGBA")
    both.putalpha(alpha.resize(image.size))
    return both


def round_alpha() -> Image.Image:
    return Image.radial_gradient("L").point([255 if value < 128 else 0 for value in range(256)])


def logo() -> Image.Image:
    image = Image.new("RGB", (900, 600), "#1b4f8a")
    ImageDraw.Draw(image).ellipse((150, 50, 750, 550), fill="#f2b705")
    return image


def two_colours() -> Image.Image:
    """As a scanner writes it, without halftones."""
    plan = floor_plan(1240, 1754, "GROUND FLOOR")
    return plan.convert("L").point([0] * 128 + [255] * 128).convert("1")


PHOTOS = {
    "RGB": lambda: encoded(photo(), "PNG"),
    "gray": lambda: encoded(photo().convert("L"), "PNG"),
    "alpha that is opaque throughout": lambda: encoded(photo().convert("RGBA"), "PNG"),
    "palette": lambda: encoded(photo().quantize(256), "PNG"),
    "GIF": lambda: encoded(photo().quantize(256), "GIF"),
}
DRAWINGS = {
    "flat": lambda: encoded(quadrants(900, 600), "PNG"),
    "logo": lambda: encoded(logo(), "PNG"),
    "floor plan": lambda: encoded(floor_plan(1240, 1754, "GROUND FLOOR"), "PNG"),
    "gray floor plan": lambda: encoded(floor_plan(1240, 1754, "GROUND FLOOR").convert("L"), "PNG"),
    "floor plan of two colours": lambda: encoded(two_colours(), "PNG"),
    "GIF of a floor plan": lambda: encoded(floor_plan(1240, 1754, "GROUND FLOOR").quantize(16), "GIF"),
    "a photo cut out": lambda: encoded(with_alpha(photo(), round_alpha()), "PNG"),
    "a photo with one clear corner": lambda: encoded(with_alpha(photo(), corner()), "PNG"),
}


def corner() -> Image.Image:
    alpha = Image.new("L", (900, 600), 255)
    alpha.paste(0, (0, 0, 40, 40))
    return alpha


@pytest.mark.parametrize("name", PHOTOS)
def test_an_opaque_photo_becomes_jpeg_in_all_its_sizes(images: PillowImages, name: str) -> None:
    for rendition in render(images, PHOTOS[name]()).renditions:
        assert rendition.format is FileFormat.JPEG
        assert sniff(rendition.data) is FileFormat.JPEG


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_and_what_is_transparent_stay_png(images: PillowImages, name: str) -> None:
    for rendition in render(images, DRAWINGS[name]()).renditions:
        assert rendition.format is FileFormat.PNG
        assert sniff(rendition.data) is FileFormat.PNG


def test_the_bar_is_a_third_fewer_bytes(images: PillowImages) -> None:
    """Gray sources of 200 pixels, whose renditions are themselves: more and more of a photo over a drawing."""
    shares = []
    for width in range(70, 92, 2):
        image = floor_plan(200, 150, "PLAN").convert("L")
        image.paste(photo().convert("L").resize((200, 150)).crop((0, 0, width, 150)))
        share = len(encoded(image, "JPEG", quality=85)) / len(encoded(image, "PNG"))
        thumbnail = render(images, encoded(image, "PNG")).renditions[-1]
        assert thumbnail.format is (FileFormat.JPEG if share <= 2 / 3 else FileFormat.PNG), share
        shares.append(share)
    assert any(0.64 < share <= 2 / 3 for share in shares)
    assert any(2 / 3 < share < 0.7 for share in shares)


def test_a_photo_with_more_rows_than_a_jpeg_can_have_stays_png(images: PillowImages) -> None:
    """The thumbnail would fit."""
    tall = Image.effect_noise((202, 65_600), 40)
    assert {rendition.format for rendition in render(images, encoded(tall, "PNG")).renditions} == {FileFormat.PNG}


def same_drawing(source: Image.Image, rendition: bytes, most: float) -> None:
    """The mean difference to the source at this size is at most so much of 255 in each channel."""
    image = opened(rendition).convert(source.mode)
    scaled = numpy.asarray(source.resize(image.size, Image.Resampling.LANCZOS), dtype=int)
    assert numpy.abs(scaled - numpy.asarray(image, dtype=int)).mean(axis=(0, 1)).max() <= most


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_palette_stays_one_where_that_is_smaller(images: PillowImages, form: str) -> None:
    plan = floor_plan(1240, 1754, "GROUND FLOOR")
    of_palette = render(images, encoded(plan.quantize(32), form)).renditions
    of_colours = render(images, encoded(plan, "PNG")).renditions
    for indexed, plain in zip(of_palette, of_colours, strict=True):
        assert opened(indexed.data).mode == "P"
        assert opened(plain.data).mode == "RGB"
        assert len(indexed.data) < 0.7 * len(plain.data)
        same_drawing(plan.quantize(32).convert("RGB"), indexed.data, 3)


def test_a_palette_is_given_up_where_it_isnt_smaller(images: PillowImages) -> None:
    """Four flat quarters: their few lines take more bytes with a palette."""
    source = quadrants(1600, 1000)
    (large, *_) = render(images, encoded(source.quantize(4), "PNG")).renditions
    assert opened(large.data).mode == "RGB"


def test_a_transparent_palette_becomes_all_colours(images: PillowImages) -> None:
    """A palette of colours and transparencies would make opaque pixels a little transparent."""
    palette = logo().quantize(8)
    clear = palette.getpixel((0, 0))
    for rendition in render(images, encoded(palette, "PNG", transparency=clear)).renditions:
        image = opened(rendition.data)
        assert image.mode == "RGBA"
        assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]
        assert image.getpixel((image.width // 2, image.height // 2))[3] == 255  # type: ignore[index]


def test_a_palette_that_would_show_is_given_up(images: PillowImages) -> None:
    """Three gradients, which are no photo: once they are scaled, 256 colours are too few for them."""
    x, y = numpy.meshgrid(numpy.linspace(0, 1, 900), numpy.linspace(0, 1, 600))
    colours = numpy.stack([x * 255, y * 255, x * 3 % 1 * 255], -1).astype(numpy.uint8)
    renditions = render(images, encoded(Image.fromarray(colours).quantize(256), "PNG")).renditions
    (small,) = [rendition for rendition in renditions if rendition.size is Size.SMALL]
    assert small.format is FileFormat.PNG
    assert opened(small.data).mode == "RGB"
