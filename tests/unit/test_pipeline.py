from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import replace

import pytest

from domain import pipeline
from domain.errors import Code, Dependency, Permanent, Transient, Unavailable
from domain.kinds import Size
from domain.model import Asset, Derivatives, Failure, Job, JobKind, Manifest, Report, Status
from domain.pipeline import process
from domain.ports import Ports
from domain.rejections import NothingProcessed
from domain.rendition_cache import RenditionCache, RenditionRoom
from tests.fakes import (
    JPEG,
    NOW,
    PDF,
    FakeAttempt,
    FakeBackend,
    FakeImages,
    FakeObjects,
    FakeTranscoder,
    make_ports,
)  # fmt: skip
from tests.outcomes import outcome_of

PHOTO = "28/raw/photo/horizontal/a.jpg"
OTHER = "28/raw/photo/horizontal/b.jpg"
DOCUMENT = "28/raw/project/doc/plan.pdf"
VIDEO = "28/raw/video/vertical/v.mp4"


class World:
    """The fakes behind one set of ports."""

    def __init__(self) -> None:
        self.objects = FakeObjects()
        self.images = FakeImages()
        self.backend = FakeBackend()
        self.transcoder = FakeTranscoder(self.objects)
        self.objects.put(PHOTO, JPEG)
        self.objects.put(OTHER, JPEG + b" two")
        self.objects.put(DOCUMENT, PDF, "application/pdf")
        self.objects.put(VIDEO, b"\0\0\0\x18ftypmp42", "video/mp4")

    @property
    def ports(self) -> Ports:
        return make_ports(
            objects=self.objects, images=self.images, backend=self.backend, transcoder=self.transcoder
        )

    def run(self, *assets: Asset, attempt: FakeAttempt | None = None) -> Report:
        attempt = attempt or FakeAttempt()
        attempt.transcoder = self.transcoder
        return process(Job(21, 28, "m-1", assets), attempt, self.ports)


@pytest.fixture
def world() -> World:
    return World()


def test_the_steps_come_in_the_order_of_the_sentence(world: World) -> None:
    attempt = FakeAttempt()
    report = world.run(Asset(PHOTO), Asset(DOCUMENT), attempt=attempt)
    assert attempt.steps == ["validate", "thumbnails", "confirm", "zip", "consolidate", "callback"]
    assert attempt.counts["thumbnails"] == {"ok": 2}
    assert world.backend.reports == [report]
    assert report.status is Status.SUCCEEDED
    assert report.started_at == report.completed_at == NOW
    assert report.bundle
    assert report.bundle.count == 5


def test_a_photo_is_fetched_and_decoded_once_and_stored_in_four_sizes(world: World) -> None:
    derivatives = outcome_of(world.run(Asset(PHOTO)), PHOTO)
    assert isinstance(derivatives, Derivatives)
    assert list(derivatives.keys) == [Size.LARGE, Size.MEDIUM, Size.SMALL, Size.THUMBNAIL]
    assert world.objects.called("read") == [PHOTO]
    assert world.images.rendered == [JPEG]
    for size, key in derivatives.keys.items():
        assert key == f"28/processed/photo/horizontal/{size}/a.jpg"
        assert world.objects.stored[key].content_type == "image/jpeg"
    assert world.objects.processed == {PHOTO}


def test_a_document_is_copied_unchanged_without_being_fetched_but_for_its_first_bytes(world: World) -> None:
    derivatives = outcome_of(world.run(Asset(DOCUMENT)), DOCUMENT)
    assert isinstance(derivatives, Derivatives)
    copy = world.objects.stored[derivatives.keys[Size.ORIGINAL]]
    assert (copy.data, copy.content_type) == (PDF, "application/pdf")
    assert world.objects.processed == {DOCUMENT}


def test_the_same_key_twice_is_processed_once_and_reported_for_each(world: World) -> None:
    report = world.run(Asset(PHOTO), Asset(PHOTO))
    assert world.images.rendered == [JPEG]
    assert len(report.results) == 2
    assert report.results[0] == report.results[1]


