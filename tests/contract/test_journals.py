"""What every place for journals does: the fake, and S3 as moto and LocalStack play it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from domain.errors import Code, Transient
from domain.journal import Ended, Ending, Journal, Journals
from domain.kinds import AssetType, Size
from domain.model import Derivatives, Job, Transcoding
from tests.contract.aws import Bucket
from tests.fakes import NOW, FakeJournals

JOB = Job(21, 28, "m-1")
PHOTO = Derivatives(
    "28/raw/photo/a.jpg", "e1", AssetType.PHOTO, {Size.LARGE: "28/processed/photo/large/a.jpg"}, 4, 3
)
PLAN = Derivatives("28/raw/project/doc/p.pdf", "e2", AssetType.PROJECT_DOC, {Size.ORIGINAL: "28/processed/p.pdf"})
FIRST = Ended(1, NOW, Ending.TRANSIENT, "S3 was down", Code.ZIP_FAILED)
SECOND = Ended(2, NOW, Ending.RELEASED, "shut down")

WRITTEN = {
    "messageId": "m-1",
    "attempts": [
        {
            "number": 1,
            "at": "2026-01-05T12:00:00Z",
            "ending": "transient",
            "message": "S3 was down",
            "code": "ZIP_FAILED",
        }
    ],
    "products": [
        {
            "rawKey": "28/raw/photo/a.jpg",
            "etag": "e1",
            "type": "PHOTO",
            "keys": {"large": "28/processed/photo/large/a.jpg"},
            "width": 4,
            "height": 3,
        }
    ],
    "transcodings": [
        {"rawKey": "28/raw/video/v.mp4", "etag": "e4", "id": "t-1", "width": 640, "height": 360, "second": True}
    ],
}
"""The journal of FIRST, PHOTO and a transcoding, as the first version wrote it."""


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return Bucket(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["fake", "moto", pytest.param("localstack", marks=pytest.mark.localstack)])
def journals(request: pytest.FixtureRequest) -> Journals:
    if request.param == "fake":
        return FakeJournals()
    return Bucket(request.getfixturevalue(f"{request.param}_url")).journals


def test_there_is_nothing_before_something_is_added(journals: Journals) -> None:
    assert journals.load(JOB) == Journal()


def test_what_is_added_is_loaded_and_later_derivatives_replace_earlier_ones(journals: Journals) -> None:
    journals.add(JOB, Journal((FIRST,), (PHOTO,)))
    assert journals.load(JOB) == Journal((FIRST,), (PHOTO,))
    newer = replace(PHOTO, etag="e3")
    journals.add(JOB, Journal((SECOND,), (newer, PLAN)))
    assert journals.load(JOB) == Journal((FIRST, SECOND), (newer, PLAN))


def test_a_transcoding_is_loaded_and_a_later_one_of_the_same_upload_replaces_it(journals: Journals) -> None:
    first = Transcoding("28/raw/video/v.mp4", "e1", "t-1", 640, 360)
    other = Transcoding("28/raw/video/w.mp4", "e2", "t-2")
    journals.add(JOB, Journal(transcodings=(first, other)))
    assert journals.load(JOB) == Journal(transcodings=(first, other))
    second = replace(first, id="t-3", resubmitted=True)
    journals.add(JOB, Journal((FIRST,), (), (second,)))
    assert journals.load(JOB) == Journal((FIRST,), (), (second, other))


def test_the_journal_of_another_message_for_the_same_job_is_not_its_own(journals: Journals) -> None:
    journals.add(JOB, Journal((FIRST,), (PHOTO,)))
    again = replace(JOB, message_id="m-2")
    assert journals.load(again) == Journal()
    journals.add(again, Journal((SECOND,)))
    assert journals.load(again) == Journal((SECOND,), ())


LOCALSTACK = pytest.param("localstack", marks=pytest.mark.localstack)
BUCKETS = pytest.mark.parametrize("bucket", ["moto", LOCALSTACK], indirect=True)
CONDITIONAL = pytest.mark.parametrize("bucket", [LOCALSTACK], indirect=True)
"""moto takes a stale ETag for a good one."""


@BUCKETS
def test_it_is_tagged_so_that_it_expires_and_is_not_under_processed(bucket: Bucket) -> None:
    bucket.journals.add(JOB, Journal((FIRST,)))
    assert bucket.tags("28/work/21.json") == {"stage": "work"}


@BUCKETS
def test_its_json_has_the_names_that_running_deployments_wrote(bucket: Bucket) -> None:
    """A worker that is replaced by a newer one leaves journals behind: a name that changes loses them."""
    bucket.put("28/work/21.json", json.dumps(WRITTEN).encode())
    known = Journal((FIRST,), (PHOTO,), (Transcoding("28/raw/video/v.mp4", "e4", "t-1", 640, 360, True),))
    assert bucket.journals.load(JOB) == known
    bucket.journals.add(JOB, Journal())
    written = bucket.client.get_object(Bucket=bucket.name, Key="28/work/21.json")["Body"].read()
    assert json.loads(written) == WRITTEN


@BUCKETS
def test_one_that_cannot_be_read_is_begun_anew(bucket: Bucket) -> None:
    bucket.put("28/work/21.json", b"{ not JSON")
    assert bucket.journals.load(JOB) == Journal()
    bucket.journals.add(JOB, Journal((FIRST,)))
    assert bucket.journals.load(JOB) == Journal((FIRST,))


def overtake(bucket: Bucket, *, times: int) -> None:
    """Have another attempt add to the journal between our reading and our writing."""
    numbers = iter(range(times))

    def add() -> None:
        if next(numbers, None) is not None:
            bucket.rival.add(JOB, Journal((SECOND,)))

    bucket.before("PutObject", add)


@BUCKETS
def test_two_attempts_that_begin_it_at_the_same_time_are_both_in_it(bucket: Bucket) -> None:
    overtake(bucket, times=1)
    bucket.journals.add(JOB, Journal((FIRST,)))
    assert bucket.journals.load(JOB).attempts == (SECOND, FIRST)


@CONDITIONAL
def test_two_attempts_that_go_on_with_it_at_the_same_time_are_both_in_it(bucket: Bucket) -> None:
    bucket.rival.add(JOB, Journal((FIRST,)))
    overtake(bucket, times=2)
    bucket.journals.add(JOB, Journal((FIRST,), (PHOTO,)))
    assert bucket.journals.load(JOB) == Journal((FIRST, SECOND, SECOND, FIRST), (PHOTO,))


@CONDITIONAL
def test_one_that_others_keep_changing_is_given_up(bucket: Bucket) -> None:
    overtake(bucket, times=100)
    with pytest.raises(Transient, match="changed 5 times"):
        bucket.journals.add(JOB, Journal((FIRST,)))
