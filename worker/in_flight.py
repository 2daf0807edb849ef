"""The attempts that this process has in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from domain.journal import Journals
from domain.model import Job
from worker.attempt import Attempt
from worker.lease import Lease, Leases
from worker.metrics import Metrics
from worker.progress import Progress
from worker.waiting import Waiting

STUCK_AFTER = 150.0
"""Seconds without progress, past its deadline, when a job is taken for stuck.

boto3 takes up to 147 s to give up on a bucket that hangs: four times 5 s to connect and 30 s to read, and pauses
of up to 1, 2 and 4 s; on one that hangs while it copies a part, 145 s. A try at the callback takes 20 s, and a
pause that the backend asks for up to 60.
"""


class InFlight:
    """Begins attempts, and knows which are under way and which are stuck. `job_timeout` is in seconds."""

    def __init__(
        self,
        leases: Leases,
        journals: Journals,
        waiting: Waiting,
        metrics: Metrics,
        job_timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._leases = leases
        self._journals = journals
        self._waiting = waiting
        self._metrics = metrics
        self._job_timeout = job_timeout
        self._clock = clock
        self._attempts: dict[str, Attempt] = {}
        self._wait_until: float | None = None
        self._stopping = False

    @property
    def attempts(self) -> list[Attempt]:
        return list(self._attempts.values())

    @contextmanager
    def begun(self, job: Job, lease: Lease, started_at: datetime) -> Iterator[Attempt]:
        """The attempt is under way until the block ends."""
        self._metrics.count_begun(lease.message, started_at)
        progress = Progress(job, started_at, self._journals, self._metrics, self._clock)
        attempt = Attempt(lease, self._leases, progress, self._waiting, self._job_timeout, self._clock)
        self._attempts[lease.message.receipt_handle] = attempt
        if self._wait_until is not None:
            attempt.end_waiting(self._wait_until)
        if self._stopping:
            attempt.stop()
        try:
            yield attempt
        finally:
            self._attempts.pop(lease.message.receipt_handle, None)

    def end_waiting(self, wait_until: float) -> None:
        """End all waiting for videos, and that of attempts to come; see `Attempt.end_waiting`."""
        self._wait_until = wait_until
        for attempt in self.attempts:
            attempt.end_waiting(wait_until)

    def stop(self) -> list[Attempt]:
        """Let the next checkpoint of each attempt end it, of those to come, too; returns those under way."""
        self._stopping = True
        attempts = self.attempts
        for attempt in attempts:
            attempt.stop()
        return attempts

    def cut_off(self) -> list[Attempt]:
        """Let the next try at each callback not be made, either; returns the attempts under way."""
        attempts = self.attempts
        for attempt in attempts:
            attempt.cut_off()
        return attempts

    def stuck(self) -> bool:
        """Whether a job hangs past its deadline: its thread can't be stopped, only the process can."""
        limit = self._clock() - STUCK_AFTER
        overdue = [one for one in self.attempts if max(one.deadline, one.progress.moved_at) <= limit]
        for attempt in overdue:
            structlog.get_logger().critical(
                "a job is stuck; the process ends", job_id=attempt.job.job_id, step=attempt.progress.current_step
            )
        return bool(overdue)
