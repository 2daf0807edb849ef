"""The queue, in SQS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from adapters.aws_errors import errors_mapped
from adapters.redrive_policy import redrive_policy
from domain.errors import Transient
from domain.queue import Message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import MessageSystemAttributeNameType
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, MessageTypeDef

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LARGEST_BATCH = 10
LONGEST_POLL = 20
"""Seconds."""
_STALE = frozenset({"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValueException"})


class NoRedrivePolicy(Transient):
    """The queue has no redrive policy, so a message that always fails would come back for ever."""


class SqsQueue:
    """The `Queue` port on one SQS queue.

    Polling and settling have a client each, so that a long poll never stands in a heartbeat's way. `longest_poll`
    is in seconds.
    """

    largest_batch = LARGEST_BATCH
    max_receive_count: int

    def __init__(self, poll: SQSClient, lease: SQSClient, url: str, longest_poll: int = LONGEST_POLL) -> None:
        self._poll = poll
        self._lease = lease
        self._url = url
        self._longest_poll = longest_poll

    def require(self) -> None:
        """See the port; to be called before the first receive, too.

        Raises:
            NoRedrivePolicy: the queue has none.
            Transient: it can't be asked.
        """
        with errors_mapped(f"read the attributes of {self._url}"):
            answer = self._lease.get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        policy = redrive_policy(answer.get("Attributes", {}))
        if policy is None:
            raise NoRedrivePolicy(
                f"the queue {self._url} has no redrive policy: set one, with a DLQ and a maxReceiveCount"
            )
        self.max_receive_count = policy.max_receive_count

    def receive(self, at_most: int, wait: int, visibility_timeout: int) -> list[Message]:
        with errors_mapped("receive"):
            answer = self._poll.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=at_most,
                WaitTimeSeconds=min(wait, self._longest_poll),
                VisibilityTimeout=visibility_timeout,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        return list(_deliveries(answer.get("Messages", [])))

    def delete(self, receipt_handle: str) -> None:
        with errors_mapped("delete the message"):
            self._lease.delete_message(QueueUrl=self._url, ReceiptHandle=receipt_handle)

    def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> frozenset[str]:
        with errors_mapped("change the visibility timeout"):
            answer = self._lease.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                    for number, handle in enumerate(receipt_handles)
                ],
            )
        failed = answer.get("Failed", [])
        if unknown := [entry["Code"] for entry in failed if not _is_refusal(entry)]:
            raise Transient(f"change the visibility timeout: {unknown[0]}")
        return frozenset(receipt_handles[int(entry["Id"])] for entry in failed)


def _deliveries(messages: Sequence[MessageTypeDef]) -> Iterator[Message]:
    """The messages of an answer; one that lacks what SQS always says is left, and keeps no other from its work."""
    for message in messages:
        try:
            yield _delivery(message)
        except (KeyError, ValueError) as error:
            structlog.get_logger().error(
                "a message lacks what SQS says of each, and is left to the queue",
                message_id=message.get("MessageId"),
                why=repr(error),
            )


def _delivery(message: MessageTypeDef) -> Message:
    sent = message.get("MessageAttributes", {})
    return Message(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
        attributes={name: value["StringValue"] for name, value in sent.items() if "StringValue" in value},
        sent_at=_sent_at(message["Attributes"]),
    )


def _sent_at(attributes: Mapping[MessageSystemAttributeNameType, str]) -> datetime | None:
    """None, too, where it is no time: the job needs none."""
    try:
        return datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def _is_refusal(failed: BatchResultErrorEntryTypeDef) -> bool:
    """Whether the queue refused the handle for good; LocalStack doesn't set SenderFault for a stale handle."""
    return failed["SenderFault"] or failed["Code"].rpartition(".")[2] in _STALE
