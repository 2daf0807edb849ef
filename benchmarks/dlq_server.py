"""SQS and S3 in memory, as far as the DLQ's commands use them: each request takes 10 ms at least."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import deque
from collections.abc import Mapping
from typing import Any

LATENCY = 0.01
"""Seconds."""
DLQ = "dlq"
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


async def serve(port: int, count: int) -> None:
    memory = Memory(f"http://127.0.0.1:{port}", count)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readline():
            method, path, _ = request.decode().split()
            headers = {}
            while (line := await reader.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await asyncio.sleep(LATENCY)
            if method == "POST":
                operation = headers["x-amz-target"].partition(".")[2]
                data, kind = (
                    json.dumps(memory.sqs(operation, json.loads(body))).encode(),
                    "application/x-amz-json-1.0",
                )
            else:
                data, kind = _journal(path.partition("?")[0]), "application/json"
            head = f'HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: "e"\r\nContent-Length: {len(data)}\r\n\r\n'
            writer.write(head.encode() + data)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
