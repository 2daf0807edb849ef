"""Work that may hang, in a thread of its own."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future


def beside(work: Callable[[], object], patience: float) -> None:
    """Do the work beside, and wait for it, but no longer than `patience` seconds; it then goes on alone.

    Raises:
        TimeoutError: it isn't done yet; and whatever the work raises.
    """
    done: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    # With a copy of the context, the log names the job there, too.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="beside", daemon=True)
    thread.start()
    done.result(patience)
