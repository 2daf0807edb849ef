"""One try at a message."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from domain.errors import LeaseLost, Stopped, TimedOut
from domain.journal import Journal
from domain.model import Job, Product, Source
from worker.lease import Lease, Leases
from worker.metrics import Metrics


class Attempt:
    """The `Attempt` port, and what the consumer knows of a job in flight.

    `deadline` is in seconds of the clock. Whoever calls `take` first, the job's own thread or the one that
    shuts the process down, settles the message; nobody else does.
    """

    def __init__(
        self, job: Job, lease: Lease, leases: Leases, last: bool, started_at: datetime, timeout: float,
        clock: Callable[[], float], metrics: Metrics,
    ) -> None:  # fmt: skip
        self.job = job
        self.started_at = started_at
        self.lease = lease
        self.journal = Journal()
        self.deadline = clock() + timeout
        self.progress_at = clock()
        self.current_step = ""
        self._leases = leases
        self._last = last
        self._clock = clock
        self._metrics = metrics
        self._stopped = threading.Event()
        self._made: dict[tuple[str, str], Product] = {}
        self._settler = threading.Lock()

    @property
    def last(self) -> bool:
        return self._last

    @property
    def number(self) -> int:
        return self.lease.message.receive_count

    @property
    def products(self) -> tuple[Product, ...]:
        """What this attempt or an earlier one made."""
        return (*self.journal.products, *self._made.values())

    def take(self) -> bool:
        """True for the first caller alone."""
        return self._settler.acquire(blocking=False)

    def stop(self) -> None:
        """Let the next checkpoint end the attempt."""
        self._stopped.set()

    def checkpoint(self) -> None:
        self.note_progress()
        if not self._leases.holds(self.lease):
            raise LeaseLost("another worker may have the message by now")
        if self._stopped.is_set():
            raise Stopped("the worker is shutting down")
        if self._clock() >= self.deadline:
            raise TimedOut("the attempt took longer than JOB_TIMEOUT")

    def note_progress(self) -> None:
        """Say that the attempt isn't stuck."""
        self.progress_at = self._clock()

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, int]]:
        counts: dict[str, int] = {}
        log = structlog.get_logger().bind(step=name)
        self.checkpoint()
        self.current_step = name
        started = self._clock()
        try:
            yield counts
        except BaseException as error:
            seconds = self._clock() - started
            log.info("step ended early", seconds=round(seconds, 3), why=str(error), error=type(error).__name__)
            raise
        seconds = self._clock() - started
        self._metrics.steps.labels(name).observe(seconds)
        log.info("step done", seconds=round(seconds, 3), **counts)

    def recall(self, source: Source) -> Product | None:
        for product in self.products:
            if (product.raw_key, product.etag, product.type) == (source.raw.key, source.etag, source.type):
                return product
        return None

    def record(self, product: Product) -> None:
        self._made[product.raw_key, product.type] = product
