"""A message in hand is a lease with a deadline; one heartbeat thread extends them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from domain.errors import Transient
from domain.model import Job
from domain.queue import Message, Queue
from worker.logs import naming
from worker.metrics import Metrics
from worker.redrive import Redrive


def longest_poll(visibility_timeout: int) -> int:
    """Seconds. A lease counts from the start of the poll: after a longer one, little of it would be left."""
    return visibility_timeout // 3


MOST_EXTENSIONS = 120
"""How many batches are extended at once: all, of 1,000 jobs and 200 that only wait."""


class Lease:
    """The right to work on a message until `deadline` (seconds of the clock), if it isn't `lost` before.

    `job` is what the message asks for, once it is read: the log names it.
    """

    def __init__(self, message: Message, queue: Queue, granted_at: float, seconds: float) -> None:
        self.message = message
        self.job: Job | None = None
        self._queue = queue
        self.renewed_at = granted_at
        self.deadline = granted_at + seconds
        self.lost = False

    @property
    def last(self) -> bool:
        """Whether the message goes to the DLQ if it isn't deleted now, by the redrive policy seen last."""
        return self.message.receive_count >= self._queue.max_receive_count

    @property
    def before_last(self) -> bool:
        """Whether the next receive is the last one."""
        return self.message.receive_count + 1 == self._queue.max_receive_count


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
        self.redrive = Redrive(queue, clock)
        self._open: dict[str, Lease] = {}
        self._extending: set[str] = set()
        self._changed = threading.Condition()
        self._extensions = ThreadPoolExecutor(MOST_EXTENSIONS, "extension")
        self._failed = ""
        self._stopped = threading.Event()
        self.beaten_at = clock()

    @property
    def largest_batch(self) -> int:
        """The most messages that one receive brings."""
        return self._queue.largest_batch

    @property
    def ill(self) -> str:
        """Why leases may run out soon, so that none should be added; empty where all is well.

        That is when the last extensions failed, or one is overdue by a sixth of the visibility timeout.
        """
        with self._changed:
            held = [lease for lease in self._open.values() if not lease.lost]
            if not held:
                self._failed = ""
                return ""
        since = self._clock() - min(lease.renewed_at for lease in held)
        return self._failed or (f"one wasn't extended for {since:.0f} s" if since >= self._seconds / 2 else "")

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
        lease = Lease(message, self._queue, granted_at, self._seconds)
        with self._changed:
            self._open[message.receipt_handle] = lease
        return lease

    def holds(self, lease: Lease) -> bool:
        """Whether no other worker can have the message yet."""
        if not lease.lost and self._clock() >= lease.deadline:
            self._lose(lease, "its deadline has passed")
        return not lease.lost

    def close(self, lease: Lease) -> bool:
        """Stop extending the lease, once an extension under way has ended; returns whether it still holds."""
        handle = lease.message.receipt_handle
        with self._changed:
            self._open.pop(handle, None)
            self._changed.wait_for(lambda: handle not in self._extending)
        return self.holds(lease)

    def beat(self) -> None:
        """Extend every lease of which a third is over, all side by side."""
        now, size = self._clock(), self._queue.largest_batch
        with self._changed:
            due = [lease for lease in self._open.values() if now >= lease.renewed_at + self._seconds / 3]
        batches = [due[start : start + size] for start in range(0, len(due), size)]
        others = [self._extensions.submit(self._extend, batch) for batch in batches[1:]]
        results = [self._extend(batch) for batch in batches[:1]] + [other.result() for other in others]
        if tried := [failed for failed in results if failed is not None]:
            self._failed = max(tried)
        self.beaten_at = self._clock()

    def _run(self) -> None:
        while not self._stopped.wait(min(1.0, self._seconds / 12)):
            try:
                self.beat()
            except Exception as error:
                self._failed = repr(error)
                structlog.get_logger().exception("the heartbeat failed and goes on")

    def _extend(self, batch: Sequence[Lease]) -> str | None:
        """Why the extension failed, empty where it went through; None where there was nothing to extend."""
        with self._changed:
            held = [lease for lease in batch if self._is_idle(lease) and self.holds(lease)]
            handles = [lease.message.receipt_handle for lease in held]
            self._extending.update(handles)
        try:
            return self._try_to_extend(held) if held else None
        finally:
            with self._changed:
                self._extending.difference_update(handles)
                self._changed.notify_all()

    def _is_idle(self, lease: Lease) -> bool:
        """Whether the lease is still open, and no extension of an earlier round is under way."""
        handle = lease.message.receipt_handle
        return self._open.get(handle) is lease and not lease.lost and handle not in self._extending

    def _try_to_extend(self, batch: Sequence[Lease]) -> str:
        started = self._clock()
        try:
            refused = self._queue.change_visibility(
                [lease.message.receipt_handle for lease in batch], self._seconds
            )
        except Transient as error:
            jobs = [lease.job.job_id for lease in batch if lease.job]
            structlog.get_logger().warning("leases not extended", leases=len(batch), jobs=jobs, why=str(error))
            return str(error)
        for lease in batch:
            if lease.message.receipt_handle in refused:
                self._lose(lease, "the queue refused to extend it")
            elif self.holds(lease):
                lease.renewed_at = started
                lease.deadline = started + self._seconds
        return ""

    def _lose(self, lease: Lease, why: str) -> None:
        lease.lost = True
        self._metrics.leases_lost.inc()
        with naming(lease.message, lease.job):
            structlog.get_logger().warning("lease lost", why=why)
