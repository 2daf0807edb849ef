"""SQS and S3 in memory, as far as the DLQ's commands use them: each request takes 10 ms at least."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import deque
from collections.abc import Mapping
from typing import Any

from benchmarks.serving import Answer, Request, serve

LATENCY = 0.01
"""Seconds."""
DLQ = "dlq"
JSON = {"Content-Type": "application/x-amz-json-1.0"}
ACCOUNT = "000000000000"
JOURNAL = {
    "version": 2, "messageId": "", "jobId": 1, "listingId": 1,
    "attempts": [
        {"number": receive, "at": "2026-01-05T12:00:07Z", "ending": "transient", "step": "callback",
         "code": None, "message": "the backend answered 503"}
        for receive in range(1, 6)
    ],
    "derivatives": [], "transcodings": [], "begun": [], "acknowledged": None,
}  # fmt: skip


class Memory:
    """A DLQ of so many messages, each with a journal in the bucket; what is received stays hidden until shown."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url
        self._bodies = {f"{number:036}": _body(number) for number in range(1, count + 1)}
        self._visible = deque(self._bodies)
        self._hidden: set[str] = set()
        self._sent = 0

    def sqs(self, operation: str, asked: Mapping[str, Any]) -> object:
        entries = asked.get("Entries", [])
        match operation:
            case "GetQueueUrl":
                return {"QueueUrl": f"{self._url}/{ACCOUNT}/{asked['QueueName']}"}
            case "GetQueueAttributes":
                return {"Attributes": self._attributes(asked["QueueUrl"].endswith(DLQ))}
            case "ReceiveMessage":
                return {"Messages": [self._received() for _ in range(min(10, len(self._visible)))]}
            case "ChangeMessageVisibilityBatch":
                shown = {entry["ReceiptHandle"] for entry in entries} & self._hidden
                self._hidden -= shown
                self._visible.extend(shown)
            case "DeleteMessageBatch":
                self._hidden -= {entry["ReceiptHandle"] for entry in entries}
            case "SendMessageBatch":
                self._sent += len(entries)
                return {"Successful": [_sent(entry) for entry in entries], "Failed": []}
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}

    def _attributes(self, of_dlq: bool) -> Mapping[str, str]:
        target = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{DLQ}"
        return {
            "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": 5}),
            "ApproximateNumberOfMessages": str(len(self._visible) if of_dlq else self._sent),
            "ApproximateNumberOfMessagesNotVisible": str(len(self._hidden) if of_dlq else 0),
            "ApproximateNumberOfMessagesDelayed": "0",
        }

    def _received(self) -> Mapping[str, object]:
        message_id = self._visible.popleft()
        self._hidden.add(message_id)
        body = self._bodies[message_id]
        return {
            "MessageId": message_id, "ReceiptHandle": message_id, "Body": body, "MD5OfBody": _md5(body),
            "Attributes": {"ApproximateReceiveCount": "6", "SentTimestamp": "1767614400000"},
        }  # fmt: skip


def _body(number: int) -> str:
    return json.dumps(
        {"jobId": number, "listingId": number % 500 + 1, "assets": [f"{number % 500 + 1}/raw/photo/a.jpg"]}
    )


def _sent(entry: Mapping[str, Any]) -> Mapping[str, str]:
    return {"Id": entry["Id"], "MessageId": f"again-{entry['Id']}", "MD5OfMessageBody": _md5(entry["MessageBody"])}


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _journal(path: str) -> bytes:
    message_id = path.rpartition("/")[2].removesuffix(".json")
    return json.dumps({**JOURNAL, "messageId": message_id}).encode()


async def run(port: int, count: int) -> None:
    memory = Memory(f"http://127.0.0.1:{port}", count)

    async def answer(request: Request) -> Answer:
        await asyncio.sleep(LATENCY)
        if request.method != "POST":
            return Answer(_journal(request.path), headers={"Content-Type": "application/json", "ETag": '"e"'})
        operation = request.headers["x-amz-target"].partition(".")[2]
        return Answer(json.dumps(memory.sqs(operation, json.loads(request.body))).encode(), headers=JSON)

    await serve(port, answer)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2])))
