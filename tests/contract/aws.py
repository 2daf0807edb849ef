"""Real adapters on an emulator, each with a bucket or a queue of its own."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Sequence

from adapters.journal import S3Journals
from adapters.s3 import S3Objects
from adapters.sqs import SqsQueue
from devstack.aws import session
from domain.queue import Message


class Bucket:
    """A fresh bucket, and the adapters on it."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"contract-{uuid.uuid4().hex[:12]}"
        self.client = session().client("s3", endpoint_url=endpoint)
        self.client.create_bucket(Bucket=self.name)
        self.moved: Counter[str] = Counter()
        self.objects = S3Objects(self.client, self.name, lambda way, count: self.moved.update({way: count}))
        self.journals = S3Journals(self.client, self.name)
        self.rival = S3Journals(session().client("s3", endpoint_url=endpoint), self.name)

    def put(self, key: str, data: bytes, content_type: str = "image/jpeg") -> str:
        self.client.put_object(Bucket=self.name, Key=key, Body=data, ContentType=content_type)
        return key

    def before(self, operation: str, call: Callable[[], None]) -> None:
        """Have something happen each time that the adapters are about to send a request."""
        self.client.meta.events.register(f"before-call.s3.{operation}", lambda **_: call())

    def tags(self, key: str) -> dict[str, str]:
        tags = self.client.get_object_tagging(Bucket=self.name, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in tags}

    def tag(self, key: str, tags: dict[str, str]) -> None:
        tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
        self.client.put_object_tagging(Bucket=self.name, Key=key, Tagging={"TagSet": tag_set})  # type: ignore[typeddict-item]

    def open_uploads(self) -> int:
        return len(self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", []))


class QueuePair:
    """A fresh queue with its DLQ."""

    def __init__(self, endpoint: str, max_receive_count: int) -> None:
        name = uuid.uuid4().hex[:12]
        self.client = session().client("sqs", endpoint_url=endpoint)
        self.dlq_url = self.client.create_queue(QueueName=f"dlq-{name}")["QueueUrl"]
        dlq = self.client.get_queue_attributes(QueueUrl=self.dlq_url, AttributeNames=["QueueArn"])["Attributes"]
        self._dlq_arn = dlq["QueueArn"]
        self.url = self.client.create_queue(QueueName=f"queue-{name}")["QueueUrl"]
        self.set_max_receive_count(max_receive_count)
        self.queue = SqsQueue(self.client, self.client, self.url)
        self.queue.require()

    def send(self, body: str, **attributes: str) -> str:
        return self.client.send_message(
            QueueUrl=self.url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )["MessageId"]

    def set_max_receive_count(self, count: int | None) -> None:
        """None takes the redrive policy away."""
        policy = json.dumps({"deadLetterTargetArn": self._dlq_arn, "maxReceiveCount": count}) if count else ""
        self.client.set_queue_attributes(QueueUrl=self.url, Attributes={"RedrivePolicy": policy})

    def later(self, seconds: int) -> Sequence[Message]:
        """What comes within so many seconds."""
        return self.queue.receive(1, seconds, 60)

    def dead(self) -> list[str]:
        messages = self.client.receive_message(QueueUrl=self.dlq_url, WaitTimeSeconds=2).get("Messages", [])
        return [message["MessageId"] for message in messages]
