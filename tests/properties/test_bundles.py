"""Whatever happens to a listing, its bundle is as if it were streamed anew: same paths, same contents, no more."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from domain.bundle.directory import held
from domain.bundle.layout import Stamp
from domain.bundle.plan import PartSizes
from domain.errors import CannotCopy
from domain.model import Job
from domain.ports import Entry
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps.zip import write_bundle
from tests.fakes import JPEG, MP4, FakeAttempt, FakeObjects, FakeUpload, Stored, make_ports

KEY = "28/processed/zip/28.zip"
SIZES = PartSizes(least=500, full=800, copied=1_000)
"""Tiny ones: a member of a thousand bytes is already one that S3 copies."""
FILES = (
    "photo/vertical/large/a.jpg", "photo/vertical/large/a.heic", "photo/vertical/large/A.jpg",
    "photo/vertical/large/a-2.jpg", "photo/vertical/large/b.png", "photo/vertical/small/b.png",
    "project/doc/original/Grundriß.pdf", "project/doc/original/d", "video/vertical/original/v.mp4",
)  # fmt: skip
FOLDER = "28/processed/"

Change = tuple[str, str, int]
"""What happens, to which file, and a number: a size in bytes, or after how many copies."""
AT_REST = ("no bundle", "an older system's", "another layout's", "damaged")
MEANWHILE = ("it can't copy", "the source changes", "the bundle changes")
files = st.sampled_from(FILES)
sizes = st.sampled_from([0, 40, 300, 499, 501, 1200, 2600])
put = st.tuples(st.just("put"), files, sizes)
delete = st.tuples(st.just("delete"), files, st.just(0))
other = st.tuples(st.sampled_from(AT_REST + MEANWHILE), files, st.integers(0, 2))
first_job = st.tuples(*(st.tuples(st.just("put"), st.just(file), sizes) for file in FILES))
job = st.lists(st.one_of(put, delete, other), min_size=1, max_size=3)


class Bucket(FakeObjects):
    """A bucket that holds us to S3's rules for parts. `ever` are all bytes that were in a file, by its key."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: dict[str, list[bytes]] = {}
        self.trouble = ("", 0)
        self.before = self._disturb
        self._seeds = iter(range(1_000_000))

    def upload(self, file: str, size: int) -> None:
        """A new version, with bytes that no other one has."""
        seed = next(self._seeds)
        data = ((JPEG, MP4, b"")[seed % 3] + random.Random(seed).randbytes(size))[:size]
        self.ever.setdefault(self.put(FOLDER + file, data), []).append(data)

    def _disturb(self, method: str, key: str) -> None:
        what, copies = self.trouble
        if method == "copy part" and what:
            self.trouble = (what if copies else "", copies - 1)
            if copies == 0 and what == "it can't copy":
                raise CannotCopy("a bucket that can't")
            if copies == 0 and what == "the source changes" and key != KEY:
                self.upload(key.removeprefix(FOLDER), 700)
            if copies == 0 and what == "the bundle changes":
                self.stored[KEY] = Stored(b"another job's", "application/zip")

    @contextmanager
    def replace(
        self, key: str, etag: str | None, content_type: str, metadata: Mapping[str, str]
    ) -> Iterator[FakeUpload]:
        with super().replace(key, etag, content_type, metadata) as upload:
            yield upload
            parts = upload._parts
            assert sorted(parts) == list(range(1, len(parts) + 1))
            assert all(len(part) >= SIZES.least for number, part in parts.items() if number < len(parts))


def write(objects: FakeObjects) -> None:
    ports = make_ports(objects=objects)
    write_bundle(Run(Job(21, 28, "m-1"), FakeAttempt(), ports, RenditionCache(RenditionRoom(0))), sizes=SIZES)


def streamed(objects: Bucket) -> bytes:
    """The bundle where nothing can be copied and nothing was there before."""
    fresh = FakeObjects()
    fresh.stored = {key: found for key, found in objects.stored.items() if key != KEY}
    fresh.copies = False
    write(fresh)
    return fresh.stored[KEY].data


def apply(objects: Bucket, change: Change) -> None:
    what, file, number = change
    if what == "put":
        objects.upload(file, number)
    elif what == "delete":
        objects.stored.pop(FOLDER + file, None)
    elif what == "no bundle":
        objects.stored.pop(KEY, None)
    elif what in MEANWHILE:
        objects.trouble = (what, number)
    elif KEY in objects.stored:
        objects.stored[KEY] = spoilt(objects.stored[KEY], what)


def spoilt(bundle: Stored, what: str) -> Stored:
    """Another bundle, which isn't what it says."""
    data, metadata = bytearray(bundle.data), {**bundle.metadata, "members": ""}
    if what == "an older system's":
        metadata = {}
    elif what == "another layout's":
        metadata["bundle"] = "0.0"
    data[len(data) // 3] ^= 1
    return replace(bundle, data=bytes(data), metadata=metadata)


def members(bundle: bytes) -> list[tuple[str, Stamp, bytes]]:
    """Path, stamp and contents of each entry, in the directory's order."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        return [(info.filename, Stamp.decode(info.extra), archive.read(info)) for info in archive.infolist()]


def walked(bundle: bytes) -> dict[str, bytes]:
    """The same from the local headers alone, one after another, as a reader of a stream sees them."""
    found, position = {}, 0
    while bundle[position : position + 4] == b"PK\3\4":
        flags, crc32, size, name, extra = struct.unpack_from("<6xH6xL4xLHH", bundle, position)
        path, start = position + 30, position + 30 + name + extra
        if size == 0xFFFFFFFF:
            (size,) = struct.unpack_from("<Q", bundle, start - 8)
        position = start + size
        data = bundle[start:position]
        assert crc32 == zlib.crc32(data)
        found[bundle[path : path + name].decode("utf-8" if flags & 0x800 else "ascii")] = data
    assert bundle[position : position + 4] == b"PK\1\2", "nothing between the last entry and the directory"
    return found


@given(first_job, st.lists(job, max_size=8), st.sampled_from([zipfile.ZIP64_LIMIT, 1250]))
def test_a_bundle_is_what_streaming_it_anew_would_give(
    first: list[Change], later: list[list[Change]], zip64_above: int
) -> None:
    """Above the limit in bytes, of a few only or of two gigabytes, sizes and offsets are in ZIP64 fields."""
    with mock.patch.object(zipfile, "ZIP64_LIMIT", zip64_above):
        check([first, *later])


def check(history: list[list[Change]]) -> None:
    objects = Bucket()
    for changes in history:
        for change in changes:
            apply(objects, change)
        write(objects)
        objects.trouble = ("", 0)
        if not any(key != KEY for key in objects.stored):
            assert KEY not in objects.stored
            continue
        bundle = objects.stored[KEY]
        expected = streamed(objects)
        assert members(bundle.data) == members(expected)
        assert walked(bundle.data) == {path: data for path, _, data in members(expected)}
        assert held(objects, Entry(KEY, bundle.etag, len(bundle.data))), "the next job can reuse it"
        for key, versions in objects.ever.items():
            for gone in versions if key not in objects.stored else versions[:-1]:
                traces = (gone[at : at + 12] for at in range(len(gone) - 12, 12, -50))
                assert not any(trace in bundle.data for trace in traces)
