"""What every place for journals does: the fake, and S3 as moto and LocalStack play it."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from adapters.journal import MAX_BYTES
from domain.errors import Code, Permanent, Transient
from domain.journal import Acknowledged, Begun, Ended, Ending, FailedAsset, Journal, Journals
from domain.kinds import AssetType, Size
from domain.model import Derivatives, Facts, Job, Status, Transcoding
from tests.contract.aws import Bucket
from tests.fakes import NOW, FakeJournals

JOB = Job(21, 28, "m-1")
PHOTO = Derivatives(
    "28/raw/photo/a.jpg", "e1", AssetType.PHOTO, {Size.LARGE: "28/processed/photo/large/a.jpg"}, 4, 3
)
FACTS = Facts({Size.LARGE: 160442}, "image/jpeg", "#8a7f6d", "HBkSHYSIeHiPiHh8eJd4eTN0EEQG")
PLAN = Derivatives("28/raw/project/doc/p.pdf", "e2", AssetType.PROJECT_DOC, {Size.ORIGINAL: "28/processed/p.pdf"})
FIRST = Ended(1, NOW, Ending.TRANSIENT, "S3 was down", Code.ZIP_FAILED)
SECOND = Ended(2, NOW, Ending.RELEASED, "shut down", step="photos")

BEGUN = Begun(1, NOW)
DONE = Acknowledged(Status.SUCCEEDED, NOW)
TOLD = Acknowledged(Status.PROCESSING_FAILED, NOW)
BROKEN = FailedAsset("28/raw/photo/b.jpg", Code.VALIDATION_ERROR, "the format is unknown")
PARTIAL = Acknowledged(Status.PARTIAL_SUCCESS, NOW, (BROKEN,), 7)

VIDEO = Transcoding("28/raw/video/v.mp4", "e4", "t-1", 640, 360, True)

KEY = "28/work/21/m-1.json"
OLD_KEY = "28/work/21.json"
OLD_ATTEMPT = {
    "number": 1,
    "at": "2026-01-05T12:00:00Z",
    "ending": "transient",
    "message": "S3 was down",
    "code": "ZIP_FAILED",
}
ATTEMPT = {**OLD_ATTEMPT, "step": ""}
MADE = {
    "rawKey": "28/raw/photo/a.jpg",
    "etag": "e1",
    "type": "PHOTO",
    "keys": {"large": "28/processed/photo/large/a.jpg"},
    "width": 4,
    "height": 3,
}
SUBMITTED = {"rawKey": "28/raw/video/v.mp4", "etag": "e4", "id": "t-1", "width": 640, "height": 360}

WRITTEN = {
    "version": 2,
    "messageId": "m-1",
    "jobId": 21,
    "listingId": 28,
    "unreadable": False,
    "attempts": [ATTEMPT],
    "derivatives": [MADE],
    "transcodings": [{**SUBMITTED, "resubmitted": True, "recipe": "video-1"}],
    "begun": [],
    "acknowledged": None,
}
"""The journal of FIRST, PHOTO and VIDEO."""

OLD = {
    "messageId": "m-1",
    "attempts": [OLD_ATTEMPT],
    "products": [MADE],
    "transcodings": [{**SUBMITTED, "second": True}],
}
"""The same, as the first version wrote it."""

FROM_A_NEWER_WORKER = {
    **WRITTEN,
    "acknowledged": {"status": "SUCCEEDED", "at": "2026-01-05T12:00:00Z", "webhookId": "msg_1"},
    "begun": [{"number": 1, "at": "2026-01-05T12:00:00Z", "host": "i-1"}],
    "pictures": {"28/raw/photo/a.jpg": {"blurhash": "LEHV6nWB2yk8"}},
    "attempts": [{**ATTEMPT, "host": "i-1"}],
    "derivatives": [{**MADE, "recipe": {"photo": 7}}],
    "transcodings": [{**SUBMITTED, "resubmitted": True, "recipe": "video-1", "cost": 0.25}],
}
"""The same, by a worker to come, whose fields this one doesn't know."""


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


def test_what_began_and_what_was_acknowledged_is_loaded_and_a_success_is_never_replaced(
    journals: Journals,
) -> None:
    journals.add(JOB, Journal(begun=(BEGUN,)))
    journals.add(JOB, Journal(acknowledged=TOLD))
    assert journals.load(JOB) == Journal(begun=(BEGUN,), acknowledged=TOLD)
    journals.add(JOB, Journal(begun=(Begun(2, NOW),), acknowledged=DONE))
    journals.add(JOB, Journal((SECOND,), acknowledged=TOLD))
    assert journals.load(JOB) == Journal((SECOND,), begun=(BEGUN, Begun(2, NOW)), acknowledged=DONE)


def test_the_assets_that_failed_stay_with_the_acknowledgement(journals: Journals) -> None:
    journals.add(JOB, Journal(acknowledged=PARTIAL))
    journals.add(JOB, Journal((SECOND,)))
    assert journals.load(JOB) == Journal((SECOND,), acknowledged=PARTIAL)


