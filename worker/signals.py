"""SIGTERM and SIGINT as something to wait for, with what Linux and macOS both have."""

from __future__ import annotations

import signal
from queue import Empty, SimpleQueue

ENDS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """From its making on, which is up to the main thread, these signals only wait to be asked for.

    Process 1 of a container gets them, too: the kernel drops only what has no handler.
    """

    def __init__(self) -> None:
        self._received: SimpleQueue[int] = SimpleQueue()  # the one queue whose `put` may interrupt its `get`
        for number in ENDS:
            signal.signal(number, lambda number, _: self._received.put(number))

    def wait(self, seconds: float) -> signal.Signals | None:
        """The oldest signal that wasn't returned yet; None if none comes within so many seconds.

        Called by the main thread, which runs the handlers. The system may hand a signal to another thread; it is
        then returned by the next call.
        """
        try:
            return signal.Signals(self._received.get(timeout=seconds))
        except Empty:
            return None
