"""The lines that say how an attempt, an asset and a job ended: alarms and queries go by them."""

from __future__ import annotations

from datetime import datetime

import structlog

from domain.errors import Code
from domain.model import Failure, Report
from domain.queue import Message
from domain.rejections import AlreadyAcknowledged
from domain.settlement import Settlement
from worker.attempt import Attempt
from worker.metrics import MALFORMED


def say_done(outcome: Report | AlreadyAcknowledged, attempt: Attempt, now: datetime) -> None:
    """One line for each job that ended well; its assets are known to the attempt alone that did it."""
    progress = attempt.progress
    structlog.get_logger().info(
        "job done",
        status=outcome.status,
        receives=attempt.receive,
        **(_counts(outcome) if isinstance(outcome, Report) else {}),
        seconds=_seconds(progress.started_at, now),
        seconds_since_sent=_since_sent(attempt.lease.message, now),
        step_seconds=progress.step_seconds,
    )


def say_left(settlement: Settlement, step: str) -> None:
    """One line for each attempt that failed and will be repeated."""
    structlog.get_logger().warning(
        "attempt failed; message left to the queue",
        ending=settlement.ending,
        step=step,
        code=settlement.code,
        why=settlement.why,
        comes_back_in=settlement.delay,
    )


def say_failed(settlement: Settlement, step: str, failure: Report, told: bool, attempt: Attempt) -> None:
    """One line for each job that ended badly; `failure` is what the backend was, or should have been, told."""
    structlog.get_logger().error(
        "job failed for good",
        status=failure.status,
        ending=settlement.ending,
        step=step,
        code=failure.error.code if failure.error else Code.PROCESSING_FAILED,
        why=settlement.why,
        receives=attempt.receive,
        seconds_since_sent=_since_sent(attempt.lease.message, failure.completed_at),
        told=told,
    )


def say_unnamed(message: Message, why: str, last: bool) -> None:
    """One line for each delivery of a message that names no job; the last is that of a job that ended badly."""
    log = structlog.get_logger().bind(why=why, code=Code.VALIDATION_ERROR)
    if last:
        log.error("job failed for good", status=MALFORMED, step="", receives=message.receive_count, told=False)
    else:
        log.warning("malformed message left to the DLQ")


def say_assets(report: Report) -> None:
    """One line for each asset that the backend was told of as failed, or that isn't in the bundle."""
    for asset, failure in report.left_out.items():
        structlog.get_logger().warning(
            "asset left out of the bundle", key=asset.key, code=failure.code, why=failure.message
        )
    for result in report.results:
        if isinstance(result.outcome, Failure):
            structlog.get_logger().warning(
                "asset failed", key=result.asset.key, code=result.outcome.code, why=result.outcome.message
            )


def _counts(report: Report) -> dict[str, int]:
    failed = sum(isinstance(result.outcome, Failure) for result in report.results) + len(report.left_out)
    return {"assets_ok": len(report.job.assets) - failed, "assets_failed": failed}


def _since_sent(message: Message, now: datetime) -> float | None:
    return _seconds(message.sent_at, now) if message.sent_at else None


def _seconds(start: datetime, end: datetime) -> float:
    return round(max(0.0, (end - start).total_seconds()), 3)
