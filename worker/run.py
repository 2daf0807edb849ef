"""`media-worker run`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

import structlog

from worker import logs
from worker.bootstrap import StartError, build
from worker.build_info import revision, version
from worker.emf import EmbeddedMetrics, printed
from worker.health import Health
from worker.metrics import Metrics
from worker.service import Service
from worker.settings import BadSettings, Logging, Settings, load_settings, misspelt
from worker.signals import Signals
from worker.surroundings import check_beside

WATCH_SECONDS = 1.0
"""Between two looks for a stuck job."""


def run(signals: Signals) -> int:
    """Work until SIGTERM or SIGINT; 2 where settings are bad, 1 where the start failed or a job is stuck."""
    try:
        settings = load_settings(Settings)
    except BadSettings as error:
        _refuse(*({"setting": name, "why": why} for name, why in error.wrong.items()))
        return 2
    logs.configure(settings.log_level, settings.log_format, sys.stdout)
    try:
        worker = build(settings)
        _serve(worker.health, settings.http_port)
    except (StartError, OSError) as error:  # OSError: a file of certificates that can't be read
        _refuse({"why": str(error)})
        return 1
    with _metrics_in_the_log(worker.metrics, settings):
        status = _work(worker.service, settings, signals)
    sys.stdout.flush()
    # A thread that is stuck in a decoder must not keep the process from ending.
    os._exit(status)


def _refuse(*problems: Mapping[str, str]) -> None:
    """Say on standard error why the process doesn't start: as the log is written, or in plain text."""
    try:
        form = load_settings(Logging).log_format
    except BadSettings:
        form = "json"
    if form == "json":
        logs.configure("INFO", form, sys.stderr)
        for problem in problems:
            structlog.get_logger().critical("can't start", **problem)
    else:
        for problem in problems:
            print("media-worker can't start:", ": ".join(problem.values()), file=sys.stderr)


def _serve(health: Health, port: int) -> None:
    if not port:
        return
    try:
        health.serve(port)
    except OSError as error:
        raise StartError(f"HTTP_PORT: port {port} can't be listened on: {error.strerror}") from error


def _metrics_in_the_log(metrics: Metrics, settings: Settings) -> AbstractContextManager[None]:
    if settings.metrics == "none":
        return nullcontext()
    return printed(EmbeddedMetrics(metrics, settings.queue_name, lambda: datetime.now(UTC)), sys.stdout)


def _work(service: Service, settings: Settings, signals: Signals) -> int:
    structlog.get_logger().info(
        "started",
        version=version(),
        revision=revision(),
        queue=settings.queue_url,
        concurrency=settings.worker_concurrency,
    )
    for variable, setting in misspelt().items():
        structlog.get_logger().warning("unknown setting", variable=variable, did_you_mean=setting)
    check_beside(settings)
    service.start()
    status = None
    while status is None:
        if received := signals.wait(WATCH_SECONDS):
            structlog.get_logger().info("signal received", signal=received.name)
            status = 0
        elif service.stuck():
            status = 1
    service.shut_down(settings.shutdown_grace)
    return status
