"""What every place for journals does: the fake, and S3 as moto and LocalStack play it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.errors import Code, Transient
from domain.journal import Ended, Ending, Journal, Journals
from domain.model import Job, MediaType, Product, Size, Transcoding
from tests.contract.aws import Bucket
from tests.fakes import NOW, FakeJournals

JOB = Job(21, 28, "m-1")
PHOTO = Product("28/raw/photo/a.jpg", "e1", MediaType.PHOTO, {Size.LARGE: "28/processed/photo/large/a.jpg"}, 4, 3)
PLAN = Product("28/raw/project/doc/p.pdf", "e2", MediaType.PROJECT_DOC, {Size.ORIGINAL: "28/processed/p.pdf"})
FIRST = Ended(1, NOW, Ending.TRANSIENT, "S3 was down", Code.ZIP_FAILED)
SECOND = Ended(2, NOW, Ending.RELEASED, "shut down")


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


def test_what_is_added_is_loaded_and_later_products_replace_earlier_ones(journals: Journals) -> None:
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
    second = replace(first, id="t-3", second=True)
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