def test_the_journal_of_another_message_for_the_same_job_is_not_its_own(journals: Journals) -> None:
    journals.add(JOB, Journal((FIRST,), (PHOTO,)))
    again = replace(JOB, message_id="m-2")
    assert journals.load(again) == Journal()
    journals.add(again, Journal((SECOND,)))
    assert journals.load(again) == Journal((SECOND,), ())
    assert journals.load(JOB) == Journal((FIRST,), (PHOTO,)), "and it doesn't touch theirs"


def test_what_is_loaded_and_not_there_is_not_read_again_before_it_is_written(moto_url: str) -> None:
    bucket, read, put = Bucket(moto_url), list[int](), list[int]()
    assert [bucket.journals.load(JOB) for _ in range(3)] == [Journal()] * 3
    bucket.before("GetObject", lambda: read.append(1))
    bucket.before("PutObject", lambda: put.append(1))
    bucket.journals.add(JOB, Journal((FIRST,)))
    assert not read
    bucket.journals.add(JOB, Journal((SECOND,)))
    assert (len(read), len(put)) == (1, 2)
    assert bucket.journals.load(JOB) == Journal((FIRST, SECOND))


LOCALSTACK = pytest.param("localstack", marks=pytest.mark.localstack)
BUCKETS = pytest.mark.parametrize("bucket", ["moto", LOCALSTACK], indirect=True)
CONDITIONAL = pytest.mark.parametrize("bucket", [LOCALSTACK], indirect=True)
"""moto takes a stale ETag for a good one."""


def content(bucket: Bucket, key: str) -> bytes:
    return bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read()


def put(bucket: Bucket, key: str, journal: object) -> bytes:
    data = json.dumps(journal).encode()
    bucket.put(key, data)
    return data


@BUCKETS
def test_what_came_since_it_was_loaded_is_kept(bucket: Bucket) -> None:
    assert bucket.journals.load(JOB) == Journal()
    bucket.rival.add(JOB, Journal((FIRST,), acknowledged=DONE))
    bucket.journals.add(JOB, Journal((SECOND,), acknowledged=TOLD))
    assert bucket.journals.load(JOB) == Journal((FIRST, SECOND), acknowledged=DONE)


@BUCKETS
def test_it_is_tagged_so_that_it_expires_and_is_not_under_processed(bucket: Bucket) -> None:
    bucket.journals.add(JOB, Journal((FIRST,)))
    assert bucket.tags(KEY) == {"stage": "work"}


@BUCKETS
def test_its_json_has_the_names_that_running_deployments_write(bucket: Bucket) -> None:
    """A worker that is replaced by a newer one leaves journals behind: a name that changes loses them."""
    bucket.journals.add(JOB, Journal((FIRST,), (PHOTO,), (VIDEO,)))
    assert json.loads(content(bucket, KEY)) == WRITTEN
    assert bucket.journals.load(JOB) == Journal((FIRST,), (PHOTO,), (VIDEO,))


@BUCKETS
def test_the_first_versions_is_gone_on_with_and_stays_as_it_is(bucket: Bucket) -> None:
    """Its worker may still be there, and it expires by itself."""
    data = put(bucket, OLD_KEY, OLD)
    assert bucket.journals.load(JOB) == Journal((FIRST,), (PHOTO,), (VIDEO,))
    bucket.journals.add(JOB, Journal())
    assert json.loads(content(bucket, KEY)) == WRITTEN
    assert content(bucket, OLD_KEY) == data


@BUCKETS
def test_the_first_versions_is_not_looked_at_where_the_message_has_one_of_its_own(bucket: Bucket) -> None:
    put(bucket, OLD_KEY, OLD)
    put(bucket, KEY, {**WRITTEN, "attempts": []})
    assert bucket.journals.load(JOB) == Journal((), (PHOTO,), (VIDEO,))


@BUCKETS
@pytest.mark.parametrize("data", [json.dumps({**OLD, "messageId": "m-2"}).encode(), b"{ not JSON"])
def test_the_first_version_may_have_written_anothers_over_ours(bucket: Bucket, data: bytes) -> None:
    bucket.put(OLD_KEY, data)
    assert bucket.journals.load(JOB) == Journal(unreadable=True)
    bucket.journals.add(JOB, Journal((FIRST,)))
    assert bucket.journals.load(JOB) == Journal((FIRST,), unreadable=True)
    assert content(bucket, OLD_KEY) == data


@BUCKETS
def test_what_only_a_newer_worker_knows_is_kept(bucket: Bucket) -> None:
    put(bucket, KEY, FROM_A_NEWER_WORKER)
    known = Journal((FIRST,), (PHOTO,), (VIDEO,), begun=(BEGUN,), acknowledged=DONE)
    assert bucket.journals.load(JOB) == known
    bucket.journals.add(JOB, replace(known, attempts=(SECOND,), begun=()))
    written = json.loads(content(bucket, KEY))
    assert written["attempts"].pop()["message"] == "shut down"
    assert written == FROM_A_NEWER_WORKER


