"""The queue, as a backend sends to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from adapters.aws_errors import errors_mapped
from domain.by_hand import Request

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def body_of(request: Request) -> str:
    """The body of the contract's section 1."""
    fields = {
        "jobId": request.job_id,
        "listingId": request.listing_id,
        "kind": request.kind,
        "assets": request.assets,
    }
    return json.dumps(fields, ensure_ascii=False)


class SqsSender:
    """The `Sender` port."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._sqs = client
        self._url = url

    def send(self, request: Request) -> str:
        with errors_mapped("send the job (sqs:SendMessage)"):
            return self._sqs.send_message(QueueUrl=self._url, MessageBody=body_of(request))["MessageId"]
