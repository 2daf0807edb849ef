"""Images of any depth in 8 bits a channel."""

from __future__ import annotations

from PIL import Image

_SIXTEEN_BIT = (65535.0,)
_FULL_SCALE = {"I": (255.0, 65535.0), "F": (1.0, 255.0, 65535.0)}
"""What white may be in images of wide channels; where it is none of these, the brightest pixel is."""


def eight_bit(image: Image.Image) -> Image.Image:
    """The image in a mode of 8 bits that can be resized: L, LA, RGB, RGBA, CMYK or LAB."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = _scaled_to_eight_bit(image)
        key = image.info.get("transparency")
        return grey if key is None else _transparent_where(image, key, grey)
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
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


def _transparent_where(image: Image.Image, key: int, grey: Image.Image) -> Image.Image:
    """The grey image with alpha: transparent where the 16-bit image has the key, which a PNG's tRNS names."""
    alpha = image.convert("I").point([0 if value == key else 255 for value in range(65536)], "L")
    return Image.merge("LA", (grey, alpha))
