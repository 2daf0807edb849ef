"""recall: what earlier jobs made of the very same uploads is found again, and not made anew."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from domain.digest import check_sha256
from domain.each import each
from domain.errors import Code
from domain.keys import only_ours
from domain.model import Asset, Derivatives, Failure, Source
from domain.owners import require_owner
from domain.record import Record, read_record, upload_of
from domain.run import Run


def recall(run: Run, checked: Mapping[Asset, Source | Failure]) -> dict[Asset, Source | Failure]:
    """Hand over to the attempt's progress what is in the bucket already; an upload whose keys are another's fails.

    Nothing is asked about an upload that the listing has no derivatives of.
    """
    sources = dict.fromkeys(source for source in checked.values() if isinstance(source, Source))
    known = [source for source in sources if run.attempt.progress.recall(source) is None and _latest(run, source)]
    looked = each(known, partial(_look, run), run.ports.transfers, run.attempt, Code.VALIDATION_ERROR)
    failed: dict[Source | Failure, Failure] = {source: why for source, why in looked.items() if why is not None}
    return {asset: failed.get(source, source) for asset, source in checked.items()}


def _latest(run: Run, source: Source) -> str | None:
    """The derivative of the source that was written last, of those that are there."""
    derived = (source.derived(size) for size in reversed(source.type.kind.sizes))
    return next((key for key in derived if key in run.processed), None)


def _look(run: Run, source: Source) -> None:
    latest = _latest(run, source)
    assert latest is not None  # noqa: S101 - for the type checker: only such sources are looked at
    head = run.ports.objects.head(latest)
    if head is None:
        return
    require_owner(run, source, upload_of(head.metadata))
    record = read_record(head.metadata)
    if record is None or record.origin != source.origin or not _complete(run, source, record):
        return
    if not only_ours(latest):
        return  # whoever wrote it can have written its metadata, too
    if source.sha256 != record.sha256:
        check_sha256(run, source)
    made = {size: source.derived(size) for size in source.type.kind.sizes}
    run.attempt.progress.record(
        Derivatives(source.raw.key, source.etag, source.type, made, record.width, record.height)
    )


def _complete(run: Run, source: Source, record: Record) -> bool:
    """Whether the derivatives that were written before the last one are still the same."""
    others = source.type.kind.sizes[:-1]
    return record.others == tuple(run.processed.get(source.derived(size)) for size in others)
