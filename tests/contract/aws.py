"""Real adapters on an emulator, each with a bucket or a queue of its own."""

from __future__ import annotations

import json
import uuid

from adapters.journal import S3Journals
from adapters.s3 import S3Objects
from adapters.sqs import SqsQueue
from devstack.aws import session


class Bucket:
    """A fresh bucket, and the adapters on it."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"contract-{uuid.uuid4().hex[:12]}"
        self.client = session().client("s3", endpoint_url=endpoint)
        self.client.create_bucket(Bucket=self.name)
        self.objects = S3Objects(self.client, self.name, lambda direction, count: None)
        self.journals = S3Journals(self.client, self.name)

    def put(self, key: str, data: bytes, content_type: str = "image/jpeg") -> str:
        self.client.put_object(Bucket=self.name, Key=key, Body=data, ContentType=content_type)
        return key

    def open_uploads(self) -> int:
        return len(self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", []))


class QueuePair:
    """A fresh queue with its DLQ."""

    def __init__(self, endpoint: str, max_receive_count: int) -> None:
        name = uuid.uuid4().hex[:12]
        self.client = session().client("sqs", endpoint_url=endpoint)
        self.dlq_url = self.client.create_queue(QueueName=f"dlq-{name}")["QueueUrl"]
        dlq = self.client.get_queue_attributes(QueueUrl=self.dlq_url, AttributeNames=["QueueArn"])["Attributes"]
        policy = {"deadLetterTargetArn": dlq["QueueArn"], "maxReceiveCount": max_receive_count}
        self.url = self.client.create_queue(
            QueueName=f"queue-{name}", Attributes={"RedrivePolicy": json.dumps(policy)}
        )["QueueUrl"]
        self.queue = SqsQueue(self.client, self.client, self.url)

    def send(self, body: str, **attributes: str) -> str:
        return self.client.send_message(
            QueueUrl=self.url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )["MessageId"]

    def dead(self) -> list[str]:
        messages = self.client.receive_message(QueueUrl=self.dlq_url, WaitTimeSeconds=2).get("Messages", [])
        return [message["MessageId"] for message in messages]
