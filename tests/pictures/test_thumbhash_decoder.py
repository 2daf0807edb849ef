"""The demo's decoder of ThumbHashes shows what the reference implementation shows."""

from __future__ import annotations

import base64

import pytest

from devstack.thumbhash import data_url, decoded
from tests.images import opened

VECTORS = {
    "HvgFDYIDQkNTZHd0ZClWdXuMD5il": ((32, 23), (0, 1, 0, 255), (124, 132, 134, 255), (116, 124, 109, 255)),
    "HugFDQQQJDR1V3VYdGRXdYg5P0B7": ((23, 32), (0, 24, 0, 255), (126, 116, 127, 255), (109, 144, 108, 255)),
    "HgiCCYIXKJaQoFRYjwzPIhAjZmd4V4g=": ((32, 6), (125, 128, 110, 0), (120, 121, 121, 112), (118, 122, 123, 72)),
}
"""The size, and the pixels at the upper left, in the middle and at the bottom (x 3), of `thumbHashToRGBA` of the
npm package thumbhash 0.1.1, which cuts off where we round."""


@pytest.mark.parametrize("text", VECTORS)
def test_it_is_the_picture_of_the_reference_implementation(text: str) -> None:
    image = decoded(base64.b64decode(text))
    size, *pixels = VECTORS[text]
    assert image.size == size
    for at, expected in zip([(0, 0), (size[0] // 2, size[1] // 2), (3, size[1] - 1)], pixels, strict=True):
        found = image.getpixel(at)
        assert isinstance(found, tuple)
        assert all(0 <= level - other <= 1 for level, other in zip(found, expected, strict=True)), (at, found)


def test_a_url_has_the_picture_in_itself() -> None:
    text = next(iter(VECTORS))
    head, _, data = data_url(text).partition(",")
    assert head == "data:image/png;base64"
    assert opened(base64.b64decode(data)).tobytes() == decoded(base64.b64decode(text)).tobytes()