def test_a_bad_asset_fails_alone(world: World) -> None:
    def refuse(data: bytes) -> None:
        if data == JPEG:
            raise Permanent("it can't be decoded")

    world.images.before = refuse
    report = world.run(Asset(PHOTO), Asset(OTHER), Asset("28/raw/photo/horizontal/missing.jpg"))
    assert report.status is Status.PARTIAL_SUCCESS
    assert report.failure_reason == "DERIVATIVE_ERRORS_DETECTED"
    assert outcome_of(report, PHOTO) == Failure(Code.THUMBNAIL_PROCESSING_FAILED, "it can't be decoded")
    assert isinstance(outcome_of(report, OTHER), Derivatives)
    assert PHOTO not in world.objects.processed


@pytest.mark.parametrize("key", [PHOTO, DOCUMENT])
def test_a_digest_that_the_bucket_does_not_hold_is_computed_from_the_bytes(world: World, key: str) -> None:
    right = hashlib.sha256(world.objects.stored[key].data).hexdigest()
    assert world.run(Asset(key, manifest=Manifest(sha256=right))).status is Status.SUCCEEDED
    with pytest.raises(NothingProcessed) as failed:
        world.run(Asset(key, manifest=Manifest(sha256="0" * 64)))
    assert failed.value.report.status is Status.VALIDATION_FAILED


def test_a_text_file_named_jpg_fails_validation(world: World) -> None:
    world.objects.put(PHOTO, b"this is no photo")
    with pytest.raises(NothingProcessed) as failed:
        world.run(Asset(PHOTO))
    assert failed.value.report.status is Status.VALIDATION_FAILED
    assert world.images.rendered == []


def test_nothing_processed_is_no_callback_and_no_bundle(world: World) -> None:
    world.images.before = lambda data: (_ for _ in ()).throw(Permanent("no"))
    with pytest.raises(NothingProcessed) as failed:
        world.run(Asset(PHOTO), Asset("28/raw/photo/horizontal/missing.jpg"))
    assert failed.value.report.status is Status.PROCESSING_FAILED
    assert failed.value.report.error
    assert failed.value.report.error.code is Code.PROCESSING_FAILED
    assert world.backend.reports == []
    assert world.objects.called("replace") == []


def test_a_video_that_is_not_taken_fails_alone(world: World) -> None:
    refusal = Permanent("MediaConvert isn't set up", Code.VIDEO_PROCESSING_FAILED)
    world.transcoder.before = lambda method: (_ for _ in ()).throw(refusal)
    report = world.run(Asset(VIDEO), Asset(PHOTO))
    assert outcome_of(report, VIDEO) == Failure(Code.VIDEO_PROCESSING_FAILED, "MediaConvert isn't set up")
    assert report.status is Status.PARTIAL_SUCCESS


def test_what_an_earlier_attempt_made_of_the_same_bytes_is_not_made_again(world: World) -> None:
    attempt = FakeAttempt()
    first = world.run(Asset(PHOTO), Asset(DOCUMENT), attempt=attempt)
    calls = len(world.objects.called("write")), len(world.objects.called("copy"))
    attempt.lose_the_acknowledgement()
    second = world.run(Asset(PHOTO), Asset(DOCUMENT), attempt=attempt)
    assert (len(world.objects.called("write")), len(world.objects.called("copy"))) == calls
    assert second == first
    attempt.lose_the_acknowledgement()
    world.objects.put(PHOTO, JPEG + b" uploaded again")
    world.run(Asset(PHOTO), attempt=attempt)
    assert world.images.rendered == [JPEG, JPEG + b" uploaded again"]


def test_a_transient_error_leaves_the_job_and_what_was_done_is_recorded(world: World) -> None:
    def slow_down(method: str, key: str) -> None:
        if method == "write" and "/b.jpg" in key:
            raise Transient("SlowDown")

    world.objects.before = slow_down
    attempt = FakeAttempt()
    with pytest.raises(Transient):
        world.run(Asset(PHOTO), Asset(OTHER), attempt=attempt)
    assert [made.raw_key for made in attempt.progress.derivatives] == [PHOTO]
    assert world.backend.reports == []


def test_on_the_last_receive_it_is_that_assets_failure(world: World) -> None:
    def slow_down(method: str, key: str) -> None:
        if method == "write" and "/b.jpg" in key:
            raise Transient("SlowDown")

    world.objects.before = slow_down
    report = world.run(Asset(PHOTO), Asset(OTHER), attempt=FakeAttempt(last=True))
    assert report.status is Status.PARTIAL_SUCCESS
    assert outcome_of(report, OTHER) == Failure(Code.THUMBNAIL_PROCESSING_FAILED, "SlowDown")


