"""The bytes of pictures that may be in memory at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY = 1.0
"""Seconds between two checkpoints of somebody who waits."""


class PhotoBuffer:
    """A budget of `size` bytes for the pictures of all jobs, from their fetching to the end of their rendering.

    First come, first served: a large picture isn't kept waiting by small ones that would fit.
    """

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._waiting: deque[_Place] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, size: int, checkpoint: Callable[[], None]) -> Iterator[None]:
        """Wait until there is room for `size` bytes, and take it until the block ends.

        What is larger than the whole buffer is alone in it. While it waits, `checkpoint` is called, and may raise.
        """
        place = _Place(min(size, self._size))
        with self._lock:
            self._waiting.append(place)
            self._admit()
        try:
            while not place.admitted.wait(LOOK_EVERY):
                checkpoint()
            yield
        finally:
            with self._lock:
                if place.admitted.is_set():
                    self._left += place.size
                else:
                    self._waiting.remove(place)
                self._admit()

    def _admit(self) -> None:
        while self._waiting and self._waiting[0].size <= self._left:
            place = self._waiting.popleft()
            self._left -= place.size
            place.admitted.set()


class _Place:
    def __init__(self, size: int) -> None:
        self.size = size
        self.admitted = threading.Event()
