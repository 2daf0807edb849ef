"""The counting, on evidence that is made up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.soak.plain.counting import NAMELESS, Counts, Evidence, count
from tests.soak.plain.outside import Sign
from tests.soak.record import Delivery

JOB = 1
PHOTO = "1/processed/photo/vertical/large/a.jpg"


def delivery(at: float) -> Delivery:
    return Delivery("m1", f"h{at:g}", str(JOB), 1, "SOAK0N1", at, at)


def told(at: float, what: str = "SUCCEEDED", status: int = 200, job: int = JOB) -> Sign:
    return Sign(at, job, what, "", status)


def put(at: float, key: str = PHOTO, status: int = 200) -> Sign:
    return Sign(at, JOB, "PutObject", key, status)


FAILED = told(103, "PROCESSING_FAILED")
DONE = Evidence(
    good={JOB},
    bad=None,
    deliveries=[delivery(100)],
    signs=[put(101), told(102)],
    whole={JOB},
    dead=set(),
    deleted={JOB},
    since=100,
    until=200,
)
"""Received at 100, written at 101, acknowledged at 102 and deleted."""


def ending(counts: Counts) -> str:
    """Which of the five ends the one good job came to."""
    ends = {
        "done": counts.done, "given up": counts.given_up, "untold": counts.untold, "lost": counts.lost,
        "left": counts.left,
    }  # fmt: skip
    (end,) = (name for name, number in ends.items() if number)
    return end


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (DONE, "done"),
        (replace(DONE, whole=set()), "lost"),
        (replace(DONE, signs=[put(101)]), "lost"),
        (replace(DONE, signs=[put(101), told(102, status=500)]), "lost"),
        (replace(DONE, signs=[put(101), FAILED]), "lost"),
        (replace(DONE, signs=[put(101)], deleted=set(), dead={JOB}), "untold"),
        (replace(DONE, signs=[put(101), replace(FAILED, status=503)], deleted=set(), dead={JOB}), "untold"),
        (replace(DONE, signs=[put(101), FAILED], deleted=set(), dead={JOB}), "given up"),
        (replace(DONE, signs=[put(101)], deleted=set()), "left"),
    ],
)
def test_a_good_job_comes_to_one_end(evidence: Evidence, expected: str) -> None:
    assert ending(count(evidence)) == expected


@pytest.mark.parametrize(
    ("evidence", "dead", "contradicted"),
    [
        (DONE, 0, 0),
        (replace(DONE, dead={JOB}), 1, 0),
        (replace(DONE, signs=[*DONE.signs, FAILED]), 0, 1),
        (replace(DONE, signs=[*DONE.signs, replace(FAILED, status=500)]), 0, 0),
    ],
)
def test_what_is_done_may_be_dead_lettered_or_told_as_failed_all_the_same(
    evidence: Evidence, dead: int, contradicted: int
) -> None:
    counts = count(evidence)
    assert (counts.done, counts.dead_all_the_same, counts.contradicted) == (1, dead, contradicted)


def test_each_acknowledgement_but_the_first_is_a_double() -> None:
    assert count(DONE).twice == 0
    assert count(replace(DONE, signs=[*DONE.signs, told(110), told(111), told(112, status=503)])).twice == 2


def test_each_write_of_the_large_derivative_but_the_first_is_a_double() -> None:
    others = [put(103, PHOTO, 503), put(104, "1/processed/zip/1.zip"), put(105, "1/processed/zip/1.zip")]
    others += [put(106, PHOTO.replace("large", "small")), put(107, PHOTO.replace("large", "small"))]
    assert count(replace(DONE, signs=[*DONE.signs, *others])).again == 0
    assert count(replace(DONE, signs=[*DONE.signs, put(108), put(109)])).again == 2


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (DONE, 1),
        (replace(DONE, deliveries=[delivery(100), delivery(150)], signs=[*DONE.signs, told(151)]), 48),
        (replace(DONE, deliveries=[delivery(100), delivery(150)], signs=[*DONE.signs, told(151)], since=140), 10),
        (replace(DONE, deliveries=[delivery(100), delivery(150)], since=160), 0),
        (replace(DONE, signs=[put(101)], deleted=set()), 99),
        (replace(DONE, deliveries=[], signs=[], deleted=set()), 0),
    ],
)
def test_a_job_in_hand_lies_still_as_long_as_nothing_is_heard_of_it(evidence: Evidence, expected: float) -> None:
    assert count(evidence).still == expected


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (DONE, ""),
        (replace(DONE, bad=2), "on the queue"),
        (replace(DONE, bad=2, deleted={JOB, 2}), "deleted"),
        (replace(DONE, bad=2, dead={2}, signs=[told(103, job=2), FAILED]), "DLQ, not told"),
        (replace(DONE, bad=2, dead={2}, signs=[told(103, "PROCESSING_FAILED", 500, 2)]), "DLQ, told"),
        (replace(DONE, bad=NAMELESS, dead={NAMELESS}), "DLQ"),
    ],
)
def test_the_bad_message_comes_to_an_end_of_its_own(evidence: Evidence, expected: str) -> None:
    assert count(evidence).bad == expected


def test_what_is_0_is_not_said() -> None:
    assert str(count(DONE)) == "1 done, still 1 s"
    worse = replace(DONE, dead={JOB, 2}, bad=2, signs=[*DONE.signs, told(103)])
    assert (
        str(count(worse))
        == "1 done, 1 in the DLQ all the same, 1 told twice, still 1 s; the bad one: DLQ, not told"
    )
