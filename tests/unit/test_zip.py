from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from domain.bundle.reading import AHEAD
from domain.errors import Dependency, LeaseLost, Transient, Unavailable
from domain.model import Bundle, Job
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps import zip as zip_step
from domain.steps.zip import REBUILDS, write_bundle
from tests.fakes import JPEG, PDF, FakeAttempt, FakeObjects, make_ports

KEY = "28/processed/zip/28.zip"
PNG = b"\x89PNG\r\n\x1a\n picture"


def bundle(
    objects: FakeObjects, renditions: RenditionCache | None = None, attempt: FakeAttempt | None = None
) -> Bundle:
    ports = make_ports(objects=objects)
    run = Run(Job(21, 28, "m-1"), attempt or FakeAttempt(), ports, renditions or RenditionCache(RenditionRoom(0)))
    made = write_bundle(run)
    assert made
    return made


def contents(objects: FakeObjects) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(objects.stored[KEY].data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


@pytest.fixture
def objects() -> FakeObjects:
    objects = FakeObjects()
    objects.put("28/processed/photo/vertical/large/a.jpg", JPEG)
    objects.put("28/processed/project/doc/original/plan.pdf", PDF)
    return objects


def test_the_bundle_holds_every_processed_object_of_the_listing_and_nothing_else(objects: FakeObjects) -> None:
    objects.put("28/raw/photo/vertical/a.jpg", b"raw")
    objects.put("28/work/21.json", b"{}")
    objects.put("280/processed/photo/vertical/large/b.jpg", b"another listing's")
    objects.put("28/processed/zip/older.zip", b"an older bundle")
    made = bundle(objects)
    assert contents(objects) == {"photo/vertical/large/a.jpg": JPEG, "project/doc/original/plan.pdf": PDF}
    assert made == Bundle(KEY, 2, len(objects.stored[KEY].data), len(JPEG) + len(PDF))
    assert objects.stored[KEY].content_type == "application/zip"
    assert not objects.open_uploads


def test_a_member_has_the_extension_of_what_it_really_is(objects: FakeObjects) -> None:
    for name, data in {
        "b.heic": JPEG,
        "c.gif": PNG,
        "d.JPEG": JPEG,
        "e.mp4": JPEG,
        "f": JPEG,
        "g.xyz": b"?",
    }.items():
        objects.put(f"28/processed/photo/vertical/small/{name}", data)
    objects.put("28/processed/project/doc/original/scan.tiff", JPEG)
    names = {name.rpartition("/")[2] for name in contents_of(objects)}
    assert names == {"a.jpg", "b.jpg", "c.png", "d.JPEG", "e.jpg", "f.jpg", "g.xyz", "plan.pdf", "scan.tiff"}


def contents_of(objects: FakeObjects) -> dict[str, bytes]:
    bundle(objects)
    return contents(objects)


def test_members_that_would_collide_keep_both(objects: FakeObjects) -> None:
    objects.put("28/processed/photo/vertical/large/a.heic", JPEG + b"1")
    objects.put("28/processed/photo/vertical/2024-01-31/large/a.jpg", JPEG + b"2")
    assert contents_of(objects) == {
        "photo/vertical/large/a.jpg": JPEG + b"2",
        "photo/vertical/large/a-2.jpg": JPEG + b"1",
        "photo/vertical/large/a-3.jpg": JPEG,
        "project/doc/original/plan.pdf": PDF,
    }


def test_the_same_members_give_the_same_bytes(objects: FakeObjects) -> None:
    bundle(objects)
    first = objects.stored.pop(KEY).data
    bundle(objects)
    assert objects.stored[KEY].data == first


def test_every_entry_is_stored_with_its_size_in_its_own_header_and_a_fixed_date(objects: FakeObjects) -> None:
    objects.put("28/processed/project/doc/original/Grundriß.pdf", PDF)
    bundle(objects)
    with zipfile.ZipFile(io.BytesIO(objects.stored[KEY].data)) as archive:
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert not info.flag_bits & 0x08, "no data descriptor"
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert archive.getinfo("project/doc/original/Grundriß.pdf").flag_bits & 0x800, "a UTF-8 name"


def test_a_bundle_that_holds_these_very_members_is_left_as_it_is(objects: FakeObjects) -> None:
    made = bundle(objects)
    assert bundle(objects) == made
    assert objects.called("replace") == [KEY]
    objects.put("28/processed/photo/vertical/large/b.jpg", JPEG)
    assert bundle(objects).count == 3
    assert objects.called("replace") == [KEY, KEY]


def test_a_bundle_whose_names_followed_other_rules_is_built_again(
    objects: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(zip_step, "NAMING", 1)
        bundle(objects)
    bundle(objects)
    assert objects.called("replace") == [KEY, KEY]


def test_a_bundle_that_another_job_replaced_meanwhile_is_built_again(objects: FakeObjects) -> None:
    """The other job's photo came after our listing, and its bundle before ours was completed."""
    race = iter([True])

    def before(method: str, key: str) -> None:
        if method == "complete" and next(race, False):
            objects.put("28/processed/photo/vertical/large/theirs.jpg", JPEG)
            objects.put(KEY, b"their bundle", "application/zip")

    objects.before = before
    made = bundle(objects)
    assert made.count == 3
    assert "photo/vertical/large/theirs.jpg" in contents(objects)
    assert not objects.open_uploads


def test_what_another_job_does_between_our_two_looks_is_not_lost(objects: FakeObjects) -> None:
    """The bundle's ETag must be the older look: then the newer list of keys can only hold more."""
    looks = iter(["first", "second"])

    def before(method: str, key: str) -> None:
        if (method == "list" or (method == "head" and key == KEY)) and next(looks, "") == "second":
            objects.put("28/processed/photo/vertical/large/theirs.jpg", JPEG)
            objects.put(KEY, b"their bundle", "application/zip")

    objects.before = before
    bundle(objects)
    assert "photo/vertical/large/theirs.jpg" in contents(objects)


def test_what_a_killed_attempt_left_open_is_aborted(objects: FakeObjects) -> None:
    killed = objects.replace(KEY, None, "application/zip", {})
    killed.__enter__()
    bundle(objects)
    assert len(objects.open_uploads) == 1, "on the first receive it can only be another job's"
    bundle(objects, attempt=FakeAttempt(first=False))
    assert not objects.open_uploads


def test_an_upload_that_another_job_aborted_is_begun_again(objects: FakeObjects) -> None:
    race = iter([True])
    objects.before = lambda method, key: (
        objects.abort_uploads(KEY) if method == "complete" and next(race, False) else None
    )
    assert bundle(objects).count == 2
    assert len(objects.called("replace")) == 2


def test_a_member_that_vanishes_or_changes_after_the_bucket_was_listed_is_no_failure(objects: FakeObjects) -> None:
    changes = iter([b"changed", None])

    def before(method: str, key: str) -> None:
        if method == "read" and key.endswith("a.jpg"):
            match next(changes, "no more"):
                case bytes(data):
                    objects.put(key, data)
                case None:
                    del objects.stored[key]

    objects.before = before
    assert bundle(objects).count == 1


def test_a_bundle_that_is_replaced_again_and_again_is_for_a_later_attempt(objects: FakeObjects) -> None:
    def before(method: str, key: str) -> None:
        if method == "complete":
            objects.put(KEY, str(len(objects.calls)).encode(), "application/zip")

    objects.before = before
    with pytest.raises(Transient):
        bundle(objects)
    assert len(objects.called("replace")) == REBUILDS
    assert not objects.open_uploads


def test_what_this_attempt_rendered_is_not_fetched_again(objects: FakeObjects) -> None:
    renditions = RenditionCache(RenditionRoom(1000))
    key = "28/processed/photo/vertical/large/a.jpg"
    renditions.keep(key, objects.stored[key].etag, JPEG)
    bundle(objects, renditions)
    assert objects.called("read") == ["28/processed/project/doc/original/plan.pdf"]
    assert contents(objects)["photo/vertical/large/a.jpg"] == JPEG


def test_what_was_rendered_but_replaced_since_is_fetched(objects: FakeObjects) -> None:
    renditions = RenditionCache(RenditionRoom(1000))
    renditions.keep("28/processed/photo/vertical/large/a.jpg", "an older etag", b"older")
    bundle(objects, renditions)
    assert contents(objects)["photo/vertical/large/a.jpg"] == JPEG


def test_the_shelf_keeps_no_more_than_its_budget() -> None:
    renditions = RenditionCache(RenditionRoom(10))
    renditions.keep("a", "1", b"12345678")
    renditions.keep("b", "1", b"123")
    assert renditions.get("a", "1") == b"12345678"
    assert renditions.get("b", "1") is None
    assert renditions.get("a", "2") is None


def test_a_large_member_comes_through_unharmed(objects: FakeObjects) -> None:
    large = hashlib.sha256(b"seed").digest() * (AHEAD // 16)
    objects.put("28/processed/project/doc/original/large.bin", large, "application/octet-stream")
    assert contents_of(objects)["project/doc/original/large.bin"] == large


def test_a_lost_lease_aborts_the_upload(objects: FakeObjects) -> None:
    attempt = FakeAttempt()
    checks = iter(range(2))

    def lose() -> None:
        if next(checks, None) is None:
            raise LeaseLost("another worker has it")

    attempt.before_checkpoint = lose
    with pytest.raises(LeaseLost):
        bundle(objects, attempt=attempt)
    assert not objects.open_uploads
    assert KEY not in objects.stored


def test_a_bundle_that_an_outage_interrupts_is_built_again_and_what_it_left_open_is_aborted(
    objects: FakeObjects,
) -> None:
    attempt, failures = FakeAttempt(), iter(["complete", "list"])
    attempt.outages = 2
    fails = next(failures)

    def out(method: str, key: str) -> None:
        nonlocal fails
        if method == fails:
            fails = next(failures, "")
            raise Unavailable("no route", Dependency.BUCKET)

    objects.before = out
    bundle(objects, attempt=attempt)
    assert attempt.outlasted == ["no route"] * 2
    assert objects.called("abort_uploads") == [KEY] * 2, "not the first time: another job's would be hit"
    assert len(contents(objects)) == 2
