"""The rule of partial success: one item fails, the others go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextvars import copy_context
from typing import Generic, TypeVar

from domain.errors import Code, Interrupted, MediaError, Permanent, Unavailable
from domain.model import Failure
from domain.run import Run

Item = TypeVar("Item")
Value = TypeVar("Value")

WINDOW = 16
"""How many items of one job are under way at once: a job of 1,000 assets doesn't block the others."""
TRANSFERS = 64
"""How many of those that only wait for the network: 0.1 s for a request, and 2 ms of CPU."""
LOOK_EVERY = 5.0
"""Seconds between two looks whether the items of a job still wait for a thread."""


def each(
    items: Iterable[Item],
    work: Callable[[Item], Value],
    pool: Executor,
    run: Run,
    code: Code,
    salvage: bool = True,
) -> dict[Item, Value | Failure]:
    """Do the work for every item side by side; the results come in the items' order.

    A Permanent error is that item's failure (`code` where it has none of its own). Where what an item needs is
    out, the job waits when the items under way have ended, without a thread of the pool, and then tries that item
    alone before the others. Interrupted, and TimedOut from a checkpoint, end the call at once. Any other error is
    raised when the items under way have ended; on the last receive it is that item's failure instead, so that the
    rest is reported and not lost. `salvage` turns that off.
    """

    def judge(error: Exception) -> Failure | None:
        return failure(error, code) if isinstance(error, Permanent) or (run.attempt.last and salvage) else None

    todo = list(items)
    results = _Batch(todo, work, pool, run, judge).results()
    return {item: results[item] for item in todo}


class _Batch(Generic[Item, Value]):
    """The items under way, those that are next, and those that wait for the end of an outage."""

    def __init__(
        self,
        items: Iterable[Item],
        work: Callable[[Item], Value],
        pool: Executor,
        run: Run,
        judge: Callable[[Exception], Failure | None],
    ) -> None:
        """`judge` says what failure of its item an error is; None: it is nobody's, and ends the batch."""
        self._work = work
        self._pool = pool
        self._run = run
        self._judge = judge
        self._todo = deque(items)
        self._running: dict[Future[Value], Item] = {}
        self._most = self._window = TRANSFERS if pool is run.ports.transfers else WINDOW
        self._away: dict[Item, Unavailable] = {}
        self._again: set[Item] = set()
        self._escaped: Exception | None = None
        self._results: dict[Item, Value | Failure] = {}

    def results(self) -> dict[Item, Value | Failure]:
        """The results, when there is nothing left to do; raises what is nobody's failure."""
        try:
            while self._todo or self._running:
                self._submit()
                self._collect()
                if self._away and not self._running:
                    self._outlast()
        finally:
            for future in self._running:
                future.cancel()
        if self._escaped is not None:
            raise self._escaped
        return self._results

    def _submit(self) -> None:
        while self._todo and not self._away and len(self._running) < self._window:
            item = self._todo.popleft()
            self._running[self._pool.submit(copy_context().run, self._work, item)] = item

    def _collect(self) -> None:
        ended = wait(self._running, LOOK_EVERY, FIRST_COMPLETED).done
        for future in ended:
            self._take(self._running.pop(future), future)
        if ended and not self._away:
            self._window = self._most
        if ended or not any(future.running() for future in self._running):
            self._run.attempt.checkpoint()

    def _take(self, item: Item, future: Future[Value]) -> None:
        try:
            self._results[item] = future.result()
        except Interrupted:
            raise
        except Unavailable as error:
            self._away[item] = error.forgetting()
            error.again = item in self._again
        except Exception as error:
            self._fail(item, error)

    def _outlast(self) -> None:
        """Wait for the end of an outage and try one item again; or learn that the items fail on their own."""
        away, self._away = self._away, {}
        if self._escaped is not None:
            return
        try:
            self._run.outlast(next(iter(away.values())))
        except Unavailable:
            for item, error in away.items():
                self._fail(item, error)
        else:
            self._todo.extendleft(reversed(away))
            self._again.update(away)
            self._window = 1

    def _fail(self, item: Item, error: Exception) -> None:
        if failed := self._judge(error):
            self._results[item] = failed
        else:
            self._escaped = self._escaped or error
            self._todo.clear()


def failure(error: Exception, code: Code) -> Failure:
    """The failure that the backend is told of an error; `code` is used where the error has none."""
    if isinstance(error, MediaError):
        return Failure(error.code or code, str(error))
    if isinstance(error, Interrupted):
        return Failure(code, str(error))
    return Failure(code, f"unexpected {type(error).__name__}; the worker's log has the traceback")
