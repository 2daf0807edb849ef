from __future__ import annotations

import threading

import pytest

from domain.each import WINDOW, each
from domain.errors import Code, LeaseLost, Permanent, Transient
from domain.model import Failure
from domain.rendition_cache import RenditionCache
from domain.run import Run
from tests.fakes import FakeAttempt, SameThread, make_ports, threads


def run_of(attempt: FakeAttempt) -> Run:
    return Run(attempt.progress.job, attempt, make_ports(), RenditionCache(100))


CODE = Code.THUMBNAIL_PROCESSING_FAILED


def work(item: int) -> int:
    if item == 2:
        raise Permanent("two is bad")
    if item == 3:
        raise Permanent("three is worse", Code.VALIDATION_ERROR)
    if item == 4:
        raise Transient("four may do better")
    if item == 5:
        raise ZeroDivisionError("five is a bug")
    return item * 10


def test_results_come_in_the_items_order_and_a_permanent_error_is_that_items_failure() -> None:
    results = each([3, 1, 2], work, SameThread(), run_of(FakeAttempt()), CODE)
    assert list(results.items()) == [
        (3, Failure(Code.VALIDATION_ERROR, "three is worse")),
        (1, 10),
        (2, Failure(CODE, "two is bad")),
    ]


@pytest.mark.parametrize(("item", "error"), [(4, Transient), (5, ZeroDivisionError)])
def test_anything_else_escapes_before_the_last_receive(item: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        each([item, 1], work, SameThread(), run_of(FakeAttempt()), CODE)


def test_on_the_last_receive_everything_is_its_items_failure() -> None:
    results = each([4, 5, 1], work, SameThread(), run_of(FakeAttempt(last=True)), CODE)
    assert results[1] == 10
    assert results[4] == Failure(CODE, "four may do better")
    bug = results[5]
    assert isinstance(bug, Failure)
    assert "ZeroDivisionError" in bug.message
    assert "five is a bug" not in bug.message, "what a bug says may be anything"


def test_an_error_that_escapes_stops_new_work_but_lets_what_is_under_way_end() -> None:
    done: list[int] = []

    def note(item: int) -> int:
        if item == 0:
            raise Transient("the bucket is down")
        done.append(item)
        return item

    with pytest.raises(Transient):
        each(range(100), note, SameThread(), run_of(FakeAttempt()), CODE)
    assert done == list(range(1, WINDOW))


def test_an_interruption_ends_it_at_once_and_is_nobodys_failure() -> None:
    attempt = FakeAttempt(last=True)

    def lose() -> None:
        raise LeaseLost("another worker has it")

    attempt.before_checkpoint = lose
    with pytest.raises(LeaseLost):
        each([1, 2], work, SameThread(), run_of(attempt), CODE)


def test_an_interruption_inside_the_work_is_nobodys_failure_either() -> None:
    def interrupted(item: int) -> int:
        raise LeaseLost("another worker has it")

    with pytest.raises(LeaseLost):
        each([1], interrupted, SameThread(), run_of(FakeAttempt(last=True)), CODE)


def test_items_are_worked_on_side_by_side() -> None:
    both = threading.Barrier(2, timeout=30)
    with threads(2) as pool:
        assert each([1, 2], lambda _: both.wait() >= 0, pool, run_of(FakeAttempt()), CODE) == {1: True, 2: True}
