from __future__ import annotations

import threading

from worker.slots import Slots


def test_never_more_is_reserved_than_is_free() -> None:
    slots = Slots(3)
    assert slots.reserve(10, timeout=0) == 3
    assert slots.reserve(10, timeout=0) == 0
    slots.free(2)
    assert slots.reserve(1, timeout=0) == 1
    assert slots.reserve(10, timeout=0) == 1


def test_reserving_waits_for_the_first_free_place() -> None:
    slots = Slots(1)
    slots.reserve(1, timeout=0)
    got: list[int] = []
    waiter = threading.Thread(target=lambda: got.append(slots.reserve(1, timeout=30)))
    waiter.start()
    slots.free(1)
    waiter.join(30)
    assert got == [1]


def test_waiting_until_all_is_free_ends_with_the_last_job() -> None:
    slots = Slots(2)
    slots.reserve(2, timeout=0)
    assert not slots.wait_until_free(timeout=0)
    slots.free(1)
    assert not slots.wait_until_free(timeout=0)
    slots.free(1)
    assert slots.wait_until_free(timeout=0)
