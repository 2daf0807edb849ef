"""Receives messages and gives each a thread."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

import structlog

from domain.errors import Transient
from worker.handler import Handler
from worker.lease import Lease, Leases
from worker.logs import naming
from worker.metrics import Metrics
from worker.slots import Slots

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0
LOOK_EVERY = 1.0
"""Seconds between two looks whether an ill heartbeat is well again."""


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
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)
        self.polled_at = clock()
        self._heartbeat_was_ill = False
        self.reachable = False
        self.failed = False

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

    def _run(self) -> None:
        try:
            self._poll()
        except Exception:
            self.failed = True
            structlog.get_logger().critical("the poller failed; the process ends", exc_info=True)

    def _poll(self) -> None:
        failures = 0
        while not self.stopping:
            self.polled_at = self._clock()
            self._leases.redrive.look()
            places = self._slots.reserve(self._leases.largest_batch, timeout=5)
            ill = self._heartbeat_is_ill()
            if places == 0 or self.stopping or ill:
                self._slots.occupy(places, 0)
                self._stopping.wait(LOOK_EVERY if ill else 0)
                continue
            self.reachable = self.reachable or not failures  # the queue answered when the process started
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

    def _heartbeat_is_ill(self) -> bool:
        why = self._leases.ill
        if why and not self._heartbeat_was_ill:
            structlog.get_logger().warning("nothing is received until leases are extended again", why=why)
        elif self._heartbeat_was_ill and not why:
            structlog.get_logger().info("the heartbeat is well again")
        self._heartbeat_was_ill = bool(why)
        return self._heartbeat_was_ill

    def _dispatch(self, leases: Sequence[Lease]) -> None:
        """Give each message a thread.

        A message received during shutdown is returned. On its last receive a return would dead-letter it, so it
        is processed instead. Where no thread can be started, this one does the same: the process is about to end.
        """
        self.polled_at = self._clock()
        self.reachable = True
        self._metrics.receives.labels("ok").inc()
        self._metrics.messages.inc(len(leases))
        for number, lease in enumerate(leases):
            returned = self.stopping and not lease.last
            try:
                self._begin(self._handler.give_back if returned else self._handler.handle, lease)
            except Exception:
                self.failed = True
                for left in sorted(leases[number:], key=lambda lease: lease.last):
                    self._work(self._handler.handle if left.last else self._handler.give_back, left)
                raise

    def _begin(self, work: Callable[[Lease], None], lease: Lease) -> None:
        name = lease.message.message_id
        threading.Thread(target=self._work, args=(work, lease), name=name, daemon=True).start()

    def _work(self, work: Callable[[Lease], None], lease: Lease) -> None:
        self._metrics.in_flight.inc()
        try:
            work(lease)
        except Exception:
            with naming(lease.message, lease.job):
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
