"""The whole rule of what becomes of a message, on one screen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from domain.errors import Code, Conflict, LeaseLost, Permanent, Stopped, TimedOut, Transient
from domain.journal import Acknowledged, Begun, Ended, Ending, Journal
from domain.model import Job, Report, Status
from domain.rejections import AlreadyAcknowledged, Malformed
from domain.settlement import Settlement, refuse_done, refuse_poison, settle
from tests.fakes import NOW

JOB = Job(21, 28, "m-1")
CODE = Code.ZIP_FAILED


def report(status: Status) -> Report:
    return Report(JOB, status, NOW, NOW, ())


@pytest.mark.parametrize(
    ("outcome", "receive", "last", "settlement"),
    [
        (report(Status.SUCCEEDED), 1, False, Settlement(Ending.DONE, "SUCCEEDED", final=True)),
        (report(Status.PARTIAL_SUCCESS), 3, True, Settlement(Ending.DONE, "PARTIAL_SUCCESS", final=True)),
        (Transient("S3 is down"), 1, False, Settlement(Ending.TRANSIENT, "S3 is down", None, 15)),
        (Transient("S3 is down", CODE), 2, False, Settlement(Ending.TRANSIENT, "S3 is down", CODE, 30)),
        (Transient("503", retry_after=300), 2, False, Settlement(Ending.TRANSIENT, "503", None, 300)),
        (Transient("503", retry_after=7), 2, False, Settlement(Ending.TRANSIENT, "503", None, 30)),
        (Transient("503", retry_after=1e9), 2, False, Settlement(Ending.TRANSIENT, "503", None, 900)),
        (Conflict("changed"), 3, False, Settlement(Ending.TRANSIENT, "changed", None, 60)),
        (TimedOut("too long"), 20, False, Settlement(Ending.TRANSIENT, "too long", None, 900)),
        (ZeroDivisionError(), 1, False, Settlement(Ending.TRANSIENT, "ZeroDivisionError", None, 15)),
        (Transient("503", retry_after=300), 3, True, Settlement(Ending.TRANSIENT, "503", None, 0, True)),
        (Permanent("bad", CODE), 1, False, Settlement(Ending.PERMANENT, "bad", CODE)),
        (Permanent("bad", CODE), 3, True, Settlement(Ending.PERMANENT, "bad", CODE, 0, True)),
        (Malformed("?", JOB), 1, False, Settlement(Ending.PERMANENT, "?", Code.VALIDATION_ERROR)),
        (Stopped("SIGTERM"), 1, False, Settlement(Ending.RELEASED, "SIGTERM", None, 5)),
        (Stopped("SIGTERM"), 3, True, Settlement(Ending.RELEASED, "SIGTERM", None, 0, True)),
        (LeaseLost("gone"), 1, False, Settlement(Ending.LEASE_LOST, "gone")),
        (LeaseLost("gone"), 3, True, Settlement(Ending.LEASE_LOST, "gone", None, 0, True)),
    ],
)
def test_what_becomes_of_a_message(
    outcome: Report | Exception, receive: int, last: bool, settlement: Settlement
) -> None:
    assert settle(outcome, receive, last, jitter=0) == settlement


def test_the_delay_is_jittered() -> None:
    delays = {settle(Transient("503"), 1, False, jitter).delay for jitter in (-1, 0, 1)}
    assert delays == {12, 15, 18}


LATER = NOW + timedelta(hours=1)


def began(*receives: int, at: datetime = NOW) -> tuple[Begun, ...]:
    return tuple(Begun(receive, at) for receive in receives)


TRACE = (Ended(1, NOW, Ending.TRANSIENT, "S3 is down"),)
TOLD = Acknowledged(Status.PROCESSING_FAILED, NOW)


@pytest.mark.parametrize(
    ("journal", "receive", "last"),
    [
        (Journal(begun=began(2)), 3, False),
        (Journal(TRACE, begun=began(2)), 3, True),
        (Journal(begun=began(2), unreadable=True), 3, True),
        (Journal(begun=began(2), acknowledged=TOLD), 3, True),
        (Journal(), 1, True),
        (Journal(), 2, True),
        (Journal(), 5, True),
        (Journal(begun=began(2, 4)), 5, True),
    ],
    ids=[
        "not the last receive", "an attempt left a trace", "one that can't be read", "a failure was told",
        "nobody has tried before", "the first couldn't say that it began", "nor any other", "nor one of them",
    ],
)  # fmt: skip
def test_a_message_is_tried(journal: Journal, receive: int, last: bool) -> None:
    refuse_poison(journal, receive, last, NOW)


@pytest.mark.parametrize(
    ("begun", "receive"), [(began(1), 2), (began(2), 3), (began(2, 3, 4), 5)], ids=["of 2", "of 3", "of 5"]
)
@pytest.mark.parametrize("sent_at", [None, NOW, NOW + timedelta(seconds=30)], ids=["?", "before", "another clock"])
def test_a_message_whose_earlier_attempts_all_died_is_not_tried_on_its_last_receive(
    begun: tuple[Begun, ...], receive: int, sent_at: datetime | None
) -> None:
    with pytest.raises(Permanent, match=f"all {receive - 1} earlier attempts") as raised:
        refuse_poison(Journal(begun=begun), receive, True, sent_at)
    assert raised.value.code is Code.POISON_MESSAGE


def test_what_happened_before_an_operator_sent_the_message_again_does_not_count() -> None:
    died_before = Journal(begun=began(2, 3, 4))
    refuse_poison(died_before, 5, True, LATER)
    failed_before = Journal(TRACE, begun=began(2) + began(2, 3, 4, at=LATER), acknowledged=TOLD)
    with pytest.raises(Permanent):
        refuse_poison(failed_before, 5, True, LATER)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIAL_SUCCESS])
def test_a_job_whose_success_was_acknowledged_is_done(status: Status) -> None:
    with pytest.raises(AlreadyAcknowledged) as raised:
        refuse_done(Journal(acknowledged=Acknowledged(status, NOW)))
    assert settle(raised.value, 2, False, 0) == Settlement(Ending.DONE, status, final=True)


@pytest.mark.parametrize("acknowledged", [None, TOLD])
def test_one_whose_failure_was_acknowledged_is_not(acknowledged: Acknowledged | None) -> None:
    refuse_done(Journal(acknowledged=acknowledged))


def test_an_acknowledged_success_is_never_replaced() -> None:
    done = Acknowledged(Status.SUCCEEDED, NOW)
    failed = Journal(acknowledged=TOLD)
    assert failed.with_added(Journal(acknowledged=done)).acknowledged == done
    assert Journal(acknowledged=done).with_added(failed).acknowledged == done
    assert failed.with_added(Journal()).acknowledged == TOLD
