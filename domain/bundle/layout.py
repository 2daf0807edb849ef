"""What a bundle looks like, byte for byte (docs/bundles.md has it in words): headers, extra field, directory."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from domain.crc32 import combine

LAYOUT = 1
"""The version of this layout: a bundle with another one is never reused."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_STAMP = struct.Struct("<HHB16sB")
_STAMP_ID = 0x774D


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an entry was made of: the first 16 bytes of the SHA-256 of the object's key, and its ETag.

    `extension` (with its dot) took the place of the key's own in the path; empty, where the key's own is true.
    """

    digest: bytes
    extension: str
    etag: str

    @classmethod
    def of(cls, key: str, etag: str, extension: str | None) -> Stamp:
        return cls(digest(key), extension or "", etag)

    def encode(self) -> bytes:
        """The extra field."""
        text = (self.extension + self.etag).encode()
        length = _STAMP.size - 4 + len(text)
        return _STAMP.pack(_STAMP_ID, length, LAYOUT, self.digest, len(self.extension)) + text

    @classmethod
    def decode(cls, extra: bytes) -> Stamp:
        """The stamp in an entry's extra data, beside a ZIP64 field; raises ValueError where there is none."""
        while len(extra) >= _STAMP.size:
            field, length, _, digest, extension = _STAMP.unpack_from(extra)
            if field == _STAMP_ID:
                text = extra[_STAMP.size : 4 + length].decode()
                return cls(digest, text[:extension], text[extension:])
            extra = extra[4 + length :]
        raise ValueError("the entry has no extra field of ours")


def digest(key: str) -> bytes:
    """By which an entry names its object."""
    return hashlib.sha256(key.encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One entry of the archive: `size` and `offset` in bytes. Its data are stored, as they are."""

    path: str
    stamp: Stamp
    size: int
    crc32: int = 0
    offset: int = 0

    @property
    def large(self) -> bool:
        """Whether its sizes are in a ZIP64 field."""
        return self.size > zipfile.ZIP64_LIMIT

    @property
    def extent(self) -> range:
        """Where it lies in the archive, its header included."""
        return range(self.offset, self.offset + len(self.header()) + self.size)

    def header(self) -> bytes:
        """The local header; its length depends on neither CRC-32 nor offset."""
        return self.info().FileHeader(self.large)

    def info(self) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(self.path, _EPOCH)
        info.create_system = _UNIX
        info.external_attr = 0o644 << 16
        info.extra = self.stamp.encode()
        info.CRC = self.crc32
        info.file_size = info.compress_size = self.size
        info.header_offset = self.offset
        return info


def directory(entries: Iterable[ArchiveEntry], start: int) -> bytes:
    """The central directory in the order of the entries, and its end records; `start` is its offset."""
    file = _After(start)
    with zipfile.ZipFile(file, "w") as archive:
        archive.filelist += [entry.info() for entry in entries]
    return file.getvalue()


class _After(io.BytesIO):
    """A file whose first bytes are elsewhere."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self._start = start

    def tell(self) -> int:
        return self._start + super().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        return self._start + super().seek(offset - self._start)


def checksum(entries: Iterable[ArchiveEntry], directory: bytes) -> int:
    """The CRC-32 of the whole archive, without a look at the members' bytes."""
    crc32 = 0
    for entry in sorted(entries, key=attrgetter("offset")):
        crc32 = combine(zlib.crc32(entry.header(), crc32), entry.crc32, entry.size)
    return zlib.crc32(directory, crc32)
