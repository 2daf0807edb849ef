"""The benchmarks' S3 and queue in memory. What every bucket does is in tests/contract/test_objects.py."""

from __future__ import annotations

import base64
import socket
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from benchmarks import jobs
from benchmarks.jobs import Load, counted, tell
from benchmarks.thumbnails import photo
from devstack.aws import session
from tests.contract.aws import Bucket

MIB = 1024 * 1024
CODE = r"\({}\)"


@pytest.fixture
def bucket(memory_url: str) -> Iterator[Bucket]:
    yield Bucket(memory_url)
    tell(memory_url, 0)


def test_a_list_goes_on_after_a_thousand_keys(bucket: Bucket) -> None:
    for number in range(1001):
        bucket.put(f"28/{number:04}+ä", b"x")
    entries = list(bucket.objects.list("28/"))
    assert [entry.key for entry in entries] == [f"28/{number:04}+ä" for number in range(1001)]


def test_each_request_to_s3_waits_for_the_latency(bucket: Bucket, memory_url: str) -> None:
    tell(memory_url, 0.2)
    began = time.monotonic()
    bucket.objects.head("28/raw/photo/a.jpg")
    assert time.monotonic() - began >= 0.2


def test_requests_and_bytes_are_counted_by_operation_and_kind_of_key(bucket: Bucket, memory_url: str) -> None:
    tell(memory_url, 0)
    etag = bucket.objects.write("28/processed/photo/a.jpg", b"12345", "image/jpeg", {})
    list(bucket.objects.read("28/processed/photo/a.jpg", etag))
    for _ in range(2):
        bucket.objects.head("28/raw/photo/a.jpg")
    with bucket.objects.replace("28/processed/zip/28.zip", None, "application/zip", {}) as upload:
        upload.part(1, b"123")
    counts = counted(memory_url)
    put, got = counts["PutObject processed"], counts["GetObject processed"]
    assert (put.requests, put.received, put.sent) == (1, 5, 0)
    assert (got.requests, got.received, got.sent) == (1, 0, 5)
    assert put.first <= put.last <= got.first <= got.last
    assert counts["HeadObject raw"].requests == 2
    assert counts["UploadPart bundle"].received == 3
    tell(memory_url, 0)
    assert counted(memory_url) == {}


def test_who_asks_before_the_body_is_told_to_go_on(memory_url: str, bucket: Bucket) -> None:
    """boto3 waits a second for it, at each PUT."""
    address = urlsplit(memory_url)
    head = f"PUT /{bucket.name}/a HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as connected:
        connected.sendall(head.encode())
        assert connected.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connected.sendall(b"x")
        assert connected.recv(1024).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("headers", "code"),
    [({"x-amz-checksum-crc32": "AAAAAA=="}, 400), ({"Content-Encoding": "aws-chunked"}, 501)],
)
def test_a_body_that_is_not_what_its_headers_say_is_refused(
    bucket: Bucket, memory_url: str, headers: dict[str, str], code: int
) -> None:
    asked = urllib.request.Request(f"{memory_url}/{bucket.name}/a", b"x", headers, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked)
    refused.value.close()
    assert refused.value.code == code
    assert bucket.objects.head("a") is None


def test_the_end_of_an_object_can_be_read(bucket: Bucket) -> None:
    bucket.put("a", b"0123456789")
    answer = bucket.client.get_object(Bucket=bucket.name, Key="a", Range="bytes=-4")
    assert (answer["Body"].read(), answer["ContentRange"]) == (b"6789", "bytes 6-9/10")
    with pytest.raises(ClientError, match=CODE.format("InvalidRange")):
        bucket.client.get_object(Bucket=bucket.name, Key="a", Range="bytes=10-12")


