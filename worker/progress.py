"""What has been done for a message, and when something was done last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from domain.errors import excerpt
from domain.journal import Acknowledged, Begun, Ended, Journal, Journals
from domain.model import Derivatives, Job, Origin, Source, Transcoding
from worker.beside import beside
from worker.logs import reason
from worker.metrics import Metrics

PATIENCE = 5.0
"""Seconds that the message waits for the writing of the acknowledgement, before it is deleted all the same."""
LONGEST_WRITE = 30.0
"""Seconds that an attempt waits for the writing of its end: past its deadline it would soon be taken for stuck."""


class Progress:
    """The `Progress` port: what this attempt and the earlier ones made and submitted.

    `journal` is what earlier attempts left, once it is `loaded`. `current_step` and `moved_at` (seconds of the
    clock) say where the attempt is and when it was last seen to move; `step_seconds`, how long each step took.
    """

    def __init__(
        self, job: Job, started_at: datetime, journals: Journals, metrics: Metrics, clock: Callable[[], float]
    ) -> None:
        self.job = job
        self.started_at = started_at
        self.journal = Journal()
        self.loaded = False
        self.current_step = ""
        self.moved_at = clock()
        self.step_seconds: dict[str, float] = {}
        self._journals = journals
        self._metrics = metrics
        self._clock = clock
        self._made: dict[tuple[str, str], Derivatives] = {}
        self._submitted: dict[str, Transcoding] = {}
        self._writing = threading.Lock()

    def note(self) -> None:
        """Say that the attempt isn't stuck."""
        self.moved_at = self._clock()

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, int]]:
        """Time and log the block; what it counts goes into the mapping."""
        counts: dict[str, int] = {}
        log = structlog.get_logger().bind(step=name)
        self.current_step = name
        started = self._clock()
        try:
            yield counts
        except BaseException as error:
            seconds = self._observe(name, started)
            log.info("step ended early", seconds=seconds, why=excerpt(str(error)), error=type(error).__name__)
            raise
        log.info("step done", seconds=self._observe(name, started), **counts)

    def _observe(self, step: str, started: float) -> float:
        seconds = self._clock() - started
        self._metrics.steps.labels(step).observe(seconds)
        self.step_seconds[step] = round(seconds, 3)
        return self.step_seconds[step]

    @property
    def derivatives(self) -> tuple[Derivatives, ...]:
        """What this attempt or an earlier one made."""
        return (*self.journal.derivatives, *self._made.values())

    @property
    def transcodings(self) -> tuple[Transcoding, ...]:
        """What this attempt or an earlier one submitted."""
        return (*self.journal.transcodings, *self._submitted.values())

    def recall(self, source: Source) -> Derivatives | None:
        for made in self.derivatives:
            if (made.raw_key, made.etag, made.type) == (source.raw.key, source.etag, source.type):
                return made
        return None

    def record(self, made: Derivatives) -> None:
        self._made[made.raw_key, made.type] = made

    def recall_transcoding(self, source: Source) -> Transcoding | None:
        for transcoding in reversed(self.transcodings):
            if Origin(transcoding.raw_key, transcoding.etag, transcoding.recipe) == source.origin:
                return transcoding
        return None

    def record_transcoding(self, transcoding: Transcoding, submitted: bool) -> None:
        log = structlog.get_logger().bind(key=transcoding.raw_key, transcoding=transcoding.id)
        self._submitted[transcoding.raw_key] = transcoding
        if submitted:
            self._metrics.transcodings.inc()
            log.info("transcoding submitted", second=transcoding.resubmitted)
        else:
            log.info("transcoding found: another job submitted it")
        try:
            with self._writing:  # a job's videos are submitted side by side
                self._journals.add(self.job, Journal(transcodings=(transcoding,)))
        except Exception as error:
            # It is tried again when the attempt ends, and the claim names it.
            log.error("a transcoding couldn't be written to the journal yet", **reason(error))

    def load(self) -> Journal:
        self.journal = self._journals.load(self.job)
        self.loaded = True
        return self.journal

    def begin(self, begun: Begun) -> None:
        """Write down that the attempt began, so that its silence would say that the process died."""
        try:
            self._journals.add(self.job, Journal(begun=(begun,)))
        except Exception as error:
            log = structlog.get_logger()
            log.error("the journal wasn't written: nobody knows that this attempt began", **reason(error))

    def acknowledge(self, acknowledged: Acknowledged) -> None:
        try:
            beside(lambda: self._journals.add(self.job, Journal(acknowledged=acknowledged)), PATIENCE)
        except Exception as error:
            structlog.get_logger().error("the acknowledgement wasn't written to the journal", **reason(error))

    def save(self, ended: Ended) -> None:
        """Write down how the attempt ended and what is done, so that the next one doesn't repeat it."""
        try:
            news = Journal((ended,), self.derivatives, self.transcodings)
            beside(lambda: self._journals.add(self.job, news), LONGEST_WRITE)
        except Exception as error:
            structlog.get_logger().error(
                "the journal wasn't written: this attempt leaves no trace", **reason(error)
            )
