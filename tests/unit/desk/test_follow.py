"""A job is followed until it has ended, by what its journal says at each look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from domain.by_hand import Outcome
from domain.errors import Transient
from domain.journal import Acknowledged, Ended, Ending, Journal
from domain.model import Job, Status
from worker.desk import follow as module
from worker.desk.errors import DeskError
from worker.desk.follow import follow

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
JOB, OTHER = Job(21, 28, "m-1"), Job(22, 28, "m-2")
DONE = Journal(acknowledged=Acknowledged(Status.SUCCEEDED, NOW))
FAILED = Journal(acknowledged=Acknowledged(Status.PROCESSING_FAILED, NOW))


def failures(*numbers: int) -> tuple[Ended, ...]:
    return tuple(Ended(number, NOW, Ending.TRANSIENT, f"failure {number}\x1b[31m") for number in numbers)


def saying(*journals: Journal | Exception) -> Callable[[Job], Journal]:
    """One journal at each look."""
    looks: Iterator[Journal | Exception] = iter(journals)

    def load(_: Job) -> Journal:
        said = next(looks)
        if isinstance(said, Exception):
            raise said
        return said

    return load


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0)


def test_each_failed_attempt_is_told_once_until_the_job_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    once, twice = Journal(attempts=failures(1)), Journal(attempts=failures(1, 2))
    load = saying(Journal(), once, once, Transient("no bucket"), twice, DONE)
    assert follow([JOB], load, 5) == [Outcome(Status.SUCCEEDED)]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "job 21: attempt 1 of 5 ended: failure 1\\x1b[31m",
        "the journal can't be read, and is tried again: no bucket",
        "job 21: attempt 2 of 5 ended: failure 2\\x1b[31m",
        "job 21 has ended",
    ]


def test_a_failure_that_is_acknowledged_says_why_a_moment_later() -> None:
    whole = Journal(attempts=failures(3), acknowledged=FAILED.acknowledged)
    (outcome,) = follow([JOB], saying(FAILED, whole), 3)
    assert (outcome.status, outcome.why[:9]) == (Status.PROCESSING_FAILED, "failure 3")


def test_a_failure_that_never_says_why_is_an_end_all_the_same() -> None:
    assert follow([JOB], saying(FAILED, FAILED), 3) == [Outcome(Status.PROCESSING_FAILED)]


def test_several_jobs_are_followed_until_the_last_one_has_ended() -> None:
    outcomes = follow([JOB, OTHER], saying(Journal(), DONE, Journal(attempts=failures(3))), 3)
    assert [outcome.status for outcome in outcomes] == [None, Status.SUCCEEDED]


def test_an_interruption_says_that_the_job_goes_on() -> None:
    def interrupt(_: Job) -> Journal:
        raise KeyboardInterrupt

    with pytest.raises(DeskError, match="the job goes on, and media-worker job 28 21 shows it"):
        follow([JOB], interrupt, 3)
