"""Pictures to send: houses, a room and a floor plan, drawn. Each shows which way is up, so that an error shows.

Points are given as fractions of the width and of the height, so that a scene fits any shape.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFont

Colour = tuple[int, int, int]
WHITE, INK = (255, 255, 255), (40, 40, 48)
NOISE = 14
"""How far grain moves a pixel, at most, of 255."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The light of a time of day: sky from top to horizon, then sun, hills, grass, wall, roof and glass."""

    zenith: Colour
    horizon: Colour
    sun: Colour
    hill: Colour
    grass: Colour
    wall: Colour
    roof: Colour
    glass: Colour


NOON = Palette(
    (52, 120, 196), (190, 222, 240), (255, 246, 204), (120, 160, 120), (104, 156, 74),
    (244, 236, 220), (178, 74, 52), (150, 196, 220),
)  # fmt: skip
SUNSET = Palette(
    (66, 52, 118), (255, 164, 92), (255, 214, 120), (92, 74, 110), (88, 104, 66),
    (240, 206, 172), (196, 40, 44), (255, 206, 128),
)  # fmt: skip
MORNING = Palette(
    (112, 168, 206), (250, 232, 214), (255, 250, 228), (150, 178, 160), (134, 176, 96),
    (226, 232, 236), (84, 96, 116), (186, 214, 224),
)  # fmt: skip
DUSK = Palette(
    (14, 24, 62), (92, 96, 150), (236, 236, 250), (34, 44, 74), (32, 56, 48),
    (112, 110, 136), (58, 44, 66), (255, 214, 122),
)  # fmt: skip
PALETTES = (NOON, SUNSET, MORNING, DUSK)


