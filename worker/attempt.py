"""Whether this try at a message may go on, and who settles the message."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

from domain.errors import LeaseLost, Stopped, TimedOut
from domain.model import Job, TranscodingResult
from worker.lease import Lease, Leases
from worker.progress import Progress
from worker.waiting import Waiting

LONGEST_WRAP_UP = 300.0
"""Seconds that are kept for posters, bundle and callback when the time to wait for a video is up."""


class Attempt:
    """The `Attempt` port. `deadline` is in seconds of the clock, `timeout` in seconds from now."""

    def __init__(
        self,
        lease: Lease,
        leases: Leases,
        progress: Progress,
        waiting: Waiting,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self.lease = lease
        self.progress = progress
        self.deadline = clock() + timeout
        self.reporting = False
        self._leases = leases
        self._waiting = waiting
        self._clock = clock
        self._wait_until = self.deadline - min(LONGEST_WRAP_UP, timeout / 4)
        self._hands_over = False
        self._stopped = threading.Event()
        self._claim = threading.Lock()

    @property
    def job(self) -> Job:
        return self.progress.job

    @property
    def receive(self) -> int:
        """The receive count: 1 for the first delivery."""
        return self.lease.message.receive_count

    @property
    def first(self) -> bool:
        return self.receive == 1

    @property
    def last(self) -> bool:
        return self.lease.message.last

    def claim_settlement(self) -> bool:
        """True for the first caller alone: the job's own thread, or the one that shuts the process down."""
        return self._claim.acquire(blocking=False)

    def stop(self) -> None:
        """Let the next checkpoint end the attempt."""
        self._stopped.set()
        self._waiting.look()

    def end_waiting(self, wait_until: float) -> None:
        """End the wait for videos at once: another worker goes on waiting for the same videos.

        On the last receive there is no other worker, so that it ends at `wait_until` (clock) at the latest.
        """
        self._hands_over = not self.last
        self._wait_until = min(self._wait_until, wait_until)
        self._waiting.look()

    def checkpoint(self) -> None:
        self.progress.note()
        if not self._leases.holds(self.lease):
            raise LeaseLost("another worker may have the message by now")
        if self._stopped.is_set():
            raise Stopped("the worker is shutting down")
        if self._clock() >= self.deadline:
            raise TimedOut("the attempt took longer than JOB_TIMEOUT")

    def step(self, name: str) -> AbstractContextManager[dict[str, int]]:
        self.checkpoint()
        return self.progress.step(name)

    def begin_report(self) -> None:
        self.reporting = True

    def idle(self) -> AbstractContextManager[None]:
        return self._waiting.lending_the_place(self.checkpoint)

    def wait_for(self, transcoding_ids: Collection[str]) -> Mapping[str, TranscodingResult]:
        ended = self._waiting.wait(transcoding_ids, self._must_not_wait)
        self.checkpoint()
        if not ended and self._hands_over:
            raise Stopped("the worker is shutting down; the next one goes on waiting for the videos")
        return ended

    def _must_not_wait(self) -> bool:
        self.progress.note()
        held = self._leases.holds(self.lease) and not self._stopped.is_set()
        return not held or self._hands_over or self._clock() >= self._wait_until
