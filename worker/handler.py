"""One message, from its receipt to its settlement."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import structlog

from domain.errors import Code, LeaseLost, Permanent, Stopped, Transient
from domain.journal import Ended, Ending, Journal, Journals
from domain.model import Failure, Job, Report
from domain.pipeline import process
from domain.ports import Ports
from domain.queue import Message, Queue
from domain.rejections import Malformed
from domain.steps.consolidate import give_up
from worker.attempt import Attempt
from worker.lease import Lease, Leases
from worker.metrics import Metrics
from worker.slots import Slots
from worker.watcher import Watcher

FIRST_DELAY = 15
LONGEST_DELAY = 900
JITTER = 0.2
DELETE_TRIES = 3


def retry_delay(receive_count: int, jitter: float) -> int:
    """Seconds until a message comes back: 15, 30, 60, … up to 900, varied by `jitter` (-1 to 1)."""
    delay = min(LONGEST_DELAY, FIRST_DELAY << min(receive_count - 1, 10))
    return min(LONGEST_DELAY, round(delay * (1 + JITTER * jitter)))


class Handler:
    """Runs the pipeline on one message at a time; as many threads as there are jobs in flight call it.

    Deleting the message is the last act of an attempt that succeeded; every other one leaves it to the queue.
    """

    def __init__(
        self, queue: Queue, leases: Leases, journals: Journals, ports: Ports, metrics: Metrics, slots: Slots,
        watcher: Watcher, parse: Callable[[Message], Job], max_receive_count: int, job_timeout: float,
        clock: Callable[[], float], rng: random.Random,
    ) -> None:  # fmt: skip
        self._queue = queue
        self._leases = leases
        self._journals = journals
        self._ports = ports
        self._metrics = metrics
        self._slots = slots
        self._watcher = watcher
        self._parse = parse
        self._max_receive_count = max_receive_count
        self._job_timeout = job_timeout
        self._clock = clock
        self._rng = rng
        self._active: dict[str, Attempt] = {}
        self._last_wait_until: float | None = None

    @property
    def active(self) -> list[Attempt]:
        """The attempts in flight."""
        return list(self._active.values())

    def drain(self, last_wait_until: float) -> None:
        """Give back the jobs that only wait for videos; after the last receive they wait until then (clock)."""
        self._last_wait_until = last_wait_until
        for attempt in self.active:
            attempt.drain(last_wait_until)

    def is_last(self, lease: Lease) -> bool:
        """Whether the queue moves the message to its DLQ instead of delivering it once more."""
        return lease.message.receive_count >= self._max_receive_count

    def handle(self, lease: Lease) -> None:
        """Work on the message and settle it. Raises nothing that a caller could do something about."""
        message = lease.message
        with _logging(message):
            job: Job | None
            malformed: Malformed | None = None
            try:
                job = self._parse(message)
            except Malformed as error:
                job, malformed = error.job, error
            if job is None:
                structlog.get_logger().error("malformed message left to the DLQ", why=str(malformed))
                self._metrics.jobs.labels("malformed").inc()
                self._show_again(lease, 0)
                return
            with self._attempting(job, lease) as attempt:
                self._run(attempt, malformed)

    @contextmanager
    def _attempting(self, job: Job, lease: Lease) -> Iterator[Attempt]:
        attempt = Attempt(
            job, lease, self._leases, self.is_last(lease), self._ports.now(), self._job_timeout, self._clock,
            self._metrics, self._journals, self._slots, self._watcher,
        )  # fmt: skip
        self._active[lease.message.receipt_handle] = attempt
        if self._last_wait_until is not None:
            attempt.drain(self._last_wait_until)
        try:
            with _logging(lease.message, job):
                yield attempt
        finally:
            self._active.pop(lease.message.receipt_handle, None)

    def _run(self, attempt: Attempt, malformed: Malformed | None) -> None:
        try:
            if malformed:
                raise malformed
            self._read_journal(attempt)
            structlog.get_logger().info("attempt begun", last=attempt.last, assets=len(attempt.job.assets))
            report = process(attempt.job, attempt, self._ports)
        except LeaseLost as error:
            self._leave(attempt, Ending.LEASE_LOST, error)
        except Stopped as error:
            self._leave(attempt, Ending.RELEASED, error)
        except Permanent as error:
            self._leave(attempt, Ending.PERMANENT, error)
        except Transient as error:
            self._leave(attempt, Ending.TRANSIENT, error)
        except Exception as error:
            structlog.get_logger().exception("unexpected error in the job")
            self._leave(attempt, Ending.TRANSIENT, error)
        else:
            self._settle(attempt, report)

    def _read_journal(self, attempt: Attempt) -> None:
        if attempt.first:
            return
        attempt.journal = self._journals.load(attempt.job)
        if attempt.last and not attempt.journal.attempts:
            raise Permanent(
                f"all {attempt.number - 1} earlier attempts ended without a trace: "
                "the process died each time, so the message isn't tried again",
                Code.POISON_MESSAGE,
            )

    def _settle(self, attempt: Attempt, report: Report) -> None:
        if not attempt.take():
            structlog.get_logger().warning("settled by the shutdown already; the callback will be repeated")
            return
        self._note_assets(report)
        self._leases.close(attempt.lease)
        for _ in range(DELETE_TRIES):
            # After the last receive nobody else can have the message, so deleting it late can only help.
            if not self._leases.holds(attempt.lease) and not attempt.last:
                structlog.get_logger().warning("lease lost before the deletion; the callback will be repeated")
                return
            try:
                self._queue.delete(attempt.lease.message.receipt_handle)
            except Transient as error:
                structlog.get_logger().warning("message not deleted", why=str(error))
            else:
                self._metrics.jobs.labels(report.status).inc()
                structlog.get_logger().info("message deleted", status=report.status)
                return
        structlog.get_logger().error("message not deleted; it comes back and its callback is repeated")

    def release(self, attempt: Attempt) -> None:
        """Give up an attempt on behalf of its thread, which may be stuck: the process is about to end."""
        attempt.stop()
        with _logging(attempt.lease.message, attempt.job):
            self._leave(attempt, Ending.RELEASED, Stopped("the worker shut down before the job was done"))

    def release_unbegun(self, lease: Lease) -> None:
        """Give a message back that came when the process was shutting down already."""
        try:
            job = self._parse(lease.message)
        except Malformed:
            self._show_again(lease, 0)
            return
        with self._attempting(job, lease) as attempt:
            self.release(attempt)

    def _leave(self, attempt: Attempt, ending: Ending, error: Exception) -> None:
        """Leave the message to the queue, once it is written down why, and the backend told if it is over."""
        if not attempt.take():
            return
        log = structlog.get_logger().bind(ending=ending, why=str(error))
        self._metrics.jobs.labels(ending).inc()
        self._write_journal(attempt, ending, error)
        if attempt.last:
            # Whether the lease holds or not: nobody gets the message any more, the queue moves it to its DLQ.
            self._report_failure(attempt, error)
        delay = 0
        if ending is Ending.TRANSIENT and not attempt.last:
            asked_for = error.retry_after if isinstance(error, Transient) else 0
            delay = max(
                retry_delay(attempt.number, self._rng.uniform(-1, 1)), round(min(asked_for, LONGEST_DELAY))
            )
        log.warning("attempt failed; message left to the queue", last=attempt.last, comes_back_in=delay)
        self._show_again(attempt.lease, delay)

    def _write_journal(self, attempt: Attempt, ending: Ending, error: Exception) -> None:
        code = getattr(error, "code", None)
        ended = Ended(attempt.number, self._ports.now(), ending, str(error) or type(error).__name__, code)
        try:
            self._journals.add(attempt.job, Journal((ended,), attempt.derivatives, attempt.transcodings))
        except Exception:
            structlog.get_logger().exception("the journal wasn't written: this attempt leaves no trace")

    def _report_failure(self, attempt: Attempt, error: Exception) -> None:
        attempt.current_step = "callback"  # a shutdown lets a callback under way end
        now = self._ports.now()
        report = give_up(attempt.job, error, attempt.derivatives, attempt.started_at, now)
        try:
            self._ports.backend.notify(report, attempt.note_progress)
        except Exception:
            structlog.get_logger().exception("the failure callback wasn't acknowledged", status=report.status)
        else:
            self._note_assets(report)

    def _note_assets(self, report: Report) -> None:
        self._metrics.count_report(report)
        for result in report.results:
            if isinstance(result.outcome, Failure):
                structlog.get_logger().warning(
                    "asset failed", key=result.asset.key, code=result.outcome.code, why=result.outcome.message
                )

    def _show_again(self, lease: Lease, delay: int) -> None:
        if not self._leases.close(lease):
            return
        try:
            self._queue.hide([lease.message.receipt_handle], delay)
        except Transient as error:
            structlog.get_logger().warning("message comes back when its visibility timeout ends", why=str(error))


def _logging(message: Message, job: Job | None = None) -> AbstractContextManager[None]:
    """Have each log line name the message, and the job once it is known."""
    names: dict[str, object] = {"message_id": message.message_id, "receive_count": message.receive_count}
    if job:
        trace_id = job.traceparent.split("-")[1] if job.traceparent else None
        names |= {"job_id": job.job_id, "listing_id": job.listing_id, "trace_id": trace_id}
    return structlog.contextvars.bound_contextvars(**names)
