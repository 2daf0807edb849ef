"""The whole rule of what becomes of a message, on one screen."""

from __future__ import annotations

import pytest

from domain.errors import Code, Conflict, LeaseLost, Permanent, Stopped, TimedOut, Transient
from domain.journal import Ended, Ending, Journal
from domain.model import Job, Report, Status
from domain.rejections import Malformed
from domain.settlement import Settlement, refuse_poison, settle
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
        (Stopped("SIGTERM"), 1, False, Settlement(Ending.RELEASED, "SIGTERM")),
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


TRACE = Journal((Ended(1, NOW, Ending.TRANSIENT, "S3 is down"),))


@pytest.mark.parametrize(
    ("journal", "receive", "last"),
    [(Journal(), 2, False), (TRACE, 3, True), (Journal(unreadable=True), 3, True), (Journal(), 1, True)],
    ids=["not the last receive", "an attempt left a trace", "one that can't be read", "nobody has tried before"],
)
def test_a_message_is_tried(journal: Journal, receive: int, last: bool) -> None:
    refuse_poison(journal, receive, last)


def test_a_message_without_a_trace_of_earlier_attempts_is_not_tried_on_its_last_receive() -> None:
    with pytest.raises(Permanent, match="all 2 earlier attempts") as raised:
        refuse_poison(Journal(), 3, True)
    assert raised.value.code is Code.POISON_MESSAGE
