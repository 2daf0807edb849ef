"""One try at a message."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import structlog

from domain.errors import LeaseLost, Stopped, TimedOut
from domain.journal import Journal, Journals
from domain.model import Derivatives, Job, Source, Transcoding, TranscodingResult
from worker.lease import Lease, Leases
from worker.metrics import Metrics
from worker.slots import Slots
from worker.watcher import Watcher

MOST_TO_WRAP_UP = 300.0
"""Seconds that are left for posters, bundle and callback at least when the time to wait for a video is up."""


class Attempt:
    """The `Attempt` port, and what the consumer knows of a job in flight.

    `deadline` is in seconds of the clock. Whoever calls `take` first, the job's own thread or the one that
    shuts the process down, settles the message; nobody else does.
    """

    def __init__(
        self, job: Job, lease: Lease, leases: Leases, last: bool, started_at: datetime, timeout: float,
        clock: Callable[[], float], metrics: Metrics, journals: Journals, slots: Slots, watcher: Watcher,
    ) -> None:  # fmt: skip
        self.job = job
        self.started_at = started_at
        self.lease = lease
        self.journal = Journal()
        self.deadline = clock() + timeout
        self.progress_at = clock()
        self.current_step = ""
        self._wait_until = self.deadline - min(MOST_TO_WRAP_UP, timeout / 4)
        self._draining = False
        self._journals = journals
        self._slots = slots
        self._watcher = watcher
        self._leases = leases
        self._last = last
        self._clock = clock
        self._metrics = metrics
        self._stopped = threading.Event()
        self._made: dict[tuple[str, str], Derivatives] = {}
        self._submitted: dict[str, Transcoding] = {}
        self._settler = threading.Lock()
        self._journal_lock = threading.Lock()

    @property
    def last(self) -> bool:
        return self._last

    @property
    def first(self) -> bool:
        return self.number == 1

    @property
    def number(self) -> int:
        return self.lease.message.receive_count

    @property
    def derivatives(self) -> tuple[Derivatives, ...]:
        """What this attempt or an earlier one made."""
        return (*self.journal.derivatives, *self._made.values())

    @property
    def transcodings(self) -> tuple[Transcoding, ...]:
        """What this attempt or an earlier one submitted."""
        return (*self.journal.transcodings, *self._submitted.values())

    def take(self) -> bool:
        """True for the first caller alone."""
        return self._settler.acquire(blocking=False)

    def stop(self) -> None:
        """Let the next checkpoint end the attempt."""
        self._stopped.set()
        self._watcher.look()

    def drain(self, last_wait_until: float) -> None:
        """The process shuts down: somebody else will wait for the videos, except after the last receive."""
        self._draining = not self.last
        self._wait_until = min(self._wait_until, last_wait_until)
        self._watcher.look()

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

    def recall(self, source: Source) -> Derivatives | None:
        for made in self.derivatives:
            if (made.raw_key, made.etag, made.type) == (source.raw.key, source.etag, source.type):
                return made
        return None

    def record(self, derivatives: Derivatives) -> None:
        self._made[derivatives.raw_key, derivatives.type] = derivatives

    def recall_transcoding(self, source: Source) -> Transcoding | None:
        for transcoding in reversed(self.transcodings):
            if (transcoding.raw_key, transcoding.etag) == (source.raw.key, source.etag):
                return transcoding
        return None

    def record_transcoding(self, transcoding: Transcoding) -> None:
        log = structlog.get_logger().bind(key=transcoding.raw_key, transcoding=transcoding.id)
        self._submitted[transcoding.raw_key] = transcoding
        self._metrics.transcodings.inc()
        try:
            with self._journal_lock:  # a job's videos are submitted side by side
                self._journals.add(self.job, Journal(transcodings=(transcoding,)))
        except Exception:
            # It is tried again when the attempt ends; only if the process dies before that, it is paid for twice.
            log.exception("a submitted transcoding couldn't be written to the journal yet")
        else:
            log.info("transcoding submitted", second=transcoding.resubmitted)

    @contextmanager
    def idle(self) -> Iterator[None]:
        structlog.get_logger().info("waiting for videos")
        self._metrics.waiting.inc()
        try:
            with self._slots.lent(self.checkpoint):
                yield
        finally:
            self._metrics.waiting.dec()

    def wait_for(self, transcoding_ids: Collection[str]) -> Mapping[str, TranscodingResult]:
        ended = self._watcher.wait(transcoding_ids, self._must_not_wait)
        self.checkpoint()
        if not ended and self._draining:
            raise Stopped("the worker is shutting down; the next one goes on waiting for the videos")
        return ended

    def _must_not_wait(self) -> bool:
        """Whether the wait has to end, whatever the videos do."""
        self.note_progress()
        held = self._leases.holds(self.lease) and not self._stopped.is_set()
        return not held or self._draining or self._clock() >= self._wait_until
