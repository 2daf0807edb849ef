"""The storing of a picture's renditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from domain.kinds import Size
from domain.model import Picture, Rendition, Source
from domain.owners import write_first
from domain.record import Record, upload_metadata
from domain.run import Run


def store(run: Run, picture: Picture, source: Source, record: Record) -> Mapping[Size, str]:
    """Write the renditions to their keys, and keep them for the bundle; returns the keys by size.

    The first one settles whose the keys are. The last one gets the record, completed with the others' ETags.

    Raises:
        Permanent: VALIDATION_ERROR, where another upload owns the keys.
    """
    first, *others, last = picture.renditions
    mark = upload_metadata(source.raw.key)

    def write(rendition: Rendition, metadata: Mapping[str, str] = mark, new: bool = False) -> str:
        key = source.derived(rendition.size)
        etag = run.ports.objects.write(key, rendition.data, rendition.format.content_type, metadata, new)
        run.renditions.keep(key, etag, rendition.data)
        return etag

    first_etag = write_first(run, source, source.derived(first.size), lambda new: write(first, new=new))
    etags = (*record.others, first_etag, *run.ports.transfers.map(write, others))
    write(last, replace(record, others=etags).metadata())
    return {rendition.size: source.derived(rendition.size) for rendition in picture.renditions}
