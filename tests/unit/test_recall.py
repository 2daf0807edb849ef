"""Whoever asks: what was made of an upload is found again, and nobody else's derivatives are overwritten."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from domain.errors import Archived, Code, Permanent, Transient
from domain.kinds import Kind, Size
from domain.model import Asset, Derivatives, Facts, Failure, Job, Manifest, Report, Status, TranscodingResult
from domain.pipeline import process
from domain.rejections import NothingProcessed
from tests.fakes import (
    JPEG,
    MP4,
    PDF,
    FakeAttempt,
    FakeClaims,
    FakeImages,
    FakeObjects,
    FakeTranscoder,
    Stored,
    make_ports,
)  # fmt: skip
from tests.outcomes import outcome_of

PHOTO = "28/raw/photo/horizontal/a.jpg"
DATED = "28/raw/photo/horizontal/2026-01-05/a.jpg"
PLAN = "28/raw/project/doc/plan.pdf"
VIDEO = "28/raw/video/vertical/v.mov"
LARGE, THUMBNAIL = (f"28/processed/photo/horizontal/{size}/a.jpg" for size in (Size.LARGE, Size.THUMBNAIL))
COPY = "28/processed/project/doc/original/plan.pdf"
ALL = (PHOTO, PLAN, VIDEO)


class World:
    def __init__(self) -> None:
        self.objects = FakeObjects()
        self.images = FakeImages()
        self.transcoder = FakeTranscoder(self.objects)
        self.claims = FakeClaims()
        self.jobs = 0
        self.objects.put(PHOTO, JPEG)
        self.objects.put(PLAN, PDF, "application/pdf")
        self.objects.put(VIDEO, MP4, "video/mp4")

    def run(self, *assets: str | Asset, attempt: FakeAttempt | None = None) -> Report:
        """A new job of the listing, with a message and a journal of its own."""
        self.jobs += 1
        attempt = attempt or FakeAttempt(transcoder=self.transcoder)
        ports = make_ports(
            objects=self.objects, images=self.images, transcoder=self.transcoder, claims=self.claims
        )
        entries = tuple(Asset(entry) if isinstance(entry, str) else entry for entry in assets)
        self.objects.calls.clear()
        return process(Job(self.jobs, 28, f"m-{self.jobs}", entries), attempt, ports)

    def overtake(self, method: str, part: str, act: Callable[[], Report]) -> list[Report]:
        """Have another job run when the method is first called with such a key; its report comes into the list."""
        reports: list[Report] = []

        def before(called: str, key: str) -> None:
            if called == method and part in key:
                self.objects.before = lambda called, key: None
                reports.append(act())

        self.objects.before = before
        return reports

    def writes(self) -> list[str]:
        made = self.objects.called("write") + self.objects.called("copy")
        return [key for key in made if "/zip/" not in key]


@pytest.fixture
def world() -> World:
    return World()


def test_a_second_job_for_the_same_uploads_only_copies_documents_and_reports_the_same(world: World) -> None:
    first = world.run(*ALL)
    world.images.rendered.clear()
    attempt = FakeAttempt(transcoder=world.transcoder)
    second = world.run(*ALL, attempt=attempt)
    assert second.status is Status.SUCCEEDED
    assert second.results == first.results
    assert world.writes() == [PLAN], "the copy, by its source: nothing is believed where the backend may write"
    assert world.images.rendered == []
    assert world.transcoder.submitted == [(VIDEO, False)]
    assert attempt.counts["validate"] == {"ok": 3, "recalled": 2}


def test_what_the_backend_may_write_is_not_believed_whatever_its_metadata_say(world: World) -> None:
    world.run(PLAN)
    copy = world.objects.stored[COPY]
    world.objects.stored[COPY] = Stored(PDF + b" of the backend", copy.content_type, copy.metadata)
    assert world.run(PLAN).status is Status.SUCCEEDED
    assert world.objects.stored[COPY].data == PDF


def test_a_document_that_the_backend_cannot_have_written_is_found_again(world: World) -> None:
    plan = Asset(world.objects.put("28/raw/plans/plan.pdf", PDF, "application/pdf"), "PROJECT_DOC")
    world.run(plan)
    world.run(plan)
    assert world.writes() == []


def test_the_type_that_the_second_job_names_is_reported(world: World) -> None:
    world.run(PHOTO)
    recalled = outcome_of(world.run(Asset(PHOTO, "PROJECT_RENDER")), PHOTO)
    assert isinstance(recalled, Derivatives)
    assert recalled.type == "PROJECT_RENDER"
    assert world.writes() == []


def facts_of(report: Report, key: str) -> Facts | None:
    outcome = outcome_of(report, key)
    assert isinstance(outcome, Derivatives)
    return outcome.facts


def test_a_later_job_tells_the_same_facts_of_a_photo(world: World) -> None:
    made = facts_of(world.run(PHOTO), PHOTO)
    sizes = {size: len(JPEG + size.encode() + JPEG) for size in Kind.PHOTO.sizes}
    assert made == Facts(sizes, "image/jpeg", "#8a7f6d", "HBkSHYSIeHiPiHh8eJd4eTN0EEQG")
    assert facts_of(world.run(PHOTO), PHOTO) == made
    assert world.writes() == []


def test_nothing_is_made_anew_for_facts_that_are_not_known(world: World) -> None:
    world.run(PHOTO)
    last = world.objects.stored[THUMBNAIL]
    known = {name: value for name, value in last.metadata.items() if name != "thumbhash"}
    world.objects.stored[THUMBNAIL] = Stored(last.data, last.content_type, known)
    assert facts_of(world.run(PHOTO), PHOTO) is None
    assert world.writes() == []


def test_videos_and_documents_have_no_facts(world: World) -> None:
    for _ in "made", "recalled":
        report = world.run(PLAN, VIDEO)
        assert [facts_of(report, key) for key in (PLAN, VIDEO)] == [None, None]


def test_new_uploads_cost_no_request(world: World) -> None:
    world.run(PHOTO)
    asked = [key for method, key in world.objects.calls if method == "head"]
    assert asked == [PHOTO, "28/processed/zip/28.zip"]


def test_what_the_journal_knows_is_not_asked_about_again(world: World) -> None:
    attempt = FakeAttempt(transcoder=world.transcoder)
    world.run(PHOTO, attempt=attempt)
    attempt.lose_the_acknowledgement()
    world.run(PHOTO, attempt=attempt)
    assert THUMBNAIL not in world.objects.called("head")
    assert world.writes() == []


def test_an_upload_that_changed_is_rendered_anew_and_replaces_the_old_one(world: World) -> None:
    world.run(PHOTO)
    world.objects.put(PHOTO, JPEG + b" again")
    assert world.run(PHOTO).status is Status.SUCCEEDED
    assert len(world.writes()) == 4
    assert world.objects.stored[LARGE].data.endswith(b" again")


@pytest.mark.parametrize("kind", [Kind.PHOTO, Kind.VIDEO])
def test_a_new_recipe_makes_its_own_kind_anew(world: World, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run(PHOTO, VIDEO)
    monkeypatch.setattr(kind, "recipe", "a-new-one")
    world.run(PHOTO, VIDEO)
    assert len(world.writes()) == 4
    assert len(world.transcoder.submitted) == (2 if kind is Kind.VIDEO else 1)


@pytest.mark.parametrize("size", Kind.PHOTO.sizes)
def test_a_rendition_that_is_gone_or_another_one_is_made_anew(world: World, size: Size) -> None:
    key = f"28/processed/photo/horizontal/{size}/a.jpg"
    for change in (lambda: world.objects.stored.pop(key), lambda: world.objects.put(key, JPEG + b" of somebody")):
        world.run(PHOTO)
        change()
        assert world.run(PHOTO).status is Status.SUCCEEDED
        assert len(world.writes()) == 4
        assert b" of somebody" not in world.objects.stored[key].data


def test_a_video_whose_mp4_is_gone_is_transcoded_anew(world: World) -> None:
    world.run(VIDEO)
    del world.objects.stored["28/processed/video/vertical/original/v.mp4"]
    assert world.run(VIDEO).status is Status.SUCCEEDED
    assert world.transcoder.submitted == [(VIDEO, False), (VIDEO, True)]


def test_derivatives_of_an_older_worker_are_replaced(world: World) -> None:
    for size in Kind.PHOTO.sizes:
        world.objects.put(f"28/processed/photo/horizontal/{size}/a.jpg", JPEG + b" old")
    assert world.run(PHOTO).status is Status.SUCCEEDED
    assert len(world.writes()) == 4


def test_an_uploaders_metadata_are_not_believed(world: World) -> None:
    world.run(PLAN)
    copy = world.objects.stored["28/processed/project/doc/original/plan.pdf"]
    forged = "28/raw/project/doc/forged.pdf"
    world.objects.stored[forged] = Stored(PDF + b" forged", "application/pdf", copy.metadata)
    world.run(forged)
    assert world.objects.stored["28/processed/project/doc/original/forged.pdf"].metadata != copy.metadata


def test_a_digest_that_was_not_checked_then_is_checked_now(world: World) -> None:
    right = Manifest(sha256=hashlib.sha256(JPEG).hexdigest())
    world.run(PHOTO)
    assert world.run(Asset(PHOTO, manifest=right)).status is Status.SUCCEEDED
    assert world.objects.called("read")[0] == PHOTO, "its bytes are read"
    assert world.writes() == []
    with pytest.raises(NothingProcessed) as failed:
        world.run(Asset(PHOTO, manifest=Manifest(sha256="0" * 64)))
    assert failed.value.report.status is Status.VALIDATION_FAILED


def test_a_digest_that_was_checked_is_not_checked_again(world: World) -> None:
    right = Manifest(sha256=hashlib.sha256(JPEG).hexdigest())
    world.run(Asset(PHOTO, manifest=right))
    world.run(Asset(PHOTO, manifest=right))
    assert PHOTO not in world.objects.called("read")


def test_uploads_of_two_jobs_that_differ_by_a_date_cannot_both_be_processed(world: World) -> None:
    world.objects.put(DATED, JPEG + b" another picture")
    world.run(PHOTO)
    with pytest.raises(NothingProcessed) as failed:
        world.run(DATED)
    failure = outcome_of(failed.value.report, DATED)
    assert isinstance(failure, Failure)
    assert failure.code is Code.VALIDATION_ERROR
    assert PHOTO in failure.message
    assert world.objects.stored[LARGE].data == JPEG + b"large" + JPEG


def test_of_two_in_one_message_that_differ_by_a_date_the_first_one_wins(world: World) -> None:
    world.objects.put(DATED, JPEG + b" another picture")
    report = world.run(DATED, PHOTO)
    assert isinstance(outcome_of(report, DATED), Derivatives)
    failure = outcome_of(report, PHOTO)
    assert isinstance(failure, Failure)
    assert (failure.code, DATED in failure.message) == (Code.VALIDATION_ERROR, True)


def test_the_one_that_is_processed_already_wins_wherever_it_is_named(world: World) -> None:
    world.objects.put(DATED, JPEG + b" another picture")
    world.run(PHOTO)
    report = world.run(DATED, PHOTO)
    assert isinstance(outcome_of(report, PHOTO), Derivatives)
    assert isinstance(outcome_of(report, DATED), Failure)
    assert world.writes() == []


def test_they_can_once_the_owner_is_deleted(world: World) -> None:
    world.objects.put(DATED, JPEG + b" another picture")
    world.run(PHOTO)
    del world.objects.stored[PHOTO]
    assert world.run(DATED).status is Status.SUCCEEDED
    assert world.objects.stored[LARGE].data.endswith(b" another picture")


def test_videos_of_two_jobs_that_differ_by_their_extension_cannot_both_be_processed(world: World) -> None:
    other = world.objects.put("28/raw/video/vertical/v.mp4", MP4 + b" another", "video/mp4")
    world.run(VIDEO)
    with pytest.raises(NothingProcessed, match=VIDEO):
        world.run(other)
    assert world.transcoder.submitted == [(VIDEO, False)]


def test_neither_can_while_the_first_one_is_being_transcoded(world: World) -> None:
    other = world.objects.put("28/raw/video/vertical/v.mp4", MP4 + b" another", "video/mp4")
    world.transcoder.results["t-1"] = None
    with pytest.raises(Transient):
        world.run(VIDEO)
    with pytest.raises(NothingProcessed, match=VIDEO):
        world.run(other)


def test_documents_of_two_jobs_that_differ_by_a_date_cannot_both_be_copied(world: World) -> None:
    other = world.objects.put("28/raw/project/doc/2026-01-05/plan.pdf", PDF + b" another", "application/pdf")
    world.run(PLAN)
    with pytest.raises(NothingProcessed, match=PLAN):
        world.run(other)


@pytest.mark.parametrize(
    ("method", "raw", "other"),
    [("read", PHOTO, DATED), ("copy", PLAN, "28/raw/project/doc/2026-01-05/plan.pdf")],
)
def test_of_two_jobs_side_by_side_whose_uploads_share_keys_only_one_wins(
    world: World, method: str, raw: str, other: str
) -> None:
    world.objects.put(other, world.objects.stored[raw].data + b" another")
    reports = world.overtake(method, raw, lambda: world.run(other))
    with pytest.raises(NothingProcessed, match=other):
        world.run(raw)
    assert [report.status for report in reports] == [Status.SUCCEEDED]
    derived = [
        stored.data
        for key, stored in world.objects.stored.items()
        if key.startswith("28/processed/") and "zip" not in key
    ]
    assert all(data.endswith(b" another") for data in derived)


def test_so_it_is_where_the_owner_is_gone_and_two_take_over_side_by_side(world: World) -> None:
    other = world.objects.put("28/raw/photo/horizontal/2026-02-06/a.jpg", JPEG + b" a third")
    world.objects.put(DATED, JPEG + b" another picture")
    world.run(PHOTO)
    del world.objects.stored[PHOTO]
    reports = world.overtake("read", DATED, lambda: world.run(other))
    with pytest.raises(NothingProcessed, match=other):
        world.run(DATED)
    assert [report.status for report in reports] == [Status.SUCCEEDED]


@pytest.mark.parametrize("size", Kind.PHOTO.sizes)
def test_a_job_of_older_bytes_that_was_held_up_overwrites_nothing(world: World, size: Size) -> None:
    """It may be frozen before any of its writes, and its last receive may be the one that wakes up."""

    def newer_job() -> Report:
        world.objects.put(PHOTO, JPEG + b" again")
        return world.run(PHOTO)

    newer = world.overtake("write", f"/{size}/", newer_job)
    with pytest.raises(NothingProcessed):
        world.run(PHOTO, attempt=FakeAttempt(last=True))
    assert [report.status for report in newer] == [Status.SUCCEEDED]
    derived = [f"28/processed/photo/horizontal/{each}/a.jpg" for each in Kind.PHOTO.sizes]
    assert all(world.objects.stored[key].data.endswith(b" again") for key in derived)
    world.run(PHOTO)
    assert world.writes() == []


def test_a_transcoding_of_older_bytes_that_ends_last_is_noticed(world: World) -> None:
    mp4 = "28/processed/video/vertical/original/v.mp4"
    world.transcoder.results["t-1"] = None
    older = FakeAttempt(transcoder=world.transcoder)
    with pytest.raises(Transient):
        world.run(VIDEO, attempt=older)
    world.objects.put(VIDEO, MP4 + b" again", "video/mp4")
    assert world.run(VIDEO).status is Status.SUCCEEDED
    world.objects.put(mp4, MP4 + b" of the older bytes", "video/mp4")
    world.transcoder.results["t-1"] = TranscodingResult(True)
    assert world.run(VIDEO, attempt=older).status is Status.SUCCEEDED
    assert world.objects.stored[mp4].data == MP4
    assert len(world.transcoder.submitted) == 3


def test_an_mp4_that_somebody_changed_is_made_anew(world: World) -> None:
    mp4 = "28/processed/video/vertical/original/v.mp4"
    world.run(VIDEO)
    world.objects.put(mp4, MP4 + b" of somebody", "video/mp4")
    assert world.run(VIDEO).status is Status.SUCCEEDED
    assert world.objects.stored[mp4].data == MP4


def archived(key: str) -> Callable[[str, str], None]:
    def before(method: str, asked: str) -> None:
        if method in {"read", "copy"} and asked == key:
            raise Archived(f"{method} {asked}: it is archived and must be restored first")

    return before


@pytest.mark.parametrize("key", ALL)
def test_what_was_processed_is_recalled_after_its_upload_went_to_the_archive(world: World, key: str) -> None:
    world.run(*ALL)
    world.objects.before = archived(key)
    assert world.run(*ALL).status is Status.SUCCEEDED


@pytest.mark.parametrize("change", [PDF + b" of the backend", None])
def test_an_archived_document_without_a_copy_of_ours_fails(world: World, change: bytes | None) -> None:
    world.run(PLAN)
    if change:
        world.objects.put(COPY, change, "application/pdf")
    else:
        del world.objects.stored[COPY]
    world.objects.before = archived(PLAN)
    with pytest.raises(NothingProcessed, match="restored"):
        world.run(PLAN)


def test_a_digest_that_was_never_checked_of_an_archived_document_is_not_taken_for_right(world: World) -> None:
    world.run(PLAN)
    world.objects.before = archived(PLAN)
    with pytest.raises(NothingProcessed, match="restored"):
        world.run(Asset(PLAN, manifest=Manifest(sha256=hashlib.sha256(PDF).hexdigest())))


def test_a_digest_that_was_checked_of_a_video_is_not_checked_again(world: World) -> None:
    asset = Asset(VIDEO, manifest=Manifest(sha256=hashlib.sha256(MP4).hexdigest()))
    world.run(asset)
    world.run(asset)
    assert world.objects.called("read").count(VIDEO) == 1, "its first bytes, to see what it is"


def test_where_a_derivative_cannot_be_looked_at_nobody_says_that_the_upload_is_invalid(world: World) -> None:
    world.run(PHOTO, PLAN)

    def throttled(method: str, key: str) -> None:
        if (method, key) == ("head", THUMBNAIL):
            raise Transient("SlowDown")

    world.objects.before = throttled
    failure = outcome_of(world.run(PHOTO, PLAN, attempt=FakeAttempt(last=True)), PHOTO)
    assert isinstance(failure, Failure)
    assert failure.code is Code.PROCESSING_FAILED


def test_two_jobs_side_by_side_for_the_same_upload_both_succeed(world: World) -> None:
    reports = world.overtake("read", "", lambda: world.run(*ALL))
    reports.append(world.run(*ALL))
    assert [report.status for report in reports] == [Status.SUCCEEDED] * 2
    assert world.transcoder.submitted == [(VIDEO, False)]


def upload_again(world: World, key: str) -> None:
    def before(data: bytes) -> None:
        world.images.before = lambda data: None
        world.objects.put(key, JPEG + b" again")

    world.images.before = before


def test_an_upload_that_is_replaced_while_it_is_rendered_fails_the_attempt(world: World) -> None:
    upload_again(world, PHOTO)
    attempt = FakeAttempt()
    with pytest.raises(Transient, match=f"{PHOTO} was uploaded again"):
        world.run(PHOTO, PLAN, attempt=attempt)
    assert world.objects.processed == {PLAN}, "what is tagged goes to the archive"
    assert world.run(PHOTO, PLAN, attempt=attempt).status is Status.SUCCEEDED
    assert world.objects.stored[THUMBNAIL].data.endswith(b" again")
    assert world.objects.processed == {PHOTO, PLAN}


def test_on_the_last_receive_it_fails_alone(world: World) -> None:
    upload_again(world, PHOTO)
    report = world.run(PHOTO, PLAN, attempt=FakeAttempt(last=True))
    failure = outcome_of(report, PHOTO)
    assert isinstance(failure, Failure)
    assert failure.code is Code.THUMBNAIL_PROCESSING_FAILED
    assert isinstance(outcome_of(report, PLAN), Derivatives)


def test_one_that_is_deleted_while_it_is_rendered_fails_the_attempt(world: World) -> None:
    world.images.before = lambda data: world.objects.stored.__delitem__(PHOTO)
    with pytest.raises(Transient, match="deleted"):
        world.run(PHOTO)


def test_where_nothing_was_processed_nobody_looks_again(world: World) -> None:
    world.images.before = lambda data: (_ for _ in ()).throw(Permanent("cut off"))
    with pytest.raises(NothingProcessed):
        world.run(PHOTO)
    assert world.objects.called("list") == ["28/processed/"]


def test_the_version_that_was_processed_is_tagged(world: World) -> None:
    world.objects.versions[PHOTO] = "v1"
    world.run(PHOTO)
    assert world.objects.tagged == [(PHOTO, "v1")]
    world.run(PHOTO)
    assert world.objects.tagged == [(PHOTO, "v1")] * 2, "an earlier job may have been killed before"


@pytest.mark.parametrize("told", [None, False, True])
def test_what_the_first_look_told_of_tags_is_handed_on(world: World, told: bool | None) -> None:
    world.objects.has_tags = told
    world.run(PHOTO)
    assert world.objects.told_of_tags == [told]


def test_beside_a_video_all_tags_are_read_again(world: World) -> None:
    """Somebody else may have put one since: a video takes an hour."""
    world.objects.has_tags = False
    world.run(PHOTO, PLAN)
    assert world.objects.told_of_tags == [False, False]
    world.run(PHOTO, PLAN, VIDEO)
    assert world.objects.told_of_tags[2:] == [None, None, None]
