"""What everything that renders images does with a JPEG: the fake, and Pillow."""

from __future__ import annotations

import pytest

from adapters.pictures.pillow import PillowImages
from domain.content import FileFormat, sniff
from domain.kinds import WIDTHS
from domain.ports import Images
from tests.fakes import FakeImages
from tests.images import encoded, quadrants

PHOTO = encoded(quadrants(800, 600), "JPEG")
OTHER = encoded(quadrants(800, 600).rotate(180), "JPEG")


@pytest.fixture(params=["fake", "pillow"])
def images(request: pytest.FixtureRequest) -> Images:
    return FakeImages() if request.param == "fake" else PillowImages(1, 1_000_000)


def test_there_is_a_jpeg_of_each_width_large_first_and_the_sources_size(images: Images) -> None:
    picture = images.render(PHOTO, FileFormat.JPEG)
    assert (picture.width, picture.height) == (800, 600)
    assert [rendition.size for rendition in picture.renditions] == list(WIDTHS)
    for rendition in picture.renditions:
        assert rendition.format is FileFormat.JPEG
        assert sniff(rendition.data) is FileFormat.JPEG


def test_the_same_bytes_give_the_same_renditions_and_others_give_others(images: Images) -> None:
    assert images.render(PHOTO, FileFormat.JPEG) == images.render(PHOTO, FileFormat.JPEG)
    assert images.render(PHOTO, FileFormat.JPEG) != images.render(OTHER, FileFormat.JPEG)
