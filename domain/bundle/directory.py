"""What the listing's last bundle holds, read from its end."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from domain.bundle.layout import ArchiveEntry, Stamp, directory
from domain.errors import Archived
from domain.ports import Entry, Objects

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TAIL = 256 * 1024
"""How many of the last bytes are read at first: the directory of about 1,700 members, and its end records."""
LARGEST = 16 * 1024 * 1024
"""The longest directory, in bytes, that is read: of about 100,000 members."""


def held(objects: Objects, bundle: Entry) -> list[ArchiveEntry]:
    """The entries of a bundle of ours in the directory's order; none, where it isn't exactly as we write it.

    What the directory says is believed where the same entries give the same directory again, and where they lie
    one after another from the first byte to the directory.
    """
    try:
        tail = _Tail(lambda extent: b"".join(objects.read(bundle.key, bundle.etag, extent)), bundle.size)
        with zipfile.ZipFile(tail) as archive:
            start = archive.start_dir
            entries = [_entry(info) for info in archive.infolist()]
        ours = directory(entries, start) == tail.after(start) and _contiguous(entries, start)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, Archived):
        return []
    return entries if ours else []


def _entry(info: zipfile.ZipInfo) -> ArchiveEntry:
    return ArchiveEntry(info.filename, Stamp.decode(info.extra), info.file_size, info.CRC, info.header_offset)


def _contiguous(entries: Sequence[ArchiveEntry], end: int) -> bool:
    position = 0
    for entry in sorted(entries, key=attrgetter("offset")):
        if entry.offset != position:
            return False
        position = entry.extent.stop
    return position == end


class _Tail(io.RawIOBase):
    """An object as a file whose end is in memory; what is asked for before it is read as well."""

    def __init__(self, read: Callable[[range], bytes], size: int) -> None:
        super().__init__()
        self._read = read
        self._size = size
        self._start = max(0, size - TAIL)
        self._data = read(range(self._start, size))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence] + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        found = self.after(self._position)[: len(view)]
        view[: len(found)] = found
        self._position += len(found)
        return len(found)

    def after(self, position: int) -> memoryview:
        """All bytes from there; raises ValueError where these are more than a directory has."""
        if not self._size - LARGEST <= position <= self._size:
            raise ValueError(f"there is no directory at {position} of {self._size} bytes")
        if position < self._start:
            self._data = self._read(range(position, self._start)) + self._data
            self._start = position
        return memoryview(self._data)[position - self._start :]
