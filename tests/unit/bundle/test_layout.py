"""What we write is what zipfile writes."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bundle.layout import ArchiveEntry, Stamp, checksum, directory
from tests.unit.bundle.archives import archive

GIB = 1024**3
MEMBERS = {"photo/large/a.jpg": b"a" * 1000, "project/doc/original/Grundriß.pdf": b"b", "empty": b""}


@given(st.text(), st.text("abcdef0123456789-", max_size=60), st.sampled_from([None, ".jpg", ".heic"]))
def test_an_entry_says_what_it_was_made_of(key: str, etag: str, extension: str | None) -> None:
    stamp = Stamp.of(key, etag, extension)
    assert stamp.extension == (extension or "")
    assert stamp.etag == etag
    assert Stamp.decode(stamp.encode()) == stamp
    zip64 = b"\1\0\x08\0" + bytes(8)
    assert Stamp.decode(zip64 + stamp.encode()) == stamp


@pytest.mark.parametrize("extra", [b"", b"\1\0\x08\0" + bytes(8), b"\x4d\x77\2\0ab", bytes(100)])
def test_an_entry_without_our_extra_field_says_nothing(extra: bytes) -> None:
    with pytest.raises(ValueError, match="no extra field"):
        Stamp.decode(extra)


def test_the_extra_field_is_what_the_page_says() -> None:
    assert (
        Stamp.of("28/a.heic", "9e10-7", ".jpg").encode()
        == (
            b"\x4d\x77" + b"\x1c\0"  # id and length
            b"\1" + hashlib.sha256(b"28/a.heic").digest()[:16] + b"\4.jpg9e10-7"
        )
    )


def test_a_bundle_is_byte_for_byte_what_zipfile_writes() -> None:
    entries, ours = archive(MEMBERS)
    theirs = io.BytesIO()
    with zipfile.ZipFile(theirs, "w") as written:
        for entry in entries:
            written.writestr(entry.info(), MEMBERS[entry.path])
    assert ours == theirs.getvalue()


def test_the_directory_is_in_the_order_that_is_given() -> None:
    entries, ours = archive(MEMBERS)
    start = entries[-1].extent.stop
    turned = io.BytesIO(ours[:start] + directory(reversed(entries), start))
    with zipfile.ZipFile(turned) as read:
        assert read.namelist() == list(reversed(MEMBERS))
        assert read.testzip() is None


def test_the_whole_has_the_checksum_that_its_entries_say() -> None:
    entries, ours = archive(MEMBERS)
    tail = ours[entries[-1].extent.stop :]
    assert checksum(reversed(entries), tail) == zlib.crc32(ours)
    assert checksum([replace(entries[0], crc32=1), *entries[1:]], tail) != zlib.crc32(ours)


LARGE = ArchiveEntry("video/a.mp4", Stamp.of("a", "1", None), 5 * GIB, 7, 0)
BEYOND = ArchiveEntry("video/b.mp4", Stamp.of("b", "2", None), 10, 8, LARGE.extent.stop)


def test_sizes_and_offsets_of_gigabytes_are_in_zip64_fields() -> None:
    start = BEYOND.extent.stop
    with zipfile.ZipFile(sparse(directory([LARGE, BEYOND], start), start)) as read:
        assert [(i.file_size, i.compress_size, i.header_offset, i.CRC) for i in read.infolist()] == [
            (5 * GIB, 5 * GIB, 0, 7),
            (10, 10, BEYOND.offset, 8),
        ]
        assert read.start_dir == start
    assert LARGE.header()[18:26] == b"\xff" * 8, "both sizes are in the ZIP64 field"
    assert LARGE.header().endswith((5 * GIB).to_bytes(8, "little") * 2)


@pytest.mark.parametrize(("size", "zip64"), [(zipfile.ZIP64_LIMIT, False), (zipfile.ZIP64_LIMIT + 1, True)])
def test_the_header_is_the_same_as_when_zipfile_learns_the_size_later(size: int, zip64: bool) -> None:
    entry = replace(LARGE, size=size)
    assert entry.large == zip64
    counted = zipfile.ZipInfo(entry.path, (1980, 1, 1, 0, 0, 0))
    counted.extra, counted.CRC = entry.stamp.encode(), entry.crc32
    counted.file_size = counted.compress_size = size
    counted.create_system = 3
    assert entry.header() == counted.FileHeader(zip64)


def sparse(tail: bytes, start: int) -> io.BytesIO:
    """A file of which only the end is there."""
    return Sparse(tail, start)


class Sparse(io.BytesIO):
    def __init__(self, tail: bytes, start: int) -> None:
        super().__init__(tail)
        self._start = start

    def tell(self) -> int:
        return self._start + super().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return (
            super().seek(max(0, offset - self._start) if whence == io.SEEK_SET else offset, whence) + self._start
        )


def test_more_entries_than_16_bits_can_count() -> None:
    entry = ArchiveEntry("a", Stamp.of("a", "1", None), 0)
    with zipfile.ZipFile(sparse(directory([entry] * 70_000, 0), 0)) as read:
        assert len(read.infolist()) == 70_000
