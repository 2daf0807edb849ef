"""What can be known of each message from outside: its deliveries, its callbacks, what befell its workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from devstack.receiver import Callback
from tests.e2e.world import World
from tests.soak.endpoint import Delivery
from tests.soak.fleet import Fleet, Happened, worker_of
from tests.soak.jobs import Sent
from tests.soak.plan import KILL, SIGNALS

DONE = {"SUCCEEDED", "PARTIAL_SUCCESS"}
MOMENT = 5.0
"""Seconds that an open poll may outlive its process, or an answer take on a broken wire."""


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
        """Whether the process that got the last receive was killed, or never got it: nobody could report then."""
        last = max(self.deliveries[sent.message_id], key=lambda each: each.at)
        if last.receive_count < self._last_receive:
            return False
        return self._killed(last.receiver, last.at) or any(
            self._broken("SQS", worker_of(last.receiver), last.at - MOMENT, last.at + MOMENT)
        )

    def _killed(self, receiver: str, at: float) -> bool:
        died = self._fleet.died.get(receiver)
        worker = worker_of(receiver)
        return died is not None and any(
            abs(each.since - died) < MOMENT and died > at - MOMENT
            for each in self._fleet.happened
            if (each.name, each.worker) == (KILL, worker)
        )

    def _broken(self, service: str, worker: int, since: float, until: float) -> Iterator[Happened]:
        for each in self._fleet.happened:
            concerns = each.name.startswith(service) and each.worker in {worker, None}
            if concerns and each.since <= until and each.until >= since:
                yield each

    def repeat_is_explained(self, first: Callback, again: Callback) -> bool:
        """Whether the first one's process was killed, or its acknowledgement or deletion could be lost."""
        since, until = first.received_at - MOMENT, again.received_at
        deliveries = self.deliveries[first.payload["externalId"]]
        before = [each for each in deliveries if each.at <= first.received_at + MOMENT]
        for worker in {worker_of(each.receiver) for each in before}:
            if any(self._broken("SQS", worker, since, until)) or any(
                self._broken("receiver", worker, since, until)
            ):
                return True
            if any(
                each.name in SIGNALS and each.worker == worker and since <= each.since <= until
                for each in self._fleet.happened
            ):
                return True
        return False
