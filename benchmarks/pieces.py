"""Bytes that lie in several places: what is cut out or put together shares the memory."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property, reduce
from itertools import chain

from domain.crc32 import combine


class Pieces:
    """The bytes of an object or of a part."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = [memoryview(piece) for piece in pieces if len(piece)]

    @classmethod
    def joined(cls, parts: Iterable[Pieces]) -> Pieces:
        """One after another; their CRC-32s are known already, so that nothing is read again."""
        parts = list(parts)
        whole = cls(chain.from_iterable(parts))
        whole.crc32 = reduce(lambda crc32, part: combine(crc32, part.crc32, len(part)), parts, 0)
        return whole

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __iter__(self) -> Iterator[memoryview]:
        return iter(self._pieces)

    def cut(self, start: int, end: int) -> Pieces:
        """The bytes from `start` to before `end`."""
        found, at = [], 0
        for piece in self._pieces:
            found.append(piece[max(0, start - at) : max(0, end - at)])
            at += len(piece)
        return Pieces(found)

    @cached_property
    def crc32(self) -> int:
        crc32 = 0
        for piece in self._pieces:
            crc32 = zlib.crc32(piece, crc32)
        return crc32

    @property
    def checksum(self) -> str:
        """The CRC-32 as S3 tells it."""
        return base64.b64encode(self.crc32.to_bytes(4, "big")).decode()

    @cached_property
    def etag(self) -> str:
        """The ETag of these bytes when they are stored at once."""
        digest = hashlib.md5(usedforsecurity=False)
        for piece in self._pieces:
            digest.update(piece)
        return f'"{digest.hexdigest()}"'
