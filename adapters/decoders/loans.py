"""Which picture has which child."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from adapters.decoders.process import Child
from adapters.decoders.turns import Asked, Held, next_turn

SLOW_SECONDS = 2.0
"""A picture that takes longer has its job's others come after those of other jobs."""


@dataclass(eq=False, slots=True)
class Loan:
    """A picture's claim to a child: asked for, then granted or, with a reason, refused."""

    asked: Asked
    settled: threading.Event = field(default_factory=threading.Event)
    child: Child | None = None
    since: float = 0.0
    refused: str = ""

    def seconds(self, now: float) -> float:
        """For how long it is rendered: its child's start doesn't count."""
        if self.child is None or self.child.ready_at is None:
            return 0.0
        return now - max(self.since, self.child.ready_at)

    def waits_for_its_start(self, now: float) -> float:
        """For how many seconds. A child that was started before it was lent is mostly ready by then."""
        return now - self.since if self.child and self.child.ready_at is None else 0.0

    def held(self, now: float) -> Held:
        return Held(self.asked.job, self.seconds(now) > SLOW_SECONDS, self.asked.alone)


class Loans:
    """Pictures that wait, pictures that have a child, and idle children.

    No thread-safe class: whoever calls it has the lock of `Children`.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self.waiting: list[Loan] = []
        self.busy: list[Loan] = []
        self.idle: list[Child] = []

    def grant(self) -> None:
        """Lend what is idle to whose turn it is."""
        while self.idle and (place := self._turn()) is not None:
            child = self.idle.pop()
            if child.running:
                loan = self.waiting.pop(place)
                loan.child, loan.since = child, time.monotonic()
                self.busy.append(loan)
                loan.settled.set()
            else:
                child.end()

    def need_a_child(self) -> bool:
        """Whether one more is to be started: for a picture's turn, or because there is none at all."""
        if self.idle or len(self.busy) > self._processes:
            return False
        return not self.busy or self._turn() is not None

    def refuse(self, why: str) -> None:
        """Let nobody wait any longer."""
        for loan in self.waiting:
            loan.refused = why
            loan.settled.set()
        self.waiting.clear()

    def give_back(self, loan: Loan) -> Child | None:
        """End a loan, whether it was granted or not; returns its child where that has to be ended."""
        if loan in self.waiting:
            self.waiting.remove(loan)
        if loan.child is None:
            return None
        self.busy.remove(loan)
        if not loan.child.reusable:
            return loan.child
        self.idle.append(loan.child)
        return None

    def _turn(self) -> int | None:
        now = time.monotonic()
        return next_turn(
            [loan.asked for loan in self.waiting], [loan.held(now) for loan in self.busy], self._processes
        )
