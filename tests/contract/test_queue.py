"""What every queue does: the fake, and SQS as moto and LocalStack play it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pytest

from adapters.sqs import NoRedrivePolicy, SqsQueue
from domain.queue import Message, Queue
from tests.contract.aws import QueuePair
from tests.fakes import FakeQueue, ManualClock

MAX_RECEIVES = 2


class Pair(Protocol):
    """A queue under test, and the test's own ways into it and its DLQ."""

    @property
    def queue(self) -> Queue: ...
    def send(self, body: str, **attributes: str) -> str: ...
    def later(self, seconds: int) -> Sequence[Message]: ...
    def dead(self) -> list[str]: ...


class FakePair:
    def __init__(self) -> None:
        self._clock = ManualClock()
        self.queue = FakeQueue(self._clock, MAX_RECEIVES)

    def send(self, body: str, **attributes: str) -> str:
        return self.queue.send(body, **attributes)

    def later(self, seconds: int) -> Sequence[Message]:
        self._clock.advance(seconds)
        return self.queue.receive(1, 0, 60)

    def dead(self) -> list[str]:
        return self.queue.dead


@pytest.fixture(params=["fake", "moto", pytest.param("localstack", marks=pytest.mark.localstack)])
def pair(request: pytest.FixtureRequest) -> Pair:
    if request.param == "fake":
        return FakePair()
    return QueuePair(request.getfixturevalue(f"{request.param}_url"), MAX_RECEIVES)


def test_a_message_comes_with_its_body_attributes_and_count_and_is_hidden_then(pair: Pair) -> None:
    message_id = pair.send("body", Traceparent="00-1", JobId="21")
    (message,) = pair.queue.receive(10, 1, 60)
    assert (message.message_id, message.body, message.receive_count) == (message_id, "body", 1)
    assert message.attributes == {"Traceparent": "00-1", "JobId": "21"}
    assert list(pair.queue.receive(10, 0, 60)) == []


def test_no_more_messages_come_than_were_asked_for(pair: Pair) -> None:
    for number in range(3):
        pair.send(str(number))
    assert len(pair.queue.receive(2, 1, 60)) <= 2


def test_a_deleted_message_is_gone(pair: Pair) -> None:
    pair.send("body")
    (message,) = pair.queue.receive(1, 1, 0)
    pair.queue.delete(message.receipt_handle)
    assert list(pair.queue.receive(1, 0, 60)) == []


def test_a_message_shown_again_is_received_again_with_a_higher_count(pair: Pair) -> None:
    pair.send("body")
    (first,) = pair.queue.receive(1, 1, 60)
    assert pair.queue.change_visibility([first.receipt_handle], 0) == frozenset()
    (second,) = pair.queue.receive(1, 1, 60)
    assert (second.message_id, second.receive_count) == (first.message_id, 2)


def test_a_message_that_nobody_hides_on_comes_back(pair: Pair) -> None:
    message_id = pair.send("body")
    pair.queue.receive(1, 1, 1)
    assert [message.message_id for message in pair.later(10)] == [message_id]


def test_a_message_that_is_hidden_on_stays_away(pair: Pair) -> None:
    pair.send("body")
    (message,) = pair.queue.receive(1, 1, 2)
    assert pair.queue.change_visibility([message.receipt_handle], 60) == frozenset()
    assert list(pair.later(4)) == []


def test_an_expired_handle_is_not_told_from_a_good_one(pair: Pair) -> None:
    """Which is why the lease goes by its deadline."""
    pair.send("body")
    (expired,) = pair.queue.receive(1, 1, 0)
    (message,) = pair.queue.receive(1, 1, 60)
    assert message.receipt_handle != expired.receipt_handle
    assert pair.queue.change_visibility([expired.receipt_handle], 60) == frozenset()


def test_the_handle_of_a_deleted_message_is_refused(pair: Pair) -> None:
    pair.send("body")
    (message,) = pair.queue.receive(1, 1, 60)
    pair.queue.delete(message.receipt_handle)
    assert pair.queue.change_visibility([message.receipt_handle], 60) == frozenset({message.receipt_handle})


def test_after_its_last_receive_a_message_moves_to_the_dlq(pair: Pair) -> None:
    message_id = pair.send("body")
    for _ in range(MAX_RECEIVES):
        (message,) = pair.queue.receive(1, 1, 60)
        pair.queue.change_visibility([message.receipt_handle], 0)
    assert list(pair.queue.receive(1, 0, 60)) == []
    assert pair.dead() == [message_id]


def test_a_message_says_that_it_is_received_for_the_last_time_or_the_last_but_one(pair: Pair) -> None:
    pair.send("body")
    lasts, before = [], []
    for _ in range(MAX_RECEIVES):
        (message,) = pair.queue.receive(1, 1, 60)
        lasts.append(message.last)
        before.append(message.before_last)
        pair.queue.change_visibility([message.receipt_handle], 0)
    assert lasts == [False, True]
    assert before == [True, False]


def test_a_message_says_at_each_receive_when_it_was_sent(pair: Pair) -> None:
    pair.send("body")
    sent = []
    for _ in range(MAX_RECEIVES):
        (message,) = pair.queue.receive(1, 1, 60)
        sent.append(message.sent_at)
        pair.queue.change_visibility([message.receipt_handle], 0)
    assert sent[0] is not None
    assert sent[0].tzinfo is not None
    assert sent == [sent[0]] * MAX_RECEIVES


def test_no_batch_is_larger_than_the_queue_takes(pair: Pair) -> None:
    handles = [f"no handle {number}" for number in range(pair.queue.largest_batch)]
    assert pair.queue.change_visibility(handles, 0) == frozenset(handles)
    assert list(pair.queue.receive(pair.queue.largest_batch, 0, 60)) == []


def test_several_messages_are_hidden_at_once_and_a_handle_that_is_none_is_refused(pair: Pair) -> None:
    for number in range(2):
        pair.send(str(number))
    handles: list[str] = []
    while len(handles) < 2:
        handles += [message.receipt_handle for message in pair.queue.receive(10, 1, 60)]
    assert pair.queue.change_visibility([*handles, "no handle"], 0) == frozenset({"no handle"})
    assert pair.queue.receive(10, 1, 60)


def test_a_poll_is_no_longer_than_the_queue_takes(pair: Pair) -> None:
    pair.send("body")
    assert len(pair.queue.receive(1, 90, 60)) == 1


@pytest.mark.parametrize("emulator", ["moto", pytest.param("localstack", marks=pytest.mark.localstack)])
def test_the_redrive_policy_is_the_queues_own_and_must_be_there(
    emulator: str, request: pytest.FixtureRequest
) -> None:
    pair = QueuePair(request.getfixturevalue(f"{emulator}_url"), 7)
    assert pair.queue.max_receive_count() == 7
    with pytest.raises(NoRedrivePolicy, match="redrive policy"):
        SqsQueue(pair.client, pair.client, pair.dlq_url).max_receive_count()
