"""What is under way is bounded, and over at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from domain.bundle.flight import Flight
from domain.errors import Conflict
from tests.fakes import SameThread, threads


def test_results_come_in_the_order_in_which_the_work_was_started() -> None:
    late = threading.Event()

    def second() -> str:
        late.set()
        return "second"

    with threads(2) as pool, Flight[str](pool, 2) as flight:
        flight.start(1, lambda: str(late.wait(30)))
        flight.start(1, second)
        assert [flight.take(), flight.take()] == ["True", "second"]
        assert not flight


def test_no_more_is_started_than_there_is_room_for() -> None:
    with Flight[None](SameThread(), 10) as flight:
        assert flight.has_room(11), "or a larger one would never be started"
        flight.start(4, lambda: None)
        assert flight.has_room(6)
        assert not flight.has_room(7)
        flight.make_room(7)
        assert not flight


def test_what_is_under_way_at_the_end_is_waited_for() -> None:
    ended = []
    with threads(1) as pool, Flight[None](pool, 10) as flight:
        for number in range(5):
            flight.start(1, lambda number=number: ended.append(number))  # type: ignore[misc]
    assert ended == list(range(5))


def test_an_error_of_the_last_one_is_not_lost() -> None:
    def fail() -> None:
        raise Conflict("changed")

    with pytest.raises(Conflict), Flight[None](SameThread(), 10) as flight:
        flight.start(1, fail)


def test_after_an_error_nothing_is_begun_and_nothing_is_left_under_way() -> None:
    begun, go, ended, never = (threading.Event() for _ in range(4))

    def work() -> None:
        begun.set()
        go.wait(30)
        ended.set()

    class Watched(SameThread):
        """A pool that lets the work end when something is cancelled."""

        def submit(self, fn: Callable[..., object], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = pool.submit(fn, *args, **kwargs)
            future.add_done_callback(lambda done: go.set() if done.cancelled() else None)
            return future

    def in_flight() -> None:
        with Flight[None](Watched(), 10) as flight:
            flight.start(1, work)
            flight.start(1, never.set)
            begun.wait(30)
            raise Conflict("changed")

    with threads(1) as pool:
        with pytest.raises(Conflict):
            in_flight()
        assert ended.is_set(), "it would write into an upload that was aborted"
        pool.submit(lambda: None).result()
        assert not never.is_set()


def test_what_was_cancelled_is_not_waited_for_behind_other_jobs_work() -> None:
    over = threading.Event()

    def fail(pool: Executor) -> None:
        with Flight[None](pool, 10) as flight:
            flight.start(1, lambda: None)
            raise Conflict("changed")

    with threads(1) as pool:
        others = pool.submit(over.wait, 30)
        with pytest.raises(Conflict):
            fail(pool)
        assert not others.done()
        over.set()
