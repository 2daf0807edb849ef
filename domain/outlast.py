"""An operation goes on after an outage from where it failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from domain.errors import Unavailable

Value = TypeVar("Value")


def outlasting(outlast: Callable[[Unavailable], None], operation: Callable[[], Value]) -> Value:
    """The operation's result. Where what it needs is out, `outlast` waits, and the operation is tried again.

    Raises:
        Unavailable: `outlast` says that the operation fails for this job alone; and whatever else they raise.
    """
    again = False
    while True:
        try:
            return operation()
        except Unavailable as error:
            failed = error.forgetting()
        failed.again = again
        outlast(failed)
        again = True
