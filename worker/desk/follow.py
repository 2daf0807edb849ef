"""Follows jobs to their ends, by their journals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from domain.by_hand import Outcome, outcome_of
from domain.errors import Transient
from domain.journal import Journal
from domain.model import Job
from worker.desk.errors import DeskError
from worker.desk.text import printable

LOOK_EVERY = 2.0
"""Seconds."""
Tell = Callable[[str], None]


@dataclass(slots=True)
class _Followed:
    job: Job
    max_receive_count: int
    outcome: Outcome | None = None
    suspected: Outcome | None = None
    failures: int = 0
    trouble: str = ""

    def look(self, journal: Journal) -> str | None:
        """Take note of the journal; returns what is new."""
        found = outcome_of(journal, self.max_receive_count)
        # A failure is acknowledged just before its attempt ends and says why; the end may never be written.
        if found and (found.settled or found == self.suspected):
            self.outcome = found
            return f"job {self.job.job_id} has ended"
        self.suspected = found
        if len(journal.attempts) == self.failures:
            return None
        self.failures = len(journal.attempts)
        last = journal.attempts[-1]
        return f"job {self.job.job_id}: attempt {last.number} of {self.max_receive_count} ended: {last.message}"


def follow(jobs: Sequence[Job], load: Callable[[Job], Journal], max_receive_count: int) -> list[Outcome]:
    """Wait until each of the jobs has ended, for as long as that takes.

    Raises:
        DeskError: it was interrupted, and the jobs go on.
    """
    followed = [_Followed(job, max_receive_count) for job in jobs]
    try:
        with _shown(jobs) as tell:
            while waiting := [one for one in followed if one.outcome is None]:
                for one in waiting:
                    if news := _look(one, load):
                        tell(news)
                if any(one.outcome is None for one in waiting):
                    time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        job = next(one.job for one in followed if one.outcome is None)
        raise DeskError(
            f"interrupted; the job goes on, and media-worker job {job.listing_id} {job.job_id} shows it"
        ) from None
    return [one.outcome for one in followed if one.outcome]


def _look(one: _Followed, load: Callable[[Job], Journal]) -> str | None:
    try:
        news, one.trouble = one.look(load(one.job)), ""
    except Transient as error:
        news = None if one.trouble == str(error) else f"the journal can't be read, and is tried again: {error}"
        one.trouble = str(error)
    return news


@contextmanager
def _shown(jobs: Sequence[Job]) -> Iterator[Tell]:
    """News on standard error, below them a spinner where that is a terminal."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        what = f"job {jobs[0].job_id}" if len(jobs) == 1 else f"{len(jobs)} jobs from {jobs[0].job_id} on"
        shown.add_task(f"waiting for {what} of listing {jobs[0].listing_id}")
        yield lambda news: console.print(printable(news), markup=False)
