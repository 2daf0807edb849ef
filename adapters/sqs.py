"""The queue, in SQS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.aws_errors import errors_mapped
from domain.errors import Transient
from domain.queue import Message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, MessageTypeDef

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LARGEST_BATCH = 10
LONGEST_POLL = 20
"""Seconds."""
_STALE = frozenset({"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValueException"})


class NoRedrivePolicy(Exception):
    """The queue has no redrive policy, so a message that always fails would come back for ever."""


class SqsQueue:
    """The `Queue` port on one SQS queue.

    Polling and settling have a client each, so that a long poll never stands in a heartbeat's way.
    """

    largest_batch = LARGEST_BATCH

    def __init__(self, poll: SQSClient, lease: SQSClient, url: str) -> None:
        self._poll = poll
        self._lease = lease
        self._url = url
        self._max_receive_count: int

    def require(self) -> None:
        """Look at the queue, before the first receive, and remember its `maxReceiveCount`.

        Raises:
            NoRedrivePolicy: the queue has none.
            Transient: it can't be asked.
        """
        self._max_receive_count = self.max_receive_count()

    def receive(self, at_most: int, wait: int, visibility_timeout: int) -> list[Message]:
        with errors_mapped("receive"):
            answer = self._poll.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=at_most,
                WaitTimeSeconds=min(wait, LONGEST_POLL),
                VisibilityTimeout=visibility_timeout,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        return [self._delivery(message) for message in answer.get("Messages", [])]

    def _delivery(self, message: MessageTypeDef) -> Message:
        receive_count = int(message["Attributes"]["ApproximateReceiveCount"])
        sent_at = message["Attributes"].get("SentTimestamp")
        sent = message.get("MessageAttributes", {})
        return Message(
            message_id=message["MessageId"],
            receipt_handle=message["ReceiptHandle"],
            body=message["Body"],
            receive_count=receive_count,
            attributes={name: value["StringValue"] for name, value in sent.items() if "StringValue" in value},
            last=receive_count >= self._max_receive_count,
            sent_at=datetime.fromtimestamp(int(sent_at) / 1000, UTC) if sent_at else None,
        )

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

    def max_receive_count(self) -> int:
        """How often a message is received before the queue moves it to its DLQ.

        Raises:
            NoRedrivePolicy: the queue has none.
            Transient: it can't be asked.
        """
        with errors_mapped(f"read the attributes of {self._url}"):
            attributes = self._poll.get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        policy = attributes.get("Attributes", {}).get("RedrivePolicy")
        if not policy:
            raise NoRedrivePolicy(
                f"the queue {self._url} has no redrive policy: set one, with a DLQ and a maxReceiveCount"
            )
        return int(json.loads(policy)["maxReceiveCount"])


def _is_refusal(failed: BatchResultErrorEntryTypeDef) -> bool:
    """Whether the queue refused the handle for good; LocalStack doesn't set SenderFault for a stale handle."""
    return failed["SenderFault"] or failed["Code"].rpartition(".")[2] in _STALE
