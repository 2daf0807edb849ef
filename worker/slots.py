"""Room for jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY = 1.0


class Slots:
    """A number of places, reserved before a receive and freed when nothing came or a job ended.

    A job that only waits lends its place to others, but no more than `lendable` jobs do at a time.
    """

    def __init__(self, total: int, lendable: int) -> None:
        self._total = total
        self._free = total
        self._lendable = lendable
        self._lent = 0
        self._returning = 0
        self._changed = threading.Condition()

    def reserve(self, at_most: int, timeout: float) -> int:
        """Take every free place up to `at_most`, waiting for the first; 0 where none came free in time.

        Jobs that want their places back come first.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._free > self._returning, timeout)
            taken = max(0, min(self._free - self._returning, at_most))
            self._free -= taken
            return taken

    def free(self, places: int) -> None:
        with self._changed:
            self._free += places
            self._changed.notify_all()

    @contextmanager
    def lent(self, checkpoint: Callable[[], None]) -> Iterator[None]:
        """Lend one's place for as long as the block takes; `checkpoint` may raise while it is waited for again."""
        with self._changed:
            lends = self._lent < self._lendable
            if lends:
                self._lent += 1
                self._free += 1
                self._changed.notify_all()
        try:
            yield
        finally:
            if lends:
                self._take_back(checkpoint)

    def _take_back(self, checkpoint: Callable[[], None]) -> None:
        with self._changed:
            self._returning += 1
            try:
                while not self._changed.wait_for(lambda: self._free > 0, LOOK_EVERY):
                    checkpoint()
            finally:
                # After an error, too: the job that lent the place is about to free it.
                self._returning -= 1
                self._lent -= 1
                self._free -= 1
                self._changed.notify_all()

    def wait_until_free(self, timeout: float) -> bool:
        """Wait until every place is free and none is lent; False where that took longer (seconds)."""
        with self._changed:
            return self._changed.wait_for(lambda: self._free == self._total and not self._lent, timeout)
