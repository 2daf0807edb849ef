"""Why a message is in the DLQ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from domain.dead_letters import DeadMessage
from domain.errors import Code
from domain.journal import Acknowledged, Begun, Ended, Ending, Journal
from domain.model import Job, Status
from domain.post_mortem import NO_TRACE, UNREADABLE, Choice, DeadLetter, counted
from domain.queue import Message
from tests.fakes import NOW

JOB = Job(21, 28, "m-1")


def letter(
    journal: Journal | None = None, job: Job | None = JOB, problem: str = "", trouble: str = ""
) -> DeadLetter:
    return DeadLetter(DeadMessage(Message("m-1", "h", "{}", 7, {}, NOW), {}), job, problem, journal, trouble)


def ended(number: int, reason: str, ending: Ending = Ending.TRANSIENT, code: Code | None = None) -> Ended:
    return Ended(number, NOW + timedelta(minutes=number), ending, reason, code, "callback")


def failed(*reasons: str) -> DeadLetter:
    return letter(Journal(tuple(ended(number, reason) for number, reason in enumerate(reasons, 1))))


def test_the_last_attempt_says_why() -> None:
    cause = failed("a time-out", "the backend answered 503").cause
    assert (cause.ending, cause.step, cause.reason) == (Ending.TRANSIENT, "callback", "the backend answered 503")
    assert cause.code is Code.PROCESSING_FAILED, "as the callback says it"


def test_the_last_attempt_is_the_latest_one_though_its_receive_is_counted_anew() -> None:
    again = Ended(1, NOW + timedelta(hours=1), Ending.PERMANENT, "the second life", Code.ZIP_FAILED)
    found = letter(Journal((ended(1, "the first life"), ended(5, "the first life"), again)))
    assert (found.cause.reason, found.cause.code, found.receives) == ("the second life", Code.ZIP_FAILED, 1)


def test_of_two_at_the_same_time_the_later_entry_is_the_last() -> None:
    found = letter(Journal((Ended(1, NOW, Ending.TRANSIENT, "first"), Ended(2, NOW, Ending.TRANSIENT, "second"))))
    assert (found.cause.reason, found.receives) == ("second", 2)


def test_an_attempt_that_began_later_and_is_silent_is_told() -> None:
    silent = Begun(5, NOW + timedelta(hours=1))
    cause = letter(Journal((ended(4, "a time-out"),), begun=(Begun(4, NOW), silent))).cause
    assert cause.reason == "attempt 5 began and never ended: the process died; the one before: a time-out"


def test_an_acknowledged_success_is_told_before_all_else() -> None:
    done = Acknowledged(Status.PARTIAL_SUCCESS, NOW)
    cause = letter(Journal((ended(5, "lease lost"),), acknowledged=done)).cause
    assert cause.ending is Ending.DONE
    assert cause.reason.startswith("PARTIAL_SUCCESS was acknowledged")


def test_an_acknowledged_failure_leaves_the_reason() -> None:
    told = Acknowledged(Status.PROCESSING_FAILED, NOW)
    assert letter(Journal((ended(5, "a time-out"),), acknowledged=told)).cause.reason == "a time-out"


@pytest.mark.parametrize(
    ("found", "ending", "code", "reason"),
    [
        (letter(job=None, problem="no JSON"), "permanent", Code.VALIDATION_ERROR, "no JSON"),
        (letter(Journal(), problem="no assets"), "permanent", Code.VALIDATION_ERROR, "no assets"),
        (letter(Journal((ended(5, "the worker's words"),)), problem="no assets"), "transient",
         Code.PROCESSING_FAILED, "the worker's words"),
        (letter(Journal()), "none", None, NO_TRACE),
        (letter(Journal(unreadable=True)), "none", None, UNREADABLE),
    ],
)  # fmt: skip
def test_where_no_attempt_says_why(found: DeadLetter, ending: str, code: Code | None, reason: str) -> None:
    cause = found.cause
    assert (cause.ending_name, cause.code, cause.reason) == (ending, code, reason)


def test_a_journal_that_cannot_be_read_is_not_taken_for_none() -> None:
    cause = letter(trouble="AccessDenied").cause
    assert "can't be read" in cause.reason
    assert cause.reason.endswith(": AccessDenied")


def test_receives_are_unknown_where_no_attempt_is() -> None:
    assert letter(Journal()).receives is None


@pytest.mark.parametrize(
    "reasons",
    [
        ["HEAD 28/raw/photo/a.jpg: there is none", "HEAD 29/raw/video/b-2.mp4: there is none"],
        ["none of 3 assets could be processed", "none of 1000 assets could be processed"],
        ["the key 'a b' has a control character", "the key 'c' has a control character"],
        ["request 3f6c2a9e-1111-4222-8333-123456789abc failed", "request 9e107d9d372bb6826bd81d3542a419d6 failed"],
        ["after 12.5 s", "after 9 s"],
    ],
)
def test_reasons_that_differ_by_names_and_numbers_are_one_kind(reasons: Sequence[str]) -> None:
    ((kind, count),) = counted(map(failed, reasons))
    assert count == len(reasons)
    assert kind.reason


@pytest.mark.parametrize(
    "reasons",
    [
        ["the backend answered 401", "the backend answered 503"],
        ["it can't be read, it isn't there", "it can't be decoded, it isn't there"],
    ],
)
def test_reasons_that_differ_otherwise_are_not(reasons: Sequence[str]) -> None:
    assert len(counted(map(failed, reasons))) == len(reasons)


def test_ten_thousand_messages_are_a_few_lines_the_most_frequent_first() -> None:
    many = [failed(f"HEAD {number}/raw/photo/{number:x}.jpg: there is none") for number in range(10_000)]
    lines = counted([failed("a time-out"), *many])
    assert [count for _, count in lines] == [10_000, 1]


ONE = letter(Journal((ended(5, "a", Ending.PERMANENT, Code.ZIP_FAILED),)))
OTHER = letter(Journal((ended(5, "b", Ending.TRANSIENT),)), job=Job(22, 29, "m-2"))
UNNAMED = letter(job=None, problem="no JSON")
SILENT = letter(Journal(), job=Job(23, 28, "m-3"))


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(), [ONE, OTHER, UNNAMED, SILENT]),
        (Choice(codes=frozenset({Code.ZIP_FAILED})), [ONE]),
        (Choice(codes=frozenset({Code.ZIP_FAILED, Code.VALIDATION_ERROR})), [ONE, UNNAMED]),
        (Choice(ending="permanent"), [ONE, UNNAMED]),
        (Choice(ending="none"), [SILENT]),
        (Choice(jobs=frozenset({21, 22})), [ONE, OTHER]),
        (Choice(listing=28), [ONE, SILENT]),
        (Choice(frozenset({Code.ZIP_FAILED}), "transient"), []),
        (Choice(frozenset({Code.ZIP_FAILED}), "permanent", frozenset({21}), 28), [ONE]),
    ],
)
def test_only_what_fits_everything_is_taken(choice: Choice, taken: list[DeadLetter]) -> None:
    assert [found for found in (ONE, OTHER, UNNAMED, SILENT) if choice.takes(found)] == taken
