"""A picture's renditions, stored side by side."""

from __future__ import annotations

from collections.abc import Mapping

from domain.model import Picture, Rendition, Size, Source
from domain.ports import Ports
from domain.rendition_cache import RenditionCache


def store(picture: Picture, source: Source, renditions: RenditionCache, ports: Ports) -> Mapping[Size, str]:
    """Write each rendition to its key, and keep it for the bundle; returns the keys by size."""

    def one(rendition: Rendition) -> tuple[Size, str]:
        key = source.derived(rendition.size)
        etag = ports.objects.write(key, rendition.data, rendition.format.content_type)
        renditions.keep(key, etag, rendition.data)
        return rendition.size, key

    return dict(ports.transfers.map(one, picture.renditions))