def whole_crc(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def copy_and_add(bucket: Bucket, crc: str, copied: str = "bytes=1-5242880") -> None:
    """Replace `b` by a range of `a` and one byte more, of which all has this CRC."""
    s3, name = bucket.client, bucket.name
    upload = s3.create_multipart_upload(
        Bucket=name, Key="b", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
    )["UploadId"]  # fmt: skip
    part = s3.upload_part_copy(
        Bucket=name, Key="b", UploadId=upload, PartNumber=1, CopySource={"Bucket": name, "Key": "a"},
        CopySourceRange=copied, CopySourceIfMatch=s3.head_object(Bucket=name, Key="a")["ETag"],
    )["CopyPartResult"]  # fmt: skip
    end = s3.upload_part(
        Bucket=name, Key="b", UploadId=upload, PartNumber=2, Body=b"!", ChecksumAlgorithm="CRC32"
    )  # fmt: skip
    s3.complete_multipart_upload(
        Bucket=name, Key="b", UploadId=upload, ChecksumCRC32=crc, ChecksumType="FULL_OBJECT",
        MultipartUpload={
            "Parts": [
                {"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]},
                {"PartNumber": 2, "ETag": end["ETag"], "ChecksumCRC32": end["ChecksumCRC32"]},
            ]
        },
    )  # fmt: skip


def test_a_part_can_be_copied_and_the_whole_has_the_crc_that_it_should(bucket: Bucket) -> None:
    data = bytes(range(256)) * (6 * MIB // 256)
    bucket.put("a", data)
    wanted = data[1:5242881] + b"!"
    with pytest.raises(ClientError, match=CODE.format("BadDigest")):
        copy_and_add(bucket, whole_crc(data))
    assert bucket.objects.head("b") is None
    copy_and_add(bucket, whole_crc(wanted))
    head = bucket.client.head_object(Bucket=bucket.name, Key="b", ChecksumMode="ENABLED")
    assert (head["ContentLength"], head["ChecksumCRC32"]) == (len(wanted), whole_crc(wanted))


def test_a_part_that_is_too_small_is_refused(bucket: Bucket) -> None:
    bucket.put("a", bytes(6 * MIB))
    with pytest.raises(ClientError, match=CODE.format("EntityTooSmall")):
        copy_and_add(bucket, whole_crc(bytes(MIB) + b"!"), f"bytes=0-{MIB - 1}")


@pytest.mark.parametrize(
    ("number", "kind", "code"), [(2, "FULL_OBJECT", "InvalidPartOrder"), (1, "COMPOSITE", "BadDigest")]
)
def test_an_upload_ends_as_it_began_and_its_parts_are_numbered_without_gaps(
    bucket: Bucket, number: int, kind: Literal["FULL_OBJECT", "COMPOSITE"], code: str
) -> None:
    s3, name = bucket.client, bucket.name
    upload = s3.create_multipart_upload(
        Bucket=name, Key="b", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
    )["UploadId"]  # fmt: skip
    etag = s3.upload_part(Bucket=name, Key="b", UploadId=upload, PartNumber=number, Body=b"!")["ETag"]
    with pytest.raises(ClientError, match=CODE.format(code)):
        s3.complete_multipart_upload(
            Bucket=name, Key="b", UploadId=upload, ChecksumType=kind,
            MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etag}]},
        )  # fmt: skip


def test_the_queue_gives_each_message_once_and_as_soon_as_it_is_sent(memory_url: str) -> None:
    sqs, url = session().client("sqs", endpoint_url=memory_url), f"{memory_url}/000000000000/queue"
    later = threading.Timer(0.1, jobs.send, (memory_url, [{"jobId": 1}]))
    later.start()
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20)["Messages"]
    later.join()
    assert message["Body"] == '{"jobId": 1}'
    assert not sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_the_jobs_of_a_benchmark_are_measured_on_a_real_worker() -> None:
    measured = jobs.run(Load(2, 2), 0.04, photo(640, 480))
    counts = measured.counts
    asked = {name: counts[name].requests for name in ("GetObject raw", "PutObject processed", "DeleteMessage")}
    assert asked == {"GetObject raw": 4, "PutObject processed": 16, "DeleteMessage": 2}
    (sent, deleted), (got, put) = measured.whole, measured.photos
    assert sent < got < put < deleted
    figures = {figure.name.rpartition(": ")[2]: figure.value for figure in jobs.figures(measured)}
    assert figures["PutObject processed"] == 4
    for name in ("the whole", "CPU a photo", "… without the children", "memory of worker and children"):
        assert figures[name] > 0
