"""The queue, as a backend sends to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.aws_errors import errors_mapped

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsSender:
    """The `Sender` port."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._sqs = client
        self._url = url

    def send(self, body: str) -> str:
        with errors_mapped("send the job (this needs sqs:SendMessage, which the worker's role hasn't)"):
            return self._sqs.send_message(QueueUrl=self._url, MessageBody=body)["MessageId"]