class Canvas:
    """An image drawn on in fractions of its width and height."""

    def __init__(self, background: Image.Image) -> None:
        self.image = background
        self._draw = ImageDraw.Draw(background)

    def area(self, colour: Colour, *points: tuple[float, float]) -> None:
        self._draw.polygon(self._at(points), fill=colour)

    def box(
        self,
        colour: Colour | None,
        left: float,
        top: float,
        right: float,
        bottom: float,
        line: Colour | None = None,
    ) -> None:
        thickness = max(1, self.image.width // 250)
        self._draw.rectangle(self._at([(left, top), (right, bottom)]), colour, line, thickness)

    def disc(self, colour: Colour, x: float, y: float, radius: float) -> None:
        """A circle; its radius is a fraction of the shorter side."""
        (centre,) = self._at([(x, y)])
        self._draw.circle(centre, radius * min(self.image.size), fill=colour)

    def label(self, text: str, y: float = 0.055, colour: Colour = WHITE) -> None:
        """A centred line of text with an arrow up on either side; `y` is its middle."""
        width, height = self.image.size
        size = max(8, min(height // 22, width * 2 // (len(text) + 6)))
        self._draw.text(
            (width / 2, y * height), text, fill=colour, anchor="mm", font=ImageFont.load_default(size),
            stroke_width=max(1, size // 16), stroke_fill=INK,
        )  # fmt: skip
        half = self._draw.textlength(text, font=ImageFont.load_default(size)) / 2 + size
        for x in (width / 2 - half, width / 2 + half):
            top, bottom = y * height - size * 0.5, y * height + size * 0.4
            self._draw.polygon([(x, top), (x + size * 0.45, bottom), (x - size * 0.45, bottom)], colour, INK)

    def _at(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        width, height = self.image.size
        return [(x * width, y * height) for x, y in points]


def house(width: int, height: int, seed: int, label: str) -> Image.Image:
    """A house with its garden; the seed picks the light, the trees and where the sun is."""
    dice, palette = random.Random(seed), PALETTES[seed % len(PALETTES)]
    canvas = Canvas(gradient(width, height, palette.zenith, palette.horizon))
    canvas.disc(palette.sun, dice.uniform(0.7, 0.88), dice.uniform(0.14, 0.24), 0.06)
    canvas.area(palette.hill, (0, 0.6), (0.22, 0.46), (0.5, 0.6), (0.75, 0.43), (1, 0.56), (1, 0.8), (0, 0.8))
    canvas.area(palette.grass, (0, 0.68), (0.4, 0.65), (1, 0.69), (1, 1), (0, 1))
    for _ in range(5):
        _tree(canvas, dice.choice((dice.uniform(0.03, 0.18), dice.uniform(0.83, 0.97))), palette)
    _walls(canvas, palette)
    path = shade(palette.wall, 0.75)
    canvas.area(path, (0.47, 0.74), (0.53, 0.74), (0.66, 1), (0.36, 1))
    canvas.label(label)
    return grain(canvas.image, dice)


def _tree(canvas: Canvas, x: float, palette: Palette) -> None:
    leaves = shade(palette.grass, 0.7)
    canvas.box(shade(palette.roof, 0.4), x - 0.008, 0.58, x + 0.008, 0.72)
    canvas.disc(leaves, x, 0.54, 0.09)
    canvas.disc(shade(leaves, 1.2), x - 0.012, 0.51, 0.06)


def _walls(canvas: Canvas, palette: Palette) -> None:
    """The house: on its left a gable, on its right a wing; so that a mirrored picture is no riddle."""
    dark = shade(palette.wall, 0.86)
    canvas.box(dark, 0.5, 0.5, 0.78, 0.74)
    canvas.area(shade(palette.roof, 0.85), (0.48, 0.5), (0.54, 0.38), (0.75, 0.38), (0.81, 0.5))
    canvas.box(palette.wall, 0.24, 0.46, 0.54, 0.74)
    canvas.area(palette.roof, (0.21, 0.47), (0.39, 0.27), (0.57, 0.47))
    canvas.box(shade(palette.roof, 0.6), 0.45, 0.26, 0.48, 0.36)
    canvas.box(shade(palette.roof, 0.7), 0.47, 0.58, 0.53, 0.74)
    for left, top in ((0.28, 0.5), (0.28, 0.62), (0.38, 0.5), (0.38, 0.62), (0.58, 0.56), (0.68, 0.56)):
        canvas.box(palette.glass, left, top, left + 0.06, top + 0.075, (250, 250, 246))
        canvas.box((250, 250, 246), left + 0.028, top, left + 0.032, top + 0.075)


def room(width: int, height: int, seed: int, label: str) -> Image.Image:
    """A living room: floor boards, a window on the left, a sofa, a lamp on the right."""
    dice = random.Random(seed)
    wall, floor, cloth = (226, 214, 196), (168, 122, 84), (62, 104, 112)
    canvas = Canvas(gradient(width, height, shade(wall, 1.06), shade(wall, 0.9)))
    canvas.area(floor, (0, 0.82), (0.12, 0.7), (0.88, 0.7), (1, 0.82), (1, 1), (0, 1))
    for board in range(-6, 18):
        near, far = board / 11, 0.12 + 0.76 * (board + 6) / 23
        canvas.area(
            shade(floor, dice.uniform(0.85, 1.1)), (far, 0.7), (far + 0.03, 0.7), (near + 0.08, 1), (near, 1)
        )
    canvas.area(shade(wall, 0.85), (0, 0), (0.12, 0.1), (0.12, 0.7), (0, 0.82))
    canvas.area(shade(wall, 0.8), (1, 0), (0.88, 0.1), (0.88, 0.7), (1, 0.82))
    canvas.box((178, 214, 236), 0.18, 0.2, 0.42, 0.5, (250, 250, 246))
    canvas.area((132, 170, 118), (0.185, 0.49), (0.185, 0.42), (0.28, 0.38), (0.415, 0.44), (0.415, 0.49))
    canvas.box((250, 250, 246), 0.297, 0.2, 0.303, 0.5)
    canvas.box(shade(cloth, 0.85), 0.3, 0.52, 0.72, 0.7)
    canvas.box(cloth, 0.27, 0.62, 0.75, 0.76)
    canvas.box((224, 150, 70), 0.34, 0.56, 0.42, 0.66)
    canvas.box((70, 60, 54), 0.817, 0.38, 0.823, 0.74)
    canvas.area((255, 226, 150), (0.79, 0.28), (0.85, 0.28), (0.88, 0.4), (0.76, 0.4))
    canvas.label(label, colour=INK)
    return grain(canvas.image, dice)


def floor_plan(width: int, height: int, label: str) -> Image.Image:
    """A floor plan in ink on paper."""
    paper = (252, 251, 246)
    canvas = Canvas(Image.new("RGB", (width, height), paper))
    for left, top, right, bottom in (
        (0.1, 0.14, 0.56, 0.52), (0.56, 0.14, 0.9, 0.38), (0.56, 0.38, 0.9, 0.62), (0.1, 0.52, 0.34, 0.86),
        (0.34, 0.62, 0.9, 0.86),
    ):  # fmt: skip
        canvas.box(None, left, top, right, bottom, INK)
    for left, top, right, bottom in (
        (0.2, 0.512, 0.28, 0.528),
        (0.66, 0.61, 0.74, 0.63),
        (0.55, 0.24, 0.57, 0.31),
    ):
        canvas.box(paper, left, top, right, bottom)
    canvas.box((222, 230, 236), 0.16, 0.2, 0.34, 0.3, INK)
    canvas.box((236, 228, 214), 0.64, 0.7, 0.82, 0.79, INK)
    canvas.label(label, colour=INK)
    return canvas.image


def gradient(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    """One colour into another, from top to bottom."""
    ramp = Image.linear_gradient("L").resize((width, height), Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", (width, height), bottom), Image.new("RGB", (width, height), top), ramp)


def grain(image: Image.Image, dice: random.Random) -> Image.Image:
    """The image with the noise of a sensor: the same on all channels, up to NOISE of 255 either way."""
    noise = Image.frombytes("L", image.size, dice.randbytes(image.width * image.height))
    noise = noise.point([value * 2 * NOISE // 255 for value in range(256)])
    return ImageChops.add(image, Image.merge("RGB", (noise,) * 3), offset=-NOISE)


def shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue
