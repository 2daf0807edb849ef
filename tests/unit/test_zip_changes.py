"""A bundle costs what changed, and of several jobs one at a time writes it."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

import pytest

from domain.bundle import plan as plan_module
from domain.bundle import stream as stream_module
from domain.bundle.assembler import Assembler
from domain.bundle.names import Names
from domain.bundle.plan import PartSizes, draw_up
from domain.bundle.stream import stream
from domain.errors import Archived, CannotCopy, Conflict, LeaseLost, Transient
from domain.model import Bundle, Job
from domain.ports import Entry
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps import zip as zip_step
from domain.steps.zip import PAUSES, write_bundle
from tests.fakes import JPEG, MP4, FakeAttempt, FakeObjects, FakeUpload, SameThread, make_ports, threads

KEY = "28/processed/zip/28.zip"
SIZES = PartSizes(least=5_000, full=8_000, copied=100_000)
PHOTOS = "28/processed/photo/vertical/large/"
VIDEO = "28/processed/video/vertical/original/v.mp4"


class Counting(FakeObjects):
    """Counts the bytes that are read, by key."""

    def __init__(self) -> None:
        super().__init__()
        self.read_bytes: dict[str, int] = {}

    def read(self, key: str, etag: str, extent: range | None = None) -> Iterator[bytes]:
        for chunk in super().read(key, etag, extent):
            self.read_bytes[key] = self.read_bytes.get(key, 0) + len(chunk)
            yield chunk


@pytest.fixture
def objects() -> Counting:
    """A listing with a bundle of 20 photos of a kilobyte each."""
    objects = Counting()
    for number in range(20):
        objects.put(f"{PHOTOS}{number:02}.jpg", JPEG + bytes([number]) * 1000)
    bundle(objects)
    objects.calls.clear()
    objects.read_bytes.clear()
    return objects


def bundle(objects: FakeObjects, kept: Mapping[str, bytes] | None = None, **ports: object) -> Bundle:
    renditions = RenditionCache(RenditionRoom(1_000_000))
    for key, data in (kept or {}).items():
        renditions.keep(key, objects.stored[key].etag, data)
    run = Run(Job(21, 28, "m-1"), FakeAttempt(), make_ports(objects=objects, **ports), renditions)
    made = write_bundle(run, sizes=SIZES)
    assert made
    return made


def paths(objects: FakeObjects) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(objects.stored[KEY].data)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def test_a_photo_more_costs_its_own_bytes_and_the_directory(objects: Counting) -> None:
    before = len(objects.stored[KEY].data)
    objects.put(f"{PHOTOS}05a.jpg", JPEG + b"new" * 300)
    made = bundle(objects)
    with zipfile.ZipFile(io.BytesIO(objects.stored[KEY].data)) as archive:
        directory = made.size - archive.start_dir
        assert archive.infolist()[6].header_offset > archive.infolist()[20].header_offset, "it was appended"
    assert paths(objects)[5:7] == ["photo/vertical/large/05.jpg", "photo/vertical/large/05a.jpg"]
    assert made.sent < directory + 1200
    assert objects.called("copy part") == [KEY]
    read_twice = 2 * (len(JPEG) + 900)
    assert objects.read_bytes == {KEY: before, f"{PHOTOS}05a.jpg": read_twice}, "at first for its format"


def test_what_this_attempt_rendered_is_not_fetched_for_it(objects: Counting) -> None:
    key = objects.put(f"{PHOTOS}05a.jpg", JPEG)
    bundle(objects, {key: JPEG})
    assert set(objects.called("read")) == {KEY}


def test_of_a_large_new_member_its_first_bytes_are_read(objects: Counting) -> None:
    objects.put(VIDEO, MP4 + bytes(500_000))
    made = bundle(objects)
    assert objects.read_bytes[VIDEO] < SIZES.least + 1024
    assert made.sent < SIZES.least + 5_000
    assert objects.called("copy part") == [KEY] + [VIDEO] * 4
    assert paths(objects)[-1] == "video/vertical/original/v.mp4"


def test_of_a_large_member_that_is_in_memory_only_the_first_bytes_are_sent(objects: Counting) -> None:
    key = objects.put(VIDEO, MP4 + bytes(50_000))
    made = bundle(objects, {key: MP4 + bytes(50_000)})
    assert made.sent < SIZES.least + 5_000
    assert paths(objects)[-1] == "video/vertical/original/v.mp4"


def test_what_the_bundle_holds_may_be_archived_by_now(objects: Counting) -> None:
    objects.put(f"{PHOTOS}05a.jpg", JPEG)

    def before(method: str, key: str) -> None:
        if method == "read" and key == f"{PHOTOS}05.jpg":
            raise Archived("it is archived")

    objects.before = before
    bundle(objects)
    assert len(paths(objects)) == 21


def test_a_bundle_below_the_least_part_is_streamed() -> None:
    objects = Counting()
    objects.put(f"{PHOTOS}a.jpg", JPEG)
    bundle(objects)
    objects.put(f"{PHOTOS}b.jpg", JPEG)
    bundle(objects)
    assert KEY not in objects.read_bytes


def test_a_bundle_of_another_layout_is_built_again(objects: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_step, "LAYOUT", 2)
    bundle(objects)
    assert objects.called("replace") == [KEY]


def test_small_members_alone_are_streamed_in_their_order() -> None:
    objects = Counting()
    for name in ("a.heic", "b.jpg"):
        objects.put(PHOTOS + name, JPEG + b"x" * 900)
    made = bundle(objects)
    assert made.sent == made.size
    once = len(JPEG) + 900
    assert objects.read_bytes == {f"{PHOTOS}a.heic": once, f"{PHOTOS}b.jpg": once}


def test_a_bundle_of_another_version_is_streamed(objects: Counting) -> None:
    old = objects.stored[KEY]
    objects.put(KEY, old.data, "application/zip")
    assert bundle(objects).sent == len(objects.stored[KEY].data)
    assert not objects.called("copy part")


def test_an_old_bundle_that_is_archived_is_replaced_without_a_look_at_it(objects: Counting) -> None:
    def archived(method: str, key: str) -> None:
        if key == KEY and method in ("read", "copy part"):
            raise Archived(f"GET {key}: it is archived and must be restored first")

    objects.before = archived
    objects.put(f"{PHOTOS}new.jpg", JPEG)
    assert bundle(objects).sent == len(objects.stored[KEY].data)
    assert len(paths(objects)) == 21


def test_a_member_has_the_same_name_whether_it_is_streamed_or_looked_at(objects: Counting) -> None:
    """Of a member that is streamed there are more bytes than the first KiB, by which the plan names it."""
    brands = b"isom" * 300 + b"avif"
    objects.put(f"{PHOTOS}new.jpg", (16 + len(brands)).to_bytes(4, "big") + b"ftypmp42" + bytes(4) + brands)
    bundle(objects)
    planned = paths(objects)
    del objects.stored[KEY]
    bundle(objects)
    assert paths(objects) == planned


def test_where_the_bucket_cannot_copy_the_bundle_is_streamed(objects: Counting) -> None:
    objects.copies = False
    objects.put(VIDEO, MP4 + bytes(50_000))
    made = bundle(objects)
    assert made.sent == made.size
    assert objects.called("replace") == [KEY, KEY]
    assert len(paths(objects)) == 21
    assert not objects.open_uploads


def test_copied_bytes_that_are_not_what_the_directory_says_are_refused(objects: Counting) -> None:
    """S3 compares the whole's CRC-32 at completion; then the bundle is streamed."""
    old = objects.stored[KEY]
    spoilt = bytearray(old.data)
    spoilt[5_000] ^= 1
    objects.stored[KEY] = type(old)(bytes(spoilt), old.content_type, old.metadata)
    objects.put(f"{PHOTOS}new.jpg", JPEG)
    made = bundle(objects)
    assert objects.called("complete") == [KEY, KEY]
    assert made.sent == made.size
    assert len(paths(objects)) == 21


