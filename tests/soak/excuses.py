"""Which recorded fault explains what a worker without a fault would never do; "" where none does.

Each excuse is a fault of the very process, about the very message, at the very time; that something was wrong
elsewhere excuses nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from tests.soak.plan import FREEZE, KILL, SERVICES, TERMINATE, WIRE_FAULTS
from tests.soak.record import (
    DELETE,
    EVERYBODY,
    EXTEND,
    GET,
    LEASE,
    NOTE,
    OK,
    OUT,
    PUT,
    SUBMIT,
    Delivery,
    Record,
    Request,
)

GRACE = 3.0
"""Seconds that a busy machine may take between two things of which one follows the other at once."""
LATE = 1.0
"""Seconds that a request may take from its process to its service where nothing holds it up."""
ALONE, ALONE_SECONDS = 3, 10.0
"""So often, and for so long, a job meets what others don't before it has failed on its own."""
EVER = float("-inf")
BREAKS = {service: {f"{service}: {fault}" for fault in ("cut", "reset", "stalled")} for service in SERVICES}
"""What loses a request or its answer; a wire that is only slow or delayed loses neither."""
SLOWED = {"SQS: delayed", "SQS: slow"}
SUBMITTING = BREAKS["MediaConvert"] | BREAKS["S3"] | {OUT["MediaConvert"], OUT["S3"]}
"""What keeps a submission from being known, or from being written down."""
REPORTING = BREAKS["receiver"] | BREAKS["S3"] | {OUT["receiver"], OUT["S3"]}
"""What keeps a failure from being reported."""


