"""What is out at the moment, and the jobs that wait for its end."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from domain.errors import Dependency, Unavailable
from worker.metrics import Metrics
from worker.outage import FORGET_AFTER, Affected, Outage

LOOK_EVERY = 0.5
"""Seconds between two looks of a waiting job at whether it may try, or must end."""
NEEDED_BY_ALL = (Dependency.BUCKET, Dependency.BACKEND)
"""While one of these is out, nothing is received. Without MediaConvert only jobs with videos wait."""


class Outages:
    """The state of each dependency, for all threads."""

    def __init__(self, clock: Callable[[], float], metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._outages = {of: Outage() for of in Dependency}
        self._changed = threading.Condition()

    def answered(self, of: Dependency, operation: str) -> None:
        """Note that the dependency did what it was asked to do, whoever asked."""
        with self._changed:
            outage = self._outages[of]
            if not outage.succeeded(operation, self._clock()):
                return
            self._show(of)
            self._changed.notify_all()
        seconds = round(self._clock() - outage.began_at, 1)
        structlog.get_logger().warning("outage over", of=of, seconds=seconds, jobs=len(outage.jobs))

    def wait(self, job: Affected, error: Unavailable, checkpoint: Callable[[], None]) -> None:
        """Wait until the job may try again what failed; `checkpoint` may raise meanwhile."""
        outage = self._outages[error.of]
        try:
            checkpoint()  # where each try hangs, it is the job's turn at once, time after time
            while not self._may_try(outage, job):
                checkpoint()
        finally:
            with self._changed:
                outage.leave(job)

    def failed(self, job: Affected, error: Unavailable) -> bool:
        """Note a failure; returns whether the job has to `wait`, not having failed alone as far as is known."""
        with self._changed:
            outage = self._outages[error.of]
            was_out = outage.out
            waits = outage.failed(job, error, self._clock())
            begins = outage.out and not was_out  # a job may wait by itself, too
            self._show(error.of)
        if begins:
            self._say_that_it_began(error)
        return waits

    def noticed(self, error: Unavailable) -> None:
        """Note an evident failure of something that no job has to do again."""
        with self._changed:
            begins = self._outages[error.of].noticed(error, self._clock())
            self._show(error.of)
        if begins:
            self._say_that_it_began(error)

    def _say_that_it_began(self, error: Unavailable) -> None:
        structlog.get_logger().warning("outage begun", of=error.of, operation=error.operation, why=str(error))

    def places(self, in_hand: bool) -> int | None:
        """How many jobs may work side by side so that messages are received; None where there is no limit.

        `in_hand` says whether there is any job that can try what is out.
        """
        self._forget()
        with self._changed:
            limits = [self._outages[of].places(in_hand, self._clock()) for of in NEEDED_BY_ALL]
        return min((limit for limit in limits if limit is not None), default=None)

    def _forget(self) -> None:
        with self._changed:
            forgotten = [of for of, outage in self._outages.items() if outage.forget(self._clock())]
            for of in forgotten:
                self._show(of)
        for of in forgotten:
            why = f"no job has met it for {FORGET_AFTER:.0f} s"
            structlog.get_logger().warning("outage forgotten", of=of, why=why)

    def _show(self, of: Dependency) -> None:
        """Under the lock, so that of an end and a beginning at the same time the later one is shown."""
        self._metrics.outage.labels(of).set(self._outages[of].out)

    def named(self) -> dict[Dependency, str]:
        """What is out, with for how long and why."""
        with self._changed:
            return {
                of: f"{of} is out for {self._clock() - outage.began_at:.0f} s: {outage.why}"
                for of, outage in self._outages.items()
                if outage.out
            }

    def _may_try(self, outage: Outage, job: Affected) -> bool:
        with self._changed:
            may = outage.may_try(job, self._clock())
            if not may:
                self._changed.wait(LOOK_EVERY)
            return may
