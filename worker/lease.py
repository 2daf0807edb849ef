"""A message in hand is a lease with a deadline; one heartbeat thread extends them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from domain.errors import Transient
from domain.queue import Message, Queue
from worker.metrics import Metrics

BATCH = 10  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html


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
    the request that granted or extended the lease, and an extension that took until after it came too late.
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
        self.beaten_at = clock()

    def open(self, message: Message, granted_at: float) -> Lease:
        """Take on a message that a receive begun at `granted_at` brought."""
        lease = Lease(message, granted_at, self._seconds)
        with self._lock:
            self._open[message.receipt_handle] = lease
        return lease

    def holds(self, lease: Lease) -> bool:
        """Whether nobody else can have the message yet."""
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
        due = [each for each in list(self._open.values()) if now >= each.renewed_at + self._seconds / 3]
        for start in range(0, len(due), BATCH):
            with self._lock:
                batch = [each for each in due[start : start + BATCH] if self._is_open(each) and self.holds(each)]
                if batch:
                    self._extend(batch)
        self.beaten_at = self._clock()

    def run(self, stop: threading.Event) -> None:
        """Beat until told to stop; no error ends it."""
        while not stop.wait(min(1.0, self._seconds / 12)):
            try:
                self.beat()
            except Exception:
                structlog.get_logger().exception("the heartbeat failed and goes on")

    def _is_open(self, lease: Lease) -> bool:
        return self._open.get(lease.message.receipt_handle) is lease and not lease.lost

    def _extend(self, batch: Sequence[Lease]) -> None:
        started = self._clock()
        try:
            refused = self._queue.hide([each.message.receipt_handle for each in batch], self._seconds)
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
