"""What every DLQ does under a look: the fake, and SQS as moto and LocalStack play it."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest

from adapters import dead_letters
from adapters.dead_letters import SqsDeadLetters
from devstack.aws import session, variables
from devstack.scripted import AwsError, ScriptedEndpoint
from domain.dead_letters import Attribute, DeadLetters, DeadMessage, Settled, Tell
from domain.errors import Transient
from tests.contract.aws import QueuePair
from tests.fakes import FakeDeadLetters
from worker.desk.wiring import records
from worker.settings import Place

BROKEN = AwsError(400, "InvalidParameterValue")
TRACE = {"Traceparent": Attribute("String", "00-1"), "Picture": Attribute("Binary.jpg", b"\xff\xd8")}


class Graves(Protocol):
    """A DLQ under test, and the test's own ways into it and its queue."""

    @property
    def dlq(self) -> DeadLetters: ...
    def bury(self, body: str, attributes: Mapping[str, Attribute] | None = None) -> str: ...
    def visible(self) -> set[str]: ...
    def queued(self) -> list[tuple[str, str]]: ...


class FakeGraves:
    def __init__(self) -> None:
        self.dlq = FakeDeadLetters()
        self.bury = self.dlq.bury

    def visible(self) -> set[str]:
        return {dead.message.body for dead in (self.dlq.shown if self.dlq.looking else self.dlq.dead)}

    def queued(self) -> list[tuple[str, str]]:
        return self.dlq.sent


class SqsGraves:
    def __init__(self, endpoint: str, through: str = "") -> None:
        """`through` is another way to the endpoint, for the adapter alone."""
        self.pair = QueuePair(endpoint, 5)
        self.client = session().client("sqs", endpoint_url=through or endpoint)
        self.dlq = SqsDeadLetters(self.client, self.client, self.pair.url)

    def bury(self, body: str, attributes: Mapping[str, Attribute] | None = None) -> str:
        given: dict[str, Any] = {
            name: {
                "DataType": it.type,
                ("BinaryValue" if isinstance(it.value, bytes) else "StringValue"): it.value,
            }
            for name, it in (attributes or {}).items()
        }
        answer = self.pair.client.send_message(
            QueueUrl=self.pair.dlq_url, MessageBody=body, MessageAttributes=given
        )
        return answer["MessageId"]

    def visible(self) -> set[str]:
        """The bodies of what is visible now; a look of the test's own."""
        return {message["Body"] for message in self._drain(self.pair.dlq_url)}

    def queued(self) -> list[tuple[str, str]]:
        return [
            (message["Body"], message["MessageAttributes"]["OriginalMessageId"]["StringValue"])
            for message in self._drain(self.pair.url)
        ]

    def _drain(self, url: str) -> list[Any]:
        found: list[Any] = []
        while messages := self.pair.client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=60,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            found += messages
        return found


@pytest.fixture(params=["fake", "moto", pytest.param("localstack", marks=pytest.mark.localstack)])
def graves(request: pytest.FixtureRequest) -> Graves:
    if request.param == "fake":
        return FakeGraves()
    return SqsGraves(request.getfixturevalue(f"{request.param}_url"))


def settled_by(
    settle: Callable[[Iterable[DeadMessage], Tell], None], messages: Iterable[DeadMessage]
) -> list[Settled]:
    told: list[Settled] = []
    settle(messages, told.append)
    return told


def problems(settled: Sequence[Settled]) -> list[str]:
    return [each.problem for each in settled]


def test_a_look_sees_each_message_once_with_all_that_was_sent(graves: Graves) -> None:
    ids = {graves.bury(str(number), TRACE) for number in range(25)}
    with graves.dlq.look() as look:
        assert len(look.messages) == 25
        assert {dead.id for dead in look.messages} == ids
        assert {dead.message.body for dead in look.messages} == {str(number) for number in range(25)}
        assert all(dead.attributes == TRACE for dead in look.messages)
        assert all(dead.message.attributes == {"Traceparent": "00-1"} for dead in look.messages)
        assert all(dead.message.sent_at for dead in look.messages)


