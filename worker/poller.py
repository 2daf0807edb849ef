"""Receives messages and gives each a thread."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

import structlog

from domain.errors import Transient
from worker.handler import Handler
from worker.lease import Lease, Leases
from worker.metrics import Metrics
from worker.slots import Slots

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


class Poller:
    """One thread receives, at most as many messages as there are free places."""

    def __init__(
        self,
        leases: Leases,
        slots: Slots,
        handler: Handler,
        metrics: Metrics,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._leases = leases
        self._slots = slots
        self._handler = handler
        self._metrics = metrics
        self._clock = clock
        self._rng = rng
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="poller", daemon=True)
        self.polled_at = clock()
        self.reachable = False

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def start(self) -> None:
        """Receive until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no receive any more."""
        self._stopping.set()
        self._slots.close()

    def wait_for_the_open_receive(self, timeout: float) -> None:
        """Wait until the receive that `stop` found open has ended, or for so many seconds."""
        self._thread.join(timeout)

    def wait_until_empty(self, timeout: float) -> None:
        """Wait until no message is in hand, or for so many seconds."""
        self._slots.wait_until_empty(timeout)

    def _poll(self) -> None:
        failures = 0
        while not self.stopping:
            self.polled_at = self._clock()
            places = self._slots.reserve(self._leases.largest_batch, timeout=5)
            if places == 0 or self.stopping:
                self._slots.occupy(places, 0)
                continue
            try:
                leases = self._leases.receive(places)
            except Exception as error:
                failures += 1
                self._slots.occupy(places, 0)
                self._pause(error, failures)
            else:
                failures = 0
                self._slots.occupy(places, len(leases))
                self._dispatch(leases)

    def _dispatch(self, leases: Sequence[Lease]) -> None:
        """Give each message a thread.

        A message received during shutdown is returned. On its last receive a return would dead-letter it, so it
        is processed instead.
        """
        self.polled_at = self._clock()
        self.reachable = True
        self._metrics.receives.labels("ok").inc()
        self._metrics.messages.inc(len(leases))
        for lease in leases:
            if self.stopping and not lease.message.last:
                self._begin(self._handler.give_back, lease)
            else:
                self._begin(self._handler.handle, lease)

    def _begin(self, work: Callable[[Lease], None], lease: Lease) -> None:
        name = lease.message.message_id
        threading.Thread(target=self._work, args=(work, lease), name=name, daemon=True).start()

    def _work(self, work: Callable[[Lease], None], lease: Lease) -> None:
        self._metrics.in_flight.inc()
        try:
            work(lease)
        except Exception:
            structlog.get_logger().exception("a message couldn't be handled; its lease runs out")
            self._leases.close(lease)
        finally:
            self._metrics.in_flight.dec()
            self._slots.free()

    def _pause(self, error: Exception, failures: int) -> None:
        """Wait longer after each failure in a row, so that a queue that is gone isn't hammered."""
        self.reachable = False
        self._metrics.receives.labels("failed").inc()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) * self._rng.uniform(0.5, 1)
        log = structlog.get_logger().bind(why=str(error), next_in=round(pause, 1))
        if isinstance(error, Transient):
            log.warning("receive failed")
        else:
            log.exception("receive failed unexpectedly")
        self._stopping.wait(pause)
