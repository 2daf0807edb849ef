"""thumbnails: four widths of each photo and render."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from domain import content
from domain.content import HEAD_BYTES
from domain.each import each
from domain.errors import Code, Permanent
from domain.fetch import fetch, room_for
from domain.kinds import Kind
from domain.model import Derivatives, Failure, Picture, Source
from domain.record import Record
from domain.renditions import store
from domain.run import Run


def thumbnails(run: Run, sources: Iterable[Source]) -> dict[Source, Derivatives | Failure]:
    """Fetch each photo once, decode it once, and store its renditions side by side."""

    def one(source: Source) -> Derivatives:
        run.attempt.checkpoint()
        return run.attempt.progress.recall(source) or _process(run, source)

    return each(sources, one, run.ports.assets, run, Kind.PHOTO.code)


def _process(run: Run, source: Source) -> Derivatives:
    with room_for(run, source.size):
        picture = _render(run, source)
        run.attempt.checkpoint()
        record = Record(source.origin, (), picture.width, picture.height, source.sha256, picture.facts)
        stored = store(run, picture, source, record)
    derivatives = Derivatives(
        source.raw.key, source.etag, source.type, stored, picture.width, picture.height, picture.facts
    )
    run.attempt.progress.record(derivatives)
    return derivatives


def _render(run: Run, source: Source) -> Picture:
    data = fetch(run, source.raw.key, source.etag, source.size)
    if source.sha256 is not None and hashlib.sha256(data).digest() != source.sha256:
        raise Permanent("the object's SHA-256 isn't the manifest's", Code.VALIDATION_ERROR)
    file_format = content.require(Kind.PHOTO, data[:HEAD_BYTES], source.raw.file, "")
    assert file_format is not None  # noqa: S101 - a photo's is always known; this tells the type checker
    return run.ports.images.render(data, file_format, run.job.sent_as, source.raw.key, run.attempt.checkpoint)
