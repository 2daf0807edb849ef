"""What is under way is bounded, and over at the end."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

import pytest

from domain.bundle import flight as flight_module
from domain.bundle.flight import Flight
from domain.errors import Conflict, TimedOut
from tests.fakes import SameThread, threads


def unasked() -> None:
    """A checkpoint that passes."""


@contextmanager
def busy() -> Iterator[Executor]:
    """A pool whose only thread does other jobs' work, until the block is over."""
    over = threading.Event()
    with threads(1) as pool:
        others = pool.submit(over.wait, 30)
        try:
            yield pool
            assert not others.done()
        finally:
            over.set()


def test_results_come_in_the_order_in_which_the_work_was_started() -> None:
    late = threading.Event()

    def second() -> str:
        late.set()
        return "second"

    with threads(2) as pool, Flight[str](pool, 2, unasked) as flight:
        flight.start(1, lambda: str(late.wait(30)))
        flight.start(1, second)
        assert [flight.take(), flight.take()] == ["True", "second"]
        assert not flight


def test_no_more_is_started_than_there_is_room_for() -> None:
    with Flight[None](SameThread(), 10, unasked) as flight:
        assert flight.has_room(11), "or a larger one would never be started"
        flight.start(4, lambda: None)
        assert flight.has_room(6)
        assert not flight.has_room(7)
        ended: list[int] = []
        flight.start(7, lambda: ended.append(7))
        assert flight.has_room(3)
        assert not flight.has_room(4), "the first one was taken, and the second has its room"


def test_what_is_under_way_at_the_end_is_waited_for() -> None:
    ended = []
    with threads(1) as pool, Flight[None](pool, 10, unasked) as flight:
        for number in range(5):
            flight.start(1, lambda number=number: ended.append(number))  # type: ignore[misc]
    assert ended == list(range(5))


def test_an_error_of_the_last_one_is_not_lost() -> None:
    def fail() -> None:
        raise Conflict("changed")

    with pytest.raises(Conflict), Flight[None](SameThread(), 10, unasked) as flight:
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
        with Flight[None](Watched(), 10, unasked) as flight:
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
    def fail(pool: Executor) -> None:
        with Flight[None](pool, 10, unasked) as flight:
            flight.start(1, lambda: None)
            raise Conflict("changed")

    with busy() as pool, pytest.raises(Conflict):
        fail(pool)


def test_who_waits_behind_others_work_is_asked_whether_it_may_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight_module, "LOOK_EVERY", 0.001)
    asked: list[int] = []

    def checkpoint() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise TimedOut("its time is over")

    def wait_behind(pool: Executor) -> None:
        with Flight[None](pool, 10, checkpoint) as flight:
            flight.start(1, lambda: None)
            flight.take()

    with busy() as pool, pytest.raises(TimedOut):
        wait_behind(pool)


class Hanging(Future[Any]):
    """It runs for three looks, and is done then."""

    looks = 0

    def running(self) -> bool:
        self.looks += 1
        if self.looks == 3:
            self.set_result(None)
        return True


def test_what_hangs_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint would note some, and nobody would ever see that the job is stuck."""
    monkeypatch.setattr(flight_module, "LOOK_EVERY", 0.001)
    future, asked = Hanging(), list[int]()

    class Pool(SameThread):
        def submit(self, fn: Callable[..., object], /, *args: Any, **kwargs: Any) -> Future[Any]:
            return future

    with Flight[None](Pool(), 10, lambda: asked.append(1)) as flight:
        flight.start(1, lambda: None)
        flight.take()
    assert future.looks == 3
    assert not asked


def test_an_error_keeps_nothing_alive() -> None:
    """A build that ends so holds megabytes, and the garbage collector may come late."""

    class Bytes:
        pass

    def fail() -> None:
        raise Conflict("changed")

    def build(pool: Executor) -> weakref.ref[Bytes]:
        data = Bytes()
        held = weakref.ref(data)
        try:
            with Flight[None](pool, 10, unasked) as flight:
                flight.start(1, fail)
                flight.take()
        except Conflict:
            return held
        raise AssertionError(data)

    gc.disable()
    try:
        with threads(1) as pool:
            assert build(pool)() is None
    finally:
        gc.enable()
