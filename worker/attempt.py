"""Whether this try at a message may go on, and who settles the message."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

from domain.errors import Dependency, LeaseLost, Stopped, TimedOut, Unavailable
from domain.model import Job, TranscodingResult
from worker.lease import Lease, Leases
from worker.outage import Affected
from worker.progress import Progress
from worker.waiting import Waiting

LONGEST_WRAP_UP = 300.0
"""Seconds that are kept for posters, bundle and callback when the time to wait for a video is up."""
LAST_CALL = 11 * 3600.0
"""Seconds from the receive for which the last receive's callback waits; SQS ends a lease after 12 hours.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""


class Attempt:
    """The `Attempt` port. `deadline` is in seconds of the clock, `timeout` in seconds from now.

    `settled` is set when its message is deleted or left to the queue; `ends`, when the process is about to end, so
    that even a callback isn't tried again.
    """

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
        self._last_call = clock() + LAST_CALL
        self._last_words = False
        self.ends = threading.Event()
        self._affected = Affected(progress.job.listing_id)
        self._leases = leases
        self._waiting = waiting
        self._clock = clock
        self._wait_until = self.deadline - min(LONGEST_WRAP_UP, timeout / 4)
        self._hands_over = False
        self._stopped = threading.Event()
        self._claim = threading.Lock()
        self._settler: int | None = None
        self.settled = threading.Event()

    @property
    def job(self) -> Job:
        return self.progress.job

    @property
    def receive(self) -> int:
        """The receive count: 1 for the first delivery."""
        return self.lease.message.receive_count

    @property
    def first(self) -> bool:
        return self.receive == 1 and self.lease.message.message_id == self.job.message_id

    @property
    def last(self) -> bool:
        return self.lease.last

    @property
    def before_last(self) -> bool:
        """Whether the next receive is the last one, so that it asks how this one ended."""
        return self.lease.before_last

    @property
    def stopped(self) -> bool:
        """Whether the process shuts down and the time for this attempt is over."""
        return self._stopped.is_set()

    def claim_settlement(self) -> bool:
        """True for the first caller alone: the job's own thread, or the one that shuts the process down."""
        claimed = self._claim.acquire(blocking=False)
        if claimed:
            self._settler = threading.get_ident()
        return claimed

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

    def cut_off(self) -> None:
        """Let the next checkpoint end the callback, too: the process is about to end."""
        self.ends.set()

    def checkpoint(self) -> None:
        self.progress.note()
        if self.ends.is_set():
            raise Stopped("the worker is shutting down and can't wait for the callback any longer")
        if self._settler not in (None, threading.get_ident()):
            raise Stopped("the shutdown has settled it, and may have told the backend of it")
        last_callback = self._last_words or (self.last and self.reporting)
        if not self._last_words and not self._leases.holds(self.lease):
            raise LeaseLost("another worker may have the message by now")
        if not last_callback and self._stopped.is_set():
            raise Stopped("the worker is shutting down")
        if self._clock() >= (self._last_call if last_callback else self.deadline):
            raise TimedOut("the attempt took longer than JOB_TIMEOUT, or the last callback than 11 hours")

    def step(self, name: str) -> AbstractContextManager[dict[str, int]]:
        self.checkpoint()
        return self.progress.step(name)

    def begin_report(self) -> None:
        self.reporting = True

    def begin_last_words(self) -> None:
        """The failure callback of the last receive, which goes out whether the lease holds or not."""
        self._last_words = True

    def outlast(self, error: Unavailable) -> None:
        def look() -> None:
            self.checkpoint()
            if error.of is Dependency.MEDIACONVERT and self._must_not_wait():
                self._require_no_hand_over()
                raise error

        self._waiting.outlast(self._affected, error, look)

    def idle(self) -> AbstractContextManager[None]:
        return self._waiting.lending_the_place(self._may_want_its_place)

    def _may_want_its_place(self) -> None:
        self.checkpoint()
        self._require_no_hand_over()

    def wait_for(self, transcoding_ids: Collection[str]) -> Mapping[str, TranscodingResult]:
        ended = self._waiting.wait(transcoding_ids, self._must_not_wait)
        self.checkpoint()
        if not ended:
            self._require_no_hand_over()
        return ended

    def _require_no_hand_over(self) -> None:
        if self._hands_over:
            raise Stopped("the worker is shutting down; the next one goes on waiting for the videos")

    def _must_not_wait(self) -> bool:
        self.progress.note()
        held = self._leases.holds(self.lease) and not self._stopped.is_set()
        return not held or self._hands_over or self._clock() >= self._wait_until
