"""What every place for claims does: the fake, and S3 as moto and LocalStack play it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from adapters.claims import S3Claims, age_of
from domain import keys
from domain.claims import Claim, Claims
from domain.errors import Conflict, Unavailable
from domain.kinds import AssetType
from domain.model import Origin, Source, Transcoding
from tests.contract.aws import Bucket
from tests.fakes import NOW, FakeClaims

SOURCE = Source(keys.parse_raw("28/raw/video/vertical/v.mov", 28), AssetType.VIDEO, "e1", 1)
SHARING = Source(keys.parse_raw("28/raw/video/vertical/2026-01-05/v.mp4", 28), AssetType.VIDEO, "e2", 1)
OTHER = Source(keys.parse_raw("28/raw/video/vertical/w.mp4", 28), AssetType.VIDEO, "e1", 1)
CLAIM = Claim(SOURCE.origin, 1, "m-1")
TRANSCODING = Transcoding(SOURCE.raw.key, "e1", "t-1", 640, None, resubmitted=True)
EMULATORS = ["moto", pytest.param("localstack", marks=pytest.mark.localstack)]


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return Bucket(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["fake", *EMULATORS])
def claims(request: pytest.FixtureRequest) -> Claims:
    if request.param == "fake":
        return FakeClaims()
    bucket = Bucket(request.getfixturevalue(f"{request.param}_url"))
    return S3Claims(bucket.client, bucket.name)


def seen(claims: Claims, source: Source = SOURCE) -> Claim:
    claim = claims.look(source)
    assert claim
    return claim


def test_there_is_none_until_somebody_claims(claims: Claims) -> None:
    assert claims.look(SOURCE) is None
    taken = claims.take(SOURCE, CLAIM, None)
    claim = seen(claims)
    assert claim == replace(CLAIM, version=taken.version, age=claim.age)
    assert 0 <= claim.age < 60
    assert claims.look(OTHER) is None


def test_uploads_that_would_share_their_derivatives_share_the_claim(claims: Claims) -> None:
    claims.take(SOURCE, CLAIM, None)
    assert seen(claims, SHARING).origin == SOURCE.origin


def test_what_was_submitted_is_named(claims: Claims) -> None:
    claims.name(SOURCE, claims.take(SOURCE, CLAIM, None), TRANSCODING)
    assert seen(claims).transcoding == TRANSCODING


def test_only_the_claim_that_was_seen_is_replaced(claims: Claims) -> None:
    first = claims.take(SOURCE, CLAIM, None)
    rival = replace(CLAIM, message_id="m-2")
    with pytest.raises(Conflict):
        claims.take(SOURCE, rival, None)
    second = claims.take(SOURCE, rival, first)
    assert (seen(claims).message_id, seen(claims).version) == ("m-2", second.version)
    with pytest.raises(Conflict):
        claims.take(SOURCE, CLAIM, first)


def test_a_claim_that_was_taken_over_is_not_named(claims: Claims) -> None:
    first = claims.take(SOURCE, CLAIM, None)
    claims.take(SOURCE, replace(CLAIM, message_id="m-2"), first)
    claims.name(SOURCE, first, TRANSCODING)
    assert (seen(claims).message_id, seen(claims).transcoding) == ("m-2", None)


@pytest.mark.parametrize(
    ("date", "age"),
    [
        ("Mon, 05 Jan 2026 12:00:07 GMT", 7),
        ("Mon, 05 Jan 2026 12:00:07 -0000", 7),
        ("Mon, 05 Jan 2026 11:59:00 GMT", 0),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_its_age_is_by_the_buckets_clock(date: str, age: int) -> None:
    assert age_of(NOW, date) == age


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_it_expires_with_the_other_work(bucket: Bucket) -> None:
    S3Claims(bucket.client, bucket.name).take(SOURCE, CLAIM, None)
    assert bucket.tags(keys.claim_key(SOURCE.raw)) == {"stage": "work"}


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
@pytest.mark.parametrize("damaged", [b"", b"{}", b'{"rawKey": 1}', b"\xff"])
def test_one_that_cannot_be_read_is_nobodys_and_can_be_replaced(bucket: Bucket, damaged: bytes) -> None:
    claims = S3Claims(bucket.client, bucket.name)
    bucket.put(keys.claim_key(SOURCE.raw), damaged)
    with capture_logs() as logs:
        unreadable = seen(claims)
    assert unreadable.origin == Origin("", "", "")
    assert [line["event"] for line in logs] == ["a claim can't be read and is replaced"]
    claims.take(SOURCE, CLAIM, unreadable)
    assert seen(claims).origin == SOURCE.origin


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_one_that_expired_meanwhile_is_not_what_was_seen(bucket: Bucket) -> None:
    claims = S3Claims(bucket.client, bucket.name)
    first = claims.take(SOURCE, CLAIM, None)
    bucket.client.delete_object(Bucket=bucket.name, Key=keys.claim_key(SOURCE.raw))
    with pytest.raises(Conflict):
        claims.take(SOURCE, CLAIM, first)


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_a_bucket_that_is_not_there_is_an_outage(bucket: Bucket) -> None:
    claims = S3Claims(bucket.client, "no-such-bucket")
    with pytest.raises(Unavailable):
        claims.take(SOURCE, CLAIM, None)
    with pytest.raises(Unavailable):
        claims.name(SOURCE, CLAIM, TRANSCODING)


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_that_a_claim_was_taken_over_is_said_when_it_is_named(bucket: Bucket) -> None:
    claims = S3Claims(bucket.client, bucket.name)
    first = claims.take(SOURCE, CLAIM, None)
    claims.take(SOURCE, replace(CLAIM, message_id="m-2"), first)
    with capture_logs() as logs:
        claims.name(SOURCE, first, TRANSCODING)
    (line,) = logs
    assert (line["log_level"], line["transcoding"]) == ("warning", "t-1")
