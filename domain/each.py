"""The rule of partial success: one item fails, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

from domain.errors import Code, Interrupted, MediaError, Permanent
from domain.model import Failure
from domain.ports import Attempt

Item = TypeVar("Item")
Value = TypeVar("Value")

WINDOW = 16
"""How many items of one job are under way at once: a job of 1,000 assets doesn't block the others."""


def each(
    items: Iterable[Item],
    work: Callable[[Item], Value],
    pool: Executor,
    attempt: Attempt,
    code: Code,
    salvage: bool = True,
) -> dict[Item, Value | Failure]:
    """Do the work for every item side by side; the results come in the items' order.

    A Permanent error is that item's failure (`code` where it has none of its own). Interrupted, and TimedOut
    from a checkpoint, end the call at once. Any other error is raised when the items under way have ended; on the
    last receive it is that item's failure instead, so that the rest is reported and not lost. `salvage` turns that
    off.
    """
    todo = list(items)
    waiting = iter(todo)
    running: dict[Future[Value], Item] = {}
    results: dict[Item, Value | Failure] = {}
    escaped: Exception | None = None
    try:
        while True:
            for item in islice(waiting, WINDOW - len(running) if escaped is None else 0):
                running[pool.submit(copy_context().run, work, item)] = item
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                try:
                    results[item] = future.result()
                except Interrupted:
                    raise
                except Exception as error:
                    if isinstance(error, Permanent) or (attempt.last and salvage):
                        results[item] = failure(error, code)
                    else:
                        escaped = escaped or error
            attempt.checkpoint()
    finally:
        for future in running:
            future.cancel()
    if escaped is not None:
        raise escaped
    return {item: results[item] for item in todo}


def failure(error: Exception, code: Code) -> Failure:
    """The failure that the backend is told of an error; `code` is used where the error has none."""
    if isinstance(error, MediaError):
        return Failure(error.code or code, str(error))
    if isinstance(error, Interrupted):
        return Failure(code, str(error))
    return Failure(code, f"unexpected {type(error).__name__}; the worker's log has the traceback")
