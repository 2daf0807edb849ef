"""One attempt's way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from domain.model import Job
from domain.ports import Attempt, Ports
from domain.rendition_cache import RenditionCache


@dataclass(frozen=True, slots=True)
class Run:
    """What every step gets: the job, the attempt at it, the ports, and the renditions kept for the bundle."""

    job: Job
    attempt: Attempt
    ports: Ports
    renditions: RenditionCache
