"""videos: each one transcoded, with its poster."""

from __future__ import annotations

from collections.abc import Iterable

from domain.each import each
from domain.errors import Code
from domain.model import Failure, Product, Source
from domain.ports import Attempt, Ports


def videos(sources: Iterable[Source], attempt: Attempt, ports: Ports) -> dict[Source, Product | Failure]:
    """Have each video transcoded."""
    return each(sources, ports.transcoder.transcode, ports.assets, attempt, Code.VIDEO_PROCESSING_FAILED)
