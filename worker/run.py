"""`media-worker run`."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

import structlog

from worker import logs
from worker.bootstrap import StartError, build
from worker.build_info import revision, version
from worker.emf import EmbeddedMetrics, printed
from worker.metrics import Metrics
from worker.service import Service
from worker.settings import BadSettings, Settings, load_settings
from worker.signals import Signals
from worker.surroundings import check_beside

WATCH_SECONDS = 1.0
"""Between two looks for a stuck job."""


def run(signals: Signals) -> int:
    """Work until SIGTERM or SIGINT; 2 where settings are bad, 1 where the start failed or a job is stuck."""
    try:
        settings = load_settings(Settings)
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    logs.configure(settings.log_level, settings.log_format)
    try:
        worker = build(settings)
        if settings.http_port:
            worker.health.serve(settings.http_port)
    except (StartError, OSError) as error:  # OSError: the port is taken
        print(f"media-worker can't start: {error}", file=sys.stderr)
        return 1
    with _metrics_in_the_log(worker.metrics, settings):
        status = _work(worker.service, settings, signals)
    sys.stdout.flush()
    # A thread that is stuck in a decoder must not keep the process from ending.
    os._exit(status)


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