def test_what_was_not_copied_and_is_archived_comes_back_later(objects: Counting) -> None:
    """S3 may copy it then. Without a copy that failed it would be restored first, and fails at once."""
    objects.put(f"{PHOTOS}new.jpg", JPEG)
    objects.copies = False

    def before(method: str, key: str) -> None:
        if method == "read" and key == f"{PHOTOS}05.jpg":
            raise Archived("it is archived")

    objects.before = before
    with pytest.raises(Transient, match="it is archived") as raised:
        bundle(objects)
    assert type(raised.value) is Transient


def test_a_streamed_bundle_that_is_refused_is_an_error(objects: Counting) -> None:
    objects.put(f"{PHOTOS}new.jpg", JPEG)

    def refuse(method: str, key: str) -> None:
        if method == "complete":
            raise CannotCopy("not what it should be")

    objects.before = refuse
    with pytest.raises(CannotCopy):
        bundle(objects)
    assert len(objects.called("replace")) == 2


def test_a_job_waits_for_another_one_that_is_at_the_bundle(objects: Counting) -> None:
    """It finds then that the other one's bundle holds all."""
    objects.put(f"{PHOTOS}new.jpg", JPEG)
    other = objects.replace(KEY, None, "application/zip", {})
    other.__enter__()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            objects.open_uploads.clear()
            bundle(objects)

    made = bundle(objects, pause=pause)
    assert pauses == [0.5, 1.0, 2.0, 2.0]
    assert made.sent == 0
    assert objects.called("complete") == [KEY], "the other one's"
    assert not objects.open_uploads


