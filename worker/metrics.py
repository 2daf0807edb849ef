"""What /metrics shows."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from domain.model import Failure, Report
from worker.build_info import revision, version

_STEP_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600)
_CALLBACK_BUCKETS = (1024, 4096, 16384, 32768, 49152, 65535, 131072, 262144, 524288, 1048576)
"""65,535 is what a backend with a TEXT column takes."""


class Metrics:
    """The process's counters. All names begin with `media_worker_`."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.build_info = Gauge("media_worker_build_info", "Always 1", ["version", "revision"], registry=registry)
        self.build_info.labels(version(), revision()).set(1)
        self.receives = Counter("media_worker_receives", "Receive calls by result", ["result"], registry=registry)
        self.messages = Counter("media_worker_messages", "Messages received", registry=registry)
        self.jobs = Counter(
            "media_worker_jobs", "Attempts at jobs by how they ended", ["outcome"], registry=registry
        )
        self.assets = Counter(
            "media_worker_assets",
            "Assets reported to the backend by outcome and error code",
            ["outcome", "code"],
            registry=registry,
        )
        self.steps = Histogram(
            "media_worker_step_seconds", "Duration of a step", ["step"], buckets=_STEP_BUCKETS, registry=registry
        )
        self.bytes = Counter(
            "media_worker_bytes", "Bytes of objects by direction", ["direction"], registry=registry
        )
        self.callback_bytes = Histogram(
            "media_worker_callback_bytes",
            "Bytes of a callback's body",
            buckets=_CALLBACK_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("media_worker_in_flight", "Jobs in hand", registry=registry)
        self.waiting = Gauge("media_worker_waiting", "Jobs in hand that only wait for a video", registry=registry)
        self.transcodings = Counter(
            "media_worker_transcodings", "Videos submitted to the transcoder: each costs money", registry=registry
        )
        self.leases_lost = Counter("media_worker_leases_lost", "Leases that ran out", registry=registry)

    def count_bytes(self, direction: str, count: int) -> None:
        """Count what goes `in` from the bucket or `out` to it."""
        self.bytes.labels(direction).inc(count)

    def count_report(self, report: Report) -> None:
        """Count the assets of a report that the backend has acknowledged."""
        for result in report.results:
            failed = isinstance(result.outcome, Failure)
            code = result.outcome.code if isinstance(result.outcome, Failure) else ""
            self.assets.labels("failed" if failed else "ok", code).inc()

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self._registry)