def test_messages_are_hidden_while_the_look_lasts_and_visible_at_once_afterwards(graves: Graves) -> None:
    bodies = {str(number) for number in range(12)}
    for body in bodies:
        graves.bury(body)
    with graves.dlq.look():
        assert graves.visible() == set()
    assert graves.visible() == bodies


def test_what_is_shown_before_the_others_is_visible_and_in_hand_no_more(graves: Graves) -> None:
    graves.bury("a"), graves.bury("b")
    with graves.dlq.look() as look:
        (shown,) = [dead for dead in look.messages if dead.message.body == "b"]
        assert look.show([shown]) == []
        assert [dead.message.body for dead in look.messages] == ["a"]
        assert graves.visible() == {"b"}


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
def test_a_look_that_is_broken_off_hides_nothing(graves: Graves, end: type[BaseException]) -> None:
    graves.bury("a")
    with pytest.raises(end), graves.dlq.look():
        raise end
    assert graves.visible() == {"a"}


def test_an_empty_dlq_has_no_messages(graves: Graves) -> None:
    with graves.dlq.look() as look:
        assert list(look.messages) == []


def test_what_is_sent_back_keeps_its_id_and_leaves_the_dlq_and_the_others_stay(graves: Graves) -> None:
    first, _ = graves.bury("a"), graves.bury("b")
    with graves.dlq.look() as look:
        (chosen,) = [dead for dead in look.messages if dead.id == first]
        assert problems(settled_by(look.requeue, [chosen])) == [""]
    assert graves.queued() == [("a", first)]
    assert graves.visible() == {"b"}


def test_a_message_that_comes_back_again_keeps_the_id_of_its_first_sending(graves: Graves) -> None:
    graves.bury("a", {"OriginalMessageId": Attribute("String", "the-first")})
    with graves.dlq.look() as look:
        assert problems(settled_by(look.requeue, look.messages)) == [""]
    assert graves.queued() == [("a", "the-first")]


def test_an_id_that_no_journal_can_have_is_replaced(graves: Graves) -> None:
    message_id = graves.bury("a", {"OriginalMessageId": Attribute("String", "../other")})
    with graves.dlq.look() as look:
        assert problems(settled_by(look.requeue, look.messages)) == [""]
    assert graves.queued() == [("a", message_id)]


def test_a_message_without_room_for_the_attribute_is_left(graves: Graves) -> None:
    graves.bury("full", {f"a{number}": Attribute("String", "v") for number in range(10)})
    graves.bury("with room", {f"a{number}": Attribute("String", "v") for number in range(9)})
    with graves.dlq.look() as look:
        left = {
            settled.message.message.body: settled.problem for settled in settled_by(look.requeue, look.messages)
        }
    assert left["with room"] == ""
    assert "10 attributes" in left["full"]
    assert graves.visible() == {"full"}


def test_what_is_deleted_is_gone_and_the_others_stay(graves: Graves) -> None:
    for body in "abc":
        graves.bury(body)
    with graves.dlq.look() as look:
        chosen = [dead for dead in look.messages if dead.message.body != "b"]
        assert problems(settled_by(look.delete, chosen)) == ["", ""]
    assert graves.visible() == {"b"}
    assert graves.queued() == []


def test_queue_and_dlq_are_counted(graves: Graves) -> None:
    graves.bury("a")
    queue, dlq = graves.dlq.counts()
    assert (queue.visible, dlq.visible, dlq.in_flight) == (0, 1, 0)
    assert graves.dlq.max_receive_count() == 5
    with graves.dlq.look():
        _, dlq = graves.dlq.counts()
        assert (dlq.visible, dlq.in_flight) == (0, 1)


@pytest.mark.localstack
def test_a_thousand_messages_are_looked_through_and_shown_again(localstack_url: str) -> None:
    graves = SqsGraves(localstack_url)
    for start in range(0, 1000, 10):
        graves.pair.client.send_message_batch(
            QueueUrl=graves.pair.dlq_url,
            Entries=[{"Id": str(number), "MessageBody": str(number)} for number in range(start, start + 10)],
        )
    started = time.monotonic()
    with graves.dlq.look() as look:
        assert len(look.messages) == 1000
    assert time.monotonic() - started < 60
    assert len(graves.visible()) == 1000


