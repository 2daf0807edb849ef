from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.keys import MAX_KEY_BYTES
from domain.kinds import WIDTHS
from domain.model import Facts, Origin
from domain.record import Record, origin_metadata, read_record, upload_of

S3_LIMIT = 2048
ETAG = "0123456789abcdef0123456789abcdef-10000"
NAMES = ["upload", "upload-etag", "recipe", "others", "pixels", "sha256"]
OF_FACTS = ["bytes", "content-type", "dominant-color", "thumbhash"]
FACTS = Facts(dict.fromkeys(WIDTHS, 5 * 1024**3), "image/jpeg", "#8a7f6d", "H/iBDQJHNaeDcnQEGVqbP5+xgHiLhYiHiA==")
SIDES = st.integers(1, 65535)
KEYS = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda key: len(key.encode()) <= MAX_KEY_BYTES)


@given(
    KEYS,
    st.none() | st.tuples(SIDES, SIDES),
    st.none() | st.binary(min_size=32, max_size=32),
    st.none() | st.just(FACTS),
)
def test_what_is_written_is_read(
    key: str, sides: tuple[int, int] | None, sha256: bytes | None, facts: Facts | None
) -> None:
    width, height = sides or (None, None)
    record = Record(Origin(key, ETAG, "photo-1"), ("e1", "e2", "e3"), width, height, sha256, facts)
    assert read_record(record.metadata()) == record
    assert upload_of(record.metadata()) == upload_of(origin_metadata(record.origin)) == key


def test_the_longest_record_is_ascii_and_fits_into_what_s3_takes() -> None:
    longest = "ä" * (MAX_KEY_BYTES // 2)
    record = Record(Origin(longest, ETAG, "video-999"), (ETAG,) * 4, 65535, 65535, b"\xff" * 32, FACTS)
    metadata = record.metadata()
    assert all(text.isascii() for item in metadata.items() for text in item)
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= S3_LIMIT


@given(st.dictionaries(st.sampled_from([*NAMES, *OF_FACTS]), st.text()))
def test_metadata_of_others_are_no_record_and_never_an_error(metadata: dict[str, str]) -> None:
    for damaged in (metadata, {**Record(Origin("key", "e", "r"), ("e1",), 4, 3).metadata(), **metadata}):
        record = read_record(damaged)
        assert record is None or record.origin.etag == damaged["upload-etag"]


@pytest.mark.parametrize("lost", OF_FACTS)
def test_a_record_without_all_of_the_facts_is_read_without_any(lost: str) -> None:
    """As an older worker wrote it, or a newer one will: nothing is made anew for the facts."""
    record = Record(Origin("key", ETAG, "photo-1"), ("e1", "e2", "e3"), 4, 3, None, FACTS)
    metadata = record.metadata()
    assert read_record({name: metadata[name] for name in metadata if name != lost}) == replace(record, facts=None)
    assert read_record({**metadata, "bytes": "1 2 3"}) == replace(record, facts=None), "of four renditions"


def test_a_derivative_of_an_older_worker_has_no_upload() -> None:
    assert upload_of({}) is None
    assert read_record({}) is None
    assert upload_of({"upload": "not base64"}) is None
