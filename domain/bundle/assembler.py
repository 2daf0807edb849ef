"""The incremental way to write a bundle: S3 copies what it has already, and the rest is sent."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from domain.bundle.flight import SENDING, Flight
from domain.bundle.layout import checksum, directory
from domain.bundle.plan import Moved, Plan, Stretch
from domain.bundle.reading import read_ahead
from domain.crc32 import combine
from domain.ports import Upload
from domain.run import Run

COPIES = 4
"""How many parts S3 copies at once for one job."""


class Assembler:
    """Makes what a plan says, in an upload."""

    def __init__(self, run: Run, upload: Upload, plan: Plan) -> None:
        self._run = run
        self._upload = upload
        self._plan = plan
        self._entries = list(plan.entries)
        self._copies = {n: part for n, part in enumerate(plan.parts, 1) if isinstance(part, Stretch)}
        self._to_copy = deque(self._copies)
        self._crcs: dict[int, int] = {}
        self._sent = 0
        self._size = plan.directory_at

    def write(self) -> tuple[int, int]:
        """Write all parts, and say what the CRC-32 of the whole must be; returns its size and the bytes sent.

        Parts with the header of what S3 copies come last: its CRC-32 is known when it is copied.

        Raises:
            CannotCopy: S3 can't copy a part, or doesn't tell its CRC-32.
        """
        ports, checkpoint = self._run.ports, self._run.attempt.checkpoint
        early, late = self._moved()
        with (
            Flight[None](ports.copies, COPIES, checkpoint) as copying,
            Flight[None](ports.transfers, SENDING, checkpoint) as sending,
        ):
            self._copy_on(copying)
            for number, data in self._filled(early):
                self._send(sending, number, data)
                self._copy_on(copying)
            while copying:
                copying.take()
                self._copy_on(copying)
            for number, data in self._filled(late):
                self._send(sending, number, data)
        return self._size, self._sent

    def _moved(self) -> tuple[list[tuple[int, Moved]], list[tuple[int, Moved]]]:
        """The parts that wait for nothing, and those that wait for copies; the last one is the directory's."""
        copied = {part.entry for part in self._copies.values() if part.entry is not None}
        early: list[tuple[int, Moved]] = []
        late: list[tuple[int, Moved]] = []
        for number, part in enumerate(self._plan.parts, 1):
            if isinstance(part, Stretch):
                continue
            waits = number == len(self._plan.parts) or any(stretch.entry in copied for stretch in part)
            (late if waits else early).append((number, part))
        return early, late

    def _copy_on(self, copying: Flight[None]) -> None:
        while copying.has_ended():
            copying.take()
        while self._to_copy and copying.has_room(1):
            copying.start(1, partial(self._copy, self._to_copy.popleft()))

    def _copy(self, number: int) -> None:
        self._run.attempt.checkpoint()
        part = self._copies[number]
        self._crcs[number] = self._upload.copy(number, part.source, part.extent)

    def _send(self, sending: Flight[None], number: int, data: bytearray) -> None:
        sending.start(len(data), partial(self._upload.part, number, data))
        self._sent += len(data)

    def _filled(self, parts: Sequence[tuple[int, Moved]]) -> Iterator[tuple[int, bytearray]]:
        stretches = (stretch for _, part in parts for stretch in part)
        with closing(read_ahead(self._run, stretches)) as reads:
            for number, part in parts:
                self._run.attempt.checkpoint()
                data = bytearray()
                for stretch, chunks in zip(part, reads, strict=False):
                    piece = b"".join(chunks)
                    if stretch.entry is not None:
                        data += self._header(stretch.entry, piece)
                    data += piece
                if number == len(self._plan.parts):
                    data += self._directory()
                yield number, data

    def _header(self, new: int, first: bytes) -> bytes:
        """The header of a new entry whose first bytes are these, all but what was copied."""
        crc32 = zlib.crc32(first)
        for number, part in self._copies.items():
            if part.entry == new:
                crc32 = combine(crc32, self._crcs[number], len(part.extent))
        entry = self._entries[new] = replace(self._entries[new], crc32=crc32)
        return entry.header()

    def _directory(self) -> bytes:
        found = directory(self._entries, self._plan.directory_at)
        self._upload.expect(checksum(self._entries, found))
        self._size += len(found)
        return found
