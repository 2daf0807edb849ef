"""Transfers of one upload that are under way side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from contextvars import copy_context
from typing import Generic, TypeVar

from domain.each import LOOK_EVERY

Value = TypeVar("Value")

SENDING = 16 * 1024 * 1024
"""How many bytes of an upload's parts are being sent at once: two parts of the usual size."""


class Flight(Generic[Value]):
    """What was started in a pool and not yet taken, in that order, of a bounded weight in all.

    At the end of its block nothing is under way any more: what it holds is taken, or, where the block raises,
    cancelled and waited for.
    """

    def __init__(self, pool: Executor, room: int, checkpoint: Callable[[], None]) -> None:
        """`checkpoint` is called while the first one still waits for a thread, and may raise."""
        self._pool = pool
        self._room = room
        self._checkpoint = checkpoint
        self._under_way: deque[tuple[Future[Value], int]] = deque()

    def __enter__(self) -> Flight[Value]:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            while self and not error:
                self.take()
        finally:
            # For `wait` a cancelled one isn't over before a thread comes to it, behind other jobs' work.
            wait([future for future, weight in self._under_way if not future.cancel()])

    def __bool__(self) -> bool:
        return bool(self._under_way)

    def has_room(self, weight: int) -> bool:
        """Whether that much may be started; always, where nothing is under way."""
        return not self._under_way or weight <= self._room

    def start(self, weight: int, work: Callable[[], Value]) -> None:
        """Start it as soon as there is room for its weight."""
        while not self.has_room(weight):
            self.take()
        context = copy_context()
        self._under_way.append((self._pool.submit(lambda: context.run(work)), weight))
        self._room -= weight

    def has_ended(self) -> bool:
        """Whether the first one can be taken without waiting."""
        return bool(self._under_way) and self._under_way[0][0].done()

    def take(self) -> Value:
        """Wait for the first one, and return its result."""
        future, weight = self._under_way[0]
        while not wait([future], LOOK_EVERY).done:
            if not future.running():
                self._checkpoint()
        self._under_way.popleft()
        self._room += weight
        try:
            return future.result()
        finally:
            del future  # its error's traceback holds this frame, and all that the frames above it hold
