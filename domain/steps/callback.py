"""callback: the backend acknowledges the report of a job that is done, once."""

from __future__ import annotations

from domain.journal import acknowledged
from domain.model import Report
from domain.outlast import outlasting
from domain.ports import Attempt, Ports
from domain.settlement import refuse_done


def call_back(report: Report, attempt: Attempt, ports: Ports) -> None:
    """Return once the backend acknowledged the report and the journal says so, as far as it can be written.

    Raises:
        Transient: the backend didn't acknowledge it.
        Interrupted: the attempt must not go on; AlreadyAcknowledged, where another delivery was faster.
    """
    with attempt.step("callback"):
        attempt.begin_report()
        refuse_done(outlasting(attempt.outlast, attempt.progress.load))
        ports.backend.notify(report, attempt)
        attempt.progress.acknowledge(acknowledged(report, ports.now()))
