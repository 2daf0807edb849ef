"""The renditions that are kept in memory for the bundle."""

from __future__ import annotations

import threading

RENDITION_BYTES = 100_000_000
"""For all jobs together. 200 photos' renditions have 30 to 70 MB, those of small, detailed ones up to 112."""


class RenditionRoom:
    """A budget of `size` bytes that all jobs share: what is free is the first one's that wants it."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take so many bytes; False where they aren't free."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._left += size


class RenditionCache:
    """Keeps what an attempt has just written, as long as there is room. The others are read from the bucket again.

    Whoever makes one closes it, because other jobs want the room.
    """

    def __init__(self, room: RenditionRoom) -> None:
        self._room = room
        self._kept: dict[tuple[str, str], bytes] = {}
        self._closed = False
        self._lock = threading.Lock()

    def keep(self, key: str, etag: str, data: bytes) -> None:
        with self._lock:
            if not self._closed and (key, etag) not in self._kept and self._room.take(len(data)):
                self._kept[key, etag] = data

    def clear(self) -> None:
        """Forget all objects, for a job that is about to wait for long."""
        with self._lock:
            self._room.give_back(sum(map(len, self._kept.values())))
            self._kept.clear()

    def close(self) -> None:
        """Forget all objects, and keep none any more: threads that are still at work may write one."""
        with self._lock:
            self._closed = True
        self.clear()

    def get(self, key: str, etag: str) -> bytes | None:
        """The bytes of this version of the object; None where they aren't kept."""
        return self._kept.get((key, etag))
