"""What befell which process's which request, and when: the only source of excuses."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

LEASE = 9.0
"""Seconds that a delivery or an extension gives: the workers' VISIBILITY_TIMEOUT."""
DELETE, EXTEND, RETURN, CALLBACK, SUBMIT, PUT = (
    "DeleteMessage", "extend a lease", "return a message", "callback", "CreateJob", "PutObject",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was handed out: for the how many-th time, to whom, asked for when, handed out when (epoch).

    `process` is an access key; `listing` is "" for a message that names no job.
    """

    message_id: str
    handle: str
    listing: str
    count: int
    process: str
    asked_at: float
    at: float


@dataclass(frozen=True, slots=True)
class Request:
    """A request that reached its service, with the answer given; `planned` where that answer was a fault's.

    `about` is the receipt handle for SQS, the message id for the receiver, the listing for S3 and MediaConvert.
    `status` is an HTTP status, 0 where the connection was closed without an answer.
    """

    process: str
    service: str
    operation: str
    about: str
    since: float
    until: float
    status: int = 200
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault that lasted: to one process (its access key), or to a place's wire, whatever process runs there."""

    name: str
    whom: str
    since: float
    until: float = math.inf


def access_key(place: int, process: int) -> str:
    """By which the endpoints tell the processes apart."""
    return f"SOAK{place}N{process}"


def place_of(process: str) -> str:
    return process.partition("N")[0]


@dataclass
class Record:
    """All that was noted. Appending to a list is atomic, so that the endpoints' threads need no lock."""

    deliveries: list[Delivery] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    def begin(self, name: str, whom: str, at: float) -> None:
        """A trouble that lasts until `end`."""
        self.troubles.append(Trouble(name, whom, at))

    def end(self, names: Collection[str], whom: str, at: float) -> None:
        """What lasts of these troubles is over."""
        for index, each in enumerate(self.troubles):
            if each.whom == whom and each.name in names and each.until == math.inf:
                self.troubles[index] = replace(each, until=at)

    def received(self, message_id: str) -> list[Delivery]:
        """The message's deliveries, in their order."""
        return [each for each in self.deliveries if each.message_id == message_id]

    def receive_of(self, callback: Request) -> Delivery | None:
        """The receive in which a process called back: its latest one of that message."""
        own = [
            each
            for each in self.received(callback.about)
            if each.process == callback.process and each.at <= callback.since
        ]
        return own[-1] if own else None

    def asked(self, operation: str, about: str) -> list[Request]:
        """The requests of this operation, in the order of their time."""
        found = (each for each in self.requests if each.operation == operation and each.about == about)
        return sorted(found, key=lambda each: each.since)

    def befell(self, process: str, names: Collection[str], since: float, until: float) -> Iterator[str]:
        """These troubles, as far as they hit the process in this time."""
        for each in self.troubles:
            hit = each.whom in (process, place_of(process)) and each.since <= until and each.until >= since
            if hit and each.name in names:
                yield each.name

    def refused(self, process: str, abouts: Collection[str], since: float, until: float) -> Iterator[Request]:
        """The planned answers that requests of this process about this really got in this time."""
        for each in self.requests:
            mine = each.planned and each.process == process and each.about in abouts
            if mine and since <= each.until and each.since <= until:
                yield each
