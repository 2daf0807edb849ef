"""thumbnails: each photo and render in four widths."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from domain import content
from domain.content import HEAD_BYTES, Kind
from domain.each import each
from domain.errors import Code, Permanent
from domain.model import Failure, Product, Source
from domain.ports import Attempt, Ports
from domain.renditions import store
from domain.shelf import Shelf


def thumbnails(
    sources: Iterable[Source], shelf: Shelf, attempt: Attempt, ports: Ports
) -> dict[Source, Product | Failure]:
    """Fetch each photo once, decode it once, and store its renditions side by side."""

    def one(source: Source) -> Product:
        attempt.checkpoint()
        return attempt.recall(source) or _render(source, shelf, attempt, ports)

    return each(sources, one, ports.assets, attempt, Code.THUMBNAIL_PROCESSING_FAILED)


def _render(source: Source, shelf: Shelf, attempt: Attempt, ports: Ports) -> Product:
    data = b"".join(ports.objects.read(source.raw.key, source.etag))
    if source.sha256 is not None and hashlib.sha256(data).digest() != source.sha256:
        raise Permanent("the object's SHA-256 isn't the manifest's", Code.VALIDATION_ERROR)
    medium = content.require(Kind.PHOTO, data[:HEAD_BYTES], source.raw.file, "")
    assert medium is not None  # noqa: S101 - a photo's medium is always known; this tells the type checker
    picture = ports.images.render(data, medium)
    del data
    attempt.checkpoint()
    stored = store(picture, source, shelf, ports)
    ports.objects.mark_processed(source.raw.key)
    product = Product(source.raw.key, source.etag, source.type, stored, picture.width, picture.height)
    attempt.record(product)
    return product
