"""AWS as the soak's workers see it: moto, held to S3's conditions, with a note of each delivery."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from devstack.scripted import SQS, AwsAnswer, AwsError, ScriptedEndpoint, operation_of

NO_SUCH_UPLOAD = AwsError(404, "NoSuchUpload")
NO_SUCH_KEY = AwsError(404, "NoSuchKey")
PRECONDITION_FAILED = AwsError(412, "PreconditionFailed")
OK = 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was handed out: for the how many-th time, to whom (its access key), when (epoch)."""

    message_id: str
    receive_count: int
    receiver: str
    at: float


class WatchedEndpoint(ScriptedEndpoint):
    """moto takes a stale ETag for a good one and stumbles over an aborted upload: here both are refused."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self._completing = threading.Lock()
        self.deliveries: list[Delivery] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        operation = operation_of(method, path, headers)
        if operation in {"UploadPart", "CompleteMultipartUpload"}:
            with self._completing:  # between look and completion nobody else completes
                refusal = self._refusal(operation, path, headers)
                return refusal.answer(operation) if refusal else super().answer(method, path, headers, body)
        answer = super().answer(method, path, headers, body)
        if operation == f"{SQS}ReceiveMessage" and answer[0] == OK:
            self._note(headers, answer[2])
        return answer

    def _refusal(self, operation: str, path: str, headers: Mapping[str, str]) -> AwsError | None:
        parts = urlsplit(path)
        upload_id = re.search(r"uploadId=([^&]+)", parts.query)
        if upload_id and self.forward("GET", f"{parts.path}?uploadId={upload_id[1]}", {}, b"")[0] != OK:
            return NO_SUCH_UPLOAD
        if operation == "UploadPart":
            return None
        conditions = {name.lower(): value for name, value in headers.items()}
        status, held, _ = self.forward("HEAD", parts.path, {}, b"")
        etag = {name.lower(): value for name, value in held.items()}.get("etag")
        if "if-match" in conditions and status != OK:
            return NO_SUCH_KEY
        stale = "if-match" in conditions and conditions["if-match"] != etag
        return PRECONDITION_FAILED if stale or ("if-none-match" in conditions and status == OK) else None

    def _note(self, headers: Mapping[str, str], body: bytes) -> None:
        receiver = re.search(r"Credential=([^/]+)/", headers.get("Authorization", ""))
        for message in json.loads(body).get("Messages", []):
            count = int(message["Attributes"]["ApproximateReceiveCount"])
            self.deliveries.append(
                Delivery(message["MessageId"], count, receiver[1] if receiver else "", time.time())
            )
