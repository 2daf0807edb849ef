"""documents: each one copied unchanged, by the bucket itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from domain import keys
from domain.each import each
from domain.errors import Code, Permanent
from domain.model import Failure, Product, Size, Source
from domain.ports import Attempt, Objects, Ports


def documents(sources: Iterable[Source], attempt: Attempt, ports: Ports) -> dict[Source, Product | Failure]:
    """Copy each document to its `original/` key."""

    def one(source: Source) -> Product:
        attempt.checkpoint()
        return attempt.recall(source) or _copy(source, attempt, ports.objects)

    return each(sources, one, ports.assets, attempt, Code.DOCUMENT_PROCESSING_FAILED)


def _copy(source: Source, attempt: Attempt, objects: Objects) -> Product:
    if source.sha256 is not None:
        _check_sha256(source, source.sha256, attempt, objects)
    target = keys.derived(source.raw, Size.ORIGINAL)
    objects.copy(source.raw.key, source.etag, target)
    objects.mark_processed(source.raw.key)
    product = Product(source.raw.key, source.etag, source.type, {Size.ORIGINAL: target})
    attempt.record(product)
    return product


def _check_sha256(source: Source, wanted: bytes, attempt: Attempt, objects: Objects) -> None:
    """The bucket holds no SHA-256 of it, so the bytes must be read once, though the copy doesn't need them."""
    digest = hashlib.sha256()
    for chunk in objects.read(source.raw.key, source.etag):
        attempt.checkpoint()
        digest.update(chunk)
    if digest.digest() != wanted:
        raise Permanent("the object's SHA-256 isn't the manifest's", Code.VALIDATION_ERROR)