def test_a_bundle_that_fails_fails_the_job_with_its_own_code(world: World) -> None:
    def refuse(method: str, key: str) -> None:
        if method == "replace":
            raise Transient("S3 is down")

    world.objects.before = refuse
    with pytest.raises(Transient) as failed:
        world.run(Asset(PHOTO))
    assert failed.value.code is Code.ZIP_FAILED


@pytest.mark.parametrize("key", [PHOTO, "28/raw/thumbnail/a.jpg"])
def test_a_picture_of_an_unknown_type_is_rendered_and_keeps_the_name_of_its_type(world: World, key: str) -> None:
    derivatives = outcome_of(world.run(Asset(world.objects.put(key, JPEG), "thumbnail")), key)
    assert isinstance(derivatives, Derivatives)
    assert derivatives.type == "THUMBNAIL"
    assert list(derivatives.keys) == [Size.LARGE, Size.MEDIUM, Size.SMALL, Size.THUMBNAIL]


@pytest.mark.parametrize("key", [VIDEO, DOCUMENT])
def test_what_is_no_picture_is_not_valid_under_an_unknown_type(world: World, key: str) -> None:
    report = world.run(Asset(key, "THUMBNAIL"), Asset(PHOTO))
    outcome = outcome_of(report, key)
    assert isinstance(outcome, Failure)
    assert outcome.code is Code.VALIDATION_ERROR
    assert world.transcoder.submitted == []


@pytest.mark.parametrize("kind", list(JobKind))
def test_whichever_request_an_outage_hits_the_job_waits_there_and_ends_as_without_it(kind: JobKind) -> None:
    assets = tuple(Asset(key) for key in (PHOTO, DOCUMENT, VIDEO))

    def run(hit: int) -> tuple[Report, FakeAttempt, World]:
        """A job whose bucket is out at request number `hit`."""
        world, attempt = World(), FakeAttempt()
        attempt.transcoder = world.transcoder
        attempt.outages = 1
        if kind is JobKind.FINALIZE:
            world.objects.put("28/processed/photo/horizontal/large/a.jpg", JPEG)

        def out(method: str, key: str) -> None:
            if len(world.objects.calls) == hit:
                raise Unavailable(f"{method} {key}", Dependency.BUCKET)

        world.objects.before = out
        return process(Job(21, 28, "m-1", assets, kind=kind), attempt, world.ports), attempt, world

    usual, _, undisturbed = run(hit=0)
    requests = len(undisturbed.objects.calls)
    for hit in range(1, requests + 1):
        report, attempt, world = run(hit)
        assert len(attempt.outlasted) == 1, undisturbed.objects.calls[hit - 1]
        assert report == usual
        assert len(world.backend.reports) == 1
        assert len(world.transcoder.submitted) <= 1
        assert not world.objects.open_uploads


@pytest.mark.parametrize("fails", [False, True])
def test_however_a_job_ends_it_gives_its_room_for_renditions_back(world: World, fails: bool) -> None:
    room = RenditionRoom(1000)
    taken: list[bool] = []

    def look(method: str, key: str) -> None:
        if method == "replace":
            taken.append(not room.take(1000))
            if fails:
                raise Permanent("no bundle")

    world.objects.before = look
    with pytest.raises(Permanent) if fails else nullcontext():
        process(Job(21, 28, "m-1", (Asset(PHOTO),)), FakeAttempt(), replace(world.ports, rendition_room=room))
    assert taken == [True]
    assert room.take(1000)


def test_a_finished_job_holds_no_picture_while_it_waits_for_the_backend(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches: list[RenditionCache] = []

    def noted(room: RenditionRoom) -> RenditionCache:
        caches.append(RenditionCache(room))
        return caches[-1]

    monkeypatch.setattr(pipeline, "RenditionCache", noted)
    kept: list[bytes | None] = []

    def look(report: Report) -> None:
        large = "28/processed/photo/horizontal/large/a.jpg"
        kept.append(caches[0].get(large, world.objects.stored[large].etag))

    world.backend.before = look
    world.run(Asset(PHOTO))
    assert kept == [None]
