"""documents: an unchanged copy of each document, made by S3."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from domain.digest import check_sha256
from domain.each import each
from domain.errors import Archived
from domain.kinds import Kind, Size
from domain.model import Derivatives, Failure, Source
from domain.owners import write_owned
from domain.record import Record, read_record
from domain.run import Run


def documents(run: Run, sources: Iterable[Source]) -> dict[Source, Derivatives | Failure]:
    """Copy each document to its `original/` key."""

    def one(source: Source) -> Derivatives:
        run.attempt.checkpoint()
        return run.attempt.progress.recall(source) or _copy(run, source)

    return each(sources, one, run.ports.assets, run, Kind.DOCUMENT.code)


def _copy(run: Run, source: Source) -> Derivatives:
    target = source.derived(Size.ORIGINAL)
    metadata = Record(source.origin, sha256=source.sha256).metadata()
    copy = partial(run.ports.objects.copy, source.raw.key, source.etag, target, metadata)
    try:
        check_sha256(run, source)
        write_owned(run, source, target, copy)
    except Archived:
        if not _was_copied(run, source, target):
            raise
    derivatives = Derivatives(source.raw.key, source.etag, source.type, {Size.ORIGINAL: target})
    run.attempt.progress.record(derivatives)
    return derivatives


def _was_copied(run: Run, source: Source, target: str) -> bool:
    """Whether the copy that is there says that it is this upload's. From the archive none can be made."""
    head = run.ports.objects.head(target)
    record = read_record(head.metadata) if head else None
    return record is not None and record.origin == source.origin and source.sha256 in (None, record.sha256)
