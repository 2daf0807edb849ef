from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from domain.bundles import Bundles, Contents
from domain.errors import Archived, Code, Conflict, Permanent, Transient
from domain.model import Asset, Derivatives, Failure, Job, JobKind, Manifest, Report, Status
from domain.pipeline import process
from domain.rejections import Malformed, NothingProcessed
from domain.steps.consolidate import give_up
from tests.fakes import JPEG, MP4, NOW, PDF, FakeAttempt, FakeBackend, FakeObjects, FakeTranscoder, make_ports

PHOTO = "28/raw/photo/horizontal/a.jpg"
HEIC = "28/raw/2024-01-31/photo/vertical/b.heic"
PLAN = "28/raw/project/doc/plan.pdf"
VIDEO = "28/raw/video/vertical/v.mp4"
LARGE = "28/processed/photo/horizontal/large/a.jpg"
BUNDLE = "28/processed/zip/28.zip"
ORIGINALS = "28/processed/zip/listing-media.zip"


class World:
    """One listing's bucket, and finalizations of it."""

    def __init__(self, contents: Contents) -> None:
        template = "{listing_id}/processed/zip/listing-media.zip"
        self.bundles = Bundles(template, contents) if contents is Contents.ORIGINALS else Bundles()
        self.objects = FakeObjects()
        self.backend = FakeBackend()
        self.transcoder = FakeTranscoder(self.objects)
        self.objects.put(PHOTO, JPEG)
        self.objects.put(PLAN, PDF, "application/pdf")

    def run(
        self, *assets: Asset | str, kind: JobKind = JobKind.FINALIZE, attempt: FakeAttempt | None = None
    ) -> Report:
        ports = make_ports(
            objects=self.objects, backend=self.backend, transcoder=self.transcoder, bundles=self.bundles
        )
        entries = tuple(Asset(asset) if isinstance(asset, str) else asset for asset in assets)
        return process(Job(22, 28, "m-2", entries, kind=kind), attempt or FakeAttempt(), ports)

    def bundled(self, key: str) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(self.objects.stored[key].data)) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist()}


@pytest.fixture
def processed() -> World:
    return World(Contents.PROCESSED)


@pytest.fixture
def originals() -> World:
    return World(Contents.ORIGINALS)


def test_it_is_validate_zip_and_callback_and_makes_nothing(processed: World) -> None:
    processed.objects.put(VIDEO, MP4, "video/mp4")
    processed.objects.put(LARGE, JPEG + b" large")
    attempt = FakeAttempt()
    report = processed.run(PHOTO, VIDEO, attempt=attempt)
    assert attempt.steps == ["validate", "zip", "callback"]
    assert attempt.counts["validate"] == {"ok": 2, "failed": 0}
    assert attempt.reports
    assert processed.backend.reports == [report]
    assert (report.status, report.results, report.left_out) == (Status.SUCCEEDED, (), {})
    assert report.bundle
    assert (report.bundle.key, report.bundle.count) == (BUNDLE, 1)
    assert processed.bundled(BUNDLE) == {"photo/horizontal/large/a.jpg": JPEG + b" large"}
    assert processed.transcoder.submitted == []
    assert processed.objects.called("write") == processed.objects.called("mark_processed") == []


def test_originals_are_the_messages_own_valid_uploads_as_they_came(originals: World) -> None:
    originals.objects.put(HEIC, JPEG + b" named HEIC")
    originals.objects.put("28/raw/photo/horizontal/of-another-job.jpg", JPEG)
    originals.objects.put(LARGE, JPEG + b" large")
    report = originals.run(PLAN, PHOTO, HEIC, PHOTO)
    assert originals.bundled(ORIGINALS) == {
        "photo/vertical/b.heic": JPEG + b" named HEIC",
        "photo/horizontal/a.jpg": JPEG,
        "project/doc/plan.pdf": PDF,
    }
    assert report.bundle
    assert (report.bundle.key, report.bundle.count) == (ORIGINALS, 3)
    assert BUNDLE not in originals.objects.stored


def test_processing_jobs_keep_the_default_key_where_originals_have_their_own(originals: World) -> None:
    originals.run(PHOTO)
    report = originals.run(PHOTO, kind=JobKind.PROCESS)
    assert report.bundle
    assert report.bundle.key == BUNDLE
    assert set(originals.bundled(ORIGINALS)) == {"photo/horizontal/a.jpg"}
    assert {name.split("/")[2] for name in originals.bundled(BUNDLE)} == {"large", "medium", "small", "thumbnail"}


def test_an_invalid_asset_is_left_out_and_the_report_knows_why(originals: World) -> None:
    originals.objects.put(VIDEO, b"no video", "video/mp4")
    wrong = Asset(PLAN, manifest=Manifest(size=1))
    report = originals.run(PHOTO, "28/raw/photo/horizontal/gone.jpg", wrong, VIDEO)
    assert report.status is Status.SUCCEEDED
    assert {asset.key for asset in report.left_out} == {"28/raw/photo/horizontal/gone.jpg", PLAN, VIDEO}
    assert {failure.code for failure in report.left_out.values()} == {Code.VALIDATION_ERROR}
    assert set(originals.bundled(ORIGINALS)) == {"photo/horizontal/a.jpg"}


