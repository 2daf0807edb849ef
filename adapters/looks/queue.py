"""The queue, its DLQ, and the clock of AWS."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters.aws_errors import errors_mapped
from adapters.looks.rights import needing
from adapters.redrive_policy import redrive_policy
from domain.checks.queues import QueueFacts
from domain.errors import Transient

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_RIGHT = "sqs:GetQueueAttributes"


def look_at_queue(sqs: SQSClient, url: str) -> QueueFacts:
    """Raises Refused where a right is missing, Transient where it can't be asked."""
    with needing(_RIGHT, url, setting="QUEUE_URL"):
        return _facts(sqs, url)


def look_at_dead_letters(sqs: SQSClient, queue_url: str, arn: str) -> QueueFacts:
    """The DLQ with this ARN: `queue_url` says where its own URL leads to, because the role may not ask for it.

    Raises Refused where a right is missing, Transient where it can't be asked.
    """
    account, name = arn.split(":")[-2:]
    place = queue_url.rpartition("/")[0].rpartition("/")[0]
    with needing(_RIGHT, arn):
        return _facts(sqs, f"{place}/{account}/{name}")


def ahead_of_aws(sqs: SQSClient, url: str) -> float:
    """By how many seconds our clock is ahead of AWS's, which tells it in its refusals, too.

    Raises Transient where no answer comes.
    """
    began = datetime.now(UTC)
    try:
        with errors_mapped("ask AWS for the time"):
            answer: Mapping[str, Any] = sqs.get_queue_attributes(QueueUrl=url)
    except Transient as error:
        if not isinstance(error.__cause__, ClientError):
            raise
        answer = error.__cause__.response
    middle = began + (datetime.now(UTC) - began) / 2
    try:
        told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (LookupError, ValueError):
        raise Transient("AWS's answer has no Date") from None
    return (middle - told).total_seconds()


def _facts(sqs: SQSClient, url: str) -> QueueFacts:
    said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
    policy = redrive_policy(said)
    return QueueFacts(
        url.rpartition("/")[2],
        int(said["MessageRetentionPeriod"]),
        bool(said.get("KmsMasterKeyId")) or said.get("SqsManagedSseEnabled") == "true",
        policy.max_receive_count if policy else None,
        policy.dead_letters if policy else None,
    )
