"""S3 and one SQS queue in memory, so cheap that what is measured is the worker.

`PUT /-/latency?seconds=0.04` makes each request to S3 wait so long, and counts anew; `GET /-/counts` tells what
came by operation and kind of key. The queue shows each message once: who leaves one to a retry waits in vain.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from benchmarks.s3_in_memory import Bucket, Refused
from benchmarks.serving import Answer, Request, serve
from devstack.processes import Child, free_port

OPERATIONS = {
    ("HEAD", False): "HeadBucket", ("PUT", False): "CreateBucket", ("GET", False): "ListObjectsV2",
    ("HEAD", True): "HeadObject", ("GET", True): "GetObject", ("PUT", True): "PutObject",
    ("DELETE", True): "DeleteObject",
}  # fmt: skip
"""By method, and whether there is a key."""
OF_UPLOADS = {
    "GET": "ListMultipartUploads", "POST": "CompleteMultipartUpload", "PUT": "UploadPart",
    "DELETE": "AbortMultipartUpload",
}  # fmt: skip
AREAS = ("raw", "processed", "work")
"""The second segment of a listing's keys."""
REDRIVE = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dlq", "maxReceiveCount": 5})


@dataclass(slots=True)
class Count:
    """Requests of one kind, their bodies' bytes, and when the first came and the last was answered (monotonic)."""

    requests: int = 0
    received: int = 0
    sent: int = 0
    first: float = 0.0
    last: float = 0.0


def operation(asked: Request, key: str) -> str:
    """The request's name in S3's API."""
    copied = "Copy" if "x-amz-copy-source" in asked.headers else ""
    if "uploadId" in asked.query:
        return OF_UPLOADS[asked.method] + copied
    if "uploads" in asked.query:
        return "CreateMultipartUpload" if asked.method == "POST" else "ListMultipartUploads"
    if "tagging" in asked.query:
        return f"{asked.method.title()}ObjectTagging"
    return "CopyObject" if copied else OPERATIONS[asked.method, bool(key)]


def area(key: str) -> str:
    """Which of a listing's keys it is, for counting."""
    _, _, inner = key.partition("/")
    found = inner.partition("/")[0]
    return " bundle" if inner.startswith("processed/zip/") else f" {found}" if found in AREAS else ""


class Queue:
    """The queue, whatever its name."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sent = 0

    async def answer(self, name: str, asked: Mapping[str, Any]) -> object:
        match name:
            case "GetQueueAttributes":
                return {"Attributes": {"RedrivePolicy": REDRIVE}}
            case "SendMessage":
                return self._send(asked["MessageBody"])
            case "ReceiveMessage":
                return {"Messages": await self._received(asked["MaxNumberOfMessages"], asked["WaitTimeSeconds"])}
            case "ChangeMessageVisibilityBatch":
                return {"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]], "Failed": []}
        return {}

    def _send(self, body: str) -> Mapping[str, str]:
        self._sent += 1
        message_id, md5 = f"message-{self._sent}", hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        self._messages.put_nowait(
            {
                "MessageId": message_id,
                "ReceiptHandle": message_id,
                "Body": body,
                "MD5OfBody": md5,
                "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
            }
        )
        return {"MessageId": message_id, "MD5OfMessageBody": md5}

    async def _received(self, most: int, wait: float) -> list[dict[str, Any]]:
        messages = []
        with suppress(TimeoutError):
            messages.append(await asyncio.wait_for(self._messages.get(), wait))
        while messages and len(messages) < most and not self._messages.empty():
            messages.append(self._messages.get_nowait())
        return messages


class Services:
    """All that the server answers."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._queue = Queue()
        self._latency = 0.0
        self._counts: dict[str, Count] = {}

    async def answer(self, asked: Request) -> Answer:
        if asked.path.startswith("/-/"):
            return self._told(asked)
        came = time.monotonic()
        if target := asked.headers.get("x-amz-target", ""):
            name = target.partition(".")[2]
            said = json.dumps(await self._queue.answer(name, json.loads(asked.body)))
            answer = Answer(said.encode(), headers={"Content-Type": "application/x-amz-json-1.0"})
        else:
            await asyncio.sleep(self._latency)
            bucket, _, key = asked.path[1:].partition("/")
            name = operation(asked, key)
            answer = self._s3(asked, name, bucket, key)
            name += area(key)
        count = self._counts.setdefault(name, Count(first=came))
        count.requests += 1
        count.received += len(asked.body)
        count.sent += len(answer.body) if asked.method != "HEAD" else 0
        count.last = time.monotonic()
        return answer

    def _told(self, asked: Request) -> Answer:
        if asked.method == "PUT":
            self._latency = float(asked.query["seconds"])
            self._counts.clear()
        return Answer(json.dumps({name: asdict(count) for name, count in self._counts.items()}).encode())

    def _s3(self, asked: Request, name: str, bucket: str, key: str) -> Answer:
        if name == "CreateBucket":
            self._buckets[bucket] = Bucket()
            return Answer()
        try:
            if bucket not in self._buckets:
                raise Refused(HTTPStatus.NOT_FOUND, "NoSuchBucket")
            answer: Answer = getattr(self._buckets[bucket], _method(name))(asked, key)
        except Refused as error:
            return Answer(f"<Error><Code>{error.code}</Code></Error>".encode(), error.status)
        return answer


def _method(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@contextmanager
def aws_server() -> Iterator[tuple[str, Child]]:
    """Run the server on a free loopback port; yields its endpoint URL and its process."""
    endpoint = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "benchmarks.aws_server", str(port)]
    with tempfile.TemporaryDirectory() as scratch, Child(command, log=Path(scratch) / "server.log") as child:
        child.wait_ready(f"{endpoint}/-/counts", timeout=30)
        yield endpoint, child


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Services().answer))
