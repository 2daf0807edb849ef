"""The run of the pipeline that an attempt makes."""

from __future__ import annotations

from dataclasses import dataclass

from domain.model import Job
from domain.ports import Attempt, Ports
from domain.rendition_cache import RenditionCache


@dataclass(frozen=True, slots=True)
class Run:
    """The input of every step: the job, the attempt at it, the ports, and the renditions kept for the bundle."""

    job: Job
    attempt: Attempt
    ports: Ports
    renditions: RenditionCache
