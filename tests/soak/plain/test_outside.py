"""What the endpoint notes of consumers that aren't ours, and how it springs a trap."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from devstack.receiver import Callback
from devstack.scripted import SQS, AwsAnswer
from tests.soak.plain.outside import Aws, told
from tests.soak.record import Record

SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=SOAK1N7/20261121/eu/sqs/aws4_request"}
CELERYS = json.dumps({"body": "W1td", "headers": {"argsrepr": "({'jobId': 5, 'listingId': 5},)"}})


class Canned(Aws):
    """With a canned answer in moto's place."""

    canned: AwsAnswer = (200, {}, b"")

    def forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        return self.canned


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def aws(record: Record) -> Iterator[Canned]:
    with Canned("http://none", record) as aws:
        yield aws


def receive(aws: Canned) -> AwsAnswer:
    message = {
        "MessageId": "m",
        "ReceiptHandle": "h",
        "Body": CELERYS,
        "Attributes": {"ApproximateReceiveCount": "1"},
    }
    aws.canned = (200, {}, json.dumps({"Messages": [message]}).encode())
    return aws.answer("POST", "/", {**SIGNED, "x-amz-target": f"{SQS}ReceiveMessage"}, b"{}")


def test_nobody_gets_a_message_before_it_is_opened(aws: Canned, record: Record) -> None:
    assert receive(aws)[2] == b"{}"
    assert (aws.pollers, record.deliveries) == ({"SOAK1N7"}, [])


def test_a_delivery_of_celerys_message_names_its_job_whatever_the_case_of_the_headers(
    aws: Canned, record: Record
) -> None:
    aws.opened.set()
    receive(aws)
    (delivery,) = record.deliveries
    assert (delivery.listing, delivery.process) == ("5", "SOAK1N7")


def test_requests_about_a_job_and_callbacks_are_signs_of_it(aws: Canned) -> None:
    aws.answer("PUT", "/bucket/5/processed/photo/vertical/large/a%20b.jpg", SIGNED, b"")
    aws.answer("GET", "/bucket?list-type=2", SIGNED, b"")
    (sign,) = aws.signs
    assert (sign.job, sign.what, sign.key, sign.status) == (
        5, "PutObject", "5/processed/photo/vertical/large/a b.jpg", 200,
    )  # fmt: skip
    payload = {"jobId": 5, "status": "SUCCEEDED"}
    (callback,) = told([Callback("/callback", {}, b"", payload, "genuine", 7.0, 503)])
    assert (callback.at, callback.job, callback.what, callback.status) == (7.0, 5, "SUCCEEDED", 503)


def test_a_trap_springs_once_on_what_it_is_set_for(aws: Canned) -> None:
    sprung: list[str] = []
    refusal: AwsAnswer = (500, {}, b"")

    def act(process: str) -> AwsAnswer:
        sprung.append(process)
        return refusal

    aws.set_trap("PutObject", "/processed/", act)
    puts = [
        aws.answer("PUT", path, SIGNED, b"")[0] for path in ("/b/5/work/x", "/b/5/processed/x", "/b/5/processed/x")
    ]
    assert puts == [200, 500, 200]
    assert sprung == ["SOAK1N7"]
