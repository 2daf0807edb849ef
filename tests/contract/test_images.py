"""What everything that renders images does with a JPEG: the fake, Pillow, and the child processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from adapters.decoders.boot import Serving
from adapters.decoders.limits import Limits
from adapters.decoders.pool import Decoders
from adapters.pictures.pillow import PillowImages
from domain.content import FileFormat, sniff
from domain.kinds import WIDTHS
from domain.model import Picture
from domain.ports import Images
from tests.fakes import FakeImages
from tests.images import encoded, quadrants
from worker.bootstrap import RENDERER

PHOTO = encoded(quadrants(800, 600), "JPEG")
OTHER = encoded(quadrants(800, 600).rotate(180), "JPEG")
MOST_PIXELS = 1_000_000

Render = Callable[[bytes, FileFormat], Picture]


def for_a_job(images: Images) -> Render:
    return partial(images.render, job="m-1", key="28/raw/photo/a.jpg", checkpoint=lambda: None)


@pytest.fixture(params=["fake", "pillow", "children"])
def render(request: pytest.FixtureRequest) -> Iterator[Render]:
    if request.param == "fake":
        yield for_a_job(FakeImages())
    elif request.param == "pillow":
        yield PillowImages(MOST_PIXELS).render
    else:
        images = Decoders(Serving(RENDERER, (MOST_PIXELS,)), Limits(1, 1 << 30, 60), lambda reason: None)
        yield for_a_job(images)
        images.close()


def test_there_is_a_jpeg_of_each_width_large_first_and_the_sources_size(render: Render) -> None:
    picture = render(PHOTO, FileFormat.JPEG)
    assert (picture.width, picture.height) == (800, 600)
    assert [rendition.size for rendition in picture.renditions] == list(WIDTHS)
    for rendition in picture.renditions:
        assert rendition.format is FileFormat.JPEG
        assert sniff(rendition.data) is FileFormat.JPEG


def test_the_same_bytes_give_the_same_renditions_and_others_give_others(render: Render) -> None:
    assert render(PHOTO, FileFormat.JPEG) == render(PHOTO, FileFormat.JPEG)
    assert render(PHOTO, FileFormat.JPEG) != render(OTHER, FileFormat.JPEG)


def test_what_the_children_give_is_what_pillow_gives() -> None:
    images = Decoders(Serving(RENDERER, (MOST_PIXELS,)), Limits(1, 1 << 30, 60), lambda reason: None)
    rendered = for_a_job(images)(PHOTO, FileFormat.JPEG)
    images.close()
    assert rendered == PillowImages(MOST_PIXELS).render(PHOTO, FileFormat.JPEG)
