"""The deletion of a message whose job is done."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from domain.errors import Transient
from domain.queue import Queue
from worker.attempt import Attempt
from worker.lease import Leases

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
LAST_PATIENCE = 60.0
"""Seconds on the last receive, for which the lease is extended: after it the message goes to the DLQ."""


class Deletion:
    """Tries until the lease is over, or the process ends. `wait` is `Event.wait`."""

    def __init__(
        self,
        queue: Queue,
        leases: Leases,
        clock: Callable[[], float],
        wait: Callable[[threading.Event, float], bool],
    ) -> None:
        self._queue = queue
        self._leases = leases
        self._clock = clock
        self._wait = wait

    def delete(self, attempt: Attempt) -> bool:
        """Delete the attempt's message; False where that is left to its next receive, or to the DLQ.

        On the last receive nobody else can have the message, so deleting it late can only help.
        """
        lease = attempt.lease
        if attempt.last:
            until = self._clock() + LAST_PATIENCE
        else:
            self._leases.close(lease)
            until = lease.deadline
        deleted = self._tried(attempt, until)
        self._leases.close(lease)
        return deleted

    def _tried(self, attempt: Attempt, until: float) -> bool:
        lease = attempt.lease
        pause = FIRST_PAUSE
        while attempt.last or self._leases.holds(lease):
            attempt.progress.note()
            try:
                self._queue.delete(lease.message.receipt_handle)
            except Transient as error:
                structlog.get_logger().warning("deletion failed", why=str(error), next_in=pause)
            else:
                return True
            if self._clock() + pause >= until or self._wait(attempt.ends, pause):
                return False
            pause = min(LONGEST_PAUSE, pause * 2)
        return False
