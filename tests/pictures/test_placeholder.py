"""What a page shows before a picture is there: a colour that people agree with, a ThumbHash that others decode."""

from __future__ import annotations

import base64
from collections.abc import Callable
from math import dist

import pytest
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageOps

from adapters.pictures.pillow import PillowImages
from adapters.pictures.placeholder import placeholder
from adapters.pictures.thumbhash import thumbhash
from domain.content import FileFormat, sniff
from tests.images import encoded, exif, opened, oriented, quadrants

Pixel = Callable[[int, int], tuple[int, int, int, int]]


def pattern(x: int, y: int) -> tuple[int, int, int, int]:
    return (x * x + 7 * x * y) % 256, (y * y * 3 + 11 * x) % 256, (x * y + 40 + x * x * y) % 256, 255


def faded(x: int, y: int) -> tuple[int, int, int, int]:
    return *pattern(x, y)[:3], (x * x * 3 + x * y + y * 5) % 256


def cut_out(x: int, y: int) -> tuple[int, int, int, int]:
    return *pattern(x, y)[:3], 255 if x * x > 20 * y else 0


def grey(x: int, y: int) -> tuple[int, int, int, int]:
    level = (x * x + 3 * x * y) % 256
    return level, level, level, 255


VECTORS: dict[tuple[int, int, Pixel], str] = {
    (32, 24, pattern): "HvgFDYIDQkNTZHd0ZClWdXuMD5il",
    (21, 32, pattern): "HugFDQQQJDR1V3VYdGRXdYg5P0B7",
    (100, 75, pattern): "H/gBBYAQAgBkZHWBlkVmVYpvKJBm",
    (32, 32, grey): "HQgGBwABIkNVZYdndniGZoeHBgAAAAAA",
    (32, 9, faded): "HgiCCYIXKJaQoFRYjwzPIhAjZmd4V4g=",
    (10, 32, faded): "HviBCgIXAZN3KTj5eAiWmTNHEKR0eoc=",
    (30, 20, cut_out): "3/eBC4JIFamDgpA6f09/hHB4i3aIiIg=",
    (32, 32, cut_out): "H/iBDQJHNaeDcnQEGVqbP5+xgHiLhYiHiA==",
}
"""Made by the reference implementation: `rgbaToThumbHash(width, height, pixels)` of the npm package thumbhash
0.1.1, in base64. No pattern has a wave of exactly nothing, for there the last bit of a sum decides between 7 and 8
of 15."""


def drawn(width: int, height: int, pixel: Pixel) -> Image.Image:
    return Image.frombytes(
        "RGBA", (width, height), bytes(level for y in range(height) for x in range(width) for level in pixel(x, y))
    )


@pytest.mark.parametrize("vector", VECTORS)
def test_a_thumbhash_is_that_of_the_reference_implementation(vector: tuple[int, int, Pixel]) -> None:
    assert base64.b64encode(thumbhash(drawn(*vector))).decode() == VECTORS[vector]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (200, 1), (2, 3), (200, 20_000)])
@pytest.mark.parametrize("alpha", [255, 90, 0])
def test_whatever_its_shape_a_picture_has_a_placeholder(size: tuple[int, int], alpha: int) -> None:
    colour, text = placeholder(Image.new("RGBA", size, (0, 128, 128, alpha)))
    hashed = base64.b64decode(text)
    assert colour == "#008080" or alpha < 255
    assert bool(hashed[2] & 0x80) == (alpha < 255), "its flag for transparency"
    assert 15 <= len(hashed) <= 25


def with_shapes(background: str, *shapes: tuple[str, tuple[int, int, int, int]], mode: str = "RGB") -> Image.Image:
    image = Image.new(mode, (200, 150), background)
    for colour, box in shapes:
        ImageDraw.Draw(image).rectangle(box, colour)
    return image


def sky_over_grass() -> Image.Image:
    """Three fifths are a sky that fades: of no single blue there is as much as of the grass."""
    sky = ImageOps.colorize(Image.linear_gradient("L"), (70, 140, 235), (130, 180, 250)).resize((200, 90))
    image = Image.new("RGB", (200, 150), (60, 120, 40))
    image.paste(sky)
    return image


def plaster() -> Image.Image:
    """A wall with noise and light from the left, a dark door in it."""
    light = Image.linear_gradient("L").rotate(90).resize((200, 150)).point(lambda level: 150 + level // 8)
    noisy = ImageChops.add(light, Image.effect_noise((200, 150), 40), offset=-128)
    wall = Image.merge(
        "RGB", [noisy, noisy.point(lambda level: level - 10), noisy.point(lambda level: level - 30)]
    )
    ImageDraw.Draw(wall).rectangle((80, 50, 120, 149), (40, 25, 10))
    return wall


HALVES = with_shapes("#c02020", ("#2020c0", (0, 0, 85, 149)))
RED_SOFA = with_shapes("#00ff0000", ("#c02020", (50, 75, 150, 130)), mode="RGBA")

DOMINANT = {
    "one colour": (with_shapes("teal"), "#008080"),
    "a page with a red logo": (with_shapes("white", ("red", (20, 20, 60, 60))), "#ffffff"),
    "a greater and a smaller half, and nothing like their mean": (HALVES, "#c02020"),
    "a sky that fades": (sky_over_grass(), "#64a0f2"),
    "a wall that isn't even": (plaster(), "#a69c88"),
    "grey": (with_shapes("white", ("#505050", (0, 0, 199, 120))).convert("L"), "#505050"),
    "a cut-out, whose clear pixels are green": (RED_SOFA, "#c02020"),
    "a room at night": (with_shapes("#080810", ("#ffe0a0", (90, 60, 110, 90))), "#080810"),
}


@pytest.mark.parametrize("name", DOMINANT)
def test_the_dominant_colour_is_the_obvious_one(name: str) -> None:
    image, expected = DOMINANT[name]
    found, _ = placeholder(image)
    assert dist(ImageColor.getrgb(found), ImageColor.getrgb(expected)) <= 16, found


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
def test_a_photo_has_the_placeholder_of_its_thumbnail(form: str) -> None:
    data = encoded(sky_over_grass().resize((800, 600)), form)
    file_format = sniff(data)
    assert file_format is not None
    picture = PillowImages(1_000_000).render(data, file_format)
    colour, hashed = placeholder(opened(picture.renditions[-1].data))
    assert dist(ImageColor.getrgb(picture.dominant_color), ImageColor.getrgb(colour)) <= 8
    lightness, of_thumbnail = (base64.b64decode(text)[0] & 63 for text in (picture.thumbhash, hashed))
    assert abs(lightness - of_thumbnail) <= 1


def test_a_placeholder_is_upright_and_knows_nothing_of_exif() -> None:
    images = PillowImages(1_000_000)
    upright = encoded(quadrants(800, 600), "PNG")
    stored = encoded(oriented(quadrants(800, 600), 6), "PNG", exif=exif(6))
    assert images.render(stored, FileFormat.PNG) == images.render(upright, FileFormat.PNG)
