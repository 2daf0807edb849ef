"""recall: what earlier jobs made of the very same uploads is found again, and not made anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
    unknown = [source for source in sources if run.attempt.progress.recall(source) is None]
    latest = {source: key for source in unknown if (key := _latest(run, source))}

    def look(source: Source) -> None:
        _look(run, source, latest[source])

    # Its digest may have to be read, so this isn't for the pool of small transfers.
    looked = each(latest, look, run.ports.assets, run, Code.PROCESSING_FAILED)
    failed = {source: failure for source, failure in looked.items() if failure is not None}
    failed |= _collisions(run, [source for source in sources if source not in failed])
    return {
        asset: failed.get(source, source) if isinstance(source, Source) else source
        for asset, source in checked.items()
    }


def _latest(run: Run, source: Source) -> str | None:
    """The derivative of the source that was written last, of those that are there."""
    derived = (source.derived(size) for size in reversed(source.type.kind.sizes))
    return next((key for key in derived if key in run.processed), None)


def _look(run: Run, source: Source, latest: str) -> None:
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
        Derivatives(source.raw.key, source.etag, source.type, made, record.width, record.height, record.facts)
    )


def _complete(run: Run, source: Source, record: Record) -> bool:
    """Whether the derivatives that were written before the last one are still the same."""
    others = source.type.kind.sizes[:-1]
    return record.others == tuple(run.processed.get(source.derived(size)) for size in others)


def _collisions(run: Run, sources: Iterable[Source]) -> dict[Source, Failure]:
    """Of two uploads whose derivatives would share keys, the one that is recalled wins, or else the first one.

    Their names differ by a date alone, or they are videos and differ by their extensions.
    """
    owners: dict[str, str] = {}
    failed: dict[Source, Failure] = {}
    for source in sorted(sources, key=lambda source: run.attempt.progress.recall(source) is None):
        targets = [source.derived(size) for size in source.type.kind.sizes]
        owner = next((owners[key] for key in targets if owners.get(key, source.raw.key) != source.raw.key), None)
        if owner is None:
            owners.update(dict.fromkeys(targets, source.raw.key))
        else:
            why = f"its derivatives would overwrite those of {owner}"
            failed[source] = Failure(Code.VALIDATION_ERROR, why)
    return failed