# What only SQS does


@pytest.fixture
def moto(moto_url: str) -> SqsGraves:
    return SqsGraves(moto_url)


def before(graves: SqsGraves, operation: str, call: Any) -> None:
    graves.client.meta.events.register(f"before-call.sqs.{operation}", lambda params, **_: call(params))


def after(graves: SqsGraves, operation: str, call: Any) -> None:
    graves.client.meta.events.register(f"after-call.sqs.{operation}", lambda parsed, **_: call(parsed))


def press_ctrl_c() -> None:
    """A real signal, which wakes the main thread from its waiting."""
    main = threading.main_thread().ident
    assert main
    signal.pthread_kill(main, signal.SIGINT)


def test_ctrl_c_while_a_look_receives_hides_nothing(moto: SqsGraves) -> None:
    bodies = {moto.bury(str(number)) and str(number) for number in range(15)}
    pressed = threading.Event()

    def press(parsed: Any) -> None:
        if not pressed.is_set():
            pressed.set()
            press_ctrl_c()

    after(moto, "ReceiveMessage", press)
    with pytest.raises(KeyboardInterrupt), moto.dlq.look():
        raise AssertionError("it was broken off")
    assert moto.visible() == bodies


def test_ctrl_c_ends_the_receiving(moto: SqsGraves) -> None:
    for _ in range(40):
        moto.pair.client.send_message_batch(
            QueueUrl=moto.pair.dlq_url,
            Entries=[{"Id": str(number), "MessageBody": "a"} for number in range(10)],
        )
    received: list[object] = []

    def press(parsed: Any) -> None:
        received.append(parsed)
        if len(received) == 1:
            press_ctrl_c()

    after(moto, "ReceiveMessage", press)
    with pytest.raises(KeyboardInterrupt), moto.dlq.look():
        raise AssertionError("it was broken off")
    assert len(received) < 40, "it would have gone on to the end"


def test_what_the_other_threads_received_is_shown_again_where_one_fails(moto: SqsGraves) -> None:
    moto.bury("a")
    held = threading.Event()

    def receive(params: Any) -> None:
        if threading.current_thread().name.endswith("_0"):
            assert held.wait(10)
            raise ConnectionError

    before(moto, "ReceiveMessage", receive)
    after(moto, "ReceiveMessage", lambda parsed: held.set() if parsed.get("Messages") else None)
    with pytest.raises(Transient, match="can't be looked through"), moto.dlq.look():
        raise AssertionError("a thread failed")
    assert moto.visible() == {"a"}


def test_nothing_is_deleted_that_was_not_sent(moto_url: str) -> None:
    with ScriptedEndpoint(moto_url) as endpoint:
        graves = SqsGraves(moto_url, endpoint.url)
        graves.bury("a")
        endpoint.fail("AmazonSQS.SendMessageBatch", BROKEN, 9)
        with graves.dlq.look() as look:
            (problem,) = problems(settled_by(look.requeue, look.messages))
    assert problem.startswith("not sent")
    assert graves.visible() == {"a"}
    assert graves.queued() == []


def test_of_a_batch_that_is_sent_in_part_only_that_part_is_deleted(moto: SqsGraves) -> None:
    for body in "abc":
        moto.bury(body)

    def in_part(parsed: Any) -> None:
        (refused,) = [entry for entry in parsed["Successful"] if entry["Id"] == which["b"]]
        parsed["Successful"].remove(refused)
        parsed["Failed"] = [{"Id": refused["Id"], "SenderFault": False, "Code": "InternalError"}]

    which: dict[str, str] = {}
    before(moto, "SendMessageBatch", lambda params: which.update(_ids(params)))
    after(moto, "SendMessageBatch", in_part)
    with moto.dlq.look() as look:
        left = {
            settled.message.message.body: settled.problem for settled in settled_by(look.requeue, look.messages)
        }
    assert left == {"a": "", "b": "not sent: InternalError", "c": ""}
    assert moto.visible() == {"b"}


