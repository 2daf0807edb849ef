"""A message in hand is a lease with a deadline; one heartbeat thread extends them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from domain.errors import Transient
from domain.queue import Message, Queue
from worker.metrics import Metrics


def longest_poll(visibility_timeout: int) -> int:
    """Seconds. A lease counts from the start of the poll: after a longer one, little of it would be left."""
    return visibility_timeout // 3


class Lease:
    """The right to work on a message until `deadline` (seconds of the clock), if it isn't `lost` before."""

    def __init__(self, message: Message, granted_at: float, seconds: float) -> None:
        self.message = message
        self.renewed_at = granted_at
        self.deadline = granted_at + seconds
        self.lost = False


class Leases:
    """All leases of the process.

    Only the deadline counts: SQS answers 200 to a handle that has expired, too. It is counted from the start of
    the request that granted or extended the lease, and an extension that is answered after the deadline
    doesn't count.
    """

    def __init__(
        self, queue: Queue, visibility_timeout: int, clock: Callable[[], float], metrics: Metrics
    ) -> None:
        self._queue = queue
        self._seconds = visibility_timeout
        self._clock = clock
        self._metrics = metrics
        self._open: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.beaten_at = clock()

    @property
    def largest_batch(self) -> int:
        """The most messages that one receive brings."""
        return self._queue.largest_batch

    def start(self) -> None:
        """Have a thread extend the leases until `stop`."""
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Extend nothing any more."""
        self._stopped.set()

    def receive(self, at_most: int) -> list[Lease]:
        """Long-poll for up to `at_most` messages; raises what the queue raises."""
        started = self._clock()
        messages = self._queue.receive(at_most, longest_poll(self._seconds), self._seconds)
        return [self.open(message, started) for message in messages]

    def open(self, message: Message, granted_at: float) -> Lease:
        """Hold a message that a receive begun at `granted_at` brought."""
        lease = Lease(message, granted_at, self._seconds)
        with self._lock:
            self._open[message.receipt_handle] = lease
        return lease

    def holds(self, lease: Lease) -> bool:
        """Whether no other worker can have the message yet."""
        if not lease.lost and self._clock() >= lease.deadline:
            self._lose(lease, "its deadline has passed")
        return not lease.lost

    def close(self, lease: Lease) -> bool:
        """Stop extending the lease, once an extension under way has ended; returns whether it still holds."""
        with self._lock:
            self._open.pop(lease.message.receipt_handle, None)
        return self.holds(lease)

    def beat(self) -> None:
        """Extend every lease of which a third is over."""
        now = self._clock()
        due = [lease for lease in list(self._open.values()) if now >= lease.renewed_at + self._seconds / 3]
        for start in range(0, len(due), self._queue.largest_batch):
            with self._lock:
                batch = due[start : start + self._queue.largest_batch]
                held = [lease for lease in batch if self._is_open(lease) and self.holds(lease)]
                if held:
                    self._extend(held)
        self.beaten_at = self._clock()

    def _run(self) -> None:
        while not self._stopped.wait(min(1.0, self._seconds / 12)):
            try:
                self.beat()
            except Exception:
                structlog.get_logger().exception("the heartbeat failed and goes on")

    def _is_open(self, lease: Lease) -> bool:
        return self._open.get(lease.message.receipt_handle) is lease and not lease.lost

    def _extend(self, batch: Sequence[Lease]) -> None:
        started = self._clock()
        try:
            refused = self._queue.change_visibility(
                [lease.message.receipt_handle for lease in batch], self._seconds
            )
        except Transient as error:
            structlog.get_logger().warning("leases not extended", leases=len(batch), why=str(error))
            return
        for lease in batch:
            if lease.message.receipt_handle in refused:
                self._lose(lease, "the queue refused to extend it")
            elif self.holds(lease):
                lease.renewed_at = started
                lease.deadline = started + self._seconds

    def _lose(self, lease: Lease, why: str) -> None:
        lease.lost = True
        self._metrics.leases_lost.inc()
        structlog.get_logger().warning("lease lost", message_id=lease.message.message_id, why=why)
