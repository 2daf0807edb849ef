"""What this attempt rendered, at hand for the bundle."""

from __future__ import annotations

import threading


class RenditionCache:
    """Keeps objects that were just written, up to a budget in bytes; the rest is read from the bucket again."""

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
        """Keep nothing more of what is kept: the job is about to wait for long."""
        with self._lock:
            self._room += sum(map(len, self._kept.values()))
            self._kept.clear()

    def get(self, key: str, etag: str) -> bytes | None:
        """The object's bytes, if they are kept and the bucket still holds that very version."""
        return self._kept.get((key, etag))
