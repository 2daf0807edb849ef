"""The plan of a new bundle: what of the old one it keeps, where everything lies, and how each part comes about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from domain.bundle.layout import ArchiveEntry
from domain.ports import Entry

MIB = 1024 * 1024
MAX_PARTS = 9_000
"""Below S3's 10,000 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)."""


@dataclass(frozen=True, slots=True)
class PartSizes:
    """In bytes: a part has the `least` (S3's rule, but for the last one), a moved one is sent when it is `full`.

    What S3 copies is cut into parts of one to two times `copied`.
    """

    least: int = 5 * MIB
    full: int = 8 * MIB
    copied: int = 256 * MIB

    def grown_for(self, total: int) -> PartSizes:
        """Such that an archive of about so many bytes has no more parts than S3 takes."""
        least = total // MAX_PARTS
        return PartSizes(max(self.least, least), max(self.full, least), max(self.copied, least))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of an object that become part of the archive.

    `entry` is the number of the new entry whose bytes they are; None: they are old entries with their headers.
    """

    source: Entry
    extent: range
    entry: int | None = None


Moved = tuple[Stretch, ...]
"""A part whose bytes are read and sent. Before those of a new entry comes its header."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The new bundle: its entries in key order, the new ones yet without their CRC-32, and its parts.

    A part is a stretch that S3 copies, or is moved. The last one is moved: the directory follows in it.
    """

    entries: tuple[ArchiveEntry, ...]
    parts: tuple[Stretch | Moved, ...]
    directory_at: int


def draw_up(
    members: Sequence[Entry], wanted: Sequence[ArchiveEntry], old: Entry | None, held: Iterable[ArchiveEntry],
    sizes: PartSizes,
) -> Plan:  # fmt: skip
    """The plan of a bundle with the members; `wanted` are their entries, without CRC-32 and offset.

    Where an entry of the old bundle is one of these, it is kept. Long runs of kept entries come first, which S3
    copies, then short ones, then small new members, and large new ones, which S3 copies, too.
    """
    known = {replace(entry, crc32=0, offset=0): entry for entry in held}
    entries = dict(enumerate(wanted))
    kept = {number: known[entry] for number, entry in entries.items() if entry in known}
    cutter = _Cutter(sizes)
    runs = _runs(old, kept) if old else []
    for numbers, run in sorted(runs, key=lambda found: len(found[1].extent) < sizes.least):
        shift = cutter.position - run.extent.start
        entries |= {number: replace(kept[number], offset=kept[number].offset + shift) for number in numbers}
        cutter.add(run)
    new = [number for number in entries if number not in kept]
    for number in sorted(new, key=lambda number: members[number].size >= sizes.least):
        entries[number] = replace(wanted[number], offset=cutter.position)
        whole = range(members[number].size)
        cutter.add(Stretch(members[number], whole, number), len(wanted[number].header()))
    return Plan(tuple(entries.values()), cutter.parts(), cutter.position)


def _runs(old: Entry, kept: Mapping[int, ArchiveEntry]) -> list[tuple[list[int], Stretch]]:
    """The kept entries' numbers, each time of those that lie one after another, and the stretch of these."""
    runs: list[list[int]] = []
    for number in sorted(kept, key=lambda number: kept[number].offset):
        if runs and kept[runs[-1][-1]].extent.stop == kept[number].offset:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [(run, Stretch(old, range(kept[run[0]].offset, kept[run[-1]].extent.stop))) for run in runs]


class _Cutter:
    """Cuts the archive into parts, from its first byte to its last."""

    def __init__(self, sizes: PartSizes) -> None:
        self._sizes = sizes
        self._parts: list[Stretch | Moved] = []
        self._moved: list[Stretch] = []
        self._pending = 0
        self.position = 0

    def add(self, stretch: Stretch, header: int = 0) -> None:
        """Add a stretch and, before it, so many bytes of a header.

        It is copied, where enough is left of it when what is pending is topped up to a part.
        """
        self.position += header + len(stretch.extent)
        self._pending += header
        top = min(max(0, self._sizes.least - self._pending), len(stretch.extent)) if self._pending else 0
        head, rest = stretch.extent[:top], stretch.extent[top:]
        if len(rest) < self._sizes.least:
            self._move(stretch)
            if self._pending >= self._sizes.full:
                self._close()
            return
        if self._pending:
            self._move(replace(stretch, extent=head))
            self._close()
        self._parts += [replace(stretch, extent=piece) for piece in _pieces(rest, self._sizes.copied)]

    def parts(self) -> tuple[Stretch | Moved, ...]:
        return (*self._parts, tuple(self._moved))

    def _move(self, stretch: Stretch) -> None:
        self._moved.append(stretch)
        self._pending += len(stretch.extent)

    def _close(self) -> None:
        self._parts.append(tuple(self._moved))
        self._moved = []
        self._pending = 0


def _pieces(extent: range, size: int) -> Iterator[range]:
    """The extent in equal pieces of one to two times the size, or in one that is smaller."""
    count = max(1, len(extent) // size)
    cuts = [len(extent) * number // count for number in range(count + 1)]
    return (extent[start:end] for start, end in pairwise(cuts))
