"""One queue with its DLQ, one bucket, one receiver, and real worker processes between them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from devstack.aws import session, variables
from devstack.processes import Child, free_port
from devstack.receiver import Receiver

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

SECRET = "a-secret-of-the-tests"


def jpeg(width: int = 640, height: int = 480, colour: str = "teal") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(data, "JPEG")
    return data.getvalue()


def command(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The `media-worker` command, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "worker.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Worker(Child):
    """A `media-worker run` process, or what a test runs in its place."""

    def __init__(self, environment: dict[str, str], log: Path, *module: str) -> None:
        self.environment = environment
        self.port = int(environment["HTTP_PORT"])
        command = [sys.executable, "-m", *(module or ("worker.cli", "run"))]
        super().__init__(command, log=log, environment=environment)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a GET of the worker's own HTTP port."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def lines(self) -> list[dict[str, Any]]:
        """The log, parsed: every line must be JSON."""
        return [json.loads(line) for line in self.output().splitlines()]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == event]

    def wait_for_event(self, event: str, count: int = 1, timeout: float = 30) -> None:
        self.wait_ready(lambda: self.output().count(f'"event": "{event}"') >= count, timeout)


class World:
    """What a test of the whole service sees from outside."""

    def __init__(self, endpoint: str, receiver: Receiver, scratch: Path, max_receive_count: int) -> None:
        self.endpoint = endpoint
        self.receiver = receiver
        self._scratch = scratch
        self.s3: S3Client = session().client("s3", endpoint_url=endpoint)
        self.sqs: SQSClient = session().client("sqs", endpoint_url=endpoint)
        name = uuid.uuid4().hex[:12]
        self.bucket = f"media-{name}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.dlq_url = self.sqs.create_queue(QueueName=f"dlq-{name}")["QueueUrl"]
        self._queue_name = f"queue-{name}"
        self._max_receive_count = max_receive_count
        self.queue_url = self.create_queue()

    def create_queue(self) -> str:
        """Make the queue, or make it again; returns its URL."""
        dlq = self.sqs.get_queue_attributes(QueueUrl=self.dlq_url, AttributeNames=["QueueArn"])["Attributes"]
        policy = {"deadLetterTargetArn": dlq["QueueArn"], "maxReceiveCount": self._max_receive_count}
        return self.sqs.create_queue(QueueName=self._queue_name, Attributes={"RedrivePolicy": json.dumps(policy)})[
            "QueueUrl"
        ]

    def environment(self, **settings: str) -> dict[str, str]:
        """A worker's, with these settings beside the required ones."""
        return {
            **variables(self.endpoint),
            "QUEUE_URL": self.queue_url,
            "MEDIA_BUCKET": self.bucket,
            "CALLBACK_URL": self.receiver.url,
            "CALLBACK_SECRET": SECRET,
            "HTTP_PORT": str(free_port()),
            "VISIBILITY_TIMEOUT": "6",
            **settings,
        }

    @contextmanager
    def worker(self, *module: str, await_start: bool = True, **settings: str) -> Iterator[Worker]:
        """A worker that has started, with these settings beside the required ones."""
        environment = self.environment(**settings)
        log = self._scratch / f"worker-{environment['HTTP_PORT']}.log"
        with Worker(environment, log, *module) as worker:
            if await_start:
                worker.wait_for_event("started")
            yield worker

    def upload(self, key: str, data: bytes, content_type: str = "image/jpeg") -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType=content_type)
        return key

    def enqueue(self, body: object, **attributes: str) -> str:
        """Send a message; returns its id."""
        answer = self.sqs.send_message(
            QueueUrl=self.queue_url,
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )
        return answer["MessageId"]

    def keys(self, prefix: str = "") -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    def written_at(self, prefix: str) -> dict[str, datetime]:
        """When each object was written last."""
        return {key: self.s3.head_object(Bucket=self.bucket, Key=key)["LastModified"] for key in self.keys(prefix)}

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def bundle(self, listing_id: int) -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BytesIO(self.read(f"{listing_id}/processed/zip/{listing_id}.zip")))

    def journal(self, listing_id: int, job_id: int) -> Any:
        """The journal of a job that one message asked for."""
        (key,) = self.keys(f"{listing_id}/work/{job_id}/")
        return json.loads(self.read(key))

    def dead_letter(self, timeout: int = 20) -> str:
        """The id of a message that arrives in the DLQ within the time-out (seconds)."""
        for _ in range(0, timeout, 2):
            messages = self.sqs.receive_message(QueueUrl=self.dlq_url, WaitTimeSeconds=2).get("Messages", [])
            if messages:
                return messages[0]["MessageId"]
        raise TimeoutError(f"nothing came to the DLQ in {timeout} s")

    def depth(self, queue_url: str) -> int:
        """All messages of a queue, visible or not."""
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
        visible = int(attributes["ApproximateNumberOfMessages"])
        return visible + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def wait_until_empty(self) -> None:
        """No message is left in the queue. The deletion follows the callback, so it is waited for."""
        for _ in range(100):
            if self.depth(self.queue_url) == 0:
                break
            self.sqs.receive_message(QueueUrl=self.dlq_url, WaitTimeSeconds=1)
        assert self.depth(self.queue_url) == 0

    def wait_until_settled(self) -> None:
        """No message, no DLQ, no open upload."""
        self.wait_until_empty()
        assert self.depth(self.dlq_url) == 0
        assert self.open_uploads() == 0

    def tags(self, key: str) -> dict[str, str]:
        answer = self.s3.get_object_tagging(Bucket=self.bucket, Key=key)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def open_uploads(self) -> int:
        return len(self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))
