"""The `media-worker` command."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version

import structlog

from worker import logs
from worker.bootstrap import StartError, build
from worker.emf import EmbeddedMetrics, printed
from worker.metrics import Metrics
from worker.service import Service
from worker.settings import BadSettings, Settings, load_settings

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
WATCH_SECONDS = 1.0
"""Between two looks for a stuck job."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="media-worker", description="Processes a listing's uploads.")
    parser.add_argument("--version", action="version", version=version("media-worker"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run_parser = commands.add_parser(
        "run", help="work on the queue until SIGTERM", description="Work on the queue until SIGTERM."
    )
    run_parser.add_argument("--version", action="version", version=version("media-worker"))
    parser.parse_args(arguments)
    return run()


def run() -> int:
    """Work until SIGTERM or SIGINT; 2 where settings are bad, 1 where the start failed or a job is stuck."""
    # Blocked, the signals are read by sigtimedwait, in process 1 of a container too; a second one changes nothing.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        settings = load_settings()
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
        status = _work(worker.service, settings)
    sys.stdout.flush()
    # A thread that is stuck in a decoder must not keep the process from ending.
    os._exit(status)


def _metrics_in_the_log(metrics: Metrics, settings: Settings) -> AbstractContextManager[None]:
    if settings.metrics == "none":
        return nullcontext()
    return printed(EmbeddedMetrics(metrics, settings.queue_name, lambda: datetime.now(UTC)), sys.stdout)


def _work(service: Service, settings: Settings) -> int:
    structlog.get_logger().info("started", queue=settings.queue_url, concurrency=settings.worker_concurrency)
    service.start()
    status = None
    while status is None:
        received = signal.sigtimedwait(SIGNALS, WATCH_SECONDS)
        # After a pause (SIGSTOP) that outlasts the wait, CPython reports a signal that there never was.
        if received and received.si_signo in SIGNALS:
            structlog.get_logger().info("signal received", signal=signal.Signals(received.si_signo).name)
            status = 0
        elif service.stuck():
            status = 1
    service.shut_down(settings.shutdown_grace)
    return status


if __name__ == "__main__":
    sys.exit(main())
