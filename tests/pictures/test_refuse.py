"""What is refused before Pillow opens it, and what only looks like it."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.pictures import refuse as bounds
from adapters.pictures.pillow import PillowImages
from adapters.pictures.refuse import refuse
from domain.content import FileFormat, sniff
from domain.errors import Permanent
from tests import costly
from tests.images import encoded, quadrants

CORPUS = os.environ.get("MEDIA_CORPUS")
MIB = 1024 * 1024
APP = costly.segment(0xE5, b"")


def outcome(data: bytes) -> str:
    """What is said of the file; empty where it is rendered."""
    file_format = sniff(data)
    assert file_format is not None
    try:
        assert PillowImages(100_000_000).render(data, file_format).renditions
    except Permanent as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (costly.jpeg_of_scans(2300), "its 2,300 scans are more than 100"),
        (costly.jpeg_of_scans(2300, comment=costly.EOI), "its 2,300 scans are more than 100"),
        (costly.jpeg_of_segments(4000), "its 4,009 segments before the pixels are more than 1,000"),
        (
            costly.jpeg_of_segments(4000).replace(costly.SOI, costly.SOI + APP + costly.EOI, 1),
            "its 4,010 segments before the pixels",
        ),
        (costly.jpeg_of_segments(270, 65_000), "bytes before the pixels are more than 16,777,216"),
        (costly.jpeg_of_segments(1, junk=17 * MIB), "bytes before the pixels are more than"),
        (costly.png_of_chunks(300_000), "its 300,003 chunks are more than 200,000"),
        (costly.tiff_of_strips(600_000), "its 600,000 strips are more than 500,000"),
        (costly.tiff_of_tile(1200), "its tiles of 1200×1200 are too large for 16×16 pixels"),
    ],
    ids=["scans", "behind comments", "segments", "behind an end", "bytes", "junk", "chunks", "strips", "tile"],
)
def test_what_costs_more_than_its_pixels_is_refused_with_its_own_numbers(data: bytes, why: str) -> None:
    assert why in outcome(data)


def test_a_jpegs_components_in_scans_of_their_own_count_as_scans() -> None:
    """libjpeg then goes over the whole picture for each scan, though it isn't progressive."""
    grey = costly.jpeg_of_scans(300)
    sequential = grey.replace(b"\xff\xc2", b"\xff\xc0")
    assert "300 scans" in outcome(grey)
    assert "scans" not in outcome(sequential)
    two = sequential.replace(b"\x01\x01\x11\x00", b"\x02\x01\x11\x00")
    assert two != sequential
    with pytest.raises(Permanent, match="300 scans"):
        refuse(two, FileFormat.JPEG)


@pytest.mark.parametrize(
    "data",
    [
        costly.jpeg_of_scans(bounds.MOST_SCANS),
        costly.jpeg_of_segments(bounds.MOST_SEGMENTS - 10),
        costly.jpeg_of_segments(250, 65_000),
        encoded(quadrants(), "JPEG", progressive=True) + b"\0\2" + 200 * costly.segment(0xDA, b""),
        costly.png_of_chunks(1000),
        costly.tiff_of_strips(16),
        costly.tiff_of_tile(1024),
        costly.tiff_of_tile(512, width=500, height=500),
        costly.webp_of_frames(2000),
        costly.gif_of_frames(2000),
    ],
    ids=[
        "scans",
        "segments",
        "bytes",
        "behind the end",
        "chunks",
        "strips",
        "small in tile",
        "tile",
        "WebP",
        "GIF",
    ],
)
def test_what_is_within_the_bounds_is_rendered(data: bytes) -> None:
    assert outcome(data) == ""


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", [3, 4])
def test_each_order_of_bytes_and_size_of_words_of_a_tiff_is_read(order: str, big: bool, kind: int) -> None:
    tags = {256: 16, 257: 16, 322: 26000, 323: 26000}
    with pytest.raises(Permanent, match="tiles of 26000×26000 are too large for 16×16"):
        refuse(costly.tiff_header(order, big, kind, tags), FileFormat.TIFF)


def test_segments_are_counted_without_a_copy() -> None:
    data = costly.jpeg_of_segments(1_000_000)
    tracemalloc.start()
    with pytest.raises(Permanent):
        PillowImages(1000).render(data, FileFormat.JPEG)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0"]), st.binary(max_size=200)
)
@example(b"II*\0", b"\x08\0\0\0\xff\xff")
@example(b"\xff\xd8\xff", b"\xc0")
@example(b"\xff\xd8\xff", b"\xda")
def test_any_bytes_pass_or_are_refused(signature: bytes, rest: bytes) -> None:
    file_format = sniff(signature)
    assert file_format is not None
    try:
        refuse(signature + rest, file_format)
    except Permanent as error:
        assert "too large" in str(error) or "more than" in str(error)


@pytest.mark.skipif(not CORPUS, reason="MEDIA_CORPUS isn't set")
def test_no_camera_reaches_a_tenth_of_a_bound() -> None:
    paths = list(Path(CORPUS or "").glob("*/*.jpg"))
    assert paths
    for path in paths:
        data = path.read_bytes()
        segments = list(bounds._jpeg_segments(data))
        assert len(segments) <= bounds.MOST_SEGMENTS / 10
        assert segments[-1][1] <= bounds.MOST_SEGMENT_BYTES / 10
        refuse(data, FileFormat.JPEG)
