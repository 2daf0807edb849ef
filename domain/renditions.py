"""The storing of a picture's renditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from domain.kinds import Size
from domain.model import Picture, Rendition, Source
from domain.owners import write_owned
from domain.record import Record, origin_metadata
from domain.run import Run


def store(run: Run, picture: Picture, source: Source, record: Record) -> Mapping[Size, str]:
    """Write the renditions to their keys, and keep them for the bundle; returns the keys by size.

    The first one settles whose the keys are. The last one gets the record, completed with the others' ETags.

    Raises:
        Permanent: VALIDATION_ERROR, where another upload owns the keys.
        Conflict: another version of the upload was processed meanwhile.
    """
    first, *others, last = picture.renditions
    mark = origin_metadata(source.origin)

    def write(rendition: Rendition, metadata: Mapping[str, str] = mark) -> str:
        key, content_type = source.derived(rendition.size), rendition.format.content_type
        put = partial(run.ports.objects.write, key, rendition.data, content_type, metadata)
        etag = write_owned(run, source, key, put)
        run.renditions.keep(key, etag, rendition.data)
        return etag

    etags = (*record.others, write(first), *run.ports.transfers.map(write, others))
    write(last, replace(record, others=etags).metadata())
    return {rendition.size: source.derived(rendition.size) for rendition in picture.renditions}
