"""The child processes, and who has which."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from adapters.decoders.limits import Limits
from adapters.decoders.process import Child, Ended, Serving
from adapters.decoders.turns import Asked, Held, next_turn
from domain.model import Picture

SLOW_SECONDS = 2.0
"""A picture that takes longer has its job's others come after those of other jobs."""
LOOK_EVERY = 0.25
"""Seconds between two looks at the pictures that are being rendered."""


@dataclass(eq=False, slots=True)
class _Loan:
    """A picture's claim to a child: asked for, then granted or, with a reason, refused."""

    asked: Asked
    settled: threading.Event = field(default_factory=threading.Event)
    child: Child | None = None
    since: float = 0.0
    refused: str = ""

    def age(self, now: float) -> float:
        """For how many seconds it is rendered: its child's start doesn't count."""
        return now - max(self.since, self.child.ready_at if self.child else 0.0)

    def held(self, now: float) -> Held:
        return Held(self.asked.job, self.age(now) > SLOW_SECONDS, self.asked.alone)


class Children:
    """Starts a child when it is wanted, and ends it when it died, is spent, or takes too long.

    One thread, the keeper, starts them: a child ends with the thread that started it.
    """

    def __init__(self, serving: Serving, limits: Limits) -> None:
        self._serving = serving
        self._limits = limits
        self._waiting: list[_Loan] = []
        self._busy: list[_Loan] = []
        self._idle: list[Child] = []
        self._closed = False
        self._changed = threading.Condition()
        self._keeper = threading.Thread(target=self._keep, name="decoders", daemon=True)
        self._keeper.start()

    def use(self, asked: Asked, work: Callable[[Child], Picture]) -> Picture:
        """Have the work done with a child, when it is this picture's turn.

        Raises:
            Ended: there was no child, or it has ended; and whatever the work raises.
        """
        loan = _Loan(asked)
        with self._changed:
            if self._closed:
                raise Ended("not started", "the worker ends")
            self._waiting.append(loan)
            self._grant()
            self._changed.notify()
        loan.settled.wait()
        if loan.child is None:
            raise Ended("not started", loan.refused)
        try:
            return work(loan.child)
        finally:
            self._take_back(loan, loan.child)

    def close(self) -> None:
        """End the children; who waits for one is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._keeper.join()

    def _take_back(self, loan: _Loan, child: Child) -> None:
        with self._changed:
            self._busy.remove(loan)
            usable = not child.spent and not self._closed
            if usable:
                self._idle.append(child)
            self._grant()
            self._changed.notify()
        if not usable:
            child.end()

    def _grant(self) -> None:
        """Lend what is idle to whose turn it is."""
        while self._idle:
            now = time.monotonic()
            place = next_turn([loan.asked for loan in self._waiting], self._held(now), self._limits.processes)
            if place is None:
                return
            child = self._idle.pop()
            if child.running:
                loan = self._waiting.pop(place)
                loan.child, loan.since = child, now
                self._busy.append(loan)
                loan.settled.set()
            else:
                child.end()

    def _held(self, now: float) -> list[Held]:
        return [loan.held(now) for loan in self._busy]

    def _keep(self) -> None:
        with self._changed:
            while not self._closed:
                try:
                    self._look(time.monotonic())
                    self._grant()  # a picture that became slow may have changed whose turn it is
                    self._start()
                except Exception:
                    structlog.get_logger().exception("the keeper of the decoders failed and goes on")
                self._changed.wait(LOOK_EVERY if self._busy or self._waiting else None)
            for child in self._idle:
                child.end()
            for loan in self._busy:
                if loan.child:
                    loan.child.kill("not started")
            self._refuse("the worker ends")

    def _look(self, now: float) -> None:
        """End what takes too long."""
        for loan in self._busy:
            if loan.child and loan.age(now) > self._limits.seconds:
                loan.child.kill("timeout")

    def _start(self) -> None:
        """Start what is wanted: one child more than may work for one job."""
        while not self._idle and len(self._busy) <= self._limits.processes and self._wanted():
            try:
                self._idle.append(Child(self._serving, self._limits))
            except OSError as error:
                if not self._busy:  # otherwise one of these is free soon
                    self._refuse(f"a decoder's process can't be started: {error}")
                return
            self._grant()

    def _wanted(self) -> bool:
        held = self._held(time.monotonic())
        return next_turn([loan.asked for loan in self._waiting], held, self._limits.processes) is not None

    def _refuse(self, why: str) -> None:
        for loan in self._waiting:
            loan.refused = why
            loan.settled.set()
        self._waiting.clear()