def test_a_digest_that_the_bucket_does_not_hold_is_compared_with_the_bytes(originals: World) -> None:
    right = Asset(PHOTO, manifest=Manifest(sha256=hashlib.sha256(JPEG).hexdigest()))
    wrong = Asset(PLAN, manifest=Manifest(sha256=hashlib.sha256(b"other").hexdigest()))
    assert set(originals.run(right, wrong).left_out) == {wrong}
    assert set(originals.bundled(ORIGINALS)) == {"photo/horizontal/a.jpg"}


def test_uploads_that_would_share_derivatives_and_names_that_mediaconvert_expands_are_welcome(
    originals: World,
) -> None:
    keys = [
        originals.objects.put("28/raw/photo/horizontal/2024-01-31/a.jpg", JPEG + b" dated"),
        originals.objects.put("28/raw/video/vertical/$v.mp4", MP4, "video/mp4"),
    ]
    assert originals.run(PHOTO, *keys).left_out == {}
    assert set(originals.bundled(ORIGINALS)) == {
        "photo/horizontal/a.jpg", "photo/horizontal/a-2.jpg", "video/vertical/$v.mp4",
    }  # fmt: skip


def test_a_finalization_of_which_no_asset_is_left_fails_with_the_code_of_what_went_wrong(processed: World) -> None:
    with pytest.raises(NothingProcessed, match="none of 2 assets") as nothing:
        processed.run("28/raw/photo/horizontal/gone.jpg", Asset("", problem="the entry is malformed"))
    report = nothing.value.report
    assert report.error
    assert (report.status, report.failure_reason) == (Status.PROCESSING_FAILED, Code.VALIDATION_ERROR)
    assert (report.error.code, report.results, report.bundle) == (Code.VALIDATION_ERROR, (), None)
    assert processed.objects.called("replace") == processed.objects.called("delete") == []


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("method", ["head", "read"])
def test_what_cannot_be_looked_at_is_never_left_out(originals: World, method: str, last: bool) -> None:
    """A throttled S3 on the last receive: a bundle that lacks a picture would be taken for the whole."""

    def throttle(called: str, key: str) -> None:
        if (called, key) == (method, PLAN):
            raise Transient("slow down")

    originals.objects.before = throttle
    digest = Manifest(sha256=hashlib.sha256(PDF).hexdigest())
    with pytest.raises(Transient, match="slow down"):
        originals.run(PHOTO, Asset(PLAN, manifest=digest), attempt=FakeAttempt(last=last))
    assert originals.backend.reports == []
    assert ORIGINALS not in originals.objects.stored


def test_bytes_that_cannot_be_compared_on_the_last_receive_are_not_left_out(originals: World) -> None:
    def throttle(called: str, key: str) -> None:
        if (called, key) == ("read", PHOTO):
            raise Transient("slow down")

    originals.objects.before = throttle
    digest = Manifest(sha256=hashlib.sha256(JPEG).hexdigest())
    with pytest.raises(Transient, match="slow down"):
        originals.run(PLAN, Asset(PHOTO, manifest=digest), attempt=FakeAttempt(last=True))


@pytest.mark.parametrize("change", ["replaced", "deleted"])
@pytest.mark.parametrize("when", ["list", "read"])
def test_an_upload_that_changes_after_it_was_looked_at_is_for_a_retry(
    originals: World, when: str, change: str
) -> None:
    def before(method: str, key: str) -> None:
        if method == when and key in ("28/raw/", PHOTO):
            originals.objects.put(PHOTO, JPEG + b" new")
            if change == "deleted":
                del originals.objects.stored[PHOTO]

    originals.objects.before = before
    with pytest.raises(Conflict, match=PHOTO) as conflict:
        originals.run(PHOTO, PLAN)
    assert conflict.value.code is Code.ZIP_FAILED
    assert ORIGINALS not in originals.objects.stored
    assert len(originals.objects.called("list")) <= 2, "what changed isn't built again and again"


@pytest.mark.parametrize("manifest", [Manifest(), Manifest(sha256="0" * 64)])
@pytest.mark.parametrize("asset", [PLAN, PHOTO])
def test_an_archived_original_fails_the_finalization_by_name(
    originals: World, asset: str, manifest: Manifest
) -> None:
    """Whether its first bytes or its digest are looked at or not: it isn't left out."""

    def archived(method: str, key: str) -> None:
        if (method, key) == ("read", asset):
            raise Archived(f"GET {key}: it is archived and must be restored first")

    originals.objects.before = archived
    others = {PHOTO, PLAN} - {asset}
    with pytest.raises(Permanent, match=asset) as failed:
        originals.run(*others, Asset(asset, manifest=manifest))
    assert failed.value.code is Code.ZIP_FAILED


