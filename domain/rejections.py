"""The errors that carry a job, a report or its status."""

from __future__ import annotations

from domain.errors import Code, Interrupted, Permanent
from domain.model import Job, Report, Status


class Malformed(Permanent):
    """The message isn't what the contract says; `job` is None where it doesn't even name one."""

    def __init__(self, message: str, job: Job | None) -> None:
        super().__init__(message, Code.VALIDATION_ERROR)
        self.job = job


class NothingProcessed(Permanent):
    """No asset of the job came through; `report` is what the backend hears on the last receive."""

    def __init__(self, report: Report) -> None:
        failure = report.error
        super().__init__(failure.message if failure else report.status, failure.code if failure else None)
        self.report = report


class AlreadyAcknowledged(Interrupted):
    """The backend acknowledged a success of this message before, which is never taken back; `status` is its."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"the backend acknowledged {status} already")
        self.status = status
