"""The metrics in CloudWatch's embedded metric format: lines of the log that CloudWatch Logs makes metrics of.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TextIO

import structlog

from worker.metrics import Metrics

NAMESPACE = "MediaWorker"
MOST_METRICS = 100
"""In one line, by the specification."""
EVERY = 60.0
"""Seconds between two prints: CloudWatch's own resolution."""

Labels = tuple[tuple[str, str], ...]


class EmbeddedMetrics:
    """Writes lines; the dimensions are `queue`, the queue's name, and the labels. `now` is the wall clock.

    A value that has labels has a line with those alone: a name can't stand twice in one document.
    """

    def __init__(self, metrics: Metrics, queue: str, now: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._queue = queue
        self._now = now
        self._last: dict[tuple[str, Labels], float] = {}

    def lines(self) -> list[str]:
        """What there is, and what was added since the last call, as JSON documents."""
        values: defaultdict[Labels, list[tuple[str, float]]] = defaultdict(list)
        for name, labels, value in self._values():
            values[labels].append((name, value))
        return [
            self._line(dict(labels), group[start : start + MOST_METRICS])
            for labels, group in values.items()
            for start in range(0, len(group), MOST_METRICS)
        ]

    def _values(self) -> Iterator[tuple[str, Labels, float]]:
        """Name, labels and value of each gauge and counter; with labels only what isn't 0, wasn't, or grew."""
        for family in self._metrics.families():
            if not family.name.startswith("media_worker_") or family.name.endswith("_info"):
                continue
            for sample in family.samples:
                # An empty string is no dimension, and the format has no buckets.
                labels = tuple((name, value) for name, value in sample.labels.items() if value)
                last = self._last.get((sample.name, labels), 0)
                self._last[sample.name, labels] = sample.value
                if family.type == "gauge":
                    if sample.value or last or not labels:
                        yield sample.name, labels, sample.value
                elif not sample.name.endswith("_bucket") and (sample.value != last or not labels):
                    yield sample.name, labels, sample.value - last

    def _line(self, labels: Mapping[str, str], values: Sequence[tuple[str, float]]) -> str:
        dimensions = {"queue": self._queue, **labels}
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name, "Unit": _unit(name)} for name, _ in values],
        }
        metadata = {"Timestamp": int(self._now().timestamp() * 1000), "CloudWatchMetrics": [directive]}
        return json.dumps({"event": "metrics", **dimensions, **dict(values), "_aws": metadata})


def _unit(name: str) -> str:
    if name.endswith("_seconds_sum"):
        return "Seconds"
    return "Bytes" if name.endswith(("_bytes_sum", "_bytes_total")) else "Count"


@contextmanager
def printed(metrics: EmbeddedMetrics, out: TextIO, every: float = EVERY) -> Iterator[None]:
    """Write the lines at regular times (seconds apart) until the block ends, and then once more."""
    ended = threading.Event()

    def write() -> None:
        try:
            out.write("".join(f"{line}\n" for line in metrics.lines()))
            out.flush()
        except Exception:
            structlog.get_logger().exception("metrics not printed")

    def run() -> None:
        due = time.monotonic() + every
        while not ended.wait(max(0.0, due - time.monotonic())):
            write()
            due += every

    thread = threading.Thread(target=run, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        write()
