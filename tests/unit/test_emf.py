from __future__ import annotations

import io
import json
import threading
from typing import Any

import jsonschema
import pytest
from prometheus_client import Gauge

from tests import emf
from tests.fakes import NOW
from worker.emf import EmbeddedMetrics, printed
from worker.metrics import Metrics

TIMEOUT = 30


def embedded(metrics: Metrics) -> EmbeddedMetrics:
    return EmbeddedMetrics(metrics, "media-processing", lambda: NOW)


def values(lines: list[str]) -> dict[tuple[str, ...], float]:
    """Each value by its metric's name and the values of its dimensions; every line keeps to the rules."""
    read: dict[tuple[str, ...], float] = {}
    for document in map(emf.check, lines):
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        (dimensions,) = directive["Dimensions"]
        for metric in directive["Metrics"]:
            read[metric["Name"], *(document[name] for name in dimensions)] = document[metric["Name"]]
    return read


def test_a_metric_has_the_name_that_it_has_in_prometheus_and_its_labels_are_dimensions() -> None:
    metrics = Metrics()
    metrics.receives.labels("ok").inc()
    metrics.callbacks.labels("transient", "5xx").inc(2)
    metrics.waiting.set(3)
    read = values(embedded(metrics).lines())
    assert read["media_worker_receives_total", "media-processing", "ok"] == 1
    assert read["media_worker_callbacks_total", "media-processing", "transient", "5xx"] == 2
    assert read["media_worker_waiting", "media-processing"] == 3
    exposed = {sample.name for family in metrics.families() for sample in family.samples}
    assert {name for name, *_ in read} <= exposed


def test_a_counter_is_what_was_added_since_the_last_line_and_a_gauge_is_what_it_is() -> None:
    metrics = Metrics()
    lines = embedded(metrics).lines
    metrics.messages.inc(5)
    metrics.bytes.labels("in").inc(1000)
    metrics.in_flight.set(2)
    assert values(lines())["media_worker_messages_total", "media-processing"] == 5
    metrics.messages.inc(2)
    metrics.bytes.labels("in").inc(24)
    read = values(lines())
    assert read["media_worker_messages_total", "media-processing"] == 2
    assert read["media_worker_bytes_total", "media-processing", "in"] == 24
    assert read["media_worker_in_flight", "media-processing"] == 2


def test_a_histogram_is_its_sum_and_its_count_since_the_last_line() -> None:
    metrics = Metrics()
    lines = embedded(metrics).lines
    metrics.steps.labels("zip").observe(100)
    lines()
    for seconds in (1.5, 2.0):
        metrics.steps.labels("zip").observe(seconds)
    read = values(lines())
    assert read["media_worker_step_seconds_sum", "media-processing", "zip"] == 3.5
    assert read["media_worker_step_seconds_count", "media-processing", "zip"] == 2
    assert not [name for name, *_ in read if name.endswith("_bucket")]


def test_a_worker_that_has_nothing_to_do_prints_one_line_with_its_zeros() -> None:
    (line,) = embedded(Metrics()).lines()
    read = values([line])
    assert read["media_worker_messages_total", "media-processing"] == 0
    assert read["media_worker_in_flight", "media-processing"] == 0


def test_what_is_out_is_printed_until_it_was_0_once() -> None:
    metrics = Metrics()
    metrics.outage.labels("backend").set(1)
    emf, name = embedded(metrics), ("media_worker_outage", "media-processing", "backend")
    assert values(emf.lines())[name] == 1
    metrics.outage.labels("backend").set(0)
    assert values(emf.lines())[name] == 0
    assert name not in values(emf.lines())


def test_an_empty_label_is_no_dimension() -> None:
    metrics = Metrics()
    metrics.assets.labels("ok", "").inc()
    assert values(embedded(metrics).lines())["media_worker_assets_total", "media-processing", "ok"] == 1


