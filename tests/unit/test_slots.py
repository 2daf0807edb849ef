from __future__ import annotations

import threading

import pytest

from domain.errors import Stopped
from worker.slots import Slots


def test_never_more_is_reserved_than_is_free() -> None:
    slots = Slots(3, 0)
    assert slots.reserve(10, timeout=0) == 3
    assert slots.reserve(10, timeout=0) == 0
    slots.free(2)
    assert slots.reserve(1, timeout=0) == 1
    assert slots.reserve(10, timeout=0) == 1


def test_reserving_waits_for_the_first_free_place() -> None:
    slots = Slots(1, 0)
    slots.reserve(1, timeout=0)
    got: list[int] = []
    waiter = threading.Thread(target=lambda: got.append(slots.reserve(1, timeout=30)))
    waiter.start()
    slots.free(1)
    waiter.join(30)
    assert got == [1]


def test_waiting_until_all_is_free_ends_with_the_last_job() -> None:
    slots = Slots(2, 0)
    slots.reserve(2, timeout=0)
    assert not slots.wait_until_free(timeout=0)
    slots.free(1)
    assert not slots.wait_until_free(timeout=0)
    slots.free(1)
    assert slots.wait_until_free(timeout=0)


def nothing() -> None:
    """A checkpoint that passes."""


def test_a_job_that_waits_lends_its_place_and_wants_it_back() -> None:
    slots = Slots(1, 1)
    slots.reserve(1, timeout=0)
    lent = slots.lent(nothing)
    with lent:
        assert slots.reserve(1, timeout=0) == 1
        slots.free(1)
        assert not slots.wait_until_free(timeout=0), "a job that waits isn't done"
    assert slots.reserve(1, timeout=0) == 0
    slots.free(1)
    assert slots.wait_until_free(timeout=0)


def test_no_more_places_are_lent_than_may_be() -> None:
    slots = Slots(2, 1)
    slots.reserve(2, timeout=0)
    with slots.lent(nothing), slots.lent(nothing):
        assert slots.reserve(2, timeout=0) == 1
        slots.free(1)
    slots.free(2)
    assert slots.wait_until_free(timeout=0)


def test_whoever_wants_his_place_back_comes_before_new_jobs() -> None:
    slots = Slots(1, 1)
    slots.reserve(1, timeout=0)
    back = threading.Event()
    wants = threading.Event()

    def wait_for_a_video() -> None:
        with slots.lent(wants.set):
            assert slots.reserve(1, timeout=0) == 1, "another job takes the place"
        back.set()

    waiter = threading.Thread(target=wait_for_a_video)
    waiter.start()
    assert wants.wait(30)
    slots.free(1)
    assert slots.reserve(1, timeout=0.2) == 0, "it is the waiting job's"
    assert back.wait(30)
    waiter.join(30)


def test_a_checkpoint_that_raises_ends_the_wait_for_the_place_and_the_books_stay_right() -> None:
    slots = Slots(1, 1)
    slots.reserve(1, timeout=0)

    def stop() -> None:
        raise Stopped("shut down")

    with pytest.raises(Stopped), slots.lent(stop):
        assert slots.reserve(1, timeout=0) == 1
    slots.free(1)  # the job that was stopped
    assert slots.reserve(1, timeout=0) == 0
    slots.free(1)  # the other one
    assert slots.wait_until_free(timeout=0)
