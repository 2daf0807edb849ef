"""What the endpoints note of requests, on which every excuse rests."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping

import pytest

from devstack.scripted import INTERNAL_ERROR, SLOW_DOWN, SQS, AwsAnswer
from domain.errors import Conflict
from tests.contract.aws import Bucket
from tests.soak.endpoint import WatchedEndpoint
from tests.soak.record import COMPLETE, DELETE, EXTEND, NOTE, RETURN, SUBMIT, Delivery, Record
from tests.soak.transcoder import WatchedTranscoder

MIB = 1024 * 1024
ME = "SOAK1N7"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=SOAK1N7/20261121/eu/sqs/aws4_request"}


class Endpoint(WatchedEndpoint):
    """With a canned answer in moto's place."""

    canned: tuple[int, object] = (200, {})

    def forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        status, answer = self.canned
        return status, {}, json.dumps(answer).encode()

    def ask(self, operation: str, body: object) -> None:
        headers = {**SIGNED, "X-Amz-Target": f"{SQS}{operation}"}
        self.answer("POST", "/", headers, json.dumps(body).encode())


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def endpoint(record: Record) -> Iterator[Endpoint]:
    with Endpoint("http://none", record) as endpoint:
        yield endpoint


def noted(record: Record) -> list[tuple[str, str, str, int, bool]]:
    return [(each.process, each.operation, each.about, each.status, each.planned) for each in record.requests]


def test_a_delivery_is_noted_with_its_process_and_listing(endpoint: Endpoint, record: Record) -> None:
    attributes = {"ApproximateReceiveCount": "2"}
    job = {
        "MessageId": "m",
        "ReceiptHandle": "h",
        "Body": '{"jobId": 1, "listingId": 5}',
        "Attributes": attributes,
    }
    endpoint.canned = (200, {"Messages": [job, {**job, "MessageId": "n", "Body": "no job"}]})
    endpoint.ask("ReceiveMessage", {})
    first, second = record.deliveries
    assert (first.message_id, first.handle, first.listing, first.count, first.process) == (
        "m",
        "h",
        "5",
        2,
        "SOAK1N7",
    )
    assert (second.message_id, second.listing) == ("n", "")
    assert first.asked_at <= first.at


