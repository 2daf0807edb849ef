"""What every transcoder does: the fake, and MediaConvert as the emulator plays it with a real ffmpeg."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.mediaconvert import MediaConvert
from adapters.no_transcoder import NoTranscoder
from devstack.aws import session
from devstack.mediaconvert import MediaConvertEmulator
from domain import keys
from domain.errors import Code, Permanent, Transient
from domain.kinds import AssetType, Size
from domain.model import Source, TranscodingResult
from domain.ports import Objects, Transcoder
from tests.contract.aws import Bucket
from tests.fakes import FakeObjects, FakeTranscoder, ManualClock

KEY = "28/raw/video/vertical/v.mov"
ROLE = "arn:aws:iam::000000000000:role/media-convert"


class Studio:
    """A transcoder, the bucket it works in, and how to make its next job fail."""

    def __init__(
        self, transcoder: Transcoder, objects: Objects, put: Callable[[str, bytes], object],
        fail: Callable[[bool], None],
    ) -> None:  # fmt: skip
        self.transcoder = transcoder
        self.objects = objects
        self.put = put
        self.fail = fail

    def upload(self, data: bytes) -> Source:
        self.put(KEY, data)
        head = self.objects.head(KEY)
        assert head
        return Source(keys.parse_raw(KEY, 28), AssetType.VIDEO_VERTICAL, head.etag, len(data))

    def result(self, transcoding_id: str) -> TranscodingResult:
        while (result := self.transcoder.result(transcoding_id)) is None:
            pass
        return result


@pytest.fixture
def emulator(moto_url: str, clock: ManualClock) -> Iterator[MediaConvertEmulator]:
    with MediaConvertEmulator(session().client("s3", endpoint_url=moto_url), clock=clock) as running:
        yield running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def studio(emulator: MediaConvertEmulator, moto_url: str) -> Studio:
    """MediaConvert's adapter on the emulator."""
    bucket = Bucket(moto_url)
    client = session().client("mediaconvert", endpoint_url=emulator.url)
    return Studio(
        MediaConvert(client, bucket.name, ROLE, None),
        bucket.objects,
        bucket.put,
        lambda curable: emulator.fail(1550 if curable else 1040, "as ordered"),
    )


def fake_studio() -> Studio:
    objects = FakeObjects()
    transcoder = FakeTranscoder(objects)

    def fail(curable: bool) -> None:
        transcoder.results["t-1"] = TranscodingResult(False, "as ordered", curable)

    return Studio(transcoder, objects, objects.put, fail)


@pytest.fixture(params=["fake", "emulator"])
def any_studio(request: pytest.FixtureRequest) -> Studio:
    if request.param == "fake":
        return fake_studio()
    studio: Studio = request.getfixturevalue("studio")
    return studio


def test_the_video_and_its_frames_are_there_when_it_is_done(any_studio: Studio, clips: Mapping[str, Path]) -> None:
    source = any_studio.upload(clips["sound"].read_bytes())
    submitted = any_studio.transcoder.submit(source, 1)
    assert (submitted.raw_key, submitted.etag, submitted.resubmitted) == (KEY, source.etag, False)
    assert (submitted.width, submitted.height) == (640, 360)
    assert any_studio.result(submitted.id) == TranscodingResult(True)
    assert any_studio.objects.head(source.derived(Size.ORIGINAL))
    frames = any_studio.transcoder.frames(source)
    assert len(frames) == 2
    assert all(any_studio.objects.head(frame) for frame in frames)


@pytest.mark.parametrize("key", ["28/raw/video/vertical/$dt$.mp4", "28/raw/vi$deo/a.mp4"])
def test_a_name_that_mediaconvert_would_expand_is_refused(any_studio: Studio, key: str) -> None:
    any_studio.transcoder.check_name(keys.parse_raw(KEY, 28))
    for transcoder in (any_studio.transcoder, NoTranscoder()):
        with pytest.raises(Permanent, match=r"\$") as refused:
            transcoder.check_name(keys.parse_raw(key, 28))
        assert refused.value.code is Code.VALIDATION_ERROR


