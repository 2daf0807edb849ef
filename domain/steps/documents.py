"""documents: each one copied unchanged, by the bucket itself."""

from __future__ import annotations

from collections.abc import Iterable

from domain.digest import check_sha256
from domain.each import each
from domain.errors import Code
from domain.model import Derivatives, Failure, Size, Source
from domain.ports import Attempt, Objects, Ports


def documents(sources: Iterable[Source], attempt: Attempt, ports: Ports) -> dict[Source, Derivatives | Failure]:
    """Copy each document to its `original/` key."""

    def one(source: Source) -> Derivatives:
        attempt.checkpoint()
        return attempt.recall(source) or _copy(source, attempt, ports.objects)

    return each(sources, one, ports.assets, attempt, Code.DOCUMENT_PROCESSING_FAILED)


def _copy(source: Source, attempt: Attempt, objects: Objects) -> Derivatives:
    check_sha256(source, attempt, objects)
    target = source.derived(Size.ORIGINAL)
    objects.copy(source.raw.key, source.etag, target)
    objects.mark_processed(source.raw.key)
    derivatives = Derivatives(source.raw.key, source.etag, source.type, {Size.ORIGINAL: target})
    attempt.record(derivatives)
    return derivatives
