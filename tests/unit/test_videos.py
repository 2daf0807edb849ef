from __future__ import annotations

import hashlib

import pytest

from domain import keys
from domain.errors import Code, Dependency, LeaseLost, Permanent, Transient, Unavailable
from domain.kinds import AssetType, Kind, Size
from domain.model import Asset, Derivatives, Failure, Job, Manifest, Report, Source, Status, TranscodingResult
from domain.pipeline import process
from domain.rejections import NothingProcessed
from tests.fakes import JPEG, MP4, FakeAttempt, FakeClaims, FakeImages, FakeObjects, FakeTranscoder, make_ports
from tests.outcomes import outcome_of

PHOTO = "28/raw/photo/horizontal/a.jpg"
VIDEO = "28/raw/video/vertical/v.mov"
OTHER = "28/raw/video/vertical/w.mp4"
CURABLE = TranscodingResult(False, "failed: 1550", curable=True)
FAILED = TranscodingResult(False, "failed: 1040")


class World:
    def __init__(self) -> None:
        self.objects = FakeObjects()
        self.images = FakeImages()
        self.transcoder = FakeTranscoder(self.objects)
        self.claims = FakeClaims()
        for key in (VIDEO, OTHER):
            self.objects.put(key, MP4 + key.encode(), "video/mp4")
        self.objects.put(PHOTO, JPEG)

    def run(self, *assets: str | Asset, attempt: FakeAttempt | None = None) -> Report:
        attempt = attempt or FakeAttempt()
        attempt.transcoder = self.transcoder
        ports = make_ports(
            objects=self.objects, images=self.images, transcoder=self.transcoder, claims=self.claims
        )
        entries = tuple(Asset(entry) if isinstance(entry, str) else entry for entry in assets)
        return process(Job(21, 28, "m-1", entries), attempt, ports)

    def frame(self, number: int) -> str:
        stored = self.objects.stored[VIDEO]
        raw = keys.parse_raw(VIDEO, 28)
        return self.transcoder.frames(Source(raw, AssetType.VIDEO_VERTICAL, stored.etag, len(stored.data)))[number]


@pytest.fixture
def world() -> World:
    return World()


def test_a_video_has_its_original_and_the_four_sizes_of_its_poster(world: World) -> None:
    derivatives = outcome_of(world.run(VIDEO), VIDEO)
    assert isinstance(derivatives, Derivatives)
    assert derivatives.keys == {size: f"28/processed/video/vertical/{size}/v.mp4" for size in Size}
    assert (derivatives.width, derivatives.height) == (640, 360)
    assert world.objects.stored[derivatives.keys[Size.ORIGINAL]].data == MP4
    assert world.objects.stored[derivatives.keys[Size.SMALL]].content_type == "image/jpeg"
    assert world.objects.processed == {VIDEO}
    assert world.objects.work == {world.frame(0), world.frame(1)}, "the frames expire"


@pytest.mark.parametrize(("captured", "chosen"), [(2, b" frame 1"), (1, b" frame 0")])
def test_the_poster_is_the_second_frame_where_there_is_one(world: World, captured: int, chosen: bytes) -> None:
    world.transcoder.captured = captured
    world.run(VIDEO)
    assert world.images.rendered == [JPEG + chosen]


def test_videos_are_submitted_before_the_photos_are_rendered_and_asked_after_then(world: World) -> None:
    def before(method: str) -> None:
        expected = [] if method == "submit" else [JPEG]
        assert world.images.rendered == expected

    world.transcoder.before = before
    report = world.run(PHOTO, VIDEO)
    assert report.status is Status.SUCCEEDED
    assert world.transcoder.asked == ["t-1"]


