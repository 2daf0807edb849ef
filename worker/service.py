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

LAST_SECONDS = 10.0
"""Seconds after the grace period when the process ends, whatever hangs."""
LAST_CALLBACK = 7.0
"""Of these, the seconds that a callback under way may still take."""
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
        them again. A job whose callback is under way is cut off last: the backend may have acknowledged it. What
        hangs is left behind LAST_SECONDS after the grace period. So is a receive that is still open: what it may
        bring comes back when its visibility timeout ends.
        """
        log = structlog.get_logger()
        grace_over = self._clock() + grace
        end = grace_over + LAST_SECONDS
        log.info("draining", in_flight=len(self._in_flight.attempts), grace=grace)
        self._poller.stop()
        self._poller.wait_for_the_open_receive(grace)
        self._in_flight.end_waiting(wait_until=(self._clock() + grace_over) / 2)
        self._poller.wait_until_empty(max(0.0, grace_over - self._clock()))
        left = self._in_flight.stop()
        self._release(attempt for attempt in left if not attempt.reporting)
        self._poller.wait_until_empty(LAST_MOMENT)
        self._wait_until_settled(left, grace_over + LAST_CALLBACK)
        rest = self._in_flight.cut_off()
        self._release(rest)
        self._wait_until_settled([*left, *rest], end)
        self._leases.stop()
        log.info("drained")

    def _release(self, attempts: Iterable[Attempt]) -> None:
        """Settle the attempts side by side: their own threads may hang, and so may these."""
        for attempt in attempts:
            threading.Thread(target=self._handler.release, args=(attempt,), daemon=True).start()

    def _wait_until_settled(self, attempts: Iterable[Attempt], until: float) -> None:
        """Wait until they are settled, by whichever thread, but not beyond `until` (clock)."""
        for attempt in attempts:
            attempt.settled.wait(max(0.0, until - self._clock()))
