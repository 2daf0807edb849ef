"""Room for jobs."""

from __future__ import annotations

import threading


class Slots:
    """A number of places, reserved before a receive and freed when nothing came or a job ended."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._changed = threading.Condition()

    def reserve(self, at_most: int, timeout: float) -> int:
        """Take every free place up to `at_most`, waiting for the first; 0 where none came free in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0, timeout)
            taken = min(self._free, at_most)
            self._free -= taken
            return taken

    def free(self, places: int) -> None:
        with self._changed:
            self._free += places
            self._changed.notify_all()

    def wait_until_free(self, timeout: float) -> bool:
        """Wait until every place is free; False where that didn't happen in time (seconds)."""
        with self._changed:
            return self._changed.wait_for(lambda: self._free == self._total, timeout)
