"""The bytes of pictures that may be in memory at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY = 1.0
"""Seconds between two checkpoints of somebody who waits."""


class PhotoBuffer:
    """A budget of `size` bytes for the pictures of all jobs.

    First come, first served: a large picture isn't kept waiting by small ones that would fit. No job has more than
    half of the buffer, or one picture, so that one whose pictures take long leaves room for others.
    """

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._held: Counter[str] = Counter()
        self._waiting: list[_Place] = []
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, size: int, job: str, checkpoint: Callable[[], None]) -> Iterator[None]:
        """Wait until there is room for `size` bytes of a job, and take it until the block ends.

        What is larger than the whole buffer is alone in it. While it waits, `checkpoint` is called, and may raise.
        """
        place = _Place(min(size, self._size), job)
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
                    self._give_back(place)
                else:
                    self._waiting.remove(place)
                self._admit()

    def _admit(self) -> None:
        for place in list(self._waiting):
            held = self._held[place.job]
            if held and held + place.size > self._size // 2:
                continue
            if place.size > self._left:
                return
            self._waiting.remove(place)
            self._held[place.job] += place.size
            self._left -= place.size
            place.admitted.set()

    def _give_back(self, place: _Place) -> None:
        self._left += place.size
        self._held[place.job] -= place.size
        if not self._held[place.job]:
            del self._held[place.job]


class _Place:
    def __init__(self, size: int, job: str) -> None:
        self.size = size
        self.job = job
        self.admitted = threading.Event()
