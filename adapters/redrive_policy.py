"""A queue's redrive policy, as SQS gives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """`dead_letters` is the DLQ's ARN."""

    dead_letters: str
    max_receive_count: int


def redrive_policy(attributes: Mapping[QueueAttributeNameType, str]) -> RedrivePolicy | None:
    """The policy in a queue's attributes; None: there is none."""
    if not (text := attributes.get("RedrivePolicy")):
        return None
    policy = json.loads(text)
    return RedrivePolicy(policy["deadLetterTargetArn"], int(policy["maxReceiveCount"]))
