"""The fault table: one fault a row, caused in mid-job, the same for each consumer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from devstack import scripted
from devstack.scripted import SQS, AwsError
from tests.soak.plain.stage import Stage
from tests.soak.record import DELETE, LEASE

SHORT = 20.0
"""Seconds of a wire's fault: two leases."""
OUTAGE = 270.0
"""Seconds, in which five receives that fail at once come and go, with 15, 30, 60 and 120 s between them."""
FROZEN = 2.5 * LEASE
DERIVATIVE = ("PutObject", "/processed/")
UPLOAD = ("GetObject", "/raw/")
DELETION = (f"{SQS}{DELETE}", "")


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


def _kill(stage: Stage) -> None:
    def kill(process: str) -> None:
        stage.crew.kill(process)
        stage.lasts(0)

    stage.on(*DERIVATIVE, kill)


def _kill_before_the_deletion(stage: Stage) -> None:
    def kill(process: str) -> None:
        stage.crew.kill(process)
        stage.lasts(0)

    stage.on(*DELETION, kill, scripted.INTERNAL_ERROR.answer(DELETION[0]))


def _stop(stage: Stage) -> None:
    def stop(process: str) -> None:
        stage.crew.stop(process)
        stage.lasts(0)

    stage.on(*DERIVATIVE, stop)


def _freeze(stage: Stage) -> None:
    def freeze(process: str) -> None:
        stage.crew.freeze(process, FROZEN)
        stage.lasts(FROZEN)

    stage.on(*DERIVATIVE, freeze)


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
    stage.aws.fail(DELETION[0], scripted.INTERNAL_ERROR, 100_000)
    stage.lasts(OUTAGE, stage.aws.forgive, for_all=True)


def _backend_down(stage: Stage) -> None:
    def down(process: str) -> None:
        stage.backend.down.set()
        stage.lasts(OUTAGE, stage.backend.down.clear, for_all=True)

    stage.on(*UPLOAD, down)


ROWS = (
    Row("no fault"),
    Row("S3 unreachable to all, 270 s", _broken("S3", "cut", OUTAGE, everywhere=True), limit=480),
    Row("the backend answers 503 to all, 270 s", _backend_down, limit=480),
    Row("deletions refused until after the last receive", _deletions_refused, limit=480),
    Row("a job whose callback gets 500 for ever", bad=Bad.DISLIKED, limit=720),
    Row("a job that kills the process", bad=Bad.POISON),
    Row("a message that names no job", bad=Bad.MALFORMED),
    Row("SIGKILL in mid-job", _kill),
    Row("SIGKILL between acknowledgement and deletion", _kill_before_the_deletion),
    Row("SIGTERM in mid-job", _stop),
    Row("SIGSTOP for 2.5 leases", _freeze),
    Row("one process's wire to S3 cut, 20 s", _broken("S3", "cut", SHORT)),
    Row("one process's wire to S3 stalled, 20 s", _broken("S3", "stalled", SHORT)),
    Row("one process's wire to SQS cut, 20 s", _broken("SQS", "cut", SHORT)),
    Row("one process's wire to SQS stalled, 20 s", _broken("SQS", "stalled", SHORT)),
    Row("one process's wire to the backend cut, 20 s", _broken("receiver", "cut", SHORT)),
    Row("S3: 503 to 12 writes", _refused("PutObject", scripted.SLOW_DOWN, 12)),
    Row("SQS: 500 to 12 deletions", _refused(DELETION[0], scripted.INTERNAL_ERROR, 12)),
)
