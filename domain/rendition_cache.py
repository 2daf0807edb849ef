"""The renditions of an attempt that are kept in memory for the bundle."""

from __future__ import annotations

import threading


class RenditionCache:
    """Keeps objects that were just written, up to a budget in bytes. The others are read from the bucket again."""

    def __init__(self, budget: int) -> None:
        self._room = budget
        self._kept: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()

    def keep(self, key: str, etag: str, data: bytes) -> None:
        with self._lock:
            if len(data) <= self._room:
                self._room -= len(data)
                self._kept[key, etag] = data

    def clear(self) -> None:
        """Forget all objects, for a job that is about to wait for long."""
        with self._lock:
            self._room += sum(map(len, self._kept.values()))
            self._kept.clear()

    def get(self, key: str, etag: str) -> bytes | None:
        """The bytes of this version of the object; None where they aren't kept."""
        return self._kept.get((key, etag))
