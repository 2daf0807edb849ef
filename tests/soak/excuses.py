"""Which recorded fault explains what a worker without a fault would never do; "" where none does.

Each excuse is a fault of the very process, about the very message, at the very time; that something was wrong
elsewhere excuses nothing.
"""

from __future__ import annotations

import math
from itertools import chain

from tests.soak.plan import FREEZE, KILL, SERVICES, TERMINATE
from tests.soak.record import DELETE, EXTEND, LEASE, PUT, RETURN, SUBMIT, Delivery, Record, Request

GRACE = 3.0
"""Seconds that a busy machine may take between two things of which one follows the other at once."""
LATE = 1.0
"""Seconds that a request may take from its process to its service where nothing holds it up."""
BREAKS = {service: {f"{service}: {fault}" for fault in ("cut", "reset", "stalled")} for service in SERVICES}
"""What loses a request or its answer; a wire that is only slow or delayed loses neither."""


class Excuses:
    """The rules on a record. `last` is the queue's maxReceiveCount."""

    def __init__(self, record: Record, last: int) -> None:
        self._record = record
        self._last = last

    def of_a_repeat(self, acknowledged: Request) -> str:
        """Why the message of an acknowledged callback came again: it was not deleted."""
        receive = self._record.receive_of(acknowledged)
        if receive is None:
            return ""
        since, until = acknowledged.until, acknowledged.until + GRACE
        lost = self._broken(receive.process, "receiver", since, until) or self.of_a_lost_lease(receive, until)
        deletions = [each for each in self._record.asked(DELETE, receive.handle) if each.since >= since]
        if lost or any(each.status == 200 and each.since <= until for each in deletions):
            return lost
        refused = next((f"{each.status} on {DELETE}" for each in deletions if each.planned), "")
        return (
            refused
            or self._died(receive.process, until)
            or self._broken(receive.process, "SQS", since, until)
            or self._first(receive.process, {FREEZE}, since, until)
        )

    def of_a_lost_lease(self, receive: Delivery, at: float) -> str:
        """Why a lease was over at this time, as its process had to see it."""
        extended = [
            each.since
            for each in self._record.asked(EXTEND, receive.handle)
            if each.status == 200
            and each.since <= at
            and not self._broken(receive.process, "SQS", each.since, each.until + GRACE)
        ]
        granted = max([receive.asked_at, *extended])
        if granted + LEASE > at:
            return ""
        refused = self._record.refused(receive.process, {receive.handle}, granted, at)
        return (
            next((f"{each.status} on {EXTEND}" for each in refused if each.operation == EXTEND), "")
            or self._broken(receive.process, "SQS", granted, at)
            or self._first(receive.process, {FREEZE}, granted, at)
        )

    def of_a_receive(self, receive: Delivery) -> str:
        """Why a receive of a good job came to nothing: a fault of its own."""
        since, until = receive.asked_at, self._held_until(receive)
        wires = set().union(*BREAKS.values())
        abouts = {receive.message_id, receive.handle, receive.listing}
        refusals = (
            f"{each.status} on {each.operation}"
            for each in self._record.refused(receive.process, abouts, since, until)
        )
        signals = self._record.befell(receive.process, {KILL, TERMINATE}, -math.inf, until)
        broken = self._record.befell(receive.process, wires | {FREEZE}, since, until)
        return next(chain(signals, broken, refusals), "")

    def of_giving_up(self, message_id: str) -> str:
        """Why a good job came to nothing on all of its receives; one without a fault is enough to refute it."""
        receives = self._record.received(message_id)
        faults = [self.of_a_receive(each) for each in receives]
        return ", ".join(faults) if len(faults) >= self._last and all(faults) else ""

    def of_no_trace(self, message_id: str) -> str:
        """Why no earlier receive of a message was written to its journal: POISON_MESSAGE says so."""
        earlier = [each for each in self._record.received(message_id) if each.count < self._last]
        faults = [self._left_no_trace(each) for each in earlier]
        return ", ".join(faults) if faults and all(faults) else ""

    def of_silence(self, message_id: str) -> str:
        """Why nobody reported a job that is in the DLQ: its last receive was lost, or its process with it."""
        receive = self._record.received(message_id)[-1]
        if receive.count < self._last:
            return ""
        return self._undelivered(receive) or self._died(receive.process, self._held_until(receive))

    def of_a_second_submission(self, first: Request) -> str:
        """Why a video was submitted again: nobody could know of the first time."""
        since, until = first.since, first.until + GRACE
        refused = self._record.refused(first.process, {first.about}, since, until)
        return (
            self._died(first.process, until)
            or self._broken(first.process, "MediaConvert", since, until)
            or self._broken(first.process, "S3", since, until)
            or self._first(first.process, {FREEZE}, since, until)
            or next((f"{each.status} on {PUT}" for each in refused if each.operation in {PUT, SUBMIT}), "")
        )

    def of_acting_late(self, receive: Delivery, request: Request) -> str:
        """Why a request came after its lease: it was held up, or nobody else can have the message; "" if not."""
        extended = [each for each in self._record.asked(EXTEND, receive.handle) if each.since <= request.since]
        over = max([receive.at, *(each.until for each in extended if each.status == 200)]) + LEASE
        if receive.count >= self._last or request.since <= over + LATE:
            return "none is needed"
        wires = {f"{request.service}: {fault}" for fault in ("cut", "reset", "stalled", "delayed", "slow")}
        return self._first(request.process, {FREEZE, *wires}, request.since - LATE, request.since)

    def _left_no_trace(self, receive: Delivery) -> str:
        since, until = receive.asked_at, self._held_until(receive)
        refused = self._record.refused(receive.process, {receive.listing}, since, until)
        return (
            self._undelivered(receive)
            or self._died(receive.process, until)
            or self._broken(receive.process, "S3", since, until)
            or self._first(receive.process, {FREEZE}, since, until)
            or next((f"{each.status} on {PUT}" for each in refused if each.operation == PUT), "")
        )

    def _undelivered(self, receive: Delivery) -> str:
        return self._broken(receive.process, "SQS", receive.asked_at, receive.at + GRACE)

    def _held_until(self, receive: Delivery) -> float:
        """When the process gave the message back, or else somebody else got it."""
        settled = [*self._record.asked(RETURN, receive.handle), *self._record.asked(DELETE, receive.handle)]
        later = [each.at for each in self._record.received(receive.message_id) if each.count > receive.count]
        return min([*(each.since for each in settled if each.status == 200), *later], default=math.inf)

    def _died(self, process: str, until: float) -> str:
        """A kill, or a stop that ended, before this time."""
        ends = ((each.name, each.since if each.name == KILL else each.until) for each in self._record.troubles
                if each.whom == process and each.name in {KILL, TERMINATE})  # fmt: skip
        return next((name for name, at in ends if at <= until), "")

    def _broken(self, process: str, service: str, since: float, until: float) -> str:
        return self._first(process, BREAKS[service], since, until)

    def _first(self, process: str, names: set[str], since: float, until: float) -> str:
        return next(self._record.befell(process, names, since, until), "")
