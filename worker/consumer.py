"""Receive, dispatch, drain."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import structlog

from domain.errors import Transient
from domain.queue import Queue
from worker.handler import Handler
from worker.lease import Lease, Leases
from worker.metrics import Metrics
from worker.slots import Slots
from worker.watcher import Watcher

Item = TypeVar("Item")

MOST_MESSAGES = 10  # of one receive: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
LAST_POST = 25.0
"""Seconds that a callback under way at the grace period's end may still take: its own time-outs, and a bit."""
STUCK_AFTER = 60.0
"""Seconds without progress, past its deadline, when a job is taken for stuck; a try at the callback takes 40."""


class Consumer:
    """One thread polls, each job in flight has a thread, and never more is received than there is room for."""

    def __init__(
        self, queue: Queue, leases: Leases, handler: Handler, metrics: Metrics, slots: Slots, watcher: Watcher,
        long_poll: int, visibility_timeout: int, clock: Callable[[], float], rng: random.Random,
    ) -> None:  # fmt: skip
        self._queue = queue
        self._leases = leases
        self._handler = handler
        self._metrics = metrics
        self._slots = slots
        self._long_poll = long_poll
        self._visibility_timeout = visibility_timeout
        self._clock = clock
        self._rng = rng
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._too_late: list[Lease] = []
        self._poller = threading.Thread(target=self._poll, name="poller", daemon=True)
        self._watch = threading.Thread(target=watcher.run, name="watcher", daemon=True)
        self._heart = threading.Thread(target=leases.run, args=(self._ended,), name="heartbeat", daemon=True)
        self.polled_at = clock()
        self.reachable = False

    def start(self) -> None:
        """Begin to poll."""
        self._heart.start()
        self._watch.start()
        self._poller.start()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stuck(self) -> bool:
        """Whether a job hangs past its deadline: its thread can't be stopped, only the process can."""
        limit = self._clock() - STUCK_AFTER
        overdue = [each for each in self._handler.active if max(each.deadline, each.progress_at) <= limit]
        for attempt in overdue:
            structlog.get_logger().critical(
                "a job is stuck; the process ends", job_id=attempt.job.job_id, step=attempt.current_step
            )
        return bool(overdue)

    def drain(self, grace: float) -> None:
        """Receive no more; give the jobs in flight `grace` seconds, and the rest back to the queue.

        Messages are given back when the poller has returned: an open poll of ours would get them again. Those of
        jobs that only wait for a video are given back right then.
        """
        deadline = self._clock() + grace
        self._stopping.set()
        structlog.get_logger().info("draining", in_flight=len(self._handler.active), grace=grace)
        self._poller.join(self._long_poll + 15)
        _in_parallel(self._handler.release_unbegun, self._too_late)
        self._handler.drain((self._clock() + deadline) / 2)
        self._slots.wait_until_free(max(0.0, deadline - self._clock()))
        self._release_the_rest()
        self._ended.set()
        structlog.get_logger().info("drained")

    def _release_the_rest(self) -> None:
        """At once, but for a callback under way: cutting it off would repeat one that may be acknowledged."""
        left = self._handler.active
        for attempt in left:
            attempt.stop()
        stuck = [attempt for attempt in left if attempt.current_step != "callback"]
        _in_parallel(self._handler.release, stuck)
        self._slots.wait_until_free(LAST_POST if len(stuck) < len(left) else 1.0)
        _in_parallel(self._handler.release, self._handler.active)

    def _poll(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self.polled_at = self._clock()
            room = self._slots.reserve(MOST_MESSAGES, timeout=5)
            if room == 0 or self._stopping.is_set():
                self._slots.take(room, 0)
                continue
            started = self._clock()
            try:
                messages = self._queue.receive(room, self._long_poll, self._visibility_timeout)
            except Exception as error:
                failures += 1
                self._slots.take(room, 0)
                self._note_failure(error, failures)
                continue
            failures = 0
            self._slots.take(room, len(messages))
            self._take_on([self._leases.open(message, started) for message in messages])

    def _take_on(self, leases: Sequence[Lease]) -> None:
        self.polled_at = self._clock()
        self.reachable = True
        self._metrics.receives.labels("ok").inc()
        self._metrics.messages.inc(len(leases))
        for lease in leases:
            # One that came too late goes back; on its last receive it would go to the DLQ, so that is worth a try.
            if self._stopping.is_set() and not self._handler.is_last(lease):
                self._too_late.append(lease)
                self._slots.free()
            else:
                threading.Thread(
                    target=self._work, args=(lease,), name=lease.message.message_id, daemon=True
                ).start()

    def _work(self, lease: Lease) -> None:
        self._metrics.in_flight.inc()
        try:
            self._handler.handle(lease)
        except Exception:
            structlog.get_logger().exception("a message couldn't be handled; its lease runs out")
            self._leases.close(lease)
        finally:
            self._metrics.in_flight.dec()
            self._slots.free()

    def _note_failure(self, error: Exception, failures: int) -> None:
        """Wait longer after each failure in a row, so that a queue that is gone isn't hammered."""
        self.reachable = False
        self._metrics.receives.labels("failed").inc()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) * self._rng.uniform(0.5, 1)
        log = structlog.get_logger().bind(why=str(error), next_in=round(pause, 1))
        if isinstance(error, Transient):
            log.warning("receive failed")
        else:
            log.exception("receive failed unexpectedly")
        self._stopping.wait(pause)


def _in_parallel(call: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Each in a thread of its own, since each may wait for a slow backend; no longer than a callback takes."""
    threads = [threading.Thread(target=call, args=(item,), daemon=True) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LAST_POST)