class Excuses:
    """The rules on a record. `last` is the queue's maxReceiveCount."""

    def __init__(self, record: Record, last: int) -> None:
        self._record = record
        self._last = last

    def of_a_repeat(self, acknowledged: Request, repeat: Request) -> str:
        """Why an acknowledged callback was repeated: whoever did it couldn't know."""
        receive = self._record.receive_of(acknowledged)
        if receive is None:
            return ""
        process, since, until = receive.process, acknowledged.until, acknowledged.until + GRACE
        noted = [each.since for each in self._record.asked(NOTE, acknowledged.about)]
        if noted and noted[0] + LATE < repeat.since:
            return self._held_up(repeat)
        lost = self._record.befell(process, BREAKS["receiver"] | {OUT["receiver"]}, since, until)
        if lost or self._record.receive_of(repeat) == receive:
            return lost
        return self.of_a_lost_lease(receive, until) or self._not_noted(receive, since, until)

    def of_no_deletion(self, acknowledged: Request) -> str:
        """Why the message of an acknowledged callback wasn't deleted by who called back."""
        receive = self._record.receive_of(acknowledged)
        if receive is None:
            return ""
        process, since, until = receive.process, acknowledged.until, acknowledged.until + LEASE
        if self._record.asked(DELETE, receive.handle):
            return "it was tried"
        return (
            self._record.befell(process, {KILL, TERMINATE}, EVER, until)
            or self._record.befell(process, BREAKS["receiver"] | {OUT["receiver"]}, since, since + GRACE)
            or self._record.befell(process, BREAKS["SQS"] | {FREEZE}, since, until)
            or self.of_a_lost_lease(receive, since + GRACE)
        )

    def of_staying(self, message_id: str, acknowledged: Request) -> str:
        """Why an acknowledged message is in the DLQ: whoever received it from then on couldn't delete it."""
        first = self._record.receive_of(acknowledged)
        since = [each for each in self._record.received(message_id) if first and each.count >= first.count]
        faults = [self._undeleted(each) for each in since]
        return ", ".join(faults) if faults and since[-1].count >= self._last and all(faults) else ""

    def of_a_lost_lease(self, receive: Delivery, at: float) -> str:
        """Why a lease was over at this time, as its process had to see it."""
        process, broken = receive.process, BREAKS["SQS"] | {FREEZE}
        granted = receive.asked_at
        for each in self._record.asked(EXTEND, receive.handle):
            lost = self._record.befell(process, broken, each.since, each.until + GRACE)
            slowed = self._record.befell(process, SLOWED, each.since, each.until + GRACE)
            late = slowed and each.until + LATE >= granted + LEASE
            if each.status == OK and each.since <= at and not lost and not late:
                granted = each.since
        if granted + LEASE > at:
            return ""
        refused = self._record.refused(process, {receive.handle}, granted, at, {EXTEND})
        return refused or self._record.befell(process, broken, granted, at)

    def of_acting_late(self, receive: Delivery, request: Request) -> str:
        """Why a request may come so late: it had its lease, or needs none, or was held up on its way."""
        extended = [each for each in self._record.asked(EXTEND, receive.handle) if each.since <= request.since]
        over = max([receive.at, *(each.until for each in extended if each.status == OK)]) + LEASE
        if receive.count >= self._last or request.since <= over + LATE:
            return "none is needed"
        return self._held_up(request)

    def of_a_receive(self, receive: Delivery) -> str:
        """Why a receive of a good job came to nothing: a fault of its own, and of a kind that is no outage."""
        process, since, until = receive.process, receive.asked_at, self._record.held_until(receive)
        return (
            self._record.befell(process, {KILL, TERMINATE}, EVER, until)
            or self._record.befell(process, BREAKS["SQS"] | {FREEZE}, since, until)
            or self._record.refused(process, {receive.handle}, since, until)
            or self._record.failed(process, {receive.message_id, receive.listing}, since, until)
            or self._failed_alone(process, {receive.message_id, receive.listing}, since, until)
        )

    def _failed_alone(self, process: str, abouts: Collection[str], since: float, until: float) -> str:
        """By the contract it is the job's own: it goes on twice more, 10 s at least, and nothing is out."""
        hits = [
            each
            for each in self._record.refusals(process, abouts, since, until)
            if not self._record.befell(EVERYBODY, {OUT[each.service]}, each.since, each.until)
        ]
        alone = len(hits) >= ALONE and hits[-1].until - hits[0].since >= ALONE_SECONDS
        return f"{len(hits)} refusals, the last one of {hits[-1].operation}" if alone else ""

    def of_giving_up(self, message_id: str) -> str:
        """Why a good job came to nothing on all of its receives; one without a fault is enough to refute it."""
        receives = self._record.received(message_id)
        faults = [self.of_a_receive(each) for each in receives]
        return ", ".join(faults) if len(faults) >= self._last and all(faults) else ""

    def of_leaving(self, message_id: str) -> str:
        """Why an upload is open: an attempt was cut off in the middle of it, and none came after who aborts it."""
        receives = self._record.received(message_id)
        return next(filter(None, map(self.of_a_receive, receives)), "") if len(receives) >= self._last else ""

    def of_poison(self, message_id: str) -> str:
        """Why POISON_MESSAGE is said: the process died with the message on every earlier receive."""
        earlier = [each for each in self._record.received(message_id) if each.count < self._last]
        faults = [self._record.died(each.process, self._record.held_until(each)) for each in earlier]
        return ", ".join(faults) if faults and all(faults) else ""

    def of_silence(self, message_id: str) -> str:
        """Why nobody reported a job that is in the DLQ: its last receive was lost, or its process with it.

        Or the process was stopped when it could neither call back nor read whether somebody else had.
        """
        receive = self._record.received(message_id)[-1]
        if receive.count < self._last:
            return ""
        process, since, until = receive.process, receive.asked_at, self._record.held_until(receive)
        stopped = self._record.befell(process, {TERMINATE}, since, until)
        return (
            self._undelivered(receive)
            or self._record.died(process, until)
            or (stopped and self._record.befell(process, REPORTING, since, until))
        )

    def of_a_second_submission(self, first: Request, second: Request) -> str:
        """Why a video was submitted again: nobody could know of the first time, or it was meant to come before."""
        process, since, until = first.process, first.since, first.until + GRACE
        return (
            self._record.died(process, until)
            or self._record.befell(process, SUBMITTING | {FREEZE}, since, until)
            or self._record.refused(process, {first.about}, since, until, {PUT, SUBMIT})
            or self._held_up(second)
        )

    def _held_up(self, request: Request) -> str:
        faults = {FREEZE, *(f"{request.service}: {fault}" for fault in WIRE_FAULTS)}
        return self._record.befell(request.process, faults, request.since - LATE, request.since)

    def _not_noted(self, receive: Delivery, since: float, until: float) -> str:
        """Why an acknowledgement isn't in the bucket."""
        return (
            self._record.died(receive.process, until)
            or self._record.befell(receive.process, BREAKS["S3"] | {OUT["S3"], FREEZE}, since, until)
            or self._record.refused(receive.process, {receive.listing}, since, until, {PUT, GET})
        )

    def _undeleted(self, receive: Delivery) -> str:
        until = self._record.held_until(receive)
        refused = self._record.refused(receive.process, {receive.handle}, receive.at, until, {DELETE})
        return refused or self.of_a_receive(receive)

    def _undelivered(self, receive: Delivery) -> str:
        return self._record.befell(receive.process, BREAKS["SQS"], receive.asked_at, receive.at + GRACE)
