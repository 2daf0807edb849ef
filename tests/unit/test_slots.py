from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from domain.errors import Stopped
from worker.slots import Slots


def nothing() -> None:
    """A checkpoint that passes."""


def full(total: int, lendable: int = 0) -> Slots:
    """Slots of which every place is taken by a job."""
    slots = Slots(total, lendable)
    slots.occupy(slots.reserve(total, timeout=0), total)
    return slots


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_never_more_is_reserved_than_is_free() -> None:
    slots = Slots(3, 0)
    assert slots.reserve(10, timeout=0) == 3
    assert slots.reserve(10, timeout=0) == 0
    slots.occupy(3, 1)
    assert slots.reserve(1, timeout=0) == 1
    assert slots.reserve(10, timeout=0) == 1


def test_reserving_waits_for_the_first_free_place() -> None:
    slots = full(1)
    got: list[int] = []
    waiter = in_background(lambda: got.append(slots.reserve(1, timeout=30)))
    slots.free()
    waiter.join(30)
    assert got == [1]


def test_closing_ends_the_wait_for_a_place() -> None:
    slots = full(1)
    got: list[int] = []
    waiter = in_background(lambda: got.append(slots.reserve(1, timeout=30)))
    slots.close()
    waiter.join(10)
    assert got == [0]


def test_waiting_until_all_is_free_ends_with_the_last_job() -> None:
    slots = Slots(2, 0)
    slots.reserve(2, timeout=0)
    assert not slots.wait_until_empty(timeout=0)
    slots.occupy(2, 1)
    assert not slots.wait_until_empty(timeout=0)
    slots.free()
    assert slots.wait_until_empty(timeout=0)


def test_a_job_that_waits_lends_its_place_and_isnt_done() -> None:
    slots = full(1, lendable=1)
    with slots.lent(nothing):
        assert slots.reserve(10, timeout=0) == 1
        slots.occupy(1, 0)
        assert not slots.wait_until_empty(timeout=0)
    assert slots.reserve(1, timeout=0) == 0
    slots.free()
    assert slots.wait_until_empty(timeout=0)


def test_no_more_places_are_lent_than_may_be() -> None:
    slots = full(2, lendable=1)
    with slots.lent(nothing), slots.lent(nothing):
        assert slots.reserve(2, timeout=0) == 1
        slots.occupy(1, 0)
    slots.free()
    slots.free()
    assert slots.wait_until_empty(timeout=0)


def test_a_place_that_is_only_reserved_keeps_nobody_from_coming_back() -> None:
    slots = full(1, lendable=1)
    with slots.lent(lambda: pytest.fail("it had to wait")):
        assert slots.reserve(1, timeout=0) == 1, "for a long poll"
    slots.occupy(1, 1)
    slots.free()
    assert slots.reserve(1, timeout=0) == 0, "one of the two is still at work"


def test_whoever_wants_his_place_back_comes_before_new_jobs() -> None:
    slots = full(1, lendable=1)
    newcomers: list[int] = []

    def another_job_ends_and_the_poller_asks() -> None:
        if not newcomers:
            slots.free()
            newcomers.append(slots.reserve(1, timeout=0))

    with slots.lent(another_job_ends_and_the_poller_asks):
        slots.occupy(slots.reserve(1, timeout=0), 1)  # another job takes the place
    assert newcomers == [0]


def test_a_checkpoint_that_raises_ends_the_wait_for_the_place_and_the_books_stay_right() -> None:
    slots = full(1, lendable=1)

    def stop() -> None:
        raise Stopped("shut down")

    with pytest.raises(Stopped), slots.lent(stop):
        slots.occupy(slots.reserve(1, timeout=0), 1)  # another job takes the place
    slots.free()  # the job that was stopped
    assert slots.reserve(1, timeout=0) == 0
    slots.free()  # the other one
    assert slots.wait_until_empty(timeout=0)