def test_each_version_of_a_video_has_frames_of_its_own_that_no_bundle_holds(any_studio: Studio) -> None:
    source = any_studio.upload(b"a video")
    newer = replace(source, etag="another")
    other = replace(source, raw=keys.parse_raw("28/raw/video/vertical/w.mp4", 28))
    frames = [frame for each_of in (source, newer, other) for frame in any_studio.transcoder.frames(each_of)]
    assert len(set(frames)) == 6
    assert all(frame.startswith("28/work/") for frame in frames)


def test_the_same_order_is_the_same_transcoding_and_a_second_one_never_is(
    any_studio: Studio, clips: Mapping[str, Path]
) -> None:
    source = any_studio.upload(clips["sound"].read_bytes())
    first = any_studio.transcoder.submit(source, 1)
    assert any_studio.transcoder.submit(source, 1) == first
    second = any_studio.transcoder.submit(source, 2)
    assert second.id != first.id
    assert any_studio.transcoder.submit(source, 2) == second


def test_another_upload_under_the_same_key_is_another_transcoding(
    any_studio: Studio, clips: Mapping[str, Path]
) -> None:
    first = any_studio.transcoder.submit(any_studio.upload(clips["sound"].read_bytes()), 1)
    other = any_studio.transcoder.submit(any_studio.upload(clips["rotated"].read_bytes()), 1)
    assert first.id != other.id


@pytest.mark.parametrize("curable", [True, False])
def test_a_failure_says_why_and_whether_a_second_one_may_do_better(
    any_studio: Studio, clips: Mapping[str, Path], curable: bool
) -> None:
    any_studio.fail(curable)
    submitted = any_studio.transcoder.submit(any_studio.upload(clips["sound"].read_bytes()), 1)
    result = any_studio.result(submitted.id)
    assert not result.done
    assert result.curable is curable
    assert "as ordered" in result.message


def test_the_same_order_an_hour_later_is_another_job(
    studio: Studio, clips: Mapping[str, Path], clock: ManualClock
) -> None:
    source = studio.upload(clips["sound"].read_bytes())
    first = studio.transcoder.submit(source, 1)
    clock.advance(3600)
    assert studio.transcoder.submit(source, 1).id != first.id


def test_a_job_says_of_which_upload_it_is_and_not_who_asked(
    studio: Studio, emulator: MediaConvertEmulator, clips: Mapping[str, Path]
) -> None:
    studio.transcoder.submit(studio.upload(clips["sound"].read_bytes()), 1)
    (job,) = emulator.jobs
    assert job.request["userMetadata"] == {
        "app": "media-worker", "listingId": "28", "rawKey": KEY,
    }  # fmt: skip
    assert job.request["role"] == ROLE
    assert "queue" not in job.request, "the account's default"
    assert "tags" not in job.request


def test_a_queue_is_named_where_there_is_one(
    studio: Studio, emulator: MediaConvertEmulator, clips: Mapping[str, Path]
) -> None:
    arn = "arn:aws:mediaconvert:us-east-1:000000000000:queues/videos"
    client = session().client("mediaconvert", endpoint_url=emulator.url)
    source = studio.upload(clips["sound"].read_bytes())
    MediaConvert(client, "bucket", ROLE, arn).submit(source, 1)
    assert emulator.jobs[0].request["queue"] == arn


@pytest.mark.parametrize("tone_mapping", [True, False])
def test_an_hdr_source_is_converted_unless_that_is_turned_off(
    emulator: MediaConvertEmulator, moto_url: str, hdr_clips: Mapping[str, Path], tone_mapping: bool
) -> None:
    bucket = Bucket(moto_url)
    client = session().client("mediaconvert", endpoint_url=emulator.url)
    transcoder = MediaConvert(client, bucket.name, ROLE, None, tone_mapping)
    for clip in hdr_clips.values():
        bucket.put(KEY, clip.read_bytes())
        transcoder.submit(Source(keys.parse_raw(KEY, 28), AssetType.VIDEO, clip.name, 1), 1)
    hlg, pq = (json.dumps(job.request) for job in emulator.jobs)
    assert hlg.count("FORCE_709") == pq.count("FORCE_709") == (2 if tone_mapping else 0)
    assert ("HDR10" in hlg, "HDR10" in pq) == (False, tone_mapping)


