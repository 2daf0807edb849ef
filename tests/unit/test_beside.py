from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from worker.beside import beside

JOB: ContextVar[str] = ContextVar("job")


def test_it_works_for_the_same_job_in_another_thread_and_is_waited_for() -> None:
    JOB.set("21")
    seen: list[tuple[str | None, bool]] = []
    here = threading.current_thread()
    beside(lambda: seen.append((JOB.get(None), threading.current_thread() is here)), 30)
    assert seen == [("21", False)]


def test_what_goes_wrong_there_is_raised_here() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        beside(fail, 30)


def test_what_takes_too_long_goes_on_alone() -> None:
    go_on, done = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(30)
        done.set()

    with pytest.raises(TimeoutError):
        beside(work, 0.01)
    go_on.set()
    assert done.wait(30)
