"""The task's protection from scale-in and deployments, while a job waits for a video."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from domain.errors import Permanent, Transient
from domain.protection import TaskProtection
from worker.metrics import Metrics
from worker.slots import Slots

MINUTES = 15
"""For how long the task is protected at a time."""
RENEW_AFTER = 10 * 60.0
RETRY_AFTER = 30.0
GAP = 60.0
"""For how long the task must be unprotected so that a deployment can replace it."""
LONGEST_STRETCH = 60 * 60.0
"""Seconds without such a gap, after which nothing is received until there was one."""
LOOK_EVERY = 1.0


class Protection:
    """Protects the task while it is needed; all other jobs fit into the grace period.

    One thread asks for it. A task that always has a job that waits would never be replaced, so a long stretch of
    protection has the slots withheld from new jobs until it has come to an end.
    """

    def __init__(self, task: TaskProtection, slots: Slots, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._task = task
        self._slots = slots
        self._metrics = metrics
        self._clock = clock
        self._needed = 0
        self._ends = -math.inf
        self._stretch_began = math.inf
        self._renew_at = -math.inf
        self._retry_at = -math.inf
        self._failing = False
        self._withheld = False
        self._changed = threading.Condition()

    @contextmanager
    def needed(self) -> Iterator[None]:
        """Have the task protected until the block ends."""
        self._need(1)
        try:
            yield
        finally:
            self._need(-1)

    def start(self) -> None:
        """Ask for what is needed in a thread of its own, for as long as the process lives."""
        threading.Thread(target=self._run, name="protection", daemon=True).start()

    def turn(self) -> None:
        """One round: protect, renew or lift what is due, and withhold the slots or give them back."""
        needed, now = self._needed > 0, self._clock()
        due = now >= self._renew_at if needed else now < self._ends
        if due and now >= self._retry_at:
            self._ask(self._protect if needed else self._lift)
        now = self._clock()
        if now < self._ends and now >= self._stretch_began + LONGEST_STRETCH:
            self._withhold(True)
        elif now >= self._ends + GAP:
            self._withhold(False)

    def _need(self, change: int) -> None:
        with self._changed:
            self._needed += change
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._needed or self._withheld or self._clock() < self._ends)
            try:
                self.turn()
            except Exception:
                structlog.get_logger().exception("the protection failed and goes on")
            with self._changed:
                self._changed.wait(LOOK_EVERY)

    def _ask(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Permanent as error:
            self._retry_at = math.inf
            structlog.get_logger().info("there is no task to protect from scale-in", why=str(error))
        except Transient as error:
            self._retry_at = self._clock() + RETRY_AFTER
            if not self._failing:
                structlog.get_logger().warning("the protection from scale-in can't be changed", why=str(error))
            self._failing = True
        else:
            self._failing = False

    def _protect(self) -> None:
        self._task.protect(MINUTES)
        now = self._clock()
        if now >= self._ends:
            structlog.get_logger().info("protected from scale-in")
        if now >= self._ends + GAP:
            self._stretch_began = now
        self._ends = now + MINUTES * 60
        self._renew_at = now + RENEW_AFTER

    def _lift(self) -> None:
        self._task.lift()
        structlog.get_logger().info("no longer protected from scale-in")
        self._ends = self._clock()
        self._renew_at = self._ends

    def _withhold(self, withheld: bool) -> None:
        if withheld == self._withheld:
            return
        self._withheld = withheld
        self._slots.withhold(withheld)
        self._metrics.withheld.set(withheld)
        if withheld:
            structlog.get_logger().warning("nothing is received until the task was unprotected for a minute")
        else:
            structlog.get_logger().info("messages are received again")