def test_a_job_does_not_wait_for_ever(objects: Counting) -> None:
    objects.put(f"{PHOTOS}new.jpg", JPEG)
    other = objects.replace(KEY, None, "application/zip", {})
    other.__enter__()
    pauses: list[float] = []
    bundle(objects, pause=pauses.append)
    assert pauses == list(PAUSES)
    assert 100 < sum(pauses) <= 120
    assert len(paths(objects)) == 21


def test_a_job_that_waits_and_loses_its_lease_stops(objects: Counting) -> None:
    objects.put(f"{PHOTOS}new.jpg", JPEG)
    other = objects.replace(KEY, None, "application/zip", {})
    other.__enter__()
    attempt, pauses = FakeAttempt(), list[float]()

    def lose() -> None:
        if len(pauses) == 2:
            raise LeaseLost("another worker has it")

    attempt.before_checkpoint = lose
    run = Run(
        Job(21, 28, "m-1"),
        attempt,
        make_ports(objects=objects, pause=pauses.append),
        RenditionCache(RenditionRoom(0)),
    )
    with pytest.raises(LeaseLost):
        write_bundle(run, sizes=SIZES)


class Raced(FakeObjects):
    """A bucket that many threads use: a completion is one event, which others wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.completions = 0

    @contextmanager
    def replace(
        self, key: str, etag: str | None, content_type: str, metadata: Mapping[str, str]
    ) -> Iterator[FakeUpload]:
        with self.lock:
            replacing = super().replace(key, etag, content_type, metadata)
            upload = replacing.__enter__()
        try:
            yield upload
        except BaseException as error:
            with self.lock:
                replacing.__exit__(type(error), error, error.__traceback__)
            raise
        with self.lock:
            try:
                replacing.__exit__(None, None, None)
            finally:
                self.completions += 1
                self.changed.notify_all()

    def pause(self, _: float) -> None:
        """Wait until a job has completed its bundle; where each has, there is nothing to wait for."""
        with self.lock:
            seen = self.completions
            self.changed.wait_for(lambda: self.completions > seen or not self.open_uploads, 30)


def test_of_ten_jobs_at_once_none_loses_its_work_and_little_is_moved() -> None:
    objects = Raced()
    for number in range(40):
        objects.put(f"{PHOTOS}old-{number:02}.jpg", JPEG + b"o" * 20_000)
    bundle(objects)
    ready = threading.Barrier(10)

    def job(number: int) -> int:
        for photo in range(4):
            objects.write(f"{PHOTOS}{number}-{photo}.jpg", JPEG + b"n" * 20_000, "image/jpeg", {})
        ready.wait(30)
        return bundle(objects, pause=objects.pause).sent

    with threads(10) as pool:
        sent = list(pool.map(job, range(10)))
    assert len(paths(objects)) == 80
    assert sum(sent) <= 3 * 40 * 20_000
    assert not objects.open_uploads


def test_parts_are_sent_side_by_side(objects: Counting) -> None:
    together = threading.Barrier(3, timeout=30)

    class Slow:
        """An upload of which three parts go at once or none."""

        def part(self, number: int, data: bytes | bytearray) -> None:
            if number <= 3:
                together.wait()

        def copy(self, number: int, source: Entry, extent: range) -> int:
            raise CannotCopy("unused")

        def expect(self, crc32: int) -> None:
            """Unused."""

        def began_first(self) -> bool:
            return True

    members = [Entry(key, found.etag, len(found.data)) for key, found in objects.stored.items() if key != KEY]
    with threads(8) as pool:
        run = Run(
            Job(21, 28, "m-1"),
            FakeAttempt(),
            make_ports(objects=objects, transfers=pool),
            RenditionCache(RenditionRoom(0)),
        )
        assert stream(run, Slow(), members, SIZES) > 20_000
    assert not together.broken


def test_a_part_that_fails_ends_the_upload_when_nothing_of_it_is_under_way(objects: Counting) -> None:
    objects.put(VIDEO, MP4 + bytes(900_000))
    copied = []

    def before(method: str, key: str) -> None:
        if method == "copy part":
            copied.append(key)
            if len(copied) == 3:
                raise Conflict("the video is another one by now")

    objects.before = before
    with threads(4) as pool:
        bundle(objects, copies=pool)
    assert objects.called("replace") == [KEY, KEY]
    assert paths(objects)[-1] == "video/vertical/original/v.mp4"


def test_what_s3_copies_keeps_no_thread_from_another_jobs_small_requests(objects: Counting) -> None:
    """The pool of these has a single thread here, and serves a request of another job before a copy ends."""
    objects.put(VIDEO, MP4 + bytes(150_000))
    served = []

    with threads(1) as transfers, threads(4) as copies:

        def before(method: str, key: str) -> None:
            if method == "copy part":
                served.append(transfers.submit(lambda: "served").result(30))

        objects.before = before
        bundle(objects, transfers=transfers, copies=copies)
    assert set(served) == {"served"}


class Stalled(SameThread):
    """Does ten things, gets stuck with the next six, and does the rest."""

    def __init__(self) -> None:
        self.begun = 0
        self.stuck: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.begun += 1
        if not 10 < self.begun <= 16:
            return super().submit(fn, *args, **kwargs)
        self.stuck.append(Future())
        return self.stuck[-1]


class Refusing(FakeUpload):
    def part(self, number: int, data: bytes | bytearray) -> None:
        raise Conflict("another job has aborted the upload")


def members(objects: FakeObjects) -> list[Entry]:
    return [Entry(key, found.etag, len(found.data)) for key, found in objects.stored.items() if key != KEY]


def test_after_an_error_of_an_upload_no_member_is_read_any_more(
    objects: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even while the error is still there, whose traceback holds whoever was reading."""
    monkeypatch.setattr(stream_module, "SENDING", 1)
    pool = Stalled()
    nothing_kept = RenditionCache(RenditionRoom(0))
    run = Run(Job(21, 28, "m-1"), FakeAttempt(), make_ports(objects=objects, transfers=pool), nothing_kept)
    with pytest.raises(Conflict) as raised:
        stream(run, Refusing(KEY, objects), members(objects), PartSizes(500, 800, 1_000))
    assert raised.tb
    assert [future.cancelled() for future in pool.stuck] == [True] * 6


