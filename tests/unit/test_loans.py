"""Who has which child."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

import pytest

from adapters.decoders.loans import SLOW_SECONDS, Loan, Loans
from adapters.decoders.process import Child
from adapters.decoders.turns import Asked


@dataclass
class FakeChild:
    ready_at: float | None = 0.0
    running: bool = True
    reusable: bool = True
    ended: bool = False

    def end(self) -> None:
        self.ended = True


def child(fake: FakeChild) -> Child:
    return cast("Child", fake)


def loan(fake: FakeChild, since: float = 0.0) -> Loan:
    return Loan(Asked("a"), child=child(fake), since=since)


@pytest.mark.parametrize(
    ("ready_at", "since", "seconds", "start"),
    [(None, 10.0, 0.0, 90.0), (100.0, 10.0, 0.0, 0.0), (70.0, 10.0, 30.0, 0.0), (70.0, 90.0, 10.0, 0.0)],
)
def test_the_start_of_its_child_is_no_time_of_the_pictures(
    ready_at: float | None, since: float, seconds: float, start: float
) -> None:
    lent = loan(FakeChild(ready_at), since)
    assert lent.seconds(100.0) == seconds
    assert lent.waits_for_its_start(100.0) == start
    assert lent.held(100.0).slow == (seconds > SLOW_SECONDS)


def lent(fake: FakeChild) -> tuple[Loans, Loan]:
    loans, one = Loans(processes=1), Loan(Asked("a"))
    loans.idle.append(child(fake))
    loans.waiting.append(one)
    loans.grant()
    return loans, one


def test_a_child_is_lent_and_given_back() -> None:
    fake = FakeChild(ready_at=time.monotonic())
    loans, one = lent(fake)
    assert (one.child, one.settled.is_set(), loans.busy) == (child(fake), True, [one])
    assert loans.give_back(one) is None
    assert (loans.idle, loans.busy) == ([child(fake)], [])


def test_one_that_may_render_no_more_is_not_lent_again() -> None:
    fake = FakeChild(reusable=False)
    loans, one = lent(fake)
    assert loans.give_back(one) is child(fake)
    assert (loans.idle, loans.busy) == ([], [])


def test_one_that_died_while_it_was_idle_is_ended_and_not_lent() -> None:
    fake = FakeChild(running=False)
    loans, one = lent(fake)
    assert (fake.ended, one.child, loans.waiting) == (True, None, [one])


def test_a_picture_that_waits_no_longer_gets_no_child() -> None:
    loans, one = Loans(processes=1), Loan(Asked("a"))
    loans.waiting.append(one)
    assert loans.give_back(one) is None
    loans.idle.append(child(FakeChild()))
    loans.grant()
    assert one.child is None


def test_there_is_one_child_always_and_one_more_than_a_job_may_hold_at_most() -> None:
    loans = Loans(processes=1)
    assert loans.need_a_child(), "for the first picture, which need not wait then"
    loans.busy.append(loan(FakeChild()))
    assert not loans.need_a_child()
    loans.waiting.append(Loan(Asked("a")))
    assert not loans.need_a_child(), "it is the same job's"
    loans.waiting.append(Loan(Asked("b")))
    assert loans.need_a_child()
    loans.busy.append(loan(FakeChild()))
    assert not loans.need_a_child()