def _ids(params: Any) -> dict[str, str]:
    return {entry["MessageBody"]: entry["Id"] for entry in json.loads(params["body"])["Entries"]}


def test_what_was_sent_and_cannot_be_deleted_is_told(moto_url: str) -> None:
    with ScriptedEndpoint(moto_url) as endpoint:
        graves = SqsGraves(moto_url, endpoint.url)
        graves.bury("a")
        endpoint.fail("AmazonSQS.DeleteMessageBatch", BROKEN, 9)
        with graves.dlq.look() as look:
            (problem,) = problems(settled_by(look.requeue, look.messages))
    assert problem.startswith("sent, but still in the DLQ, too")
    assert graves.visible() == {"a"}
    assert [body for body, _ in graves.queued()] == ["a"]


def test_a_look_that_took_too_long_sends_nothing(moto: SqsGraves) -> None:
    now = [0.0]
    slow = SqsDeadLetters(moto.client, moto.client, moto.pair.url, lambda: now[0])
    moto.bury("a")
    with slow.look() as look:
        now[0] = dead_letters.SHORTEST_HOLD + 1
        (problem,) = problems(settled_by(look.requeue, look.messages))
    assert problem.startswith("not sent: the look took too long")
    assert moto.queued() == []


def test_a_look_that_is_over_drops_and_shows_nothing_that_another_one_may_have(moto: SqsGraves) -> None:
    now = [0.0]
    slow = SqsDeadLetters(moto.client, moto.client, moto.pair.url, lambda: now[0])
    moto.bury("a")
    with slow.look() as look:
        now[0] = dead_letters.SHORTEST_HOLD + 1
        (problem,) = problems(settled_by(look.delete, look.messages))
    assert problem.startswith("not deleted: the look took too long")
    assert moto.visible() == set(), "still hidden, as if by the other one"
    assert moto.dlq.counts()[1].in_flight == 1


@pytest.mark.parametrize("failures", [1, 2])
def test_a_message_that_is_not_shown_is_tried_once_more_and_then_told(moto: SqsGraves, failures: int) -> None:
    moto.bury("a")
    left = [failures]

    def refuse(parsed: Any) -> None:
        if left[0]:
            left[0] -= 1
            failed = [{"Id": entry["Id"], "Code": "InternalError"} for entry in parsed["Successful"]]
            parsed.update(Successful=[], Failed=failed)

    after(moto, "ChangeMessageVisibilityBatch", refuse)
    told = pytest.raises(Transient, match=r"1 of the DLQ's messages stay hidden.*InternalError")
    with told if failures > 1 else nullcontext(), moto.dlq.look():
        pass
    assert left == [0]


@pytest.mark.parametrize(
    ("error", "words", "again"),
    [
        (AwsError(500, "InternalError"), "may be in the queue already", "media-worker job"),
        (AwsError(403, "AccessDenied"), "not sent: ", ""),
    ],
)
def test_a_message_is_sent_once_and_where_the_answer_is_lost_that_is_told(
    moto_url: str, monkeypatch: pytest.MonkeyPatch, error: AwsError, words: str, again: str
) -> None:
    """By the clients that the commands have."""
    with ScriptedEndpoint(moto_url) as endpoint:
        for name, value in variables(endpoint.url).items():
            monkeypatch.setenv(name, value)
        graves = SqsGraves(moto_url)
        graves.bury("a")
        url = endpoint.url + urlsplit(graves.pair.url).path
        dlq = records(Place(queue_url=url, media_bucket="media", aws_endpoint_url=endpoint.url)).dead_letters
        endpoint.fail("AmazonSQS.SendMessageBatch", error, 1)
        with dlq.look() as look:
            (problem,) = problems(settled_by(look.requeue, look.messages))
    assert words in problem
    assert again in problem
    assert "run the command again" not in problem
    assert graves.queued() == []


