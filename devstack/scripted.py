"""An AWS endpoint that answers some requests with errors, and leaves the others to the emulator behind it."""

from __future__ import annotations

import http.client
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from devstack.serving import LocalServer, QuietHandler

SQS = "AmazonSQS."
HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "expect", "content-length"})
# S3's operations, as far as the worker and its checks use them, by method and by what the query names.
_S3 = {
    ("PUT", "tagging"): "PutObjectTagging", ("GET", "tagging"): "GetObjectTagging",
    ("POST", "uploads"): "CreateMultipartUpload", ("PUT", "partNumber"): "UploadPart",
    ("POST", "uploadId"): "CompleteMultipartUpload", ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "list-type"): "ListObjectsV2", ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "encryption"): "GetBucketEncryption",
}  # fmt: skip
_S3_PLAIN = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}

AwsAnswer = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""


@dataclass(frozen=True, slots=True)
class AwsError:
    """An error as AWS answers it: its HTTP status and code."""

    status: int
    code: str

    def answer(self, operation: str) -> AwsAnswer:
        """As the operation's service would write it."""
        if operation.startswith(SQS):
            body = json.dumps({"__type": f"com.amazonaws.sqs#{self.code}", "message": "as ordered"})
        else:
            body = f"<Error><Code>{self.code}</Code><Message>as ordered</Message></Error>"
        return self.status, {"Content-Type": "application/json"}, body.encode()


SLOW_DOWN = AwsError(503, "SlowDown")
INTERNAL_ERROR = AwsError(500, "InternalError")
EXPIRED_TOKEN = AwsError(400, "ExpiredToken")
REQUEST_THROTTLED = AwsError(403, "RequestThrottled")
KMS_THROTTLED = AwsError(400, "KmsThrottled")
S3_KMS_THROTTLED = AwsError(503, "KMS.ThrottlingException")
HANDLE_IS_INVALID = AwsError(404, "ReceiptHandleIsInvalid")
QUEUE_DOES_NOT_EXIST = AwsError(400, "QueueDoesNotExist")


class ScriptedEndpoint(LocalServer):
    """A context manager: an HTTP server in threads of this process.

    Operations are named as S3 has them (`PutObject`), SQS's with its prefix (`AmazonSQS.ReceiveMessage`).
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self._lock = threading.Lock()
        self._script: defaultdict[str, deque[AwsError]] = defaultdict(deque)
        self.rule: Callable[[str], AwsError | None] = lambda _: None
        """What else is answered with an error, by the operation's name."""
        super().__init__(_handler(self), "127.0.0.1", 0)

    def fail(self, operation: str, error: AwsError, times: int) -> None:
        """Answer the next calls of an operation with the error."""
        with self._lock:
            self._script[operation].extend([error] * times)

    def forgive(self) -> None:
        """Forget the errors that are left."""
        with self._lock:
            self._script.clear()

    def left(self, operation: str) -> int:
        """How many errors are still to be answered."""
        return len(self._script[operation])

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        """Status, headers and body, the emulator's or the script's."""
        operation = operation_of(method, path, headers)
        with self._lock:
            error = self._script[operation].popleft() if self._script[operation] else self.rule(operation)
        if error:
            return error.answer(operation)
        return self.forward(method, path, headers, body)

    def forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        """Status, headers and body, the emulator's."""
        connection = http.client.HTTPConnection(self._target, timeout=60)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
            connection.request(method, path, body, kept)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()


def operation_of(method: str, path: str, headers: Mapping[str, str]) -> str:
    """The operation that a request calls."""
    if target := headers.get("X-Amz-Target"):
        return target
    query = parse_qs(urlsplit(path).query, keep_blank_values=True)
    named = next((name for (verb, word), name in _S3.items() if verb == method and word in query), None)
    return named or _S3_PLAIN.get(method, method)


def _handler(endpoint: ScriptedEndpoint) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def _answer(self) -> None:
            status, headers, data = endpoint.answer(self.command, self.path, dict(self.headers), self.body())
            length = {"content-length"} if self.command == "HEAD" else set()
            kept = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP - length}
            self.answer(status, kept, data)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    return Handler
