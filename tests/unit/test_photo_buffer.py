from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from domain import photo_buffer
from domain.errors import Stopped
from domain.photo_buffer import PhotoBuffer


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_buffer, "LOOK_EVERY", 0.01)


class Crowd:
    """Threads that want room. What has it keeps it until it is told to leave."""

    def __init__(self, buffer: PhotoBuffer, pool: ThreadPoolExecutor) -> None:
        self._buffer = buffer
        self._pool = pool
        self._leave: dict[str, threading.Event] = {}
        self._in: dict[str, threading.Event] = {}
        self._futures: dict[str, Future[None]] = {}

    def come(self, name: str, size: int, job: str = "job") -> None:
        """Return when it has room, or has begun to wait."""
        settled, self._in[name], self._leave[name] = threading.Event(), threading.Event(), threading.Event()

        def stay() -> None:
            with self._buffer.holding(size, job, settled.set):
                self._in[name].set()
                settled.set()
                assert self._leave[name].wait(10)

        self._futures[name] = self._pool.submit(stay)
        assert settled.wait(10)

    def inside(self) -> set[str]:
        return {name for name, admitted in self._in.items() if admitted.is_set()} - self._gone()

    def leave(self, name: str, *next_in: str) -> None:
        self._leave[name].set()
        self._futures[name].result(10)
        for each in next_in:
            assert self._in[each].wait(10)

    def _gone(self) -> set[str]:
        return {name for name, future in self._futures.items() if future.done()}


@pytest.fixture
def buffer() -> PhotoBuffer:
    return PhotoBuffer(100)


@pytest.fixture
def crowd(buffer: PhotoBuffer) -> Iterator[Crowd]:
    with ThreadPoolExecutor(8) as pool:
        crowd = Crowd(buffer, pool)
        try:
            yield crowd
        finally:
            for event in crowd._leave.values():
                event.set()


def test_a_large_picture_is_not_kept_waiting_by_small_ones_that_come_later(crowd: Crowd) -> None:
    crowd.come("first", 60, "a")
    crowd.come("large", 80, "b")
    crowd.come("small", 10, "c")
    assert crowd.inside() == {"first"}
    crowd.leave("first", "large", "small")
    assert crowd.inside() == {"large", "small"}


def test_a_job_has_half_of_the_room_and_the_rest_is_others(crowd: Crowd) -> None:
    for name in ("1", "2", "3"):
        crowd.come(name, 25, "a")
    crowd.come("other's", 50, "b")
    assert crowd.inside() == {"1", "2", "other's"}
    crowd.leave("1", "3")


def test_a_single_picture_may_be_larger_than_half_and_one_larger_than_all_is_alone(crowd: Crowd) -> None:
    crowd.come("most", 90)
    crowd.come("more than all", 300, "b")
    crowd.come("small", 1, "c")
    assert crowd.inside() == {"most"}
    crowd.leave("most", "more than all")
    assert crowd.inside() == {"more than all"}
    crowd.leave("more than all", "small")


def test_who_is_interrupted_while_it_waits_keeps_nobody_waiting(buffer: PhotoBuffer, crowd: Crowd) -> None:
    def stop() -> None:
        raise Stopped("the worker is shutting down")

    crowd.come("first", 60, "a")
    with pytest.raises(Stopped), buffer.holding(80, "b", stop):
        pass
    crowd.come("small", 40, "c")
    assert crowd.inside() == {"first", "small"}


def test_room_is_given_back_by_what_fails(buffer: PhotoBuffer) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="damaged"), buffer.holding(100, "a", pytest.fail):
            raise ValueError("damaged")


def test_never_is_more_in_memory_and_everybody_gets_through() -> None:
    buffer, held, most, lock = PhotoBuffer(100), 0, 0, threading.Lock()

    def stay(number: int) -> None:
        nonlocal held, most
        size = 1 + number * 37 % 70
        with buffer.holding(size, str(number % 3), lambda: None):
            with lock:
                held += size
                most = max(most, held)
            with lock:
                held -= size

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(stay, range(500)))
    assert 0 < most <= 100
    assert held == 0
