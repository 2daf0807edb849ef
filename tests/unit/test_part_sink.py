from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.part_sink import PartSink

PART = 5 * 1024
"""Small parts make small tests; the header's room of 65 KiB then spans some of them."""


class Parts:
    """An upload that remembers what it was sent, in which order."""

    def __init__(self) -> None:
        self.sent: dict[int, bytes] = {}
        self.most_held = 0

    def part(self, number: int, data: bytes | bytearray) -> None:
        assert number not in self.sent, "a part is sent once"
        self.sent[number] = bytes(data)

    @property
    def whole(self) -> bytes:
        assert sorted(self.sent) == list(range(1, len(self.sent) + 1))
        return b"".join(self.sent[number] for number in sorted(self.sent))


def archived(members: list[tuple[str, bytes]], part_size: int) -> tuple[Parts, int]:
    parts = Parts()
    sink = PartSink(parts.part, part_size)
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in members:
            with sink.holding(), archive.open(zipfile.ZipInfo(name), "w") as entry:
                entry.write(content)
    return parts, sink.finish()


@given(
    st.lists(
        st.tuples(st.text("abcdefgh/", min_size=1, max_size=300), st.binary(max_size=200)),
        max_size=6,
        unique_by=lambda member: member[0],
    ),
    st.lists(st.integers(0, 200_000), max_size=3),
    st.integers(1024, 200_000),
)
def test_what_is_sent_is_the_zip_that_a_plain_file_would_hold(
    small: list[tuple[str, bytes]], large: list[int], part_size: int
) -> None:
    members = [*small, *((f"large-{n}", b"x" * size) for n, size in enumerate(large))]
    parts, length = archived(members, part_size)
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        for name, content in members:
            with archive.open(zipfile.ZipInfo(name), "w") as entry:
                entry.write(content)
    assert parts.whole == plain.getvalue()
    assert length == len(plain.getvalue())
    assert all(len(part) == part_size for number, part in parts.sent.items() if number < len(parts.sent))


def test_no_entry_has_a_data_descriptor() -> None:
    parts, _ = archived([("a", b"1" * 300_000), ("b", b"2")], PART)
    for info in zipfile.ZipFile(io.BytesIO(parts.whole)).infolist():
        assert not info.flag_bits & 0x08


def test_only_the_parts_that_may_hold_the_header_wait_for_the_end_of_an_entry() -> None:
    parts = Parts()
    sink = PartSink(parts.part, PART)
    with zipfile.ZipFile(sink, "w") as archive, sink.holding(), archive.open("large", "w") as entry:
        for _ in range(1000):
            entry.write(b"x" * 1024)
        assert len(parts.sent) == 1000 * 1024 // PART - 14  # 65 KiB of room are 14 parts
        assert min(parts.sent) == 15


def test_a_part_that_is_gone_cannot_be_written_again() -> None:
    sink = PartSink(Parts().part, PART)
    sink.write(b"x" * 3 * PART)
    sink.seek(0)
    with pytest.raises(io.UnsupportedOperation):
        sink.write(b"y")
