"""The process: started, and shut down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import structlog

from worker.attempt import Attempt
from worker.handler import Handler
from worker.in_flight import InFlight
from worker.lease import Leases
from worker.poller import Poller
from worker.waiting import Waiting

LAST_REPORT = 25.0
"""Seconds that a callback under way at the grace period's end may still take: its own time-outs, and a bit."""
LAST_MOMENT = 1.0
"""Seconds in which a job that was told to stop may still come to its next checkpoint."""


class Service:
    """The worker's threads, and their end."""

    def __init__(
        self,
        poller: Poller,
        leases: Leases,
        waiting: Waiting,
        in_flight: InFlight,
        handler: Handler,
        clock: Callable[[], float],
    ) -> None:
        self._poller = poller
        self._leases = leases
        self._waiting = waiting
        self._in_flight = in_flight
        self._handler = handler
        self._clock = clock

    def start(self) -> None:
        """Begin to work on the queue."""
        self._leases.start()
        self._waiting.start()
        self._poller.start()

    def stuck(self) -> bool:
        """Whether a job hangs or nothing is received any more, so that the process has to be replaced."""
        return self._poller.failed or self._in_flight.stuck()

    def shut_down(self, grace: float) -> None:
        """Receive no more, give the jobs in flight `grace` seconds from this call, and return the rest.

        Jobs that only wait for videos are returned when the open receive has ended; before that, it could receive
        them again. A job whose callback is under way is not cut off: the backend may have acknowledged it.
        """
        log = structlog.get_logger()
        deadline = self._clock() + grace
        log.info("draining", in_flight=len(self._in_flight.attempts), grace=grace)
        self._poller.stop()
        self._in_flight.end_waiting(wait_until=(self._clock() + deadline) / 2)
        self._poller.wait_until_empty(max(0.0, deadline - self._clock()))
        left = self._in_flight.stop()
        reporting = [attempt for attempt in left if attempt.reporting]
        self._release(attempt for attempt in left if attempt not in reporting)
        self._poller.wait_until_empty(LAST_REPORT if reporting else LAST_MOMENT)
        self._release(self._in_flight.attempts)
        self._leases.stop()
        log.info("drained")

    def _release(self, attempts: Iterable[Attempt]) -> None:
        """Settle the attempts side by side, and wait LAST_REPORT seconds at most for all of them together."""
        end = self._clock() + LAST_REPORT
        threads = [
            threading.Thread(target=self._handler.release, args=(attempt,), daemon=True) for attempt in attempts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - self._clock()))
