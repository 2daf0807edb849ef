"""A file object that writes into a multipart upload."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_HEADER_ROOM = 64 * 1024 + 1024
"""No local header is longer: its name and its extra field have 16-bit lengths."""


class PartSink(io.RawIOBase):
    """A writable and seekable file that keeps a few parts of a multipart upload in memory.

    Full parts are sent and forgotten at once, but for those that may hold the header of the entry in hand:
    its size and CRC are only known at its end, when `zipfile` seeks back and writes the header again.
    Parts of a multipart upload may go in any order, so holding one back stops nothing.
    """

    def __init__(self, send: Callable[[int, bytearray], None], part_size: int) -> None:
        """`send` is called with each part's number, from 1, and its bytes."""
        super().__init__()
        self._send_part = send
        self._part_size = part_size
        self._parts: dict[int, bytearray] = {}
        self._position = 0
        self._length = 0
        self._held: range = range(0)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        self._position = offset
        return offset

    def write(self, data: ReadableBuffer) -> int:
        left = memoryview(data).cast("B")
        written = len(left)
        while left:
            number, start = divmod(self._position, self._part_size)
            piece = left[: self._part_size - start]
            self._part(number)[start : start + len(piece)] = piece
            self._position += len(piece)
            left = left[len(piece) :]
            self._length = max(self._length, self._position)
            self._send_full()
        return written

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold back the part with the header that is written first, until the block ends."""
        first = self._position // self._part_size
        self._held = range(first, (self._position + _HEADER_ROOM) // self._part_size + 1)
        yield
        self._held = range(0)
        self._send_full()

    def finish(self) -> int:
        """Send what is left; returns the length of the whole in bytes."""
        for number in sorted(self._parts):
            self._send(number)
        return self._length

    def _part(self, number: int) -> bytearray:
        if number not in self._parts:
            if number * self._part_size < self._length:
                raise io.UnsupportedOperation(f"part {number} is sent already")
            self._parts[number] = bytearray()
        return self._parts[number]

    def _send_full(self) -> None:
        for number in [n for n, part in self._parts.items() if len(part) == self._part_size]:
            if number not in self._held:
                self._send(number)

    def _send(self, number: int) -> None:
        self._send_part(number + 1, self._parts.pop(number))
