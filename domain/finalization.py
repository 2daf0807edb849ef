"""A finalization: validate → zip → callback. It writes the listing's bundle and makes no derivatives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from domain.bundles import Contents
from domain.digest import check_sha256
from domain.each import each
from domain.errors import Archived, Code, Conflict, Permanent, coded_as
from domain.model import Asset, Failure, Job, JobKind, Report, Source, Status
from domain.ports import Attempt, Entry, Ports
from domain.rejections import NothingProcessed
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps.callback import call_back
from domain.steps.validate import validate
from domain.steps.zip import processed, uploads, write_bundle


def finalize(job: Job, attempt: Attempt, ports: Ports) -> Report:
    """Write the bundle, or delete it where nothing is left; returns the report that the backend has acknowledged.

    Raises:
        Transient, Permanent: the attempt failed; Interrupted: it may not go on.
    """
    started_at = ports.now()
    run = Run(job, attempt, ports, RenditionCache(RenditionRoom(0)))
    with attempt.step("validate") as counts:
        checked = _checked(run)
        valid = {source for source in checked.values() if isinstance(source, Source)}
        left_out = {asset: outcome for asset, outcome in checked.items() if isinstance(outcome, Failure)}
        counts |= {"ok": len(checked) - len(left_out), "failed": len(left_out)}
    if left_out and not valid:
        raise _nothing_left(job, left_out, started_at, ports.now())
    with attempt.step("zip") as counts, coded_as(Code.ZIP_FAILED):
        bundle = write_bundle(run, lambda run: _members(run, valid))
        if not job.assets and ports.bundles.contents is Contents.ORIGINALS:
            # After a deletion the processing jobs' bundle, too, must not hold what was removed.
            write_bundle(replace(run, job=replace(job, kind=JobKind.PROCESS)))
        counts |= bundle.counts if bundle else {"members": 0}
    report = Report(job, Status.SUCCEEDED, started_at, ports.now(), (), bundle, left_out=left_out)
    call_back(report, attempt, ports)
    return report


def _checked(run: Run) -> Mapping[Asset, Source | Failure]:
    """The valid uploads, their digests compared, and the failures. What is archived can't be read: it is valid."""
    checked = validate(run)
    unsure = {asset: source for asset, source in checked.items() if isinstance(source, Source) and source.sha256}

    def compare(asset: Asset) -> None:
        run.attempt.checkpoint()
        with suppress(Archived):
            check_sha256(run, unsure[asset])

    compared = each(unsure, compare, run.ports.assets, run, Code.VALIDATION_ERROR, salvage=False)
    return checked | {asset: failure for asset, failure in compared.items() if failure is not None}


def _members(run: Run, valid: Collection[Source]) -> list[Entry]:
    """What was processed, or the valid uploads, or every upload where the message names none."""
    if run.ports.bundles.contents is Contents.PROCESSED:
        members = processed(run)
        if not members and valid:
            raise Permanent(
                "nothing of the listing is processed: send its processing job, and then this one again"
            )
        return members
    found = uploads(run)
    if not valid:
        return found
    wanted = {(source.raw.key, source.etag) for source in valid}
    members = [entry for entry in found if (entry.key, entry.etag) in wanted]
    if changed := wanted - {(entry.key, entry.etag) for entry in members}:
        raise Conflict(f"{min(changed)[0]} was replaced or deleted after it was looked at")
    return members


def _nothing_left(
    job: Job, left_out: Mapping[Asset, Failure], started_at: datetime, now: datetime
) -> NothingProcessed:
    first = next(iter(left_out.values()))
    error = Failure(first.code, f"none of {len(left_out)} assets is there and valid; the first: {first.message}")
    return NothingProcessed(Report(job, Status.PROCESSING_FAILED, started_at, now, (), None, first.code, error))
