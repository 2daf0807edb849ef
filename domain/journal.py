"""What earlier attempts at a message did and why they ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.errors import Code
from domain.model import Derivatives, Failure, Job, Report, Status, Transcoding

MOST_FAILED = 20
"""Assets that a journal names, however many failed: it is read and written whole."""


class Ending(StrEnum):
    """How an attempt ended; the journal has those that left the message to the queue."""

    DONE = "done"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    RELEASED = "released"
    LEASE_LOST = "lease lost"


@dataclass(frozen=True, slots=True)
class Ended:
    """One attempt that ended in `step`: `number` is its receive count. `step` is empty where none had begun."""

    number: int
    at: datetime
    ending: Ending
    message: str
    code: Code | None = None
    step: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """One attempt that began: `number` is its receive count."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FailedAsset:
    """An asset that failed: its upload's key, and why."""

    key: str
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The outcome that the backend acknowledged; of a partial success the first assets that `failed`.

    `more_failed` counts the others. Journals of older workers have none.
    """

    status: Status
    at: datetime
    failed: tuple[FailedAsset, ...] = ()
    more_failed: int = 0


def acknowledged(report: Report, at: datetime) -> Acknowledged:
    """What is written down of a report when the backend has acknowledged it."""
    failed = [
        FailedAsset(result.asset.key, result.outcome.code, result.outcome.message)
        for result in report.results
        if isinstance(result.outcome, Failure)
    ]
    return Acknowledged(report.status, at, tuple(failed[:MOST_FAILED]), len(failed[MOST_FAILED:]))


@dataclass(frozen=True, slots=True)
class Journal:
    """What is known of one message. `unreadable`: there are, or were, traces of it that can't be read.

    Of an attempt at the first receive `begun` has nothing, unless the second is the last.
    """

    attempts: tuple[Ended, ...] = ()
    derivatives: tuple[Derivatives, ...] = ()
    transcodings: tuple[Transcoding, ...] = ()
    unreadable: bool = False
    begun: tuple[Begun, ...] = ()
    acknowledged: Acknowledged | None = None

    @property
    def done(self) -> bool:
        """Whether the backend acknowledged a success."""
        return self.acknowledged is not None and self.acknowledged.status.successful

    def with_added(self, news: Journal) -> Journal:
        """The journal with the news added. Of an upload's derivatives and transcodings the latest ones stay.

        So does what the backend acknowledged; but a success isn't replaced any more.
        """
        derivatives = {(made.raw_key, made.type): made for made in self.derivatives + news.derivatives}
        transcodings = {submitted.raw_key: submitted for submitted in self.transcodings + news.transcodings}
        return replace(
            self,
            attempts=self.attempts + news.attempts,
            derivatives=tuple(derivatives.values()),
            transcodings=tuple(transcodings.values()),
            begun=self.begun + news.begun,
            acknowledged=self.acknowledged if self.done else news.acknowledged or self.acknowledged,
        )


class Journals(Protocol):
    """Where the journals are kept, one of each message. Both methods raise Transient where a retry can help."""

    def load(self, job: Job) -> Journal:
        """The message's journal; an empty one where there is none, an `unreadable` one where it can't be read."""

    def add(self, job: Job, news: Journal) -> None:
        """Add the news to the message's journal; what another attempt adds at the same time is kept.

        Raises Permanent where the journal is a newer worker's, whose form only that one can write.
        """
