"""The queue and its DLQ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from domain.checks.finding import Finding

FEWEST_RECEIVES = 3
DAY = 86_400


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """`retention` is in seconds, `dead_letters` an ARN; None is what a queue without a redrive policy lacks."""

    name: str
    retention: int
    encrypted: bool
    max_receive_count: int | None = None
    dead_letters: str | None = None


def judge_queue(queue: QueueFacts) -> Iterator[Finding]:
    yield _redrive(queue)
    if queue.max_receive_count is not None:
        yield _receives(queue.max_receive_count)
    yield _encryption("queue: encryption", queue)


def judge_dead_letters(queue: QueueFacts, dead_letters: QueueFacts) -> Iterator[Finding]:
    name, days = "DLQ: retention", dead_letters.retention / DAY
    seen = f"{dead_letters.name} keeps a message for {days:g} days, the queue for {queue.retention / DAY:g}"
    if dead_letters.retention >= queue.retention:
        yield Finding(name, True, seen)
    else:
        yield Finding(
            name,
            False,
            seen,
            "a message keeps the time of its sending when it moves to the DLQ, so it may be dropped there at once",
            "set the DLQ's MessageRetentionPeriod to 14 days (1209600)",
        )
    yield _encryption("DLQ: encryption", dead_letters)


def _redrive(queue: QueueFacts) -> Finding:
    name = "queue: redrive policy"
    if queue.dead_letters:
        return Finding(name, True, f"{queue.name} moves failures to {queue.dead_letters.rpartition(':')[2]}")
    return Finding(
        name,
        False,
        f"{queue.name} has none",
        "a message that always fails comes back for ever, and `run` doesn't start",
        "set one, with a DLQ and a maxReceiveCount of 5",
    )


def _receives(count: int) -> Finding:
    name, seen = "queue: maxReceiveCount", str(count)
    if count >= FEWEST_RECEIVES:
        return Finding(name, True, seen)
    return Finding(
        name,
        False,
        seen,
        "a job has hardly a second try: a restart and one failure put it into the DLQ",
        f"set it to 5, and no lower than {FEWEST_RECEIVES}",
    )


def _encryption(name: str, queue: QueueFacts) -> Finding:
    if queue.encrypted:
        return Finding(name, True, f"{queue.name} is encrypted")
    return Finding(
        name,
        False,
        f"{queue.name} isn't encrypted",
        "messages lie in clear text",
        "turn on SSE-SQS (SqsManagedSseEnabled), or name a KMS key (KmsMasterKeyId)",
    )
