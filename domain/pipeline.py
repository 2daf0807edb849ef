"""The pipeline: validate → thumbnails → zip → consolidate → callback.

A job with videos has two steps more: `submit` before `thumbnails`, and `videos`, which waits for them, after it.
What earlier jobs made of the uploads is recalled in `validate`; `confirm` looks whether they are still the same.
A finalization goes its own way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from domain import keys
from domain.errors import Code, coded_as
from domain.finalization import finalize
from domain.kinds import Kind
from domain.model import Asset, Failure, Job, JobKind, Outcome, Report, Source
from domain.outlast import outlasting
from domain.ports import Attempt, Ports
from domain.rendition_cache import RenditionCache
from domain.run import Run
from domain.steps.callback import call_back
from domain.steps.confirm import confirm
from domain.steps.consolidate import consolidate
from domain.steps.documents import documents
from domain.steps.recall import recall
from domain.steps.thumbnails import thumbnails
from domain.steps.validate import validate
from domain.steps.videos import Submissions, submit, wait
from domain.steps.zip import write_bundle


def process(job: Job, attempt: Attempt, ports: Ports) -> Report:
    """Turn a job into a report that the backend has acknowledged, or raise and leave the message to the queue.

    Raises:
        Transient, Permanent: the attempt failed; Interrupted: it may not go on.
    """
    if job.kind is JobKind.FINALIZE:
        return finalize(job, attempt, ports)
    with closing(RenditionCache(ports.rendition_room)) as renditions:
        report = _report(job, attempt, ports, renditions)
    call_back(report, attempt, ports)
    return report


def _report(job: Job, attempt: Attempt, ports: Ports, renditions: RenditionCache) -> Report:
    started_at = ports.now()
    with attempt.step("validate") as counts:
        processed = outlasting(attempt.outlast, lambda: _processed(job, ports))
        run = Run(job, attempt, ports, renditions, processed)
        checked = recall(run, validate(run))
        sources = [source for source in checked.values() if isinstance(source, Source)]
        counts |= _tally(checked.values())
        counts |= Counter("recalled" for source in sources if attempt.progress.recall(source))
    made = _process(run, sources)
    with attempt.step("confirm") as counts:
        made = confirm(run, made)
        counts |= _tally(made.values())
    outcomes = _outcomes(checked, made)
    bundle = None
    if any(not isinstance(outcome, Failure) for outcome in outcomes.values()):
        with attempt.step("zip") as counts, coded_as(Code.ZIP_FAILED):
            bundle = write_bundle(run)
            counts |= bundle.counts if bundle else {}
    with attempt.step("consolidate"):
        return consolidate(job, outcomes, bundle, started_at, ports.now())


def _process(run: Run, sources: Sequence[Source]) -> dict[Source, Outcome]:
    """The outcome of each valid upload. The transcoder works on the videos while the photos are rendered here."""
    videos = _of(Kind.VIDEO, sources)
    submissions: Submissions = {}
    if videos:
        with run.attempt.step("submit"):
            submissions = submit(run, videos)
    with run.attempt.step("thumbnails") as counts:
        made = thumbnails(run, _of(Kind.PHOTO, sources)) | documents(run, _of(Kind.DOCUMENT, sources))
        counts |= _tally(made.values())
    if videos:
        with run.attempt.step("videos") as counts:
            finished = wait(run, videos, submissions)
            counts |= _tally(finished.values())
        made |= finished
    return made


def _processed(job: Job, ports: Ports) -> Mapping[str, str]:
    return {entry.key: entry.etag for entry in ports.objects.list(keys.processed_prefix(job.listing_id))}


def _of(kind: Kind, sources: Iterable[Source]) -> list[Source]:
    return list(dict.fromkeys(source for source in sources if source.type.kind is kind))


def _outcomes(checked: Mapping[Asset, Source | Failure], made: Mapping[Source, Outcome]) -> dict[Asset, Outcome]:
    return {asset: source if isinstance(source, Failure) else made[source] for asset, source in checked.items()}


def _tally(outcomes: Iterable[object]) -> dict[str, int]:
    return Counter("failed" if isinstance(outcome, Failure) else "ok" for outcome in outcomes)
