"""A bundle is reused only where it is exactly what we would have written."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bundle import directory as module
from domain.bundle.directory import held
from domain.bundle.layout import ArchiveEntry, directory
from domain.errors import Conflict
from domain.ports import Entry
from tests.fakes import FakeObjects
from tests.unit.bundle.archives import archive

KEY = "28/processed/zip/28.zip"
ENTRIES, BUNDLE = archive({f"photo/large/{number}.jpg": b"%d" % number * 100 for number in range(20)})
START = ENTRIES[-1].extent.stop


class Ranges(FakeObjects):
    """Remembers which bytes were asked for."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.put(KEY, data)
        self.ranges: list[range | None] = []

    def read(self, key: str, etag: str, extent: range | None = None):  # type: ignore[no-untyped-def]
        self.ranges.append(extent)
        return super().read(key, etag, extent)

    def held(self) -> list[ArchiveEntry]:
        found = self.stored[KEY]
        return held(self, Entry(KEY, found.etag, len(found.data)))


def test_the_directory_tells_what_the_bundle_holds() -> None:
    objects = Ranges(BUNDLE)
    assert objects.held() == ENTRIES
    assert objects.ranges == [range(len(BUNDLE))]


def test_of_a_long_bundle_the_end_alone_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TAIL", len(BUNDLE) - START + 10)
    objects = Ranges(BUNDLE)
    assert objects.held() == ENTRIES
    assert objects.ranges == [range(START - 10, len(BUNDLE))]


def test_of_a_long_directory_the_rest_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TAIL", 100)
    objects = Ranges(BUNDLE)
    assert objects.held() == ENTRIES
    assert objects.ranges == [range(len(BUNDLE) - 100, len(BUNDLE)), range(START, len(BUNDLE) - 100)]


def test_a_directory_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TAIL", 100)
    monkeypatch.setattr(module, "LARGEST", 1000)
    objects = Ranges(BUNDLE)
    assert objects.held() == []
    assert len(objects.ranges) == 1


def test_a_bundle_that_another_job_replaced_is_not_read() -> None:
    objects = FakeObjects()
    objects.put(KEY, BUNDLE)
    with pytest.raises(Conflict):
        held(objects, Entry(KEY, "an older etag", len(BUNDLE)))


def rewritten(change: Callable[[zipfile.ZipFile], None]) -> bytes:
    """The bundle after zipfile wrote its directory anew."""
    file = io.BytesIO(BUNDLE)
    with zipfile.ZipFile(file, "a") as opened:
        change(opened)
        opened._didModify = True  # type: ignore[attr-defined]
    return file.getvalue()


def set_comment(opened: zipfile.ZipFile) -> None:
    opened.comment = b"a comment"


def set_extra(opened: zipfile.ZipFile) -> None:
    opened.filelist[3].extra = b""


def set_flags(opened: zipfile.ZipFile) -> None:
    opened.filelist[3].flag_bits = 0x08


def set_method(opened: zipfile.ZipFile) -> None:
    opened.filelist[3].compress_type = zipfile.ZIP_DEFLATED


def set_date(opened: zipfile.ZipFile) -> None:
    opened.filelist[3].date_time = (2026, 1, 1, 0, 0, 0)


def set_version(opened: zipfile.ZipFile) -> None:
    opened.filelist[3].extract_version = 99


def drop_one(opened: zipfile.ZipFile) -> None:
    del opened.filelist[3]


def drop_the_last(opened: zipfile.ZipFile) -> None:
    del opened.filelist[-1]


def drop_the_first(opened: zipfile.ZipFile) -> None:
    del opened.filelist[0]


def name_one_twice(opened: zipfile.ZipFile) -> None:
    opened.filelist.append(opened.filelist[3])


@pytest.mark.parametrize(
    "change",
    [
        set_comment, set_extra, set_flags, set_method, set_date, set_version,
        drop_one, drop_the_last, drop_the_first, name_one_twice,
    ],
)  # fmt: skip
def test_a_bundle_that_we_would_not_have_written_so_is_not_reused(
    change: Callable[[zipfile.ZipFile], None],
) -> None:
    assert Ranges(rewritten(lambda opened: None)).held() == ENTRIES, "but for the change it is"
    assert Ranges(rewritten(change)).held() == []


@pytest.mark.parametrize(
    "data", [b"", b"x", b"PK\5\6" + bytes(18), b"x" * 100_000, BUNDLE[:-1], BUNDLE + b"x", BUNDLE[START // 2 :]]
)
def test_what_is_no_bundle_is_not_reused(data: bytes) -> None:
    assert Ranges(data).held() == []


def test_bytes_before_the_first_entry_are_not_reused() -> None:
    assert Ranges(b"x" + BUNDLE).held() == [], "zipfile reads it all the same"


@given(st.integers(START, len(BUNDLE) - 1), st.integers(1, 255))
def test_a_directory_with_a_wrong_byte_is_not_taken_for_what_it_was(at: int, change: int) -> None:
    """The wrong byte may make another true directory, of a CRC-32 say: the whole's CRC-32 is for these."""
    data = bytearray(BUNDLE)
    data[at] ^= change
    assert Ranges(bytes(data)).held() != ENTRIES


def test_a_gap_between_two_entries_is_not_reused() -> None:
    """What a deleted member left there must not be copied."""
    _, bundle = archive({"a": b"1" * 50, "gone": b"2" * 50, "c": b"3" * 50})
    entries, _ = archive({"a": b"1" * 50, "gone": b"2" * 50, "c": b"3" * 50})
    left = [entries[0], entries[2]]
    start = entries[2].extent.stop
    assert Ranges(bundle[:start] + directory(left, start)).held() == []