def test_a_long_poll_ends_with_the_first_message_or_when_its_time_is_over(
    endpoint: Endpoint, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, message = (
        [],
        {"MessageId": "m", "ReceiptHandle": "h", "Body": "", "Attributes": {"ApproximateReceiveCount": "1"}},
    )

    def forward(method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        asked.append(json.loads(body))
        return 200, {}, json.dumps({"Messages": [message]} if len(asked) == 2 else {}).encode()

    monkeypatch.setattr(endpoint, "forward", forward)
    endpoint.ask("ReceiveMessage", {"WaitTimeSeconds": 20, "MaxNumberOfMessages": 4})
    assert asked == [{"WaitTimeSeconds": 0, "MaxNumberOfMessages": 4}] * 2
    endpoint.ask("ReceiveMessage", {"WaitTimeSeconds": 0.3})
    assert [each.message_id for each in record.deliveries] == ["m"]


def test_deletions_are_noted_with_the_answer_given(endpoint: Endpoint, record: Record) -> None:
    endpoint.fail(f"{SQS}DeleteMessage", INTERNAL_ERROR, 1)
    for _ in range(2):
        endpoint.ask("DeleteMessage", {"ReceiptHandle": "h"})
    assert noted(record) == [("SOAK1N7", DELETE, "h", 500, True), ("SOAK1N7", DELETE, "h", 200, False)]


def test_a_message_that_is_kept_is_deleted_by_no_handle_of_it(endpoint: Endpoint, record: Record) -> None:
    endpoint.kept.add("m")
    record.deliveries += [
        Delivery(which, f"{which}{count}", "5", count, ME, 0, 0) for which in "mn" for count in (1, 2)
    ]
    for handle in ("m1", "m2", "n1"):
        endpoint.ask("DeleteMessage", {"ReceiptHandle": handle})
    assert [each[2:] for each in noted(record)] == [("m1", 500, True), ("m2", 500, True), ("n1", 200, False)]


def test_an_acknowledgement_that_reached_the_bucket_is_noted_with_its_message(
    endpoint: Endpoint, record: Record
) -> None:
    for path, body in (
        ("/media-1/5/work/10/m.json", b'{"acknowledged": {"status": "SUCCEEDED"}}'),
        ("/media-1/5/work/10/n.json", b'{"acknowledged": null}'),
        ("/media-1/5/work/videos/v.json", b'{"acknowledged": {}}'),
    ):
        endpoint.answer("PUT", path, SIGNED, body)
    endpoint.canned = (412, {})
    endpoint.answer("PUT", "/media-1/5/work/10/o.json", SIGNED, b'{"acknowledged": {}}')
    assert noted(record) == [(ME, NOTE, "m", 200, False)]


def test_extensions_and_returns_are_told_apart_and_each_has_its_own_answer(
    endpoint: Endpoint, record: Record
) -> None:
    endpoint.canned = (200, {"Failed": [{"Id": "1"}]})
    entries = [
        {"Id": "0", "ReceiptHandle": "a", "VisibilityTimeout": 9},
        {"Id": "1", "ReceiptHandle": "b", "VisibilityTimeout": 9},
        {"Id": "2", "ReceiptHandle": "c", "VisibilityTimeout": 15},
    ]
    endpoint.ask("ChangeMessageVisibilityBatch", {"Entries": entries})
    assert [each[1:4] for each in noted(record)] == [(EXTEND, "a", 200), (EXTEND, "b", 400), (RETURN, "c", 200)]


def test_of_the_bucket_only_planned_refusals_are_noted_with_the_listing_that_they_hit(
    endpoint: Endpoint, record: Record
) -> None:
    endpoint.fail("PutObject", SLOW_DOWN, 1)
    for listing in (5, 6):
        endpoint.answer("PUT", f"/media-1/{listing}/work/1.json", SIGNED, b"")
    assert noted(record) == [("SOAK1N7", "PutObject", "5", 503, True)]


def test_a_bundle_that_is_replaced_without_a_condition_is_noted(endpoint: Endpoint, record: Record) -> None:
    for headers in (SIGNED, {**SIGNED, "If-Match": "x"}, {**SIGNED, "If-None-Match": "*"}):
        endpoint.answer("POST", "/media-1/5/processed/zip/5.zip?uploadId=u", headers, b"")
    assert noted(record) == [("SOAK1N7", COMPLETE, "5", 200, False)]


def test_a_request_that_was_cut_off_on_its_way_is_refused(endpoint: Endpoint, record: Record) -> None:
    headers = {**SIGNED, "Content-Length": "5"}
    assert endpoint.answer("PUT", "/media-1/5/work/1.json", headers, b"cut")[0] == 400
    assert endpoint.answer("PUT", "/media-1/5/work/1.json", headers, b"whole")[0] == 200
    assert noted(record) == []


def test_a_settlement_that_was_cut_off_on_its_way_is_not_noted(endpoint: Endpoint, record: Record) -> None:
    endpoint.answer("POST", "/", {**SIGNED, "X-Amz-Target": f"{SQS}DeleteMessage"}, b"")
    assert noted(record) == []


def test_submissions_and_throttling_are_noted_of_the_transcoder(record: Record) -> None:
    class Transcoder(WatchedTranscoder):
        def forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
            return (201 if b"/5/" in body else 429), {}, b""

    with Transcoder("http://none", record) as transcoder:
        for listing in (5, 6):
            transcoder.answer("POST", "/2017-08-29/jobs", SIGNED, f's3://m/{listing}/raw/video/a.mp4"'.encode())
            transcoder.answer("GET", "/jobs/1", SIGNED, f"/{listing}/".encode())
    submitted, throttled, asked = noted(record)
    assert submitted == ("SOAK1N7", SUBMIT, "5", 201, False)
    assert throttled == ("SOAK1N7", SUBMIT, "6", 429, True)
    assert asked == ("SOAK1N7", "GET /jobs/1", "", 429, True)


def test_a_copied_part_has_its_crc_and_that_of_a_changed_source_is_refused(moto_url: str, record: Record) -> None:
    data = bytes(range(256)) * (6 * MIB // 256)
    with WatchedEndpoint(moto_url, record) as endpoint:
        bucket = Bucket(endpoint.url)
        bucket.put("source", data)
        (source,) = bucket.objects.list("source")
        with bucket.objects.replace("target", None, "application/zip", {}) as upload:
            assert upload.copy(1, source, range(1, 1 + 5 * MIB)) == zlib.crc32(data[1 : 1 + 5 * MIB])
            upload.part(2, b"end")
            bucket.put("source", data[::-1])
            with pytest.raises(Conflict):
                upload.copy(3, source, range(5 * MIB))
        (target,) = bucket.objects.list("target")
        assert b"".join(bucket.objects.read("target", target.etag)) == data[1 : 1 + 5 * MIB] + b"end"


def test_of_the_bundles_those_are_noted_of_which_a_part_was_copied(moto_url: str, record: Record) -> None:
    with WatchedEndpoint(moto_url, record) as endpoint:
        bucket = Bucket(endpoint.url)
        bucket.put("7/raw/a.pdf", bytes(6 * MIB))
        (source,) = bucket.objects.list("7/raw/")
        for key, copies in (("7/processed/zip/7.zip", 1), ("8/processed/zip/8.zip", 0)):
            with bucket.objects.replace(key, None, "application/zip", {}) as upload:
                for number in range(1, 1 + copies):
                    upload.copy(number, source, range(5 * MIB))
                upload.part(1 + copies, b"end")
                assert record.copied == []
            record.copied, copied = [], record.copied
            assert copied == ["7"] * copies
