"""What is in hand of the DLQ, in SQS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.aws_errors import errors_mapped, refused
from adapters.dead_letter_form import chunks, entry_of, read_dead
from domain.dead_letters import DeadMessage, Settled, Tell
from domain.errors import MediaError, Transient

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef

THREADS = 8
BATCH = 10
LARGEST_SENDING = 200_000
"""Bytes of the messages that are sent at once; SQS takes 262,144 or more."""
HOW_TO = "look at QUEUE_URL, AWS_REGION and the rights of the operator's role (docs/operating.md)"
_TOO_LONG = "the look took too long; run the command again"
_LOST = (
    "SQS's answer was lost, so that it may be in the queue already: look with `media-worker job LISTING JOB` "
    "before you send it again"
)


@dataclass(frozen=True, slots=True)
class Sending:
    """Where messages are sent back to, by a client that tries once."""

    client: SQSClient
    queue_url: str
    queue_arn: str


class SqsLook:
    """The `Look` port. What is in hand is hidden, until it is deleted or shown again."""

    def __init__(self, client: SQSClient, sending: Sending, dlq_url: str, over: Callable[[], bool]) -> None:
        """`over` says whether the messages may be visible again, and in somebody else's hand."""
        self._sqs = client
        self._sending = sending
        self._dlq_url = dlq_url
        self._over = over
        self._held: dict[str, DeadMessage] = {}
        self._taking = threading.Lock()
        self._stopped = threading.Event()

    @property
    def messages(self) -> Sequence[DeadMessage]:
        never = datetime.min.replace(tzinfo=UTC)
        return sorted(self._held.values(), key=lambda dead: dead.message.sent_at or never)

    def take_in_hand(self, hold: int) -> None:
        """Receive until no message is visible, and hide each for `hold` seconds."""
        with ThreadPoolExecutor(THREADS, "look") as pool:
            polls = [pool.submit(self._poll, hold) for _ in range(THREADS)]
            try:
                for poll in polls:
                    poll.result()
            finally:
                self._stopped.set()  # the others', where one has failed, or Ctrl-C came

    def _poll(self, hold: int) -> None:
        while not self._stopped.is_set() and not self._over():
            with errors_mapped(f"the DLQ {self._dlq_url} can't be looked through; {HOW_TO}"):
                answer = self._sqs.receive_message(
                    QueueUrl=self._dlq_url,
                    MaxNumberOfMessages=BATCH,
                    WaitTimeSeconds=1,
                    VisibilityTimeout=hold,
                    MessageSystemAttributeNames=[
                        "ApproximateReceiveCount",
                        "SentTimestamp",
                        "MessageGroupId",
                        "DeadLetterQueueSourceArn",
                    ],
                    MessageAttributeNames=["All"],
                )
            received = answer.get("Messages", [])
            for message in received:
                self._take(read_dead(message, self._sending.queue_arn))
            if not received:
                return

    def _take(self, dead: DeadMessage) -> None:
        """Of a message that comes twice the later handle is the good one."""
        with self._taking:
            known = self._held.get(dead.id)
            if known is None or known.message.receive_count < dead.message.receive_count:
                self._held[dead.id] = dead

    def show_again(self) -> None:
        """Show what is in hand; raises Transient where some stays hidden until its visibility timeout ends."""
        self.show(self._held.values())
        if problems := self.show(self._held.values()):
            hidden = f"{len(self._held)} of the DLQ's messages stay hidden, for some minutes still"
            raise Transient(f"{hidden}: {problems[0]}; {HOW_TO}")

    def show(self, messages: Iterable[DeadMessage]) -> list[str]:
        if self._over():
            return []  # they show themselves, and may be in somebody else's hand
        with ThreadPoolExecutor(THREADS, "show") as pool:
            return [problem for found in pool.map(self._show, chunks(messages, BATCH)) for problem in found]

    def _show(self, messages: Sequence[DeadMessage]) -> list[str]:
        """What went wrong; the others are in hand no more."""
        try:
            with errors_mapped("not shown"):
                answer = self._sqs.change_message_visibility_batch(
                    QueueUrl=self._dlq_url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": dead.message.receipt_handle, "VisibilityTimeout": 0}
                        for number, dead in enumerate(messages)
                    ],
                )
        except MediaError as error:
            return [str(error)]
        return list(self._no_longer_held(messages, answer.get("Failed", [])).values())

    def requeue(self, messages: Iterable[DeadMessage], tell: Tell) -> None:
        sendable = []
        for dead in messages:
            if dead.why_left:
                tell(Settled(dead, dead.why_left))
            else:
                sendable.append(dead)
        _side_by_side(self._requeue, chunks(sendable, BATCH, LARGEST_SENDING), tell)

    def delete(self, messages: Iterable[DeadMessage], tell: Tell) -> None:
        _side_by_side(self._drop, chunks(messages, BATCH), tell)

    def _requeue(self, messages: Sequence[DeadMessage]) -> list[Settled]:
        """Send the messages, then delete those that were sent and no others."""
        if self._over():
            return [Settled(dead, f"not sent: {_TOO_LONG}") for dead in messages]
        try:
            with errors_mapped("not sent"):
                answer = self._sending.client.send_message_batch(
                    QueueUrl=self._sending.queue_url,
                    Entries=[entry_of(number, dead) for number, dead in enumerate(messages)],
                )
        except MediaError as error:
            return [Settled(dead, f"{error}" if refused(error) else f"{_LOST}: {error}") for dead in messages]
        sent = [messages[int(entry["Id"])] for entry in answer.get("Successful", [])]
        left = [Settled(messages[int(it["Id"])], f"not sent: {_why(it)}") for it in answer.get("Failed", [])]
        return left + [
            Settled(it.message, it.problem and f"sent, but still in the DLQ, too: {it.problem}")
            for it in self._delete(sent)
        ]

    def _drop(self, messages: Sequence[DeadMessage]) -> list[Settled]:
        if self._over():
            return [Settled(dead, f"not deleted: {_TOO_LONG}") for dead in messages]
        return self._delete(messages)

    def _delete(self, messages: Sequence[DeadMessage]) -> list[Settled]:
        if not messages:
            return []
        try:
            with errors_mapped("not deleted"):
                answer = self._sqs.delete_message_batch(
                    QueueUrl=self._dlq_url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": dead.message.receipt_handle}
                        for number, dead in enumerate(messages)
                    ],
                )
        except MediaError as error:
            return [Settled(dead, str(error)) for dead in messages]
        problems = self._no_longer_held(messages, answer.get("Failed", []))
        return [
            Settled(dead, f"not deleted: {problems[dead.id]}" if dead.id in problems else "") for dead in messages
        ]

    def _no_longer_held(
        self, messages: Sequence[DeadMessage], failed: Iterable[BatchResultErrorEntryTypeDef]
    ) -> dict[str, str]:
        """Forget the messages but for those that failed; these by id, each with its reason."""
        problems = {messages[int(it["Id"])].id: _why(it) for it in failed}
        for dead in messages:
            if dead.id not in problems:
                self._held.pop(dead.id, None)
        return problems


def _side_by_side(
    settle: Callable[[Sequence[DeadMessage]], list[Settled]], batches: Iterable[Sequence[DeadMessage]], tell: Tell
) -> None:
    """Settle the batches. At Ctrl-C those that have begun are still brought to their end, and told."""

    def run(batch: Sequence[DeadMessage]) -> None:
        for settled in settle(batch):
            tell(settled)

    pool = ThreadPoolExecutor(THREADS, "settle")
    try:
        for batch in [pool.submit(run, batch) for batch in batches]:
            batch.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _why(failed: BatchResultErrorEntryTypeDef) -> str:
    return f"{failed['Code']} {failed.get('Message', '')}".strip()
