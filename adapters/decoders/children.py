"""The child processes: started, lent and ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from adapters.decoders.boot import Serving
from adapters.decoders.limits import Limits
from adapters.decoders.loans import Loan, Loans
from adapters.decoders.process import Child, Ended
from adapters.decoders.turns import Asked

LOOK_EVERY = 0.25
"""Seconds between two looks at the pictures that are being rendered."""
CHECK_EVERY = 1.0
"""Seconds between two checkpoints of a picture that waits."""
START_SECONDS = 60.0
"""A child that isn't ready by then is ended: on a busy machine it takes a few."""

Made = TypeVar("Made")


class Children:
    """Starts a child when it is wanted, and ends it when it died, is spent, or takes too long.

    One thread, the keeper, starts them: a child ends with the thread that started it.
    """

    def __init__(self, serving: Serving, limits: Limits) -> None:
        self._serving = serving
        self._limits = limits
        self._loans = Loans(limits.processes)
        self._closed = False
        self._changed = threading.Condition()
        self._keeper = threading.Thread(target=self._keep, name="decoders", daemon=True)
        self._keeper.start()

    def use(self, asked: Asked, checkpoint: Callable[[], None], work: Callable[[Child], Made]) -> Made:
        """Have the work done with a child that is ready, when it is this picture's turn.

        `checkpoint` is called each second until then, and once before the work.

        Raises:
            Ended: there was no child, or it has ended; and whatever checkpoint and work raise.
        """
        loan = Loan(asked)
        with self._changed:
            self._loans.waiting.append(loan)
            self._loans.grant()
            self._changed.notify()
        try:
            while not loan.settled.wait(CHECK_EVERY):
                checkpoint()
                if not self._keeper.is_alive():
                    raise Ended("not started", "the thread that starts the decoders has ended")
            if loan.child is None:
                raise Ended("not started", loan.refused)
            loan.child.await_start()
            checkpoint()
            return work(loan.child)
        finally:
            self._give_back(loan)

    def close(self) -> None:
        """End the children. The service has no need of it: they end with the process."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._keeper.join()

    def _give_back(self, loan: Loan) -> None:
        with self._changed:
            ended = self._loans.give_back(loan)
            self._loans.grant()
            self._changed.notify()
        if ended:
            ended.end()

    def _keep(self) -> None:
        with self._changed:
            while not self._closed:
                # A picture that became slow may have changed whose turn it is.
                for duty in (self._end_overdue, self._loans.grant, self._start):
                    try:
                        duty()
                    except Exception:
                        structlog.get_logger().exception("the keeper of the decoders failed and goes on")
                self._changed.wait(LOOK_EVERY if self._loans.busy or self._loans.waiting else None)
            for child in self._loans.idle:
                child.end()
            for loan in self._loans.busy:
                if loan.child:
                    loan.child.kill(Ended("not started", "the worker ends"))

    def _end_overdue(self) -> None:
        now, most = time.monotonic(), self._limits.seconds
        for loan in self._loans.busy:
            if loan.seconds(now) > most and loan.child:
                loan.child.kill(Ended("timeout", f"it took more than {most:g} s (IMAGE_TIMEOUT)"))
            elif loan.child and loan.waits_for_its_start(now) > START_SECONDS:
                loan.child.kill(Ended("not started", f"it isn't ready after {START_SECONDS:g} s"))

    def _start(self) -> None:
        while self._loans.need_a_child():
            try:
                self._loans.idle.append(Child(self._serving, self._limits))
            except OSError as error:
                if not self._loans.busy:  # otherwise one of these is free soon
                    self._loans.refuse(f"a decoder's process can't be started: {error}")
                return
            self._loans.grant()
