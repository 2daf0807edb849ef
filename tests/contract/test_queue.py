"""What every queue does: the fake, and SQS as moto and LocalStack play it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest
from structlog.testing import capture_logs

from adapters.sqs import NoRedrivePolicy, SqsQueue
from domain.errors import Transient
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
    def set_max_receive_count(self, count: int | None) -> None: ...


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

    def set_max_receive_count(self, count: int | None) -> None:
        self.queue.redrive_after = count


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


def test_it_is_known_that_a_message_is_received_for_the_last_time(pair: Pair) -> None:
    pair.send("body")
    lasts = []
    for _ in range(MAX_RECEIVES):
        (message,) = pair.queue.receive(1, 1, 60)
        lasts.append(message.receive_count >= pair.queue.max_receive_count)
        pair.queue.change_visibility([message.receipt_handle], 0)
    assert lasts == [False, True]


def test_a_max_receive_count_that_was_changed_counts_when_it_is_looked_at_again(pair: Pair) -> None:
    assert pair.queue.max_receive_count == MAX_RECEIVES
    pair.set_max_receive_count(7)
    assert pair.queue.max_receive_count == MAX_RECEIVES
    pair.queue.require()
    assert pair.queue.max_receive_count == 7


def test_a_redrive_policy_that_was_taken_away_is_missed_and_what_it_was_counts_on(pair: Pair) -> None:
    pair.set_max_receive_count(None)
    with pytest.raises(Transient, match="redrive policy"):
        pair.queue.require()
    assert pair.queue.max_receive_count == MAX_RECEIVES


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
    assert pair.queue.max_receive_count == 7
    with pytest.raises(NoRedrivePolicy, match="redrive policy"):
        SqsQueue(pair.client, pair.client, pair.dlq_url).require()


def without_count(message: dict[str, Any]) -> None:
    del message["Attributes"]["ApproximateReceiveCount"]


def with_a_count_that_is_none(message: dict[str, Any]) -> None:
    message["Attributes"]["ApproximateReceiveCount"] = "many"


def without_attributes(message: dict[str, Any]) -> None:
    del message["Attributes"]


def without_body(message: dict[str, Any]) -> None:
    del message["Body"]


def spoiled(moto_url: str, spoil: Callable[[dict[str, Any]], None]) -> tuple[str, Sequence[Message]]:
    """Of a batch of three one is spoiled on its way; its id, and what came of the batch."""
    pair = QueuePair(moto_url, MAX_RECEIVES)
    ids = [pair.send(str(number)) for number in range(3)]

    def on_its_way(parsed: dict[str, Any], **_: object) -> None:
        (message,) = [message for message in parsed["Messages"] if message["MessageId"] == ids[1]]
        spoil(message)

    pair.client.meta.events.register("after-call.sqs.ReceiveMessage", on_its_way)
    return ids[1], pair.queue.receive(10, 1, 60)


@pytest.mark.parametrize(
    "spoil", [without_count, with_a_count_that_is_none, without_attributes, without_body], ids=lambda f: f.__name__
)
def test_a_message_that_lacks_what_sqs_says_of_each_is_left_and_the_others_come(
    moto_url: str, spoil: Callable[[dict[str, Any]], None]
) -> None:
    with capture_logs() as log:
        left, came = spoiled(moto_url, spoil)
    assert [message.body for message in came] == ["0", "2"]
    (line,) = log
    assert (line["log_level"], line["message_id"]) == ("error", left)


@pytest.mark.parametrize("sent_at", ["yesterday", "9" * 30, None])
def test_a_message_whose_sending_has_no_time_comes_all_the_same(moto_url: str, sent_at: str | None) -> None:
    def spoil(message: dict[str, Any]) -> None:
        del message["Attributes"]["SentTimestamp"]
        message["Attributes"] |= {"SentTimestamp": sent_at} if sent_at else {}

    _, came = spoiled(moto_url, spoil)
    assert [message.sent_at is None for message in came] == [False, True, False]
