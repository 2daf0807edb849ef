"""What can be known of each message from outside: its deliveries, its callbacks, what befell its workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set

from devstack.receiver import Callback
from tests.e2e.world import World
from tests.soak.endpoint import Delivery
from tests.soak.fleet import Fleet, worker_of
from tests.soak.jobs import Sent
from tests.soak.plan import KILL, TERMINATE, WIRE_FAULTS

DONE = {"SUCCEEDED", "PARTIAL_SUCCESS"}
MOMENT = 5.0
"""Seconds that an open poll may outlive its process, or an answer take on a broken wire."""
ATTEMPT = 35.0
"""Seconds that an attempt may take with the wires broken, the shutdown's last post included."""
LEASE = 15.0
"""Seconds in which a lease is lost, or a deletion given up."""
LOSES_A_DELIVERY = {f"SQS: {fault}" for fault in WIRE_FAULTS}
LOSES_A_SETTLEMENT = {
    *LOSES_A_DELIVERY,
    *(f"receiver: {fault}" for fault in WIRE_FAULTS),
    "SQS: 500 on DeleteMessage",
    "SQS: ReceiptHandleIsInvalid on a heartbeat",
    "SQS: ExpiredToken on a heartbeat",
}


class Evidence:
    """All that can be known from outside once the queue is empty."""

    def __init__(
        self, world: World, fleet: Fleet, deliveries: Sequence[Delivery], dead: set[str], max_receive_count: int
    ) -> None:
        self.dead = dead
        self._fleet = fleet
        self._last_receive = max_receive_count
        self.callbacks: defaultdict[str, list[Callback]] = defaultdict(list)
        self.deliveries: defaultdict[str, list[Delivery]] = defaultdict(list)
        for callback in world.receiver.callbacks:
            self.callbacks[callback.payload["externalId"]].append(callback)
        for delivery in deliveries:
            self.deliveries[delivery.message_id].append(delivery)

    def acknowledged(self, sent: Sent) -> list[Callback]:
        """What the backend took, of its work being done."""
        return [
            each
            for each in self.callbacks[sent.message_id]
            if each.answered == 200 and each.payload["status"] in DONE
        ]

    def failures(self, sent: Sent) -> list[Callback]:
        return [each for each in self.callbacks[sent.message_id] if each.payload["status"] not in DONE]

    def came_to_the_last_receive(self, sent: Sent) -> bool:
        return any(each.receive_count >= self._last_receive for each in self.deliveries[sent.message_id])

    def last_receive_was_lost(self, sent: Sent) -> bool:
        """Whether the last receive went to a process that was killed with it, or to none: nobody could report."""
        last = max(self.deliveries[sent.message_id], key=lambda each: each.at)
        died = self._fleet.died.get(last.receiver, 0.0)
        worker = worker_of(last.receiver)
        killed = last.at - MOMENT <= died <= last.at + ATTEMPT and self._befell(
            worker, died - MOMENT, died, {KILL}
        )
        cut_off = self._befell(worker, last.at - MOMENT, last.at + MOMENT, LOSES_A_DELIVERY)
        return last.receive_count >= self._last_receive and (killed or cut_off)

    def repeat_is_explained(self, first: Callback) -> bool:
        """Whether the process was killed right after, or its acknowledgement, lease or deletion could be lost."""
        at = first.received_at
        deliveries = self.deliveries[first.payload["externalId"]]
        for worker in {worker_of(each.receiver) for each in deliveries if each.at <= at}:
            if self._befell(worker, at - MOMENT, at + MOMENT, {KILL}):
                return True
            if self._befell(worker, at - ATTEMPT, at + MOMENT, {TERMINATE}):
                return True
            if self._befell(worker, at - LEASE, at + LEASE, LOSES_A_SETTLEMENT):
                return True
        return False

    def _befell(self, worker: int, since: float, until: float, names: Set[str]) -> bool:
        """Whether one of these faults hit the worker in this time."""
        return any(
            each.name in names and each.worker in {worker, None} and each.since <= until and each.until >= since
            for each in self._fleet.happened
        )
