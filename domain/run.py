"""The run of the pipeline that an attempt makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.errors import Unavailable
from domain.model import Job
from domain.ports import Attempt, Ports
from domain.rendition_cache import RenditionCache


@dataclass(frozen=True, slots=True)
class Run:
    """The input of every step: the job, the attempt at it, the ports, and the renditions kept for the bundle.

    `processed` is what the listing had when the run began: ETags by key.
    """

    job: Job
    attempt: Attempt
    ports: Ports
    renditions: RenditionCache
    processed: Mapping[str, str] = field(default_factory=dict)

    def outlast(self, error: Unavailable) -> None:
        """See `Attempt.outlast`. Meanwhile the job keeps nothing in memory that it can read again."""
        self.renditions.clear()
        self.attempt.outlast(error)
