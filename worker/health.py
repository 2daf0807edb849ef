"""/livez, /readyz and /metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from worker.in_flight import InFlight
from worker.lease import Leases
from worker.metrics import Metrics
from worker.outages import NEEDED_BY_ALL, Outages
from worker.poller import Poller

STALE_POLL = 70.0
"""Seconds; a receive takes 33 at most, a look at the queue and a pause another 25. The heartbeat's limit, too."""
STALE_JOB = 600.0
"""Seconds; no single call that a job waits for takes as long."""


class Health:
    """What the process says of itself."""

    def __init__(
        self,
        poller: Poller,
        leases: Leases,
        in_flight: InFlight,
        outages: Outages,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._poller = poller
        self._leases = leases
        self._in_flight = in_flight
        self._outages = outages
        self._metrics = metrics
        self._clock = clock

    def live(self) -> list[str]:
        """Why the process should be replaced; empty where it is well, and during shutdown."""
        now = self._clock()
        ages = [("the last poll", now - self._poller.polled_at, STALE_POLL)]
        ages.append(("the last heartbeat", now - self._leases.beaten_at, STALE_POLL))
        ages += [
            (
                f"job {one.job.job_id}'s progress in {one.progress.current_step}",
                now - one.progress.moved_at,
                STALE_JOB,
            )
            for one in self._in_flight.attempts
        ]
        if self._poller.stopping:
            return []
        return [f"{what} is {age:.0f} s old; the limit is {limit:.0f}" for what, age, limit in ages if age > limit]

    def ready(self) -> list[str]:
        """Why the process gets no work done at the moment; empty where it does."""
        if self._poller.stopping:
            return ["shutting down"]
        problems = [] if self._poller.reachable else ["the last poll of the queue failed, or none is out yet"]
        if why := self._leases.ill:
            problems.append(f"leases aren't extended: {why}")
        return problems + [line for of, line in self._outages.named().items() if of in NEEDED_BY_ALL]

    def serve(self, port: int) -> ThreadingHTTPServer:
        """Answer on this port in a thread of its own until the process ends."""
        server = ThreadingHTTPServer(("", port), _probe_of(self))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
        return server

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        if path == "/metrics":
            return 200, self._metrics.render()
        checks = {"/livez": self.live, "/readyz": self.ready}
        if path not in checks:
            return 404, b"/livez, /readyz or /metrics\n"
        problems = checks[path]()
        lines = problems or ["ok", *self._outages.named().values()]
        return (503 if problems else 200), "".join(f"{line}\n" for line in lines).encode()


def _probe_of(health: Health) -> type[BaseHTTPRequestHandler]:
    class Probe(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            self.wfile.write(self._answered())

        def do_HEAD(self) -> None:
            self._answered()

        def _answered(self) -> bytes:
            """Send status and headers; returns the body."""
            status, body = health.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return body

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: a probe comes every few seconds."""

    return Probe
