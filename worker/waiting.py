"""Jobs that only wait, for their videos or for the end of an outage: they hold a lease, and no place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

import structlog

from domain.errors import Unavailable
from domain.model import TranscodingResult
from worker.metrics import Metrics
from worker.outage import Affected
from worker.outages import Outages
from worker.protection import Protection
from worker.slots import Slots
from worker.watcher import Watcher


class Waiting:
    """Lends the places of the jobs that wait, protects the task, and has one thread poll their transcodings."""

    def __init__(
        self, slots: Slots, outages: Outages, watcher: Watcher, protection: Protection, metrics: Metrics
    ) -> None:
        self._slots = slots
        self._outages = outages
        self._watcher = watcher
        self._protection = protection
        self._metrics = metrics

    def start(self) -> None:
        """Begin to poll, and to protect the task, for as long as the process lives."""
        self._watcher.start()
        self._protection.start()

    @contextmanager
    def lending_the_place(self, checkpoint: Callable[[], None]) -> Iterator[None]:
        """Let another job have this one's place until the block ends.

        `checkpoint` is called while a place is waited for again, and may raise.
        """
        structlog.get_logger().info("waiting for videos")
        self._metrics.waiting.inc()
        try:
            with self._protection.needed(), self._slots.lent(checkpoint):
                yield
        finally:
            self._metrics.waiting.dec()

    def wait(
        self, transcoding_ids: Collection[str], must_end: Callable[[], bool]
    ) -> Mapping[str, TranscodingResult]:
        """Block until a transcoding has ended; returns the results by id, none if it had to end before."""
        return self._watcher.wait(transcoding_ids, must_end)

    def outlast(self, job: Affected, error: Unavailable, checkpoint: Callable[[], None]) -> None:
        """Wait until the job may try again what failed, without its place.

        Raises:
            Unavailable: the error, where as far as is known the job failed alone; and what `checkpoint` raises.
        """
        if not self._outages.failed(job, error):
            raise error
        structlog.get_logger().info("waiting for the end of an outage", of=error.of, why=str(error))
        with self._slots.lent(checkpoint):
            self._outages.wait(job, error, checkpoint)

    def look(self) -> None:
        """End each wait that must end."""
        self._watcher.look()