@pytest.mark.parametrize("what", ["requeue", "delete"])
def test_ctrl_c_tells_all_that_was_settled_and_settles_no_more(moto: SqsGraves, what: str) -> None:
    """The first batch is slow: what the other threads finish meanwhile is told, too."""
    for number in range(200):
        moto.bury(str(number))
    told: set[str] = set()
    gone: set[str] = set()
    finished = threading.Event()

    def slow(params: Any) -> None:
        if threading.current_thread().name.endswith("_0"):
            assert finished.wait(10)
            press_ctrl_c()

    def finish(parsed: Any) -> None:
        gone.update(f"{threading.get_ident()}-{len(gone)}-{entry['Id']}" for entry in parsed["Successful"])
        finished.set()

    def tell(settled: Settled) -> None:
        assert settled.problem == ""
        told.add(settled.message.id)

    before(moto, "DeleteMessageBatch", slow)
    after(moto, "DeleteMessageBatch", finish)
    with pytest.raises(KeyboardInterrupt), moto.dlq.look() as look:
        getattr(look, what)(look.messages, tell)
    left = moto.visible()
    assert len(left) == 200 - len(told)
    assert 0 < len(told) == len(gone)


def test_large_messages_are_sent_in_smaller_batches(moto: SqsGraves) -> None:
    batches: list[int] = []
    before(moto, "SendMessageBatch", lambda params: batches.append(len(_ids(params))))
    for letter in "abcde":
        moto.bury(letter * 90_000)
    with moto.dlq.look() as look:
        assert problems(settled_by(look.requeue, look.messages)) == [""] * 5
    assert sorted(batches) == [1, 2, 2]
    assert len(moto.queued()) == 5


def test_the_attributes_and_the_group_are_sent_again(moto: SqsGraves) -> None:
    moto.bury("a", TRACE)

    def in_a_group(parsed: Any) -> None:
        for message in parsed.get("Messages", []):
            message["Attributes"]["MessageGroupId"] = "listing-28"

    sent: list[Any] = []
    after(moto, "ReceiveMessage", in_a_group)
    before(moto, "SendMessageBatch", lambda params: sent.extend(json.loads(params["body"])["Entries"]))
    with moto.dlq.look() as look:
        assert problems(settled_by(look.requeue, look.messages)) == [""]
    (entry,) = sent
    assert entry["MessageGroupId"] == "listing-28"
    assert entry["MessageAttributes"]["Traceparent"] == {"DataType": "String", "StringValue": "00-1"}
    assert entry["MessageAttributes"]["Picture"]["DataType"] == "Binary.jpg"


def test_a_message_of_another_queue_is_left(moto: SqsGraves) -> None:
    moto.bury("a")
    other = "arn:aws:sqs:us-east-1:123456789012:other"

    def of_another(parsed: Any) -> None:
        for message in parsed.get("Messages", []):
            message["Attributes"]["DeadLetterQueueSourceArn"] = other

    after(moto, "ReceiveMessage", of_another)
    with moto.dlq.look() as look:
        (problem,) = problems(settled_by(look.requeue, look.messages))
    assert other in problem
    assert moto.visible() == {"a"}


def test_a_queue_without_a_dlq_or_whose_dlq_is_gone_is_one_line_that_says_so(moto: SqsGraves) -> None:
    moto.pair.set_max_receive_count(None)
    with pytest.raises(Transient, match="has no redrive policy"):
        moto.dlq.counts()
    moto.pair.set_max_receive_count(2)
    moto.client.delete_queue(QueueUrl=moto.pair.dlq_url)
    with pytest.raises(Transient, match=r"the DLQ .* can't be found"):
        moto.dlq.counts()


def test_a_message_that_comes_twice_counts_once_and_its_newer_handle_deletes_it(moto: SqsGraves) -> None:
    moto.bury("a")
    twice: list[Any] = []

    def show(parsed: Any) -> None:
        for message in parsed.get("Messages", [])[: 1 - len(twice)]:
            twice.append(message)
            moto.pair.client.change_message_visibility(
                QueueUrl=moto.pair.dlq_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    after(moto, "ReceiveMessage", show)
    with moto.dlq.look() as look:
        messages: Sequence[DeadMessage] = look.messages
        assert len(messages) == 1
        assert messages[0].message.receipt_handle != twice[0]["ReceiptHandle"]
        assert problems(settled_by(look.delete, messages)) == [""]
    assert moto.visible() == set()
