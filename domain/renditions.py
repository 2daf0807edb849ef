"""The storing of a picture's renditions."""

from __future__ import annotations

from collections.abc import Mapping

from domain.kinds import Size
from domain.model import Picture, Rendition, Source
from domain.run import Run


def store(run: Run, picture: Picture, source: Source) -> Mapping[Size, str]:
    """Write the renditions to their keys side by side, and keep them for the bundle; returns the keys by size."""

    def one(rendition: Rendition) -> tuple[Size, str]:
        key = source.derived(rendition.size)
        etag = run.ports.objects.write(key, rendition.data, rendition.format.content_type)
        run.renditions.keep(key, etag, rendition.data)
        return rendition.size, key

    return dict(run.ports.transfers.map(one, picture.renditions))
