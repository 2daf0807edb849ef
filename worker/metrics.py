"""The metrics, each with all its labels from the start, so that a rate is never missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import product
from typing import TypeVar, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from domain.errors import Code, Dependency
from domain.journal import Ending
from domain.model import Failure, Report, Status
from domain.ports import DecoderEnd
from domain.queue import Message
from worker.build_info import revision, version

STEPS = ("validate", "submit", "thumbnails", "videos", "confirm", "zip", "consolidate", "callback")
MALFORMED = "malformed"
"""The ending of an attempt at a message that names no job, and the outcome of such a message."""
CALLBACK_RESULTS = (
    ("acknowledged", "2xx"),
    ("transient", "4xx"),
    ("transient", "5xx"),
    ("transient", "none"),
    ("refused", "3xx"),
    ("refused", "4xx"),
)
DECODER_ENDS = get_args(DecoderEnd)

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600)
_CALLBACK_BYTES = (1024, 4096, 16384, 32768, 49152, 65535, 131072, 262144, 524288, 1048576)
"""65,535 is what a backend with a TEXT column takes."""

Labelled = TypeVar("Labelled", Counter, Histogram)


def _with(metric: Labelled, values: Iterable[tuple[str, ...]]) -> Labelled:
    """Have the metric show a zero for each of these values of its labels."""
    for each in values:
        metric.labels(*each)
    return metric


class Metrics:
    """The process's metrics: `media_worker_*`, and `process_*` where there is a /proc."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.build_info = Gauge("media_worker_build_info", "Always 1", ["version", "revision"], registry=registry)
        self.build_info.labels(version(), revision()).set(1)

        def counter(name: str, what: str, **labels: Iterable[str]) -> Counter:
            made = Counter(f"media_worker_{name}", what, labels, registry=registry)
            return _with(made, product(*labels.values())) if labels else made

        def seconds(name: str, what: str, **labels: Iterable[str]) -> Histogram:
            made = Histogram(f"media_worker_{name}_seconds", what, labels, registry=registry, buckets=_SECONDS)
            return _with(made, product(*labels.values())) if labels else made

        endings, outcomes = (*Ending, MALFORMED), (*Status, MALFORMED)
        self.receives = counter("receives", "Receive calls by result", result=("ok", "failed"))
        self.messages = counter("messages", "Messages received")
        self.queue_seconds = seconds("queue", "Age of a job's message when received", receive=("first", "again"))
        self.attempts = counter("attempts", "Attempts at messages by how they ended", ending=endings)
        self.jobs = counter("jobs", "Jobs by final outcome", outcome=outcomes)
        self.job_seconds = seconds("job", "From a job's sending to its final outcome", outcome=outcomes)
        self.dead_lettered = counter(
            "dead_lettered", "Messages left to the DLQ", code=tuple(Code), told=("yes", "no")
        )
        self.assets = _with(
            Counter("media_worker_assets", "Assets reported", ["outcome", "code"], registry=registry),
            [("ok", ""), *product(("failed",), Code)],
        )
        self.steps = seconds("step", "Duration of a step, however it ended", step=STEPS)
        self.bytes = counter("bytes", "Bytes of objects by direction", direction=("in", "out"))
        self.callbacks = _with(
            Counter(
                "media_worker_callbacks", "Tries at a callback", ["result", "status_class"], registry=registry
            ),
            CALLBACK_RESULTS,
        )
        self.callback_seconds = seconds("callback", "Duration of a try at a callback")
        self.callback_bytes = Histogram(
            "media_worker_callback_bytes", "Bytes of a callback", registry=registry, buckets=_CALLBACK_BYTES
        )
        self.in_flight = Gauge("media_worker_in_flight", "Jobs in hand", registry=registry)
        self.waiting = Gauge("media_worker_waiting", "Jobs in hand that only wait for a video", registry=registry)
        self.outage = Gauge("media_worker_outage", "1 while it is out", ["of"], registry=registry)
        for of in Dependency:
            self.outage.labels(of)
        self.withheld = Gauge("media_worker_withheld", "1 while nothing is received", registry=registry)
        self.transcodings = counter("transcodings", "Videos submitted to the transcoder: each costs money")
        self.decoders_replaced = counter(
            "decoders_replaced", "Child processes that were replaced while they rendered", reason=DECODER_ENDS
        )
        self.leases_lost = counter("leases_lost", "Leases that ran out")

    def count_bytes(self, direction: str, count: int) -> None:
        """Count what goes `in` from the bucket or `out` to it."""
        self.bytes.labels(direction).inc(count)

    def count_decoder(self, reason: DecoderEnd) -> None:
        """Count a child process that was replaced."""
        self.decoders_replaced.labels(reason).inc()

    def count_callback(self, result: str, status: int | None, seconds: float) -> None:
        """Count one try at a callback; `status` None is no answer."""
        self.callbacks.labels(result, f"{status // 100}xx" if status else "none").inc()
        self.callback_seconds.observe(seconds)

    def count_report(self, report: Report) -> None:
        """Count the assets of a report that the backend has acknowledged."""
        for result in report.results:
            failed = isinstance(result.outcome, Failure)
            code = result.outcome.code if isinstance(result.outcome, Failure) else ""
            self.assets.labels("failed" if failed else "ok", code).inc()

    def count_begun(self, message: Message, at: datetime) -> None:
        """Observe how old a job's message is when an attempt begins."""
        if message.sent_at:
            receive = "first" if message.receive_count == 1 else "again"
            self.queue_seconds.labels(receive).observe(_since(message.sent_at, at))

    def count_job(self, outcome: str, message: Message, at: datetime) -> None:
        """Count a job that no worker gets again."""
        self.jobs.labels(outcome).inc()
        if message.sent_at:
            self.job_seconds.labels(outcome).observe(_since(message.sent_at, at))

    def families(self) -> Iterable[Metric]:
        """All metrics with their present values."""
        return self._registry.collect()

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self._registry)


def _since(sent: datetime, at: datetime) -> float:
    """Seconds; SQS's clock and ours aren't quite the same."""
    return max(0.0, (at - sent).total_seconds())
