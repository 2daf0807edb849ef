"""Follows jobs to their ends, by their journals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from domain.by_hand import Outcome, outcome_of
from domain.errors import Transient
from domain.journal import Journal
from domain.model import Job
from worker.desk.errors import DeskError
from worker.desk.wiring import Hand

LOOK_EVERY = 2.0
"""Seconds."""
Tell = Callable[[int, str], None]
"""How many jobs have ended, and what is new."""


def follow(place: Hand, jobs: Sequence[Job]) -> list[Outcome]:
    """Wait until each of the jobs has ended, for as long as that takes.

    Raises:
        DeskError: it was interrupted, and the jobs go on.
    """
    ended: dict[Job, Outcome] = {}
    suspected: dict[Job, Outcome] = {}
    try:
        with _shown(len(jobs)) as tell:
            while len(ended) < len(jobs):
                for job in (job for job in jobs if job not in ended):
                    outcome = _look(place, job, lambda news: tell(len(ended), news))
                    # A failure is acknowledged just before its attempt ends and says why.
                    if outcome and (outcome.why or outcome.status_ends or outcome == suspected.get(job)):
                        ended[job] = outcome
                        tell(len(ended), f"job {job.job_id} has ended")
                    elif outcome:
                        suspected[job] = outcome
                if len(ended) < len(jobs):
                    time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        first = next(job for job in jobs if job not in ended)
        raise DeskError(
            f"interrupted; the job goes on: media-worker job {first.listing_id} {first.job_id} shows it"
        ) from None
    return [ended[job] for job in jobs]
