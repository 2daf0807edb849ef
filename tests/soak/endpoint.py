"""AWS as the soak's workers see it: moto, held to S3's conditions, with a note of what counts as evidence."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from devstack.scripted import INTERNAL_ERROR, SQS, AwsAnswer, AwsError, ScriptedEndpoint, operation_of
from tests.soak.record import COMPLETE, DELETE, EXTEND, LEASE, NOTE, RETURN, Delivery, Record, Request

NO_SUCH_UPLOAD = AwsError(404, "NoSuchUpload")
NO_SUCH_KEY = AwsError(404, "NoSuchKey")
PRECONDITION_FAILED = AwsError(412, "PreconditionFailed")
INCOMPLETE_BODY = AwsError(400, "IncompleteBody")
BETWEEN_POLLS = 0.2
"""Seconds."""
OK = 200
COPY_SOURCE = "x-amz-copy-source"
_UPLOAD = re.compile(rb"(<UploadId>([^<]+)</UploadId>(?:(?!<UploadId>).)*?)<Initiated>[^<]*<", re.DOTALL)
"""In a list of uploads."""
AS_PLANNED = b"as ordered"  # what an AwsError says
OWN = {error.code.encode() for error in (NO_SUCH_UPLOAD, NO_SUCH_KEY, PRECONDITION_FAILED, INCOMPLETE_BODY)}
"""What S3 would have refused, too: no fault of a plan."""


class WatchedEndpoint(ScriptedEndpoint):
    """moto takes a stale ETag and half a body for good, and stumbles over an aborted upload: these are refused.

    It tells no CRC-32 of a part that it copied, and of all uploads that they began in 2010: that is mended.

    It also stumbles over two receives that find the same dead letter, having counted what it then doesn't hand
    out: so receives come one by one, without its long poll.

    Noted are the deliveries, what becomes of leases, acknowledgements that reached the bucket, and each planned
    refusal with the request that it hit. Messages that are `kept` can't be deleted.
    """

    def __init__(self, target: str, record: Record) -> None:
        super().__init__(target)
        self._completing = threading.Lock()
        self._receiving = threading.Lock()
        self._begun: dict[str, str] = {}
        self._copied_into: set[str] = set()
        self._record = record
        self.kept: set[str] = set()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        since = time.time()
        answer = self._answer(method, path, headers, body)
        operation = operation_of(method, path, headers)
        process = process_of(headers)
        planned = answer[0] >= 400 and AS_PLANNED in answer[2] and not any(code in answer[2] for code in OWN)
        if operation == f"{SQS}ReceiveMessage" and answer[0] == OK:
            self._record.deliveries += _deliveries(json.loads(answer[2]), process, since)
        elif operation.startswith(SQS):
            for each, handle, status in _settled(operation, body, answer):
                self._record.requests.append(
                    Request(process, "SQS", each, handle, since, time.time(), status, planned)
                )
        elif planned or _is_blind(operation, headers):
            operation = operation if planned else COMPLETE
            listing = listing_of(path.encode())
            self._record.requests.append(
                Request(process, "S3", operation, listing, since, time.time(), answer[0], planned)
            )
        elif (message_id := noted_in(path, body)) and answer[0] == OK:
            self._record.requests.append(Request(process, "S3", NOTE, message_id, since, time.time()))
        return answer

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        operation = operation_of(method, path, headers)
        if len(body) < int(headers.get("Content-Length", 0)):  # moto would keep what came until the wire was cut
            return INCOMPLETE_BODY.answer(operation)
        if operation == f"{SQS}ReceiveMessage":
            return self._receive(path, headers, json.loads(body))
        if operation == f"{SQS}{DELETE}" and self._is_kept(body):
            return INTERNAL_ERROR.answer(operation)
        if operation in {"UploadPart", "CompleteMultipartUpload"}:
            with self._completing:  # between look and completion nobody else completes
                refusal = self._refusal(operation, path, headers)
                if refusal:
                    return refusal.answer(operation)
                answer = super().answer(method, path, headers, body)
                self._note_copies(operation, path, headers, answer[0])
                return self._with_crc(answer, headers) if COPY_SOURCE in _lower(headers) else answer
        answer = super().answer(method, path, headers, body)
        if operation == "CreateMultipartUpload" and (upload_id := re.search(rb"<UploadId>(.+?)<", answer[2])):
            self._begun[upload_id[1].decode()] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return answer[0], answer[1], _UPLOAD.sub(self._with_begun, answer[2])

    def _note_copies(self, operation: str, path: str, headers: Mapping[str, str], status: int) -> None:
        upload_id = _upload_id(path)
        if status == OK and COPY_SOURCE in _lower(headers):
            self._copied_into.add(upload_id)
        elif status == OK and operation == "CompleteMultipartUpload" and upload_id in self._copied_into:
            self._record.copied.append(listing_of(path.encode()))

    def _with_begun(self, upload: re.Match[bytes]) -> bytes:
        return b"%b<Initiated>%b<" % (upload[1], self._begun[upload[2].decode()].encode())

    def _receive(self, path: str, headers: Mapping[str, str], request: dict[str, Any]) -> AwsAnswer:
        until = time.monotonic() + request.get("WaitTimeSeconds", 0)
        body = json.dumps({**request, "WaitTimeSeconds": 0}).encode()
        while True:
            with self._receiving:
                answer = super().answer("POST", path, headers, body)
            if answer[0] != OK or json.loads(answer[2]).get("Messages") or time.monotonic() >= until:
                return answer
            threading.Event().wait(BETWEEN_POLLS)

    def _is_kept(self, body: bytes) -> bool:
        mine = (each for each in self._record.deliveries if each.message_id in self.kept)
        return any(f'"{each.handle}"'.encode() in body for each in mine)

    def _refusal(self, operation: str, path: str, headers: Mapping[str, str]) -> AwsError | None:
        parts = urlsplit(path)
        upload_id = _upload_id(path)
        if upload_id and self.forward("GET", f"{parts.path}?uploadId={upload_id}", {}, b"")[0] != OK:
            return NO_SUCH_UPLOAD
        conditions = _lower(headers)
        if operation == "UploadPart":
            return self._stale_source(conditions) if COPY_SOURCE in conditions else None
        status, held, _ = self.forward("HEAD", parts.path, {}, b"")
        etag = _lower(held).get("etag")
        if "if-match" in conditions and status != OK:
            return NO_SUCH_KEY
        stale = "if-match" in conditions and conditions["if-match"] != etag
        return PRECONDITION_FAILED if stale or ("if-none-match" in conditions and status == OK) else None

    def _stale_source(self, headers: Mapping[str, str]) -> AwsError | None:
        status, held, _ = self._source("HEAD", headers, {})
        if status != OK:
            return NO_SUCH_KEY
        return None if headers[f"{COPY_SOURCE}-if-match"] == _lower(held).get("etag") else PRECONDITION_FAILED

    def _with_crc(self, answer: AwsAnswer, headers: Mapping[str, str]) -> AwsAnswer:
        status, told, body = answer
        extent = _lower(headers)[f"{COPY_SOURCE}-range"]
        _, _, data = self._source("GET", _lower(headers), {"Range": extent})
        crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        end = "</CopyPartResult>"
        return status, told, body.replace(end.encode(), f"<ChecksumCRC32>{crc}</ChecksumCRC32>{end}".encode())

    def _source(self, method: str, headers: Mapping[str, str], more: Mapping[str, str]) -> AwsAnswer:
        signed = {"Authorization": headers["authorization"]}  # moto shows nothing without, whatever it says
        return self.forward(method, f"/{headers[COPY_SOURCE]}", {**signed, **more}, b"")


def _upload_id(path: str) -> str:
    found = re.search(r"uploadId=([^&]+)", urlsplit(path).query)
    return found[1] if found else ""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def process_of(headers: Mapping[str, str]) -> str:
    """The access key that signed a request."""
    found = re.search(r"Credential=([^/]+)/", headers.get("Authorization", ""))
    return found[1] if found else ""


def listing_of(text: bytes) -> str:
    """The listing whose object this names, "" where it names none."""
    found = re.search(rb"/(\d+)/(raw|processed|work)/", text)
    return found[1].decode() if found else ""


def noted_in(path: str, body: bytes) -> str:
    """The message whose acknowledgement this journal notes, "" where it is none or notes none."""
    journal = re.search(r"(?<=/)work/\d+/([^/?]+)\.json$", path)
    return journal[1] if journal and re.search(rb'"acknowledged":\s*\{', body) else ""


def _is_blind(operation: str, headers: Mapping[str, str]) -> bool:
    """Whether this replaces an object, whatever it holds by now."""
    conditions = {"if-match", "if-none-match"} & {name.lower() for name in headers}
    return operation == "CompleteMultipartUpload" and not conditions


def _deliveries(answer: Mapping[str, Any], process: str, since: float) -> Iterator[Delivery]:
    for each in answer.get("Messages", []):
        listing = re.search(r"listingId\W+(\d+)", each["Body"])
        count = int(each["Attributes"]["ApproximateReceiveCount"])
        yield Delivery(
            each["MessageId"], each["ReceiptHandle"], listing[1] if listing else "", count, process, since,
            time.time(),
        )  # fmt: skip


def _settled(operation: str, body: bytes, answer: AwsAnswer) -> Iterator[tuple[str, str, int]]:
    """What a deletion or a change of visibility was about: the operation, the handle, and its own status."""
    try:
        request = json.loads(body)
    except ValueError:  # cut off on its way
        return
    if operation == f"{SQS}{DELETE}":
        yield DELETE, request["ReceiptHandle"], answer[0]
    elif operation == f"{SQS}ChangeMessageVisibilityBatch":
        failed = {each["Id"] for each in json.loads(answer[2]).get("Failed", [])}
        for each in request["Entries"]:
            what = EXTEND if each["VisibilityTimeout"] == LEASE else RETURN
            yield what, each["ReceiptHandle"], 400 if each["Id"] in failed else answer[0]
