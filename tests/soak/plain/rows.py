"""The fault table: one fault a row, caused in mid-job, the same for each consumer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from devstack import scripted
from devstack.receiver import Answer
from devstack.scripted import SQS, AwsAnswer, AwsError
from tests.soak.plain.crew import Crew
from tests.soak.plain.stage import Stage
from tests.soak.record import DELETE, LEASE

SHORT = 20.0
"""Seconds of a wire's fault: two leases."""
OUTAGE = 270.0
"""Seconds, in which five receives that fail at once come and go, with 15, 30, 60 and 120 s between them."""
FROZEN = 2.5 * LEASE
BAD = 11
"""The number of the bad job."""
DERIVATIVE = ("PutObject", "/processed/")
UPLOAD = ("GetObject", "/raw/")
DELETION = (f"{SQS}{DELETE}", "")
NOT_DELETED = scripted.INTERNAL_ERROR.answer(DELETION[0])


class Bad(Enum):
    """The message beside the good jobs."""

    NONE = auto()
    POISON = auto()
    MALFORMED = auto()
    DISLIKED = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """A fault; `limit` is how long (s) its consequences are looked at."""

    name: str
    arrange: Callable[[Stage], None] = lambda stage: None
    bad: Bad = Bad.NONE
    limit: float = 200.0


def _signal(
    send: Callable[[Crew, str], None],
    seconds: float = 0.0,
    at: tuple[str, str] = DERIVATIVE,
    answer: AwsAnswer | None = None,
) -> Callable[[Stage], None]:
    """A signal to the first process that asks for this."""

    def arrange(stage: Stage) -> None:
        def cause(process: str) -> None:
            send(stage.crew, process)
            stage.lasts(seconds)

        stage.on(*at, cause, answer)

    return arrange


def _broken(service: str, fault: str, seconds: float, everywhere: bool = False) -> Callable[[Stage], None]:
    """The wire of the first process that is in mid-job, or of all."""

    def arrange(stage: Stage) -> None:
        def break_(process: str) -> None:
            stage.crew.break_(service, fault, seconds, None if everywhere else process)
            stage.lasts(seconds, for_all=everywhere)

        stage.on(*DERIVATIVE, break_)

    return arrange


def _refused(operation: str, error: AwsError, times: int) -> Callable[[Stage], None]:
    return lambda stage: stage.aws.fail(operation, error, times)


def _deletions_refused(stage: Stage) -> None:
    accept = stage.aws.rule

    def undo() -> None:
        stage.aws.rule = accept

    stage.aws.rule = lambda operation: scripted.INTERNAL_ERROR if operation == DELETION[0] else None
    stage.lasts(OUTAGE, undo, for_all=True)


def _backend_down(stage: Stage) -> None:
    accept = stage.receiver.rule

    def undo() -> None:
        stage.receiver.rule = accept

    def down(process: str) -> None:
        stage.receiver.rule = lambda callback: Answer(503)
        stage.lasts(OUTAGE, undo, for_all=True)

    stage.on(*UPLOAD, down)


def _disliked(stage: Stage) -> None:
    stage.receiver.rule = lambda callback: Answer(500) if int(callback.payload["jobId"]) == BAD else None


ROWS = (
    Row("no fault"),
    Row("a job whose callback gets 500 for ever", _disliked, bad=Bad.DISLIKED, limit=720),
    Row("S3 unreachable to all, 270 s", _broken("S3", "cut", OUTAGE, everywhere=True), limit=480),
    Row("the backend answers 503 to all, 270 s", _backend_down, limit=480),
    Row("deletions refused until after the last receive", _deletions_refused, limit=480),
    Row("a job that kills the process", bad=Bad.POISON, limit=300),
    Row("a message that names no job", bad=Bad.MALFORMED, limit=300),
    Row("SIGKILL in mid-job", _signal(Crew.kill)),
    Row("SIGKILL between acknowledgement and deletion", _signal(Crew.kill, at=DELETION, answer=NOT_DELETED)),
    Row("SIGTERM in mid-job", _signal(Crew.stop)),
    Row("SIGSTOP for 2.5 leases", _signal(lambda crew, process: crew.freeze(process, FROZEN), FROZEN)),
    Row("one process's wire to S3 cut, 20 s", _broken("S3", "cut", SHORT)),
    Row("one process's wire to S3 stalled, 20 s", _broken("S3", "stalled", SHORT)),
    Row("one process's wire to SQS cut, 20 s", _broken("SQS", "cut", SHORT)),
    Row("one process's wire to SQS stalled, 20 s", _broken("SQS", "stalled", SHORT)),
    Row("one process's wire to the backend cut, 20 s", _broken("receiver", "cut", SHORT)),
    Row("S3: 503 to 12 writes", _refused("PutObject", scripted.SLOW_DOWN, 12)),
    Row("SQS: 500 to 12 deletions", _refused(DELETION[0], scripted.INTERNAL_ERROR, 12)),
)
