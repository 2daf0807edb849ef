"""consolidate: the report of the job, from the outcomes of its assets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from domain.each import failure
from domain.errors import Code, Permanent
from domain.keys import parse_raw
from domain.model import (
    Asset,
    Bundle,
    Derivatives,
    Failure,
    Job,
    JobKind,
    Outcome,
    Report,
    Result,
    Status,
    asset_type_of,
)  # fmt: skip
from domain.rejections import Malformed, NothingProcessed

PARTIAL = "DERIVATIVE_ERRORS_DETECTED"


def consolidate(
    job: Job, outcomes: Mapping[Asset, Outcome], bundle: Bundle | None, started_at: datetime, now: datetime
) -> Report:
    """The report with one result for each entry of the message, in the message's order.

    Raises:
        NothingProcessed: no asset came through; the error carries the report.
    """
    results = tuple(Result(asset, outcomes[asset]) for asset in job.assets)
    failures = [result.outcome for result in results if isinstance(result.outcome, Failure)]
    if len(failures) < len(results):
        status = Status.PARTIAL_SUCCESS if failures else Status.SUCCEEDED
        reason = PARTIAL if failures else ""
        return Report(job, status, started_at, now, results, bundle, reason)
    invalid = all(cause.code is Code.VALIDATION_ERROR for cause in failures)
    status = Status.VALIDATION_FAILED if invalid else Status.PROCESSING_FAILED
    code = Code.VALIDATION_ERROR if invalid else Code.PROCESSING_FAILED
    error = Failure(code, f"none of {len(results)} assets could be processed; the first: {failures[0].message}")
    raise NothingProcessed(Report(job, status, started_at, now, results, None, code, error))


def give_up(
    job: Job, error: Exception, derivatives: Iterable[Derivatives], started_at: datetime, now: datetime
) -> Report:
    """The report of a job that failed as a whole. It still names the derivatives that were made before."""
    if isinstance(error, NothingProcessed):
        return error.report
    reason = failure(error, Code.PROCESSING_FAILED)
    made = {done.raw_key: done for done in derivatives}
    assets = () if job.kind is JobKind.FINALIZE else job.assets
    results = tuple(Result(asset, made.get(asset.key) or _undone(asset, job, reason)) for asset in assets)
    invalid = reason.code is Code.VALIDATION_ERROR and (
        job.kind is JobKind.PROCESS or isinstance(error, Malformed)
    )
    status = Status.VALIDATION_FAILED if invalid else Status.PROCESSING_FAILED
    return Report(job, status, started_at, now, results, None, reason.code, reason)


def _undone(asset: Asset, job: Job, reason: Failure) -> Failure:
    try:
        code = asset_type_of(asset, parse_raw(asset.key, job.listing_id)).kind.code
    except Permanent:
        code = Code.VALIDATION_ERROR
    return Failure(code, f"not processed, because the job failed: {reason.message}")
