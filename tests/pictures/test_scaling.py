"""How large sources look that no decoder scales; `make bench` compares all sizes of whole photos."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from adapters.pictures.pillow import PillowImages
from benchmarks.thumbnails import LEAST_SSIM_DIFFERENCE, naive, photo, reference, ssim
from domain.content import FileFormat
from domain.kinds import WIDTHS, Size
from tests.images import encoded

LARGE = WIDTHS[Size.LARGE]
SOURCES: list[tuple[FileFormat, dict[str, Any], int]] = [
    (FileFormat.PNG, {"compress_level": 1}, 4000),
    (FileFormat.PNG, {"compress_level": 1}, 4800),
    (FileFormat.PNG, {"compress_level": 1}, 6000),
    (FileFormat.PNG, {"compress_level": 1}, 8000),
    (FileFormat.HEIF, {"quality": 80}, 4000),
    (FileFormat.AVIF, {"quality": 80, "speed": 10}, 4000),
]


@pytest.mark.parametrize(("file_format", "options", "width"), SOURCES)
def test_the_large_rendition_looks_like_a_slow_resize(
    file_format: FileFormat, options: dict[str, Any], width: int
) -> None:
    """A strip of a photo: what counts is by how much it shrinks."""
    strip = Image.open(io.BytesIO(photo(width, width // 16)))
    data = encoded(strip, file_format.name, **options)
    ours = PillowImages(10_000_000).render(data, file_format).renditions[0]
    slow = reference(data)[LARGE]
    assert ssim(slow, ours.data) - ssim(slow, naive(data)[LARGE]) >= LEAST_SSIM_DIFFERENCE
