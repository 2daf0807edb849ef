"""Hostile pictures: any damage to a real file gives renditions or an error code, in bounded time and memory.

`make fuzz` tries 10,000 of them.
"""

from __future__ import annotations

import io
import os
import time
from functools import cache
from pathlib import Path

import pillow_heif
from hypothesis import event, example, given, note
from hypothesis import strategies as st
from PIL import Image

from adapters.pictures.pillow import PillowImages
from devstack.processes import memory
from devstack.scenes import house, room
from domain.content import require
from domain.errors import Permanent
from domain.kinds import Kind
from tests.images import encoded
from tests.linux import LINUX_ONLY

MAX_PIXELS = 1_000_000
MOST_MEMORY = 64 * 1024 * 1024
"""Bytes for a picture of MAX_PIXELS at most, in four channels, and again while it is converted."""
MOST_SECONDS = 5.0
ENDS = [bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\1\0\0", b"\x80\0\0\0", b"\0\0\0\1"]
"""What lengths, counts and offsets are wrong with most."""
PLACES = st.integers(0, 400) | st.integers(0, 2**20)
"""Headers come first, and are hit more often."""
DAMAGES = st.one_of(
    st.tuples(st.just("overwrite"), PLACES, st.binary(min_size=1, max_size=8) | st.sampled_from(ENDS)),
    st.tuples(st.just("insert"), PLACES, st.binary(min_size=1, max_size=64)),
    st.tuples(st.sampled_from(["cut off", "cut out", "repeat"]), PLACES, st.just(b"")),
)
Damage = tuple[str, int, bytes]


@cache
def photos() -> tuple[Image.Image, ...]:
    """Real ones where MEDIA_CORPUS has them."""
    folder = os.environ.get("MEDIA_CORPUS")
    if not folder:
        return house(320, 240, 1, "drawn"), room(240, 320, 2, "drawn")
    paths = [Path(folder) / "orientation" / f"{scene}_6.jpg" for scene in ("Landscape", "Portrait")]
    opened = [Image.open(path) for path in paths]
    for photo in opened:
        photo.thumbnail((320, 320))
    return tuple(opened)


@cache
def seeds() -> tuple[bytes, ...]:
    """Each format that is served, in its variants; photos of cameras as they are."""
    pillow_heif.register_heif_opener()
    files: list[bytes] = []
    for photo in photos():
        rgb = photo.convert("RGB")
        files += [encoded(rgb, form) for form in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")]
        files += [encoded(rgb.convert("RGBA"), form) for form in ("PNG", "WEBP", "AVIF", "HEIF")]
        files += [
            encoded(rgb, "TIFF", compression=how) for how in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")
        ]
        files += [encoded(rgb.convert("CMYK"), form) for form in ("JPEG", "TIFF")]
        files += [encoded(rgb.convert("I;16"), form) for form in ("PNG", "TIFF")]
        files += [encoded(rgb.convert(mode), "PNG", optimize=True) for mode in ("P", "1", "LA")]
        files += [encoded(rgb, "JPEG", progressive=True), encoded(rgb, "PNG", interlace=1)]
        files += [encoded(rgb, "WEBP", lossless=True), encoded(rgb.convert("P"), "BMP")]
    cameras = Path(os.environ.get("MEDIA_CORPUS", "/nowhere")) / "cameras"
    small = [path for path in sorted(cameras.glob("*.jpg")) if path.stat().st_size < 60_000]
    return (*files, *(path.read_bytes() for path in small))


def damaged(data: bytes, damages: list[Damage]) -> bytes:
    for how, at, extra in damages:
        at %= len(data) + 1
        match how:
            case "overwrite":
                data = data[:at] + extra + data[at + len(extra) :]
            case "insert":
                data = data[:at] + extra + data[at:]
            case "cut off":
                data = data[:at]
            case "cut out":
                data = data[:at] + data[at + 40 :]
            case "repeat":
                data = data[:at] + data[max(0, at - 40) :]
    return data


def forget_the_peak() -> None:
    """Let `VmHWM` begin at what is held now (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")


def outcome(data: bytes) -> str:
    """What the worker would make of the upload: "renditions", or its error code."""
    try:
        file_format = require(Kind.PHOTO, data[:1024], "a.jpg", "image/jpeg")
        assert file_format
        picture = PillowImages(MAX_PIXELS).render(data, file_format)
    except Permanent as error:
        assert str(error)
        return error.code or "THUMBNAIL_PROCESSING_FAILED"
    for rendition in picture.renditions:
        with Image.open(io.BytesIO(rendition.data)) as image:
            assert image.width <= 1200
            image.load()
    return "renditions"


@LINUX_ONLY
@given(st.integers(0, 10_000), st.lists(DAMAGES, max_size=6))
@example(0, [])
def test_any_damage_gives_renditions_or_an_error_code_in_bounded_time_and_memory(
    which: int, damages: list[Damage]
) -> None:
    data = damaged(seeds()[which % len(seeds())], damages)
    forget_the_peak()
    before, started = memory("VmRSS"), time.monotonic()
    what = outcome(data)
    seconds, taken = time.monotonic() - started, memory("VmHWM") - before
    event(what)
    note(f"{what} after {seconds:.2f} s, {taken} bytes more")
    assert seconds < MOST_SECONDS
    assert taken < MOST_MEMORY


def test_what_is_damaged_was_whole() -> None:
    assert [which for which, data in enumerate(seeds()) if outcome(data) != "renditions"] == []
