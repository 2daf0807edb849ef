"""The queue's maxReceiveCount, which somebody may change while the worker runs."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from domain.queue import Queue

LOOK_EVERY = 60.0
"""Seconds."""


class Redrive:
    """Has the queue look at its redrive policy again, once a minute. What it saw last counts while it can't."""

    def __init__(self, queue: Queue, clock: Callable[[], float]) -> None:
        self._queue = queue
        self._clock = clock
        self._looks_at = clock() + LOOK_EVERY
        self._failed = False

    def look(self) -> None:
        """Look, if it is time; what goes wrong is said once, and then no more until it goes well again."""
        if self._clock() < self._looks_at:
            return
        self._looks_at = self._clock() + LOOK_EVERY
        before = self._queue.max_receive_count
        log = structlog.get_logger().bind(max_receive_count=before)
        try:
            self._queue.require()
        except Exception as error:
            if not self._failed:
                log.warning("the redrive policy can't be read; what it was counts on", why=str(error))
            self._failed = True
        else:
            self._failed = False
            if self._queue.max_receive_count != before:
                log.warning("maxReceiveCount was changed", now=self._queue.max_receive_count)