def test_after_the_loss_of_the_lease_no_member_is_read_any_more(objects: Counting) -> None:
    pool, attempt, names = Stalled(), FakeAttempt(), Names(28)

    def lose() -> None:
        if pool.stuck:
            raise LeaseLost("another worker has it")

    attempt.before_checkpoint = lose
    nothing_kept = RenditionCache(RenditionRoom(0))
    run = Run(Job(21, 28, "m-1"), attempt, make_ports(objects=objects, transfers=pool), nothing_kept)
    wanted = [names.entry(member, None) for member in members(objects)]
    plan = draw_up(members(objects), wanted, None, [], PartSizes(5_000, 800, 10_000))
    with pytest.raises(LeaseLost) as raised:
        Assembler(run, FakeUpload(KEY, objects), plan).write()
    assert raised.tb
    assert [future.cancelled() for future in pool.stuck] == [True] * 6


class Counted(Executor):
    """Real threads; `most` is how many things were under way at once."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._under_way: list[Future[Any]] = []
        self.most = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._under_way = [future for future in self._under_way if not future.done()]
        self._under_way.append(self._pool.submit(fn, *args, **kwargs))
        self.most = max(self.most, len(self._under_way))
        return self._under_way[-1]


def test_four_parts_of_a_job_are_copied_at_once(objects: Counting) -> None:
    """No more: other jobs' copies have the same threads."""
    objects.put(VIDEO, MP4 + bytes(750_000))
    together = threading.Barrier(4, timeout=30)

    def before(method: str, key: str) -> None:
        if method == "copy part":
            together.wait()

    objects.before = before
    with threads(8) as pool:
        copies = Counted(pool)
        bundle(objects, copies=copies)
    assert len(objects.called("copy part")) == 8
    assert copies.most == 4


def test_a_job_whose_lease_is_lost_has_nothing_more_copied(objects: Counting) -> None:
    objects.put(VIDEO, MP4 + bytes(700_000))
    attempt = FakeAttempt()

    def lost() -> None:
        if len(objects.called("copy part")) == 3:
            raise LeaseLost("another worker has it")

    attempt.before_checkpoint = lost
    run = Run(Job(21, 28, "m-1"), attempt, make_ports(objects=objects), RenditionCache(RenditionRoom(0)))
    with pytest.raises(LeaseLost):
        write_bundle(run, sizes=SIZES)
    assert len(objects.called("copy part")) == 3
    assert not objects.open_uploads


def test_a_large_bundle_has_larger_parts(objects: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 takes 10,000 of them."""
    sent: list[int] = []
    part = FakeUpload.part

    def counted(upload: FakeUpload, number: int, data: bytes | bytearray) -> None:
        sent.append(number)
        part(upload, number, data)

    monkeypatch.setattr(FakeUpload, "part", counted)
    monkeypatch.setattr(plan_module, "MAX_PARTS", 2)
    for entry in members(objects):
        objects.put(entry.key, objects.stored[entry.key].data + b"new")
    run = Run(Job(21, 28, "m-1"), FakeAttempt(), make_ports(objects=objects), RenditionCache(RenditionRoom(0)))
    write_bundle(run, sizes=PartSizes(500, 800, 1_000))
    assert max(sent) == 3, "two of half of all members, and headers and directory; it would be 20"
