"""How far apart the colours of two pictures are, as an eye has it."""

from __future__ import annotations

import numpy as np
from PIL import Image
from skimage.color import deltaE_cie76, rgb2lab

_SAMPLED = (160, 90)


def delta_e(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """ΔE (CIE 1976) of pixels all over two pictures in sRGB, median and 95th percentile; 2.3 can just be seen."""
    error = deltaE_cie76(_lab(one), _lab(other))
    return float(np.median(error)), float(np.percentile(error, 95))


def median_delta_e(one: Image.Image, other: Image.Image) -> float:
    return delta_e(one, other)[0]


def _lab(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    sampled = picture.convert("RGB").resize(_SAMPLED, Image.Resampling.NEAREST)
    lab: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = rgb2lab(np.asarray(sampled))
    return lab
