"""Carries out what was decided about a message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from domain.errors import Code, Transient
from domain.journal import Acknowledged, Ended
from domain.model import Report
from domain.ports import Backend
from domain.queue import Queue
from domain.rejections import AlreadyAcknowledged
from domain.settlement import Settlement
from domain.steps.consolidate import give_up
from worker.attempt import Attempt
from worker.deletion import Deletion
from worker.endings import say_assets, say_done, say_failed, say_left, say_unnamed
from worker.lease import Lease, Leases
from worker.logs import reason
from worker.metrics import MALFORMED, Metrics


class Settler:
    """Deletes the message as the last act of an attempt that succeeded; every other one leaves it to the queue."""

    def __init__(
        self,
        queue: Queue,
        leases: Leases,
        deletion: Deletion,
        backend: Backend,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._leases = leases
        self._deletion = deletion
        self._backend = backend
        self._metrics = metrics
        self._now = now

    def carry_out(self, settlement: Settlement, outcome: Report | Exception, attempt: Attempt) -> None:
        """Delete the message or leave it to the queue, if no other thread has settled the attempt already."""
        if not attempt.claim_settlement():
            if isinstance(outcome, Report):
                structlog.get_logger().warning("settled by the shutdown already, though it is done")
            return
        try:
            self._settle(settlement, outcome, attempt)
        finally:
            attempt.settled.set()

    def leave_unnamed(self, lease: Lease, why: str) -> None:
        """Leave a message that names no job to the redrive policy: there is nobody to report it to."""
        say_unnamed(lease.message, why, lease.last)
        self._metrics.attempts.labels(MALFORMED).inc()
        if lease.last:
            self._metrics.count_job(MALFORMED, lease.message, self._now())
            self._metrics.dead_lettered.labels(Code.VALIDATION_ERROR, "no").inc()
        self._show_again(lease, 0)

    def _settle(self, settlement: Settlement, outcome: Report | Exception, attempt: Attempt) -> None:
        self._metrics.attempts.labels(settlement.ending).inc()
        step = attempt.progress.current_step
        if isinstance(outcome, Report):
            self._note_assets(outcome)
        if isinstance(outcome, Report | AlreadyAcknowledged):
            self._delete(outcome, attempt)
        elif settlement.final:
            # Whether the lease holds or not: nobody gets the message any more, the queue moves it to its DLQ.
            failure, told = self._report_failure(outcome, attempt)
            self._write_down(settlement, attempt, step)
            say_failed(settlement, step, failure, told, attempt)
            self._show_again(attempt.lease, 0)
        else:
            self._leave(settlement, attempt, step)

    def _delete(self, outcome: Report | AlreadyAcknowledged, attempt: Attempt) -> None:
        """Whichever receive deletes the message counts its job, or the last one."""
        deleted = self._deletion.delete(attempt)
        if deleted or attempt.last:
            self._metrics.count_job(outcome.status, attempt.lease.message, self._now())
            say_done(outcome, attempt, self._now())
        if deleted:
            structlog.get_logger().info("message deleted", status=outcome.status)
        elif attempt.last:
            structlog.get_logger().error("message not deleted; it goes to the DLQ, though its job is done")
        else:
            structlog.get_logger().error("message not deleted; it comes back and is deleted then")

    def _leave(self, settlement: Settlement, attempt: Attempt, step: str) -> None:
        """Show the message again. Its journal is written before that, or else within the delay."""
        if settlement.delay:
            self._show_again(attempt.lease, settlement.delay)
        self._write_down(settlement, attempt, step)
        say_left(settlement, step)
        if not settlement.delay:
            self._show_again(attempt.lease, 0)

    def _write_down(self, settlement: Settlement, attempt: Attempt, step: str) -> None:
        ended = Ended(attempt.receive, self._now(), settlement.ending, settlement.why, settlement.code, step)
        attempt.progress.save(ended)

    def _report_failure(self, error: Exception, attempt: Attempt) -> tuple[Report, bool]:
        """What the backend is to be told, and whether it was."""
        progress = attempt.progress
        progress.current_step = "callback"
        report = give_up(attempt.job, error, progress.derivatives, progress.started_at, self._now())
        told = self._told(report, attempt)
        code = report.error.code if report.error else Code.PROCESSING_FAILED
        self._metrics.dead_lettered.labels(code, "yes" if told else "no").inc()
        self._metrics.count_job(report.status, attempt.lease.message, self._now())
        return report, told

    def _told(self, report: Report, attempt: Attempt) -> bool:
        """Have the backend acknowledge the failure, if it doesn't know of it already; returns whether it does."""
        log = structlog.get_logger()
        progress = attempt.progress
        if progress.journal.acknowledged:
            log.info("the backend knows of the failure already", status=progress.journal.acknowledged.status)
            return True
        if not progress.loaded and not attempt.first:
            log.error("no failure callback: the job may be done, and the journal can't be read")
            return False
        attempt.begin_report()
        try:
            self._backend.notify(report, attempt)
        except Exception as error:
            log.error("the failure callback wasn't acknowledged", status=report.status, **reason(error))
            return False
        progress.acknowledge(Acknowledged(report.status, self._now()))
        self._note_assets(report)
        return True

    def _note_assets(self, report: Report) -> None:
        self._metrics.count_report(report)
        say_assets(report)

    def _show_again(self, lease: Lease, delay: int) -> None:
        if not self._leases.close(lease):
            return
        try:
            self._queue.change_visibility([lease.message.receipt_handle], delay)
        except Transient as error:
            structlog.get_logger().warning("message comes back when its visibility timeout ends", why=str(error))