def test_an_archived_document_of_a_processing_job_fails_alone(processed: World) -> None:
    def archived(method: str, key: str) -> None:
        if method in {"read", "copy"} and key == PLAN:
            raise Archived(f"{method} {key}: it is archived and must be restored first")

    processed.objects.before = archived
    report = processed.run(PHOTO, PLAN, kind=JobKind.PROCESS)
    photo, plan = (result.outcome for result in report.results)
    assert isinstance(photo, Derivatives)
    assert plan == Failure(
        Code.DOCUMENT_PROCESSING_FAILED, f"copy {PLAN}: it is archived and must be restored first"
    )


def test_archived_originals_are_nothing_to_a_bundle_of_what_was_processed(processed: World) -> None:
    def archived(method: str, key: str) -> None:
        if method == "read" and "/raw/" in key:
            raise Archived(f"GET {key}: it is archived and must be restored first")

    processed.objects.put(LARGE, JPEG)
    processed.objects.before = archived
    assert processed.run(PLAN).left_out == {}
    assert set(processed.bundled(BUNDLE)) == {"photo/horizontal/large/a.jpg"}


def test_without_assets_it_bundles_what_is_there_now(processed: World, originals: World) -> None:
    processed.objects.put(LARGE, JPEG)
    originals.objects.put("28/raw/photo/horizontal/", b"")
    assert processed.run().bundle
    assert originals.run().bundle
    assert set(processed.bundled(BUNDLE)) == {"photo/horizontal/large/a.jpg"}
    assert set(originals.bundled(ORIGINALS)) == {"photo/horizontal/a.jpg", "project/doc/plan.pdf"}


def test_without_assets_the_processing_jobs_bundle_is_written_anew_too(originals: World) -> None:
    """It would keep the renditions of a picture that somebody removed."""
    originals.objects.put(LARGE, JPEG)
    removed = originals.objects.put("28/processed/photo/horizontal/large/removed.jpg", JPEG)
    originals.run(PHOTO, kind=JobKind.PROCESS)
    assert "photo/horizontal/large/removed.jpg" in originals.bundled(BUNDLE)
    del originals.objects.stored[removed]
    report = originals.run()
    assert report.bundle
    assert report.bundle.key == ORIGINALS
    assert "photo/horizontal/large/removed.jpg" not in originals.bundled(BUNDLE)


@pytest.mark.parametrize("contents", Contents)
def test_without_assets_and_with_nothing_left_the_bundle_is_deleted_and_nothing_else(contents: Contents) -> None:
    world = World(contents)
    world.objects.put(LARGE, JPEG)
    world.run(PHOTO)
    key = world.bundles.key(Job(22, 28, "m-2", kind=JobKind.FINALIZE))
    for left in set(world.objects.stored) - {key}:
        del world.objects.stored[left]
    world.objects.put("280/raw/photo/horizontal/a.jpg", JPEG)
    for _ in range(2):
        attempt = FakeAttempt()
        report = world.run(attempt=attempt)
        assert (report.status, report.bundle) == (Status.SUCCEEDED, None)
        assert attempt.counts["zip"] == {"members": 0}
    assert set(world.objects.stored) == {"280/raw/photo/horizontal/a.jpg"}
    assert world.objects.called("delete") == [key]


def test_a_bundle_that_another_job_wrote_meanwhile_is_not_deleted(processed: World) -> None:
    """Its members came after our listing, too."""
    processed.objects.put(BUNDLE, b"of an older job")
    race = iter([True])

    def before(method: str, key: str) -> None:
        if method == "delete" and next(race, False):
            processed.objects.put(LARGE, JPEG)
            processed.objects.put(BUNDLE, b"their bundle")

    processed.objects.before = before
    assert processed.run().bundle
    assert set(processed.bundled(BUNDLE)) == {"photo/horizontal/large/a.jpg"}


def test_where_nothing_was_processed_the_failure_says_what_to_do(processed: World) -> None:
    with pytest.raises(Permanent, match="send its processing job") as failed:
        processed.run(PHOTO)
    assert failed.value.code is Code.ZIP_FAILED


def test_the_two_contents_have_fingerprints_that_differ(processed: World) -> None:
    """So that a bundle is built again when the setting changes."""
    processed.objects.put("28/processed/photo/horizontal/a.jpg", JPEG)
    processed.run(PHOTO)
    before = processed.objects.stored[BUNDLE].metadata
    processed.bundles = Bundles(contents=Contents.ORIGINALS)
    processed.run(PHOTO)
    assert processed.objects.stored[BUNDLE].metadata != before
    assert len(processed.objects.called("replace")) == 2


def test_a_finalization_that_fails_has_no_outputs_and_is_no_validation_failure() -> None:
    job = Job(22, 28, "m-2", (Asset(PHOTO),), kind=JobKind.FINALIZE)
    for code in (Code.ZIP_FAILED, Code.VALIDATION_ERROR, Code.POISON_MESSAGE):
        report = give_up(job, Permanent("why", code), (), NOW, NOW)
        assert (report.status, report.results) == (Status.PROCESSING_FAILED, ())
        assert report.error == Failure(code, "why")
    malformed = give_up(job, Malformed("why", job), (), NOW, NOW)
    assert (malformed.status, malformed.results) == (Status.VALIDATION_FAILED, ())
