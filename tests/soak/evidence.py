"""What can be known of each message from outside: its callbacks, where it ended, and the record of the faults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from devstack.receiver import Callback
from tests.soak.excuses import Excuses
from tests.soak.jobs import Sent
from tests.soak.record import CALLBACK, Record, Request

DONE = {"SUCCEEDED", "PARTIAL_SUCCESS"}
OK = 200


def request_of(callback: Callback) -> Request:
    """A callback as the record has it; its path ends with the access key of its process."""
    at, answered = callback.received_at, callback.answered or 0
    process, message_id = callback.path.rpartition("/")[2], callback.payload["externalId"]
    return Request(process, "receiver", CALLBACK, message_id, at, at, answered, planned=answered != OK)


class Evidence:
    """All that can be known from outside once the queue is empty; `last` is the queue's maxReceiveCount."""

    def __init__(self, record: Record, callbacks: Sequence[Callback], dead: Iterable[str], last: int) -> None:
        self.dead = frozenset(dead)
        self.last = last
        self.record = record
        self.callbacks: defaultdict[str, list[Callback]] = defaultdict(list)
        for callback in callbacks:
            self.callbacks[callback.payload["externalId"]].append(callback)
        record.requests += map(request_of, callbacks)
        self.excuses = Excuses(record, last)

    def acknowledged(self, sent: Sent) -> list[Callback]:
        """What the backend took, of its work being done."""
        return [
            each
            for each in self.callbacks[sent.message_id]
            if each.answered == OK and each.payload["status"] in DONE
        ]

    def failures(self, sent: Sent) -> list[Callback]:
        return [each for each in self.callbacks[sent.message_id] if each.payload["status"] not in DONE]

    def was_of_the_last_receive(self, callback: Callback) -> bool:
        receive = self.record.receive_of(request_of(callback))
        return receive is not None and receive.count >= self.last