def test_submission_and_wait_are_steps_of_their_own(world: World) -> None:
    attempt = FakeAttempt()
    during: dict[str, str] = {}
    world.transcoder.before = lambda method: during.update({method: attempt.steps[-1]})
    world.images.before = lambda data: during.update(
        {"poster" if b"frame" in data else "photo": attempt.steps[-1]}
    )
    world.run(PHOTO, VIDEO, attempt=attempt)
    assert attempt.steps == [
        "validate", "submit", "thumbnails", "videos", "confirm", "zip", "consolidate", "callback",
    ]  # fmt: skip
    assert during == {"submit": "submit", "photo": "thumbnails", "result": "videos", "poster": "videos"}
    assert attempt.counts["thumbnails"] == attempt.counts["videos"] == {"ok": 1}


def test_a_job_without_videos_has_neither_step(world: World) -> None:
    attempt = FakeAttempt()
    world.run(PHOTO, "28/raw/video/vertical/missing.mp4", attempt=attempt)
    assert attempt.steps == ["validate", "thumbnails", "confirm", "zip", "consolidate", "callback"]


def test_nothing_is_kept_for_the_bundle_while_a_job_waits(world: World) -> None:
    world.run(PHOTO, VIDEO)
    kept = [key for key in world.objects.called("read") if "/photo/horizontal/" in key and "processed" in key]
    assert len(kept) == 4, "what was rendered before the wait is read from the bucket again"
    assert not any("/video/vertical/small/" in key for key in world.objects.called("read"))


def test_the_same_video_under_two_types_is_submitted_once(world: World) -> None:
    attempt = FakeAttempt()
    attempt.progress.recall_transcoding = lambda source: None  # type: ignore[method-assign]  # as side by side
    report = world.run(Asset(VIDEO, "VIDEO"), Asset(VIDEO, "VIDEO_VERTICAL"), VIDEO, attempt=attempt)
    assert report.status is Status.SUCCEEDED
    assert world.transcoder.submitted == [(VIDEO, False)]


def test_a_transcoding_that_an_earlier_attempt_submitted_is_waited_for_and_not_paid_again(world: World) -> None:
    attempt = FakeAttempt()
    world.transcoder.results["t-1"] = None
    with pytest.raises(Transient, match="t-1 hasn't ended in time"):
        world.run(PHOTO, VIDEO, attempt=attempt)
    world.transcoder.results.clear()
    report = world.run(PHOTO, VIDEO, attempt=attempt)
    assert report.status is Status.SUCCEEDED
    assert world.transcoder.submitted == [(VIDEO, False)]
    assert world.images.rendered.count(JPEG) == 1


