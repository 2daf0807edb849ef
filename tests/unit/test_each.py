from __future__ import annotations

import threading
import weakref
from collections import Counter

import pytest

from domain.each import TRANSFERS, WINDOW, each
from domain.errors import Code, Dependency, LeaseLost, Permanent, TimedOut, Transient, Unavailable
from domain.model import Failure
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from tests.fakes import FakeAttempt, Pixels, SameThread, fail_holding, make_ports, threads


def run_of(attempt: FakeAttempt) -> Run:
    return Run(attempt.progress.job, attempt, make_ports(), RenditionCache(RenditionRoom(100)))


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


def test_more_of_what_only_waits_for_the_network_is_under_way_at_once() -> None:
    begun: list[int] = []

    def first_fails(item: int) -> int:
        begun.append(item)
        if item == 0:
            raise Transient("the bucket is down")
        return item

    run = run_of(FakeAttempt())
    for pool, most in ((run.ports.assets, WINDOW), (run.ports.transfers, TRANSFERS)):
        begun.clear()
        with pytest.raises(Transient):
            each(range(100), first_fails, pool, run, CODE)
        assert begun == list(range(most))


def out(of: Dependency = Dependency.BUCKET) -> Unavailable:
    return Unavailable("no route", of)


def test_what_an_outage_hits_is_tried_again_alone_and_before_the_others() -> None:
    attempt, tried = FakeAttempt(), list[int]()
    attempt.outages = 2

    def work(item: int) -> int:
        tried.append(item)
        if item == 0 and tried.count(0) <= 2:
            raise out()
        return item

    results = each(range(WINDOW + 2), work, SameThread(), run_of(attempt), CODE)
    assert results == {item: item for item in range(WINDOW + 2)}
    assert tried == [*range(WINDOW), 0, 0, WINDOW, WINDOW + 1], "nothing is begun while it is out"
    assert attempt.outlasted == ["no route"] * 2


def test_an_outage_is_waited_for_without_a_thread_or_a_picture() -> None:
    held: list[weakref.ref[Pixels]] = []
    running: list[int] = []

    class Attempt(FakeAttempt):
        def outlast(self, error: Unavailable) -> None:
            assert not running
            assert [pixels() for pixels in held] == [None]
            assert run.renditions.get("a", "e") is None
            super().outlast(error)

    attempt = Attempt()
    attempt.outages = 1
    run = run_of(attempt)
    run.renditions.keep("a", "e", b"a rendition")

    def work(item: int) -> int:
        if held:
            return item
        running.append(item)
        try:
            fail_holding(held, out())
        finally:
            running.remove(item)

    with threads(2) as pool:
        assert each([1], work, pool, run, CODE) == {1: 1}


def test_an_item_that_fails_alone_escapes_and_is_its_failure_on_the_last_receive() -> None:
    def work(item: int) -> int:
        if item == 1:
            raise out()
        return item

    with pytest.raises(Unavailable):
        each([1, 2], work, SameThread(), run_of(FakeAttempt()), CODE)
    results = each([1, 2], work, SameThread(), run_of(FakeAttempt(last=True)), CODE)
    assert results == {1: Failure(CODE, "no route"), 2: 2}


def test_an_error_that_escapes_isnt_waited_with() -> None:
    attempt = FakeAttempt()
    attempt.outages = 1

    def work(item: int) -> int:
        raise out() if item == 0 else Transient("this one is the job's own")

    with pytest.raises(Transient, match="own"):
        each([0, 1], work, SameThread(), run_of(attempt), CODE)
    assert not attempt.outlasted


def test_an_outage_that_outlives_the_attempt_ends_it() -> None:
    attempt = FakeAttempt(last=True)
    attempt.outages = 9

    def work(item: int) -> int:
        attempt.before_checkpoint = time_out
        raise out()

    def time_out() -> None:
        raise TimedOut("JOB_TIMEOUT")

    with pytest.raises(TimedOut):
        each([1], work, SameThread(), run_of(attempt), CODE)


def test_nothing_is_begun_while_it_is_out_and_what_is_under_way_ends_before_the_wait() -> None:
    begun: list[int] = []
    ended: list[int] = []
    looked = threading.Event()

    class Attempt(FakeAttempt):
        def outlast(self, error: Unavailable) -> None:
            assert sorted(ended) == list(range(1, WINDOW))
            assert sorted(begun) == list(range(WINDOW))
            super().outlast(error)

    attempt = Attempt()
    attempt.outages = 1
    attempt.before_checkpoint = looked.set

    def work(item: int) -> int:
        begun.append(item)
        if begun.count(item) == 1 and item == 0:
            raise out()
        assert looked.wait(30)
        ended.append(item)
        return item

    with threads(WINDOW) as pool:
        assert len(each(range(WINDOW + 4), work, pool, run_of(attempt), CODE)) == WINDOW + 4


def test_an_item_that_fails_again_is_told_from_another_one_that_fails() -> None:
    told: list[tuple[str, bool]] = []

    class Attempt(FakeAttempt):
        def outlast(self, error: Unavailable) -> None:
            told.append((str(error), error.again))

    tries = Counter[int]()

    def work(item: int) -> int:
        tries[item] += 1
        if (item, tries[item]) in {(0, 1), (0, 2), (20, 1)}:
            raise Unavailable(str(item), Dependency.BUCKET)
        return item

    each(range(21), work, SameThread(), run_of(Attempt()), CODE)
    assert told == [("0", False), ("0", True), ("20", False)]


def test_items_that_fail_on_their_own_keep_their_own_errors() -> None:
    both = threading.Barrier(2, timeout=30)

    def work(item: str) -> str:
        both.wait()
        raise Unavailable(f"GET {item}", Dependency.BUCKET)

    with threads(2) as pool:
        results = each(["a", "b"], work, pool, run_of(FakeAttempt(last=True)), CODE)
    assert results == {"a": Failure(CODE, "GET a"), "b": Failure(CODE, "GET b")}
