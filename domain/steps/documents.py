"""documents: an unchanged copy of each document, made by S3."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from domain.digest import check_sha256
from domain.each import each
from domain.kinds import Kind, Size
from domain.model import Derivatives, Failure, Source
from domain.owners import write_owned
from domain.record import Record
from domain.run import Run


def documents(run: Run, sources: Iterable[Source]) -> dict[Source, Derivatives | Failure]:
    """Copy each document to its `original/` key."""

    def one(source: Source) -> Derivatives:
        run.attempt.checkpoint()
        return run.attempt.progress.recall(source) or _copy(run, source)

    return each(sources, one, run.ports.assets, run.attempt, Kind.DOCUMENT.code)


def _copy(run: Run, source: Source) -> Derivatives:
    check_sha256(run, source)
    target = source.derived(Size.ORIGINAL)
    metadata = Record(source.origin, sha256=source.sha256).metadata()
    write_owned(
        run, source, target, partial(run.ports.objects.copy, source.raw.key, source.etag, target, metadata)
    )
    derivatives = Derivatives(source.raw.key, source.etag, source.type, {Size.ORIGINAL: target})
    run.attempt.progress.record(derivatives)
    return derivatives