def test_a_transcoding_by_an_older_recipe_is_not_gone_on_with(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = FakeAttempt()
    world.transcoder.results["t-1"] = None
    with pytest.raises(Transient):
        world.run(VIDEO, attempt=attempt)
    monkeypatch.setattr(Kind.VIDEO, "recipe", "video-2")
    assert world.run(VIDEO, attempt=attempt).status is Status.SUCCEEDED
    assert len(world.transcoder.submitted) == 2


def test_a_finished_video_is_not_asked_after_again(world: World) -> None:
    attempt = FakeAttempt()
    world.run(VIDEO, attempt=attempt)
    attempt.lose_the_acknowledgement()
    world.run(VIDEO, attempt=attempt)
    assert world.transcoder.asked == ["t-1"]


def test_an_upload_of_the_same_name_is_another_video(world: World) -> None:
    attempt = FakeAttempt()
    world.run(VIDEO, attempt=attempt)
    attempt.lose_the_acknowledgement()
    world.objects.put(VIDEO, MP4 + b" uploaded again", "video/mp4")
    world.run(VIDEO, attempt=attempt)
    assert world.transcoder.submitted == [(VIDEO, False)] * 2


def test_one_that_is_uploaded_again_while_it_is_transcoded_fails_the_attempt(world: World) -> None:
    def upload_again(method: str) -> None:
        if method == "result":
            world.objects.put(VIDEO, MP4 + b" uploaded again", "video/mp4")

    world.transcoder.before = upload_again
    with pytest.raises(Transient, match="uploaded again"):
        world.run(VIDEO)


def test_a_failure_that_a_retry_can_cure_is_submitted_again(world: World) -> None:
    attempt = FakeAttempt()
    world.transcoder.results["t-1"] = CURABLE
    assert world.run(VIDEO, OTHER, attempt=attempt).status is Status.SUCCEEDED
    assert world.transcoder.submitted == [(VIDEO, False), (OTHER, False), (VIDEO, True)]
    known = {submitted.raw_key: submitted.resubmitted for submitted in attempt.progress.transcodings}
    assert known == {VIDEO: True, OTHER: False}, "the latest of each upload counts"


def test_a_failure_is_submitted_again_while_another_video_goes_on(world: World) -> None:
    attempt = FakeAttempt(last=True)
    world.transcoder.results |= {"t-1": CURABLE, "t-2": None}
    report = world.run(VIDEO, OTHER, attempt=attempt)
    assert isinstance(outcome_of(report, VIDEO), Derivatives)
    assert isinstance(outcome_of(report, OTHER), Failure)


def test_it_is_submitted_again_only_once_a_message(world: World) -> None:
    attempt = FakeAttempt()
    world.transcoder.results |= {"t-1": CURABLE, "t-2": CURABLE}
    for _ in range(2):
        with pytest.raises(NothingProcessed):
            world.run(VIDEO, attempt=attempt)
    assert world.transcoder.submitted == [(VIDEO, False), (VIDEO, True)]


def test_any_other_failure_is_final_and_the_assets_alone(world: World) -> None:
    world.transcoder.results["t-1"] = FAILED
    report = world.run(VIDEO, PHOTO)
    assert report.status is Status.PARTIAL_SUCCESS
    assert outcome_of(report, VIDEO) == Failure(Code.VIDEO_PROCESSING_FAILED, "failed: 1040")
    assert world.transcoder.submitted == [(VIDEO, False)]


def refuse(world: World, method: str, error: Exception) -> None:
    def before(called: str) -> None:
        if called == method:
            raise error

    world.transcoder.before = before


@pytest.mark.parametrize("last", [False, True])
def test_a_submission_that_fails_for_now_lets_the_photos_be_done(world: World, last: bool) -> None:
    attempt = FakeAttempt(last=last)
    refuse(world, "submit", Transient("throttled"))
    if last:
        report = world.run(VIDEO, PHOTO, attempt=attempt)
        assert outcome_of(report, VIDEO) == Failure(Code.VIDEO_PROCESSING_FAILED, "throttled")
    else:
        with pytest.raises(Transient, match="throttled"):
            world.run(VIDEO, PHOTO, attempt=attempt)
    assert [made.raw_key for made in attempt.progress.derivatives] == [PHOTO]


def test_a_bug_in_a_submission_fails_the_attempt_and_on_the_last_receive_the_asset(world: World) -> None:
    refuse(world, "submit", KeyError("Job"))
    with pytest.raises(KeyError):
        world.run(VIDEO, PHOTO)
    failure = outcome_of(world.run(VIDEO, PHOTO, attempt=FakeAttempt(last=True)), VIDEO)
    assert isinstance(failure, Failure)
    assert failure.code is Code.VIDEO_PROCESSING_FAILED


def test_a_second_submission_that_fails_for_now_is_left_to_the_next_attempt(world: World) -> None:
    attempt = FakeAttempt()
    world.transcoder.results["t-1"] = CURABLE

    def throttle(method: str) -> None:
        if method == "submit" and world.transcoder.submitted:
            raise Transient("throttled")

    world.transcoder.before = throttle
    with pytest.raises(Transient, match="throttled"):
        world.run(VIDEO, attempt=attempt)
    world.transcoder.before = lambda method: None
    assert world.run(VIDEO, attempt=attempt).status is Status.SUCCEEDED
    assert world.transcoder.submitted == [(VIDEO, False), (VIDEO, True)]


def test_on_the_last_receive_a_video_that_has_not_ended_is_that_assets_failure(world: World) -> None:
    world.transcoder.results["t-1"] = None
    report = world.run(VIDEO, PHOTO, attempt=FakeAttempt(last=True))
    assert report.status is Status.PARTIAL_SUCCESS
    failure = outcome_of(report, VIDEO)
    assert isinstance(failure, Failure)
    assert failure.code is Code.VIDEO_PROCESSING_FAILED


def test_a_transcoding_that_is_complete_but_left_nothing_fails(world: World) -> None:
    world.transcoder.results["t-1"] = TranscodingResult(True)
    failure = outcome_of(world.run(VIDEO, PHOTO), VIDEO)
    assert isinstance(failure, Failure)
    assert "there is no 28/processed/video/vertical/original/v.mp4" in failure.message


def test_a_poster_that_cannot_be_made_has_its_own_code(world: World) -> None:
    world.transcoder.captured = 0
    failure = outcome_of(world.run(VIDEO, PHOTO), VIDEO)
    assert failure == Failure(Code.VIDEO_THUMBNAIL_FAILED, f"no frame was captured of {VIDEO}")
    world.transcoder.captured = 2
    world.images.before = lambda data: (_ for _ in ()).throw(Permanent("cut off")) if b"frame" in data else None
    assert outcome_of(world.run(VIDEO, PHOTO), VIDEO) == Failure(Code.VIDEO_THUMBNAIL_FAILED, "cut off")


def test_a_lost_lease_ends_the_wait_and_nothing_is_submitted_after_it(world: World) -> None:
    refuse(world, "result", LeaseLost("gone"))
    with pytest.raises(LeaseLost):
        world.run(VIDEO)
    attempt = FakeAttempt()
    attempt.before_checkpoint = lambda: (_ for _ in ()).throw(LeaseLost("gone"))
    with pytest.raises(LeaseLost):
        world.run(VIDEO, attempt=attempt)
    assert world.transcoder.submitted == [(VIDEO, False)]


def test_a_digest_that_the_bucket_does_not_hold_is_checked_before_anything_is_paid_for(world: World) -> None:
    right = hashlib.sha256(world.objects.stored[VIDEO].data).hexdigest()
    assert world.run(Asset(VIDEO, manifest=Manifest(sha256=right))).status is Status.SUCCEEDED
    world.transcoder.submitted.clear()
    with pytest.raises(NothingProcessed) as failed:
        world.run(Asset(VIDEO, manifest=Manifest(sha256="0" * 64)))
    assert failed.value.report.status is Status.VALIDATION_FAILED
    assert world.transcoder.submitted == []


def test_a_second_submission_does_not_read_the_video_again(world: World) -> None:
    reads: list[str] = []
    world.objects.before = lambda method, key: reads.append(key) if method == "read" else None
    world.transcoder.results["t-1"] = CURABLE
    digest = hashlib.sha256(world.objects.stored[VIDEO].data).hexdigest()
    assert world.run(Asset(VIDEO, manifest=Manifest(sha256=digest))).status is Status.SUCCEEDED
    assert world.transcoder.submitted == [(VIDEO, False), (VIDEO, True)]
    assert reads.count(VIDEO) == 2, "its first bytes, to see what it is, and all of it"


def test_two_videos_that_differ_by_their_extension_cannot_both_be_processed(world: World) -> None:
    same = world.objects.put("28/raw/video/vertical/v.mp4", MP4, "video/mp4")
    report = world.run(VIDEO, same)
    assert isinstance(outcome_of(report, VIDEO), Derivatives)
    failure = outcome_of(report, same)
    assert isinstance(failure, Failure)
    assert failure.code is Code.VALIDATION_ERROR


def test_a_photo_under_the_name_of_a_poster_cannot_be_processed_beside_it(world: World) -> None:
    photo = world.objects.put("28/raw/video/vertical/v.mp4", JPEG)
    failure = outcome_of(world.run(VIDEO, Asset(photo, "PHOTO")), photo)
    assert isinstance(failure, Failure)
    assert failure.code is Code.VALIDATION_ERROR


def throttled() -> Unavailable:
    return Unavailable("slow down", Dependency.MEDIACONVERT, "CreateJob")


def test_a_video_that_cant_be_submitted_while_mediaconvert_is_out_is_submitted_after_the_photos(
    world: World,
) -> None:
    attempt, refusals = FakeAttempt(), iter([throttled(), throttled()])
    attempt.outages = 1

    def refuse(method: str) -> None:
        if method == "submit" and (error := next(refusals, None)):
            assert bool(world.images.rendered) is bool(attempt.outlasted or "videos" in attempt.steps)
            raise error

    world.transcoder.before = refuse
    report = world.run(PHOTO, VIDEO, attempt=attempt)
    assert report.status is Status.SUCCEEDED
    assert attempt.outlasted == ["slow down"], "the first refusal isn't waited for: there are photos to render"
    assert world.transcoder.submitted == [(VIDEO, False)]


def test_a_claim_that_cant_be_named_while_the_bucket_is_out_is_named_before_its_video_is_waited_for(
    world: World,
) -> None:
    attempt, refusals = FakeAttempt(), iter([1, 2])
    attempt.outages = 1

    def refuse(method: str) -> None:
        if method == "name" and next(refusals, None):
            raise Unavailable(method, Dependency.BUCKET)

    def look(method: str) -> None:
        if method == "result":
            claims = [claim.transcoding and claim.transcoding.id for claim in world.claims.claims.values()]
            assert claims == ["t-1"]

    world.claims.before, world.transcoder.before = refuse, look
    report = world.run(PHOTO, VIDEO, attempt=attempt)
    assert report.status is Status.SUCCEEDED
    assert attempt.outlasted == ["name"], "the first refusal isn't waited for: there are photos to render"
    assert world.transcoder.submitted == [(VIDEO, False)]


def test_a_resubmission_in_an_outage_is_made_when_it_is_over(world: World) -> None:
    attempt, refusals = FakeAttempt(), iter([throttled(), throttled()])
    attempt.outages = 1
    world.transcoder.results = {"t-1": CURABLE}

    def refuse(method: str) -> None:
        if method == "submit" and world.transcoder.submitted and (error := next(refusals, None)):
            assert not attempt.idle_now or not attempt.outlasted, "an outage isn't waited for within another wait"
            raise error

    world.transcoder.before = refuse
    assert world.run(VIDEO, attempt=attempt).status is Status.SUCCEEDED
    assert world.transcoder.submitted == [(VIDEO, False), (VIDEO, True)]
    assert world.transcoder.asked.count("t-1") == 1


def test_a_video_that_is_resubmitted_after_an_outage_isnt_submitted_a_third_time(world: World) -> None:
    attempt, refusals = FakeAttempt(last=True), iter([throttled(), throttled()])
    attempt.outages = 1
    world.transcoder.results = {"t-1": CURABLE, "t-2": CURABLE}

    def refuse(method: str) -> None:
        if method == "submit" and world.transcoder.submitted and (error := next(refusals, None)):
            raise error

    world.transcoder.before = refuse
    assert isinstance(outcome_of(world.run(PHOTO, VIDEO, attempt=attempt), VIDEO), Failure)
    assert world.transcoder.submitted == [(VIDEO, False), (VIDEO, True)]


def test_a_job_that_mediaconvert_refuses_alone_fails_as_ever_and_on_the_last_receive_by_itself(
    world: World,
) -> None:
    def refuse(method: str) -> None:
        if method == "submit":
            raise throttled()

    world.transcoder.before = refuse
    with pytest.raises(Unavailable):
        world.run(PHOTO, VIDEO)
    report = world.run(PHOTO, VIDEO, attempt=FakeAttempt(last=True))
    assert report.status is Status.PARTIAL_SUCCESS
    assert outcome_of(report, VIDEO) == Failure(Code.VIDEO_PROCESSING_FAILED, "slow down")
