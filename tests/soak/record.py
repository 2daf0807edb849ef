"""What befell which process's which request, and when: the only source of excuses."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from tests.soak.plan import KILL, SERVICES, TERMINATE

LEASE = 9.0
"""Seconds that a delivery or an extension gives: the workers' VISIBILITY_TIMEOUT."""
DELETE, EXTEND, RETURN, CALLBACK, SUBMIT, PUT, GET, COMPLETE, NOTE = (
    "DeleteMessage", "extend a lease", "return a message", "callback", "CreateJob", "PutObject", "GetObject",
    "complete an upload without a condition", "note an acknowledgement in the journal",
)  # fmt: skip
EVERYBODY = ""
"""Whom an outage befalls."""
OUT = {service: f"{service}: out" for service in SERVICES}
OK = 200
INTERNAL_ERROR = 500


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

    `about` is the receipt handle for SQS, the message id for the receiver and the noting of an acknowledgement,
    the listing for S3 and MediaConvert otherwise.
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
    """A fault that lasted: to one process (its access key), to a place's wire, whatever process runs there, or
    to everybody."""

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
    copied: list[str] = field(default_factory=list)
    """The listings, each time that a bundle was completed of which S3 had copied a part."""

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

    def befell(self, process: str, names: Collection[str], since: float, until: float) -> str:
        """The first of these troubles that hit the process in this time, "" where none did."""
        whom = {process, place_of(process), EVERYBODY}
        hits = (
            each for each in self.troubles if each.whom in whom and each.since <= until and each.until >= since
        )
        return next((each.name for each in hits if each.name in names), "")

    def died(self, process: str, until: float) -> str:
        """A kill, or a stop that had come to its end, before this time."""
        ends = {KILL: lambda each: each.since, TERMINATE: lambda each: each.until}
        own = (each for each in self.troubles if each.whom == process and each.name in ends)
        return next((each.name for each in own if ends[each.name](each) <= until), "")

    def held_until(self, receive: Delivery) -> float:
        """When the process gave the message back or deleted it, or else somebody else got it."""
        settled = [*self.asked(RETURN, receive.handle), *self.asked(DELETE, receive.handle)]
        later = [each.at for each in self.received(receive.message_id) if each.count > receive.count]
        return min([*(each.since for each in settled if each.status == OK), *later], default=math.inf)

    def refused(
        self, process: str, abouts: Collection[str], since: float, until: float, operations: Collection[str] = ()
    ) -> str:
        """The first planned answer that the process got to a request about this in this time, "" where none."""
        hits = self.refusals(process, abouts, since, until)
        named = (each for each in hits if not operations or each.operation in operations)
        return next((f"{each.status} on {each.operation}" for each in named), "")

    def failed(self, process: str, abouts: Collection[str], since: float, until: float) -> str:
        """The same, of plain 500s alone, which nobody takes for an outage at once."""
        hits = self.refusals(process, abouts, since, until)
        return next((f"500 on {each.operation}" for each in hits if each.status == INTERNAL_ERROR), "")

    def refusals(self, process: str, abouts: Collection[str], since: float, until: float) -> Iterator[Request]:
        """The planned answers that the process got to requests about this in this time."""
        own = (each for each in self.requests if each.planned and each.process == process and each.about in abouts)
        return (each for each in own if since <= each.until and each.since <= until)
