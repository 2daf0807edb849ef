"""Carries out what was decided about a message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from domain.errors import Code, Transient
from domain.journal import Ended
from domain.model import Failure, Report
from domain.ports import Backend
from domain.queue import Queue
from domain.settlement import Settlement
from domain.steps.consolidate import give_up
from worker.attempt import Attempt
from worker.lease import Lease, Leases
from worker.metrics import MALFORMED, Metrics

DELETE_TRIES = 3


class Settler:
    """Deletes the message as the last act of an attempt that succeeded; every other one leaves it to the queue."""

    def __init__(
        self, queue: Queue, leases: Leases, backend: Backend, metrics: Metrics, now: Callable[[], datetime]
    ) -> None:
        self._queue = queue
        self._leases = leases
        self._backend = backend
        self._metrics = metrics
        self._now = now

    def carry_out(self, settlement: Settlement, outcome: Report | Exception, attempt: Attempt) -> None:
        """Delete the message or leave it to the queue, if no other thread has settled the attempt already."""
        claimed = attempt.claim_settlement()
        if claimed:
            self._metrics.attempts.labels(settlement.ending).inc()
        if isinstance(outcome, Report):
            if claimed:
                self._delete(settlement, outcome, attempt)
            else:
                structlog.get_logger().warning("settled by the shutdown already; the callback will be repeated")
        elif claimed:
            self._leave(settlement, outcome, attempt)

    def leave_unnamed(self, lease: Lease, why: str) -> None:
        """Leave a message that names no job to the redrive policy: there is nobody to report it to."""
        structlog.get_logger().error("malformed message left to the DLQ", why=why)
        self._metrics.attempts.labels(MALFORMED).inc()
        if lease.last:
            self._metrics.count_job(MALFORMED, lease.message, self._now())
            self._metrics.dead_lettered.labels(Code.VALIDATION_ERROR, "no").inc()
        self._show_again(lease, 0)

    def _delete(self, settlement: Settlement, report: Report, attempt: Attempt) -> None:
        self._note_assets(report)
        self._leases.close(attempt.lease)
        for _ in range(DELETE_TRIES):
            # On the last receive nobody else can have the message, so deleting it late can only help.
            if not self._leases.holds(attempt.lease) and not attempt.last:
                structlog.get_logger().warning("lease lost before the deletion; the callback will be repeated")
                return
            try:
                self._queue.delete(attempt.lease.message.receipt_handle)
            except Transient as error:
                structlog.get_logger().warning("message not deleted", why=str(error))
            else:
                self._metrics.count_job(report.status, attempt.lease.message, self._now())
                structlog.get_logger().info("message deleted", status=settlement.why)
                return
        structlog.get_logger().error("message not deleted; it comes back and its callback is repeated")

    def _leave(self, settlement: Settlement, error: Exception, attempt: Attempt) -> None:
        attempt.progress.save(
            Ended(attempt.receive, self._now(), settlement.ending, settlement.why, settlement.code)
        )
        if settlement.final:
            # Whether the lease holds or not: nobody gets the message any more, the queue moves it to its DLQ.
            self._report_failure(error, attempt)
        structlog.get_logger().warning(
            "attempt failed; message left to the queue",
            ending=settlement.ending,
            why=settlement.why,
            last=settlement.final,
            comes_back_in=settlement.delay,
        )
        self._show_again(attempt.lease, settlement.delay)

    def _report_failure(self, error: Exception, attempt: Attempt) -> None:
        attempt.begin_last_words()
        progress = attempt.progress
        progress.current_step = "callback"
        report = give_up(attempt.job, error, progress.derivatives, progress.started_at, self._now())
        told = "no"
        try:
            self._backend.notify(report, attempt)
        except Exception:
            structlog.get_logger().exception("the failure callback wasn't acknowledged", status=report.status)
        else:
            told = "yes"
            self._note_assets(report)
        code = report.error.code if report.error else Code.PROCESSING_FAILED
        self._metrics.dead_lettered.labels(code, told).inc()
        self._metrics.count_job(report.status, attempt.lease.message, self._now())

    def _note_assets(self, report: Report) -> None:
        self._metrics.count_report(report)
        for asset, failure in report.left_out.items():
            structlog.get_logger().warning(
                "asset left out of the bundle", key=asset.key, code=failure.code, why=failure.message
            )
        for result in report.results:
            if isinstance(result.outcome, Failure):
                structlog.get_logger().warning(
                    "asset failed", key=result.asset.key, code=result.outcome.code, why=result.outcome.message
                )

    def _show_again(self, lease: Lease, delay: int) -> None:
        if not self._leases.close(lease):
            return
        try:
            self._queue.change_visibility([lease.message.receipt_handle], delay)
        except Transient as error:
            structlog.get_logger().warning("message comes back when its visibility timeout ends", why=str(error))
