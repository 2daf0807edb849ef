"""A message of the DLQ, as SQS gives it and takes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from domain.dead_letters import Attribute, DeadMessage
from domain.queue import ORIGINAL_MESSAGE_ID, Message

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import (
        MessageAttributeValueOutputTypeDef,
        MessageAttributeValueTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )


def chunks(
    messages: Iterable[DeadMessage], most: int, bytes_: int | None = None
) -> Iterator[Sequence[DeadMessage]]:
    """Batches of at most so many messages, and of so many bytes where one message alone hasn't more."""
    batch: list[DeadMessage] = []
    size = 0
    for dead in list(messages):
        added = _size(dead) if bytes_ else 0
        if batch and (len(batch) == most or (bytes_ and size + added > bytes_)):
            yield batch
            batch, size = [], 0
        batch.append(dead)
        size += added
    if batch:
        yield batch


def _size(dead: DeadMessage) -> int:
    values = (it.value if isinstance(it.value, bytes) else it.value.encode() for it in dead.attributes.values())
    names = sum(len(name.encode()) + len(it.type) for name, it in dead.attributes.items())
    return len(dead.message.body.encode()) + names + sum(map(len, values)) + 150


def entry_of(number: int, dead: DeadMessage) -> SendMessageBatchRequestEntryTypeDef:
    attributes = {**dead.attributes, ORIGINAL_MESSAGE_ID: Attribute("String", dead.original_id)}
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(number),
        "MessageBody": dead.message.body,
        "MessageAttributes": {name: _value(it) for name, it in attributes.items()},
    }
    if dead.group is not None:
        entry["MessageGroupId"] = dead.group
    return entry


def _value(attribute: Attribute) -> MessageAttributeValueTypeDef:
    if isinstance(attribute.value, bytes):
        return {"DataType": attribute.type, "BinaryValue": attribute.value}
    return {"DataType": attribute.type, "StringValue": attribute.value}


def read_dead(message: MessageTypeDef, queue_arn: str) -> DeadMessage:
    system: Mapping[str, str] = {str(name): value for name, value in message.get("Attributes", {}).items()}
    sent = {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()}
    source = system.get("DeadLetterQueueSourceArn", queue_arn)
    at = system.get("SentTimestamp")
    delivered = Message(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message.get("Body", ""),
        receive_count=int(system.get("ApproximateReceiveCount", "0")),
        attributes={name: it.value for name, it in sent.items() if isinstance(it.value, str)},
        sent_at=datetime.fromtimestamp(int(at) / 1000, UTC) if at else None,
    )
    return DeadMessage(delivered, sent, system.get("MessageGroupId"), "" if source == queue_arn else source)


def _attribute(value: MessageAttributeValueOutputTypeDef) -> Attribute:
    return Attribute(value["DataType"], value["StringValue"] if "StringValue" in value else value["BinaryValue"])
