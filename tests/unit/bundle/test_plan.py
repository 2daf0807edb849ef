"""What is kept, in which order everything lies, and what S3 copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bundle.layout import ArchiveEntry, Stamp
from domain.bundle.plan import MIB, PartSizes, Plan, Stretch, draw_up
from domain.ports import Entry

GIB = 1024 * MIB
SIZES = PartSizes()
OLD = Entry("28/processed/zip/28.zip", "old", 10 * GIB)
HEADER = len(ArchiveEntry("aa", Stamp.of("aa", "1", None), 0).header())
"""Of an entry below 2 GiB whose path has two letters."""


def wanted(members: Mapping[str, int]) -> list[ArchiveEntry]:
    return [ArchiveEntry(path, Stamp.of(path, "1", None), size) for path, size in members.items()]


def old_bundle(members: Mapping[str, int]) -> list[ArchiveEntry]:
    entries, position = [], 0
    for entry in wanted(members):
        entries.append(replace(entry, crc32=1, offset=position))
        position = entries[-1].extent.stop
    return entries


def plan(old: Mapping[str, int], new: Mapping[str, int], sizes: PartSizes = SIZES) -> Plan:
    """From a bundle of the old members to one of the new ones: sizes in bytes by path."""
    members = [Entry(path, "1", size) for path, size in new.items()]
    return draw_up(members, wanted(new), OLD, old_bundle(old), sizes)


def copied(made: Plan) -> list[tuple[str, range]]:
    return [(part.source.key, part.extent) for part in made.parts if isinstance(part, Stretch)]


def moved(made: Plan) -> list[list[tuple[str, range]]]:
    parts = (part for part in made.parts if not isinstance(part, Stretch))
    return [[(stretch.source.key, stretch.extent) for stretch in part] for part in parts]


def test_new_members_are_appended_to_what_is_copied() -> None:
    old = {f"p{number}": 10 * MIB for number in range(9)}
    made = plan(old, {"aa": 3 * MIB} | old)
    end = 9 * (HEADER + 10 * MIB)
    assert copied(made) == [(OLD.key, range(end))]
    assert moved(made) == [[("aa", range(3 * MIB))]]
    assert [entry.path for entry in made.entries] == ["aa", *old], "in key order"
    assert made.entries[0].offset == end
    assert made.directory_at == end + HEADER + 3 * MIB


def test_a_member_that_changed_is_new() -> None:
    old = old_bundle({"aa": 6 * MIB, "bb": 6 * MIB, "cc": 6 * MIB})
    now = wanted({"aa": 6 * MIB, "bb": 6 * MIB, "cc": 6 * MIB})
    now[1] = replace(now[1], stamp=replace(now[1].stamp, etag="2"))
    members = [Entry("aa", "1", 6 * MIB), Entry("bb", "2", 6 * MIB), Entry("cc", "1", 6 * MIB)]
    made = draw_up(members, now, OLD, old, SIZES)
    assert [source for source, _ in copied(made)] == [OLD.key, OLD.key]
    assert moved(made) == [[("bb", range(6 * MIB))]]


(AA,) = wanted({"aa": 6 * MIB})


@pytest.mark.parametrize(
    "now", [replace(AA, path="xx"), replace(AA, size=7), replace(AA, stamp=Stamp.of("aa", "1", ".jpg"))]
)
def test_an_entry_is_kept_only_where_path_size_and_stamp_are_the_same(now: ArchiveEntry) -> None:
    made = draw_up([Entry("aa", "1", now.size)], [now], OLD, old_bundle({"aa": 6 * MIB}), SIZES)
    assert {source for source, _ in copied(made) + [it for part in moved(made) for it in part]} == {"aa"}


def test_what_went_is_in_no_part() -> None:
    made = plan({"aa": 6 * MIB, "bb": 9 * MIB, "cc": 6 * MIB}, {"aa": 6 * MIB, "cc": 6 * MIB})
    third = 2 * HEADER + 15 * MIB
    assert copied(made) == [(OLD.key, range(HEADER + 6 * MIB)), (OLD.key, range(third, third + HEADER + 6 * MIB))]
    assert [entry.offset for entry in made.entries] == [0, HEADER + 6 * MIB]
    assert made.directory_at == 2 * (HEADER + 6 * MIB)


def test_short_runs_come_after_the_long_ones_and_are_moved() -> None:
    made = plan({"aa": MIB, "gone": MIB, "cc": 6 * MIB}, {"aa": MIB, "cc": 6 * MIB})
    assert [len(extent) for _, extent in copied(made)] == [HEADER + 6 * MIB]
    assert moved(made) == [[(OLD.key, range(HEADER + MIB))]]
    assert [entry.offset for entry in made.entries] == [HEADER + 6 * MIB, 0]


def test_a_large_new_member_tops_up_the_part_of_its_header_and_is_copied() -> None:
    made = plan({}, {"vv": 100 * MIB, "ww": 3 * MIB})
    top = 5 * MIB - (HEADER + 3 * MIB) - HEADER
    assert moved(made) == [[("ww", range(3 * MIB)), ("vv", range(top))], []]
    assert copied(made) == [("vv", range(top, 100 * MIB))]


def test_where_enough_is_pending_none_of_it_is_read() -> None:
    made = plan({}, {"vv": 100 * MIB, "ww": 4 * MIB, "xx": 3 * MIB})
    assert moved(made) == [[("ww", range(4 * MIB)), ("xx", range(3 * MIB)), ("vv", range(0))], []]
    assert copied(made) == [("vv", range(100 * MIB))]


def test_a_new_member_of_which_too_little_would_be_left_is_moved() -> None:
    least = 10 * MIB - HEADER
    assert not copied(plan({}, {"vv": least - 1}))
    assert copied(plan({}, {"vv": least}))


def test_many_small_members_are_moved_in_full_parts() -> None:
    made = plan({}, {f"{number:02}": MIB for number in range(20)})
    assert not copied(made)
    assert [len(part) for part in moved(made)] == [8, 8, 4]


def test_what_is_copied_is_cut_into_a_few_large_pieces() -> None:
    made = plan({"vv": 3 * GIB}, {"vv": 3 * GIB})
    sizes = [len(extent) for _, extent in copied(made)]
    assert len(sizes) == 12, "four a GiB"
    assert all(256 * MIB <= size <= 512 * MIB for size in sizes)


def test_an_archive_of_terabytes_has_no_more_parts_than_s3_takes() -> None:
    total = 4 * 1024 * GIB
    members = {f"{number:04}": total // 4000 for number in range(4000)}
    made = plan({}, members, SIZES.grown_for(total))
    assert len(made.parts) <= 10_000
    assert SIZES.grown_for(40 * GIB) == SIZES


members = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.sampled_from([0, 1, 400, 900, 2500]), max_size=8
)


@given(members, members, st.integers(1, 1000), st.integers(0, 1000))
def test_the_parts_are_the_archive_and_none_but_the_last_is_too_small(
    old: dict[str, int], new: dict[str, int], least: int, more: int
) -> None:
    made = plan(old, new, PartSizes(least, least + more, least + more))
    at = {entry.offset: entry for entry in made.entries}
    position = 0
    for number, part in enumerate(made.parts, 1):
        begin = position
        for stretch in (part,) if isinstance(part, Stretch) else part:
            if stretch.entry is None:
                position += len(stretch.extent)
                continue
            entry = made.entries[stretch.entry]
            if not isinstance(part, Stretch):
                assert at[position] is entry, "its header is written here"
                position += len(entry.header())
            assert position == entry.offset + len(entry.header()) + stretch.extent.start
            position += len(stretch.extent)
        assert position - begin >= least or number == len(made.parts)
    assert position == made.directory_at == sum(len(entry.extent) for entry in made.entries)
    assert not isinstance(made.parts[-1], Stretch), "the directory follows in the last one"