@pytest.mark.parametrize("constant", ["process_", "media_worker_build_info"])
def test_what_ecs_knows_itself_and_what_never_changes_is_left_out(constant: str) -> None:
    metrics = Metrics()
    if constant not in metrics.render().decode():
        build = Gauge(constant, "Always 1", ["version"], registry=metrics._registry)
        build.labels("0.1.0").set(1)
    assert not [name for name, *_ in values(embedded(metrics).lines()) if name.startswith(constant)]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("media_worker_job_seconds_sum", "Seconds"),
        ("media_worker_job_seconds_count", "Count"),
        ("media_worker_bytes_total", "Bytes"),
        ("media_worker_callback_bytes_sum", "Bytes"),
        ("media_worker_callback_bytes_count", "Count"),
        ("media_worker_waiting", "Count"),
    ],
)
def test_a_value_has_its_unit(name: str, unit: str) -> None:
    metrics = Metrics()
    metrics.bytes.labels("in").inc()
    metrics.job_seconds.labels("SUCCEEDED").observe(1)
    documents = map(emf.check, embedded(metrics).lines())
    units = {
        metric["Name"]: metric["Unit"]
        for document in documents
        for directive in document["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    assert units[name] == unit


def test_no_line_has_more_metrics_than_the_format_takes() -> None:
    metrics = Metrics()
    for number in range(150):
        Gauge(f"media_worker_gauge_{number}", "One of many", registry=metrics._registry).set(number)
    lines = embedded(metrics).lines()
    assert len(lines) == 2
    assert values(lines)["media_worker_gauge_149", "media-processing"] == 149


def good() -> dict[str, Any]:
    directive = {"Namespace": "N", "Dimensions": [["queue"]], "Metrics": [{"Name": "m", "Unit": "Count"}]}
    return {"queue": "q", "m": 1, "_aws": {"Timestamp": 1767614400000, "CloudWatchMetrics": [directive]}}


def spoil(path: str, value: object) -> str:
    document: Any = good()
    *way, last = path.split("/")
    at = document
    for name in way:
        at = at[int(name)] if name.isdigit() else at[name]
    at[last] = value
    return json.dumps(document)


def test_the_check_passes_what_is_right() -> None:
    assert emf.check(spoil("m", [1, 2.5])) == good() | {"m": [1, 2.5]}


DIRECTIVE = "_aws/CloudWatchMetrics/0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("_aws/Timestamp", 1767614400),
        ("_aws/Timestamp", "now"),
        (f"{DIRECTIVE}/Namespace", ""),
        (f"{DIRECTIVE}/Namespace", "AWS/SQS"),
        (f"{DIRECTIVE}/Dimensions", ["queue"]),
        (f"{DIRECTIVE}/Dimensions", [[f"d{number}" for number in range(31)]]),
        (f"{DIRECTIVE}/Dimensions", [["missing"]]),
        (f"{DIRECTIVE}/Metrics", [{"Name": "m", "Unit": "Parsecs"}]),
        (f"{DIRECTIVE}/Metrics", [{"Name": "missing"}]),
        (f"{DIRECTIVE}/Metrics", [{"Name": f"m{number}"} for number in range(101)]),
        ("queue", ""),
        ("queue", 7),
        ("m", "1"),
        ("m", {"Sum": 1}),
        ("m", [1] * 101),
        ("m", float("inf")),
    ],
)
def test_the_check_fails_what_is_wrong(path: str, value: object) -> None:
    with pytest.raises((AssertionError, KeyError, jsonschema.ValidationError)):
        emf.check(spoil(path, value))


class Log(io.StringIO):
    """Says when something is written."""

    def __init__(self) -> None:
        super().__init__()
        self.flushes = threading.Semaphore(0)

    def flush(self) -> None:
        self.flushes.release()


def test_the_lines_come_at_regular_times_and_once_more_at_the_end() -> None:
    metrics, log = Metrics(), Log()
    with printed(embedded(metrics), log, every=0.01):
        for _ in range(2):
            assert log.flushes.acquire(timeout=TIMEOUT)
    with printed(embedded(metrics), last := io.StringIO()):
        metrics.messages.inc()
    assert values(last.getvalue().splitlines())["media_worker_messages_total", "media-processing"] == 1


def test_an_error_does_not_end_the_printing(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, log = Metrics(), Log()
    failures = iter([ZeroDivisionError()])

    def families() -> object:
        for error in failures:
            raise error
        return Metrics.families(metrics)

    monkeypatch.setattr(metrics, "families", families)
    with printed(embedded(metrics), log, every=0.01):
        assert log.flushes.acquire(timeout=TIMEOUT)
        assert values(log.getvalue().splitlines())