@BUCKETS
def test_what_a_newer_worker_said_of_assets_that_failed_is_kept(bucket: Bucket) -> None:
    broken = {"key": BROKEN.key, "code": BROKEN.code, "reason": BROKEN.reason, "step": "validate"}
    told = {"status": "PARTIAL_SUCCESS", "at": "2026-01-05T12:00:00Z", "failed": [broken], "moreFailed": 7}
    put(bucket, KEY, {**WRITTEN, "acknowledged": told})
    assert bucket.journals.load(JOB).acknowledged == PARTIAL
    bucket.journals.add(JOB, Journal((SECOND,)))
    assert json.loads(content(bucket, KEY))["acknowledged"] == told


@BUCKETS
def test_a_key_that_is_no_unicode_does_not_cost_the_acknowledgement(bucket: Bucket) -> None:
    odd = replace(BROKEN, key="28/raw/photo/\ud800.jpg", reason="no object \ud800")
    bucket.journals.add(JOB, Journal(acknowledged=replace(PARTIAL, failed=(odd,))))
    written = replace(BROKEN, key=r"28/raw/photo/\ud800.jpg", reason=r"no object \ud800")
    assert bucket.journals.load(JOB).acknowledged == replace(PARTIAL, failed=(written,))


@BUCKETS
def test_what_a_newer_worker_said_of_derivatives_goes_with_them(bucket: Bucket) -> None:
    put(bucket, KEY, FROM_A_NEWER_WORKER)
    bucket.journals.add(JOB, Journal((), (replace(PHOTO, etag="e3"),)))
    assert json.loads(content(bucket, KEY))["derivatives"] == [{**MADE, "etag": "e3"}]


FACTS_WRITTEN = {
    "bytes": {"large": 160442},
    "contentType": "image/jpeg",
    "dominantColor": "#8a7f6d",
    "thumbhash": "HBkSHYSIeHiPiHh8eJd4eTN0EEQG",
}


@BUCKETS
def test_the_facts_of_a_photo_are_with_its_derivatives(bucket: Bucket) -> None:
    known = replace(PHOTO, facts=FACTS)
    bucket.journals.add(JOB, Journal((FIRST,), (known,)))
    assert json.loads(content(bucket, KEY))["derivatives"] == [{**MADE, "facts": FACTS_WRITTEN}]
    assert bucket.journals.load(JOB) == Journal((FIRST,), (known,))


@BUCKETS
def test_what_only_a_newer_worker_knows_of_a_photo_is_kept(bucket: Bucket) -> None:
    derivatives = [{**MADE, "facts": {**FACTS_WRITTEN, "sharpness": 0.5}}]
    put(bucket, KEY, {**WRITTEN, "derivatives": derivatives})
    bucket.journals.add(JOB, Journal((SECOND,), bucket.journals.load(JOB).derivatives))
    assert json.loads(content(bucket, KEY))["derivatives"] == derivatives


@BUCKETS
def test_one_in_a_newer_form_is_left_as_it_is_and_is_a_trace(bucket: Bucket) -> None:
    data = put(bucket, KEY, {"version": 3, "tries": "in another form"})
    with capture_logs() as logs:
        assert bucket.journals.load(JOB) == Journal(unreadable=True)
    assert [log["event"] for log in logs] == ["the journal is a newer worker's and is left as it is"]
    with pytest.raises(Permanent, match="version 3"):
        bucket.journals.add(JOB, Journal((FIRST,)))
    assert content(bucket, KEY) == data


UNREADABLE = {
    "cut off": json.dumps(WRITTEN).encode()[:-9],
    "no text": b"\xff\xfe",
    "nothing": b"",
    "too deep": b"[" * 100_000,
    "no journal": b"{}",
    "of what we don't know": json.dumps({**WRITTEN, "attempts": [{**ATTEMPT, "ending": "odd"}]}).encode(),
    "another message's": json.dumps({**WRITTEN, "messageId": "m/1"}).encode(),
    "too large": json.dumps(WRITTEN).encode() + b" " * MAX_BYTES,
}


@BUCKETS
@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_one_that_cannot_be_read_is_begun_anew_and_stays_a_trace(bucket: Bucket, data: bytes) -> None:
    bucket.put(KEY, data)
    with capture_logs() as logs:
        assert bucket.journals.load(JOB) == Journal(unreadable=True)
    assert [log["event"] for log in logs] == ["the journal can't be read and is begun anew"]
    assert len(logs[0]["why"]) < 200, "not the journal itself"
    bucket.journals.add(JOB, Journal((FIRST,)))
    assert bucket.journals.load(JOB) == Journal((FIRST,), unreadable=True)


@pytest.mark.parametrize("bucket", ["moto"], indirect=True)
def test_one_that_is_too_large_is_not_read_into_memory(bucket: Bucket) -> None:
    bucket.put(KEY, UNREADABLE["too large"])
    bucket.journals.load(JOB)  # what boto3 loads itself at the first time
    tracemalloc.start()
    bucket.journals.load(JOB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MAX_BYTES / 4


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