def test_an_upright_source_has_an_upright_box_and_no_sound_is_made_up(
    studio: Studio, emulator: MediaConvertEmulator, clips: Mapping[str, Path]
) -> None:
    submitted = studio.transcoder.submit(studio.upload(clips["rotated"].read_bytes()), 1)
    assert (submitted.width, submitted.height) == (360, 640)
    settings = emulator.jobs[0].request["settings"]
    assert "audioSelectors" not in settings["inputs"][0]
    for group in settings["outputGroups"]:
        (output,) = group["outputs"]
        assert (output["videoDescription"]["width"], output["videoDescription"]["height"]) == (1080, 1920)
        assert "audioDescriptions" not in output


@pytest.mark.parametrize("status", [400, 403, 404, 501])
def test_where_it_will_not_probe_the_type_decides(
    studio: Studio, emulator: MediaConvertEmulator, clips: Mapping[str, Path], status: int
) -> None:
    emulator.refuse("Probe", status, "RefusedException", 10)
    submitted = studio.transcoder.submit(studio.upload(clips["sound"].read_bytes()), 1)
    assert (submitted.width, submitted.height) == (None, None)
    settings = emulator.jobs[0].request["settings"]
    assert settings["outputGroups"][0]["outputs"][0]["videoDescription"]["width"] == 1080
    assert settings["inputs"][0]["audioSelectors"]


@pytest.mark.parametrize("operation", ["Probe", "CreateJob", "GetJob"])
@pytest.mark.parametrize(
    ("status", "code"), [(429, "TooManyRequestsException"), (500, "InternalServerErrorException")]
)
def test_what_a_retry_can_cure_is_transient(
    studio: Studio,
    emulator: MediaConvertEmulator,
    clips: Mapping[str, Path],
    operation: str,
    status: int,
    code: str,
) -> None:
    source = studio.upload(clips["sound"].read_bytes())
    emulator.refuse(operation, status, code, 100)
    with pytest.raises(Transient, match="as ordered"):
        studio.result(studio.transcoder.submit(source, 1).id)


def test_a_request_that_is_refused_fails_for_good_and_a_missing_permission_may_be_given(
    studio: Studio, emulator: MediaConvertEmulator, clips: Mapping[str, Path]
) -> None:
    source = studio.upload(clips["sound"].read_bytes())
    emulator.refuse("CreateJob", 400, "BadRequestException", 1)
    with pytest.raises(Permanent, match="as ordered"):
        studio.transcoder.submit(source, 1)
    emulator.refuse("CreateJob", 403, "ForbiddenException", 1)
    with pytest.raises(Transient, match="as ordered"):
        studio.transcoder.submit(source, 1)


def test_a_canceled_job_and_one_that_is_not_known_have_failed(
    studio: Studio, emulator: MediaConvertEmulator, clips: Mapping[str, Path]
) -> None:
    emulator.hold()
    submitted = studio.transcoder.submit(studio.upload(clips["sound"].read_bytes()), 1)
    assert studio.transcoder.result(submitted.id) is None
    session().client("mediaconvert", endpoint_url=emulator.url).cancel_job(Id=submitted.id)
    for transcoding_id, why in ((submitted.id, "canceled"), ("1795-nobody", "there is none")):
        result = studio.result(transcoding_id)
        assert (result.done, result.curable) == (False, False)
        assert why in result.message


def test_without_a_role_every_video_fails_for_good() -> None:
    source = Source(keys.parse_raw(KEY, 28), AssetType.VIDEO, "e", 1)
    for ask in (lambda: NoTranscoder().submit(source, 1), lambda: NoTranscoder().result("t-1")):
        with pytest.raises(Permanent, match="MEDIACONVERT_ROLE_ARN") as refused:
            ask()
        assert refused.value.code is Code.VIDEO_PROCESSING_FAILED
