"""The places for jobs that work at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY = 1.0


class Slots:
    """A number of places: reserved before a receive, then occupied by the jobs that came, or given up.

    A job that only waits lends its place to others, but no more than `lendable` jobs do at a time. When it wants
    one back, it comes before new jobs and doesn't wait for places that are only reserved: a long poll holds those
    for long. So there may be twice as many jobs at work as places for a while.

    `limit` is told whether any job is in hand, and says beyond how many jobs at work nobody may reserve a place at
    present; None: the number of places is the only limit.
    """

    def __init__(self, total: int, lendable: int, limit: Callable[[bool], int | None] = lambda _: None) -> None:
        self._total = total
        self._limit = limit
        self._reserved = 0
        self._occupied = 0
        self._lendable = lendable
        self._lent = 0
        self._returning = 0
        self._closed = False
        self._withheld = False
        self._changed = threading.Condition()

    def reserve(self, at_most: int, timeout: float) -> int:
        """Reserve every free place up to `at_most`, waiting for the first; 0 where none came free in time."""
        with self._changed:
            waited = 0.0
            while not self._changed.wait_for(lambda: self._free() > 0 or self._closed, LOOK_EVERY):
                waited += LOOK_EVERY
                if waited >= timeout:
                    break
            places = max(0, min(self._free(), at_most))
            self._reserved += places
            return places

    def close(self) -> None:
        """Keep nobody waiting for a place to reserve: no message is received any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def withhold(self, withheld: bool) -> None:
        """Let no place be reserved, or let it be again: no message is received meanwhile."""
        with self._changed:
            self._withheld = withheld
            self._changed.notify_all()

    def occupy(self, reserved: int, used: int) -> None:
        """Occupy some of the places that were reserved, and give up the others."""
        with self._changed:
            self._reserved -= reserved
            self._occupied += used
            self._changed.notify_all()

    def free(self) -> None:
        """Give up a place that was occupied."""
        with self._changed:
            self._occupied -= 1
            self._changed.notify_all()

    @contextmanager
    def lent(self, checkpoint: Callable[[], None]) -> Iterator[None]:
        """Lend one's place for as long as the block takes; `checkpoint` may raise while it is waited for again."""
        with self._changed:
            lends = self._lent < self._lendable
            if lends:
                self._lent += 1
                self._occupied -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            if lends:
                self._reclaim(checkpoint)

    def _reclaim(self, checkpoint: Callable[[], None]) -> None:
        with self._changed:
            self._returning += 1
            try:
                while not self._changed.wait_for(lambda: self._occupied < self._total, LOOK_EVERY):
                    checkpoint()
            finally:
                # After an error, too: the job that lent the place is about to free it.
                self._returning -= 1
                self._lent -= 1
                self._occupied += 1
                self._changed.notify_all()

    def _free(self) -> int:
        if self._withheld:
            return 0
        limit = self._limit(self._occupied + self._lent > 0)
        total = self._total if limit is None else min(limit, self._total)
        return total - self._occupied - self._reserved - self._returning

    def wait_until_empty(self, timeout: float) -> bool:
        """Wait until no place is reserved, occupied or lent; False where that took longer (seconds)."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._reserved or self._occupied or self._lent), timeout)
