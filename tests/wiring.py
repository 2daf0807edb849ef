"""The worker between fakes, its parts put together as the process puts them together."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from adapters.message import parse_message
from domain.journal import Ending
from domain.model import Status
from tests.fakes import (
    FakeBackend,
    FakeClaims,
    FakeImages,
    FakeJournals,
    FakeObjects,
    FakeQueue,
    FakeTaskProtection,
    FakeTranscoder,
    ManualClock,
    make_ports,
)
from worker.assembly import Outside, Worker, assemble
from worker.metrics import Metrics
from worker.outages import Outages

VISIBILITY = 60
JOB_TIMEOUT = 600
MAX_RECEIVES = 3


@dataclass
class Fakes:
    """What stands around the worker; two workers of one test may share all but the metrics."""

    clock: ManualClock
    queue: FakeQueue
    objects: FakeObjects = field(default_factory=FakeObjects)
    images: FakeImages = field(default_factory=FakeImages)
    backend: FakeBackend = field(default_factory=FakeBackend)
    claims: FakeClaims = field(default_factory=FakeClaims)
    journals: FakeJournals = field(default_factory=FakeJournals)
    task: FakeTaskProtection = field(default_factory=FakeTaskProtection)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.transcoder = FakeTranscoder(self.objects)

    def worker(self, concurrency: int = 1, job_timeout: float = JOB_TIMEOUT) -> Worker:
        ports = make_ports(
            objects=self.objects,
            images=self.images,
            backend=self.backend,
            transcoder=self.transcoder,
            claims=self.claims,
        )
        outside = Outside(
            self.queue, self.journals, ports, parse_message, self.clock, random.Random(7), self.task, self.metrics,
            Outages(self.clock, self.metrics), self.wait,
        )  # fmt: skip
        return assemble(outside, concurrency, VISIBILITY, job_timeout)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """`Event.wait`, of which only the fakes' clock takes notice."""
        self.clock.advance(seconds)
        return event.is_set()

    def reports(self) -> list[Status]:
        return [report.status for report in self.backend.reports]

    def endings(self, message_id: str) -> list[tuple[int, Ending]]:
        return [(ended.number, ended.ending) for ended in self.journals.journals[message_id].attempts]


def fakes(max_receives: int = MAX_RECEIVES) -> Fakes:
    clock = ManualClock()
    return Fakes(clock, FakeQueue(clock, max_receives))
