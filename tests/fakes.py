"""One small fake a port: in memory, no clock but the test's, nothing that sleeps."""

from __future__ import annotations

import hashlib
import math
import weakref
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, NoReturn, TypeVar

from domain import keys
from domain.bundles import Bundles
from domain.claims import Claim
from domain.content import FileFormat
from domain.dead_letters import Attribute, Counts, DeadMessage, Settled, Tell
from domain.errors import CannotCopy, Code, Conflict, NotFound, Permanent, Transient, Unavailable
from domain.journal import Journal
from domain.keys import RawKey
from domain.kinds import WIDTHS, Kind, Size
from domain.model import Job, Origin, Picture, Rendition, Report, Source, Transcoding, TranscodingResult
from domain.outlast import outlasting
from domain.photo_buffer import PhotoBuffer
from domain.ports import Attempt, Entry, Head, Holds, Ports
from domain.queue import Message
from domain.rendition_cache import RenditionRoom
from worker.metrics import Metrics
from worker.progress import Progress

Value = TypeVar("Value")

NOW = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)
JPEG = b"\xff\xd8\xff a photo"
PDF = b"%PDF-1.7 a document"
MP4 = b"\0\0\0\x18ftypmp42 a video"


class Pixels:
    """A picture in memory, which a weak reference can be had of."""


def fail_holding(pictures: list[weakref.ref[Pixels]], error: Exception) -> NoReturn:
    """Raise the error from a frame, and after another error, that hold a picture."""
    pixels = Pixels()
    pictures.append(weakref.ref(pixels))
    try:
        raise ConnectionError
    except ConnectionError as cause:
        raise error from cause


class ManualClock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True, slots=True)
class Stored:
    data: bytes
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return hashlib.md5(self.data + self.content_type.encode(), usedforsecurity=False).hexdigest()


class FakeObjects:
    """The bucket, as a dictionary. `before` is called with each method's name and key, and may raise.

    `copies` says whether it copies parts by itself.
    """

    def __init__(self) -> None:
        self.stored: dict[str, Stored] = {}
        self.processed: set[str] = set()
        self.versions: dict[str, str] = {}
        self.tagged: list[tuple[str, str | None]] = []
        self.told_of_tags: list[bool | None] = []
        self.has_tags: bool | None = None
        self.work: set[str] = set()
        self.open_uploads: list[FakeUpload] = []
        self.copies = True
        self.calls: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda method, key: None

    def put(self, key: str, data: bytes, content_type: str = "image/jpeg") -> str:
        """Store an object as the test, not as the code under test; returns its key."""
        self.stored[key] = Stored(data, content_type)
        return key

    def called(self, method: str) -> list[str]:
        """The keys that a method was called with."""
        return [key for name, key in self.calls if name == method]

    def head(self, key: str) -> Head | None:
        self._note("head", key)
        if key not in self.stored:
            return None
        found = self.stored[key]
        version = self.versions.get(key)
        return Head(
            found.etag, len(found.data), found.content_type, None, found.metadata, version, self.has_tags
        )  # fmt: skip

    def read(self, key: str, etag: str, extent: range | None = None) -> Iterator[bytes]:
        self._note("read", key)
        data = self._get(key, etag).data
        yield data[extent.start : extent.stop] if extent else data

    def whole(self, key: str, etag: str) -> bytes:
        return b"".join(self.read(key, etag))

    def write(
        self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str], only_if: Holds | None = None
    ) -> str:
        self._note("write", key)
        self._require(key, only_if)
        self.stored[key] = Stored(data, content_type, metadata)
        return self.stored[key].etag

    def delete(self, key: str, etag: str) -> None:
        self._note("delete", key)
        if key in self.stored:
            self._get(key, etag)
            del self.stored[key]

    def copy(
        self, source: str, etag: str, target: str, metadata: Mapping[str, str], only_if: Holds | None = None
    ) -> None:
        self._note("copy", source)
        original = self._get(source, etag)
        self._require(target, only_if)
        self.stored[target] = replace(original, metadata=metadata)

    def _require(self, key: str, only_if: Holds | None) -> None:
        held = self.stored[key].etag if key in self.stored else None
        if only_if and only_if.etag != held:
            raise Conflict(f"{key} isn't what it was")

    def list(self, prefix: str) -> Iterator[Entry]:
        self._note("list", prefix)
        for key in sorted(self.stored, key=str.encode):
            if key.startswith(prefix):
                yield Entry(key, self.stored[key].etag, len(self.stored[key].data))

    @contextmanager
    def replace(
        self, key: str, etag: str | None, content_type: str, metadata: Mapping[str, str]
    ) -> Iterator[FakeUpload]:
        self._note("replace", key)
        upload = FakeUpload(key, self)
        self.open_uploads.append(upload)
        try:
            yield upload
            self._note("complete", key)
            if upload.aborted:
                raise Conflict(f"the upload of {key} was aborted")
            if upload.crc32 not in (None, zlib.crc32(upload.whole)):
                raise CannotCopy(f"the parts of {key} aren't what they should be")
            if etag is not None:
                self._get(key, etag)
            elif key in self.stored:
                raise Conflict(f"{key} is there by now")
            self.stored[key] = Stored(upload.whole, content_type, metadata)
        finally:
            self.open_uploads = [other for other in self.open_uploads if other is not upload]

    def abort_uploads(self, key: str) -> None:
        self._note("abort_uploads", key)
        for upload in [opened for opened in self.open_uploads if opened.key == key]:
            upload.aborted = True
            self.open_uploads.remove(upload)

    def mark_processed(self, key: str, version: str | None, tagged: bool | None = None) -> None:
        self._note("mark_processed", key)
        if key not in self.stored:
            raise NotFound(f"{key} isn't there")
        self.processed.add(key)
        self.tagged.append((key, version))
        self.told_of_tags.append(tagged)

    def mark_work(self, key: str) -> None:
        self._note("mark_work", key)
        if key not in self.stored:
            raise NotFound(f"{key} isn't there")
        self.work.add(key)

    def _note(self, method: str, key: str) -> None:
        self.calls.append((method, key))
        self.before(method, key)

    def _get(self, key: str, etag: str) -> Stored:
        if key not in self.stored:
            raise NotFound(f"{key} isn't there")
        if self.stored[key].etag != etag:
            raise Conflict(f"{key} has changed")
        return self.stored[key]


class FakeUpload:
    def __init__(self, key: str, objects: FakeObjects) -> None:
        self.key = key
        self.aborted = False
        self.crc32: int | None = None
        self._objects = objects
        self._parts: dict[int, bytes] = {}

    def part(self, number: int, data: bytes | bytearray) -> None:
        if self.aborted:
            raise Conflict(f"the upload of {self.key} was aborted")
        self._parts[number] = bytes(data)

    def copy(self, number: int, source: Entry, extent: range) -> int:
        self._objects._note("copy part", source.key)
        if not self._objects.copies:
            raise CannotCopy("this bucket can't")
        data = self._objects._get(source.key, source.etag).data[extent.start : extent.stop]
        self.part(number, data)
        return zlib.crc32(data)

    def expect(self, crc32: int) -> None:
        self.crc32 = crc32

    def began_first(self) -> bool:
        same = [upload for upload in self._objects.open_uploads if upload.key == self.key]
        return same[:1] == [self]

    @property
    def whole(self) -> bytes:
        return b"".join(self._parts[number] for number in sorted(self._parts))


class FakeImages:
    """Renders every JPEG as 800 × 600 pixels and a few bytes. `before` may raise."""

    def __init__(self) -> None:
        self.rendered: list[bytes] = []
        self.before: Callable[[bytes], None] = lambda data: None

    def render(
        self, data: bytes, file_format: FileFormat, job: str, key: str, checkpoint: Callable[[], None]
    ) -> Picture:
        assert file_format is FileFormat.JPEG, "what other formats become is for the real one"
        self.before(data)
        self.rendered.append(data)
        renditions = (Rendition(size, JPEG + size.encode() + data, file_format) for size in WIDTHS)
        return Picture(800, 600, tuple(renditions), "#8a7f6d", "HBkSHYSIeHiPiHh8eJd4eTN0EEQG")


class FakeBackend:
    """Remembers the reports; `before` may raise."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.before: Callable[[Report], None] = lambda report: None

    def notify(self, report: Report, attempt: Attempt) -> None:
        def once() -> None:
            attempt.checkpoint()
            self.before(report)

        outlasting(attempt.outlast, once)
        self.reports.append(report)


class FakeTranscoder:
    """Finishes each video as soon as it is asked after, unless the test says otherwise.

    `before` is called with the method's name and may raise. `results` holds what a transcoding's id is answered
    with instead, None for one that goes on.
    """

    def __init__(self, objects: FakeObjects) -> None:
        self._objects = objects
        self.submitted: list[tuple[str, bool]] = []
        self.asked: list[str] = []
        self.results: dict[str, TranscodingResult | None] = {}
        self.captured = 2
        self.before: Callable[[str], None] = lambda method: None
        self._ids: dict[tuple[Origin, int], str] = {}
        self._sources: dict[str, Source] = {}

    def check_name(self, raw: RawKey) -> None:
        if "$" in raw.key:
            raise Permanent(f"{raw.key} has a $", Code.VALIDATION_ERROR)

    def frames(self, source: Source) -> list[str]:
        return [f"{keys.frames(source.raw, source.etag)}-{number}.jpg" for number in range(2)]

    def submit(self, source: Source, generation: int) -> Transcoding:
        self.before("submit")
        self.submitted.append((source.raw.key, generation > 1))
        transcoding_id = self._ids.setdefault((source.origin, generation), f"t-{len(self._ids) + 1}")
        self._sources[transcoding_id] = source
        return Transcoding(source.raw.key, source.etag, transcoding_id, 640, 360)

    def result(self, transcoding_id: str) -> TranscodingResult | None:
        self.asked.append(transcoding_id)
        self.before("result")
        if transcoding_id in self.results:
            return self.results[transcoding_id]
        source = self._sources.pop(transcoding_id, None)
        if source is None:  # it has written everything already
            return TranscodingResult(True)
        self._objects.put(source.derived(Size.ORIGINAL), MP4, "video/mp4")
        for number, key in enumerate(self.frames(source)[: self.captured]):
            self._objects.put(key, JPEG + b" frame %d" % number)
        return TranscodingResult(True)


class FakeClaims:
    """The claims by their keys, all `age` seconds old; `before` is called with the method's name and may raise."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}
        self.age = 0.0
        self.before: Callable[[str], None] = lambda method: None
        self._versions = count(1)

    def look(self, source: Source) -> Claim | None:
        self.before("look")
        claim = self.claims.get(keys.claim_key(source.raw))
        return replace(claim, age=self.age) if claim else None

    def take(self, source: Source, claim: Claim, instead_of: Claim | None) -> Claim:
        self.before("take")
        key = keys.claim_key(source.raw)
        held = self.claims.get(key)
        if (held.version if held else None) != (instead_of.version if instead_of else None):
            raise Conflict(f"{key} is another one by now")
        self.claims[key] = replace(claim, version=str(next(self._versions)))
        return self.claims[key]

    def name(self, source: Source, claim: Claim, transcoding: Transcoding) -> None:
        self.before("name")
        with suppress(Conflict):
            self.take(source, replace(claim, transcoding=transcoding), claim)


class FakeJournals:
    """The journals by message id; `before` is called with the method's name and may raise."""

    def __init__(self) -> None:
        self.journals: dict[str, Journal] = {}
        self.loads = 0
        self.before: Callable[[str], None] = lambda method: None

    def load(self, job: Job) -> Journal:
        self.before("load")
        self.loads += 1
        return self.journals.get(job.message_id, Journal())

    def add(self, job: Job, news: Journal) -> None:
        self.before("add")
        self.journals[job.message_id] = self.journals.get(job.message_id, Journal()).with_added(news)


class FakeTaskProtection:
    """Remembers for how many minutes it was protected each time, 0 where it was lifted; `before` may raise."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.before: Callable[[], None] = lambda: None

    def protect(self, minutes: int) -> None:
        self.before()
        self.asked.append(minutes)

    def lift(self) -> None:
        self.before()
        self.asked.append(0)


class FakeAttempt:
    """An attempt whose checkpoints pass until the test says otherwise; it remembers its steps.

    It waits by asking `transcoder` once for each; `idle_now` says whether it gave up its place. It outlasts as
    many failures as `outages` says, and takes the next one for the job's own. Its progress is the real one.
    """

    def __init__(self, last: bool = False, transcoder: FakeTranscoder | None = None, first: bool = True) -> None:
        self.last = last
        self.first = first
        self.transcoder = transcoder
        self._journals = FakeJournals()
        self.progress = Progress(Job(21, 28, "m-1"), NOW, self._journals, Metrics(), ManualClock())
        self.idle_now = False
        self.reports = False
        self.outages = 0
        self.outlasted: list[str] = []
        self.steps: list[str] = []
        self.counts: dict[str, dict[str, int]] = {}
        self.before_checkpoint: Callable[[], None] = lambda: None

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, int]]:
        self.checkpoint()
        self.steps.append(name)
        self.counts[name] = {}
        yield self.counts[name]

    def checkpoint(self) -> None:
        self.before_checkpoint()

    def begin_report(self) -> None:
        self.reports = True

    def lose_the_acknowledgement(self) -> None:
        """Nobody knows that the backend acknowledged the report, so the job is done again."""
        self._journals.journals.clear()

    def outlast(self, error: Unavailable) -> None:
        self.checkpoint()
        if len(self.outlasted) == self.outages:
            raise error
        self.outlasted.append(str(error))

    @contextmanager
    def idle(self) -> Iterator[None]:
        self.idle_now = True
        try:
            yield
        finally:
            self.idle_now = False

    def wait_for(self, transcoding_ids: Collection[str]) -> Mapping[str, TranscodingResult]:
        assert self.idle_now
        assert self.transcoder
        results = {asked: self.transcoder.result(asked) for asked in transcoding_ids}
        return {asked: result for asked, result in results.items() if result}


class SameThread(Executor):
    """Does the work when it is submitted, in the order in which it is submitted."""

    def submit(self, fn: Callable[..., Value], /, *args: Any, **kwargs: Any) -> Future[Value]:
        future: Future[Value] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # a future holds whatever was raised
            future.set_exception(error)
        return future


@dataclass
class Held:
    """One message inside a FakeQueue."""

    message_id: str
    body: str
    attributes: Mapping[str, str]
    visible_at: float
    receive_count: int = 0
    handles: list[str] = field(default_factory=list)


class FakeQueue:
    """SQS, as far as the worker can tell; `before` is called with the method's name and may raise.

    A message whose receive count has reached the maximum moves to `dead` when it would be received again. A
    receipt handle that has expired still hides and shows the message, even when somebody else has it by now;
    only the latest one deletes it, and none says whether it did. `redrive_after` is the policy's maxReceiveCount
    at present, None where there is no policy.
    """

    largest_batch = 10

    def __init__(self, clock: Callable[[], float], max_receive_count: int = 3) -> None:
        self._clock = clock
        self.redrive_after: int | None = max_receive_count
        self.max_receive_count = max_receive_count
        self._sent = 0
        self.sent_at: datetime | None = NOW
        self.held: list[Held] = []
        self.dead: list[str] = []
        self.deleted: list[str] = []
        self.receives: list[int] = []
        self.before: Callable[[str], None] = lambda method: None

    def send(self, body: str, **attributes: str) -> str:
        self._sent += 1
        message_id = f"m-{self._sent}"
        self.held.append(Held(message_id, body, attributes, self._clock()))
        return message_id

    def require(self) -> None:
        self.before("require")
        if self.redrive_after is None:
            raise Transient("the queue has no redrive policy")
        self.max_receive_count = self.redrive_after

    def receive(self, at_most: int, wait: int, visibility_timeout: int) -> list[Message]:
        self.receives.append(at_most)
        self.before("receive")
        visible = [held for held in self.held if held.visible_at <= self._clock()]
        for held in [held for held in visible if held.receive_count >= (self.redrive_after or math.inf)]:
            visible.remove(held)
            self.held.remove(held)
            self.dead.append(held.message_id)
        for held in visible[:at_most]:
            held.receive_count += 1
            held.handles.append(f"{held.message_id}#{held.receive_count}")
            held.visible_at = self._clock() + visibility_timeout
        return [self._delivery(held) for held in visible[:at_most]]

    def _delivery(self, held: Held) -> Message:
        return Message(
            held.message_id,
            held.handles[-1],
            held.body,
            held.receive_count,
            held.attributes,
            self.sent_at,
        )

    def delete(self, receipt_handle: str) -> None:
        self.before("delete")
        for held in [held for held in self.held if held.handles[-1:] == [receipt_handle]]:
            self.held.remove(held)
            self.deleted.append(held.message_id)

    def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> frozenset[str]:
        self.before("change_visibility")
        known = {handle: held for held in self.held for handle in held.handles}
        for handle in receipt_handles:
            if handle in known:
                known[handle].visible_at = self._clock() + seconds
        return frozenset(receipt_handles) - known.keys()


class LookInMemory:
    """The messages of a FakeDeadLetters that are in hand."""

    def __init__(self, dead_letters: FakeDeadLetters) -> None:
        self._of = dead_letters
        self.messages: list[DeadMessage] = list(dead_letters.dead)

    def show(self, messages: Iterable[DeadMessage]) -> list[str]:
        shown = list(messages)
        self._of.shown += shown
        self.messages = [dead for dead in self.messages if dead not in shown]
        return []

    def requeue(self, messages: Iterable[DeadMessage], tell: Tell) -> None:
        for message in messages:
            problem = message.why_left or self._of.refuse(message)
            if not problem:
                self._of.sent.append((message.message.body, message.original_id))
                self._of.dead.remove(message)
            tell(Settled(message, problem))

    def delete(self, messages: Iterable[DeadMessage], tell: Tell) -> None:
        for message in messages:
            problem = self._of.refuse(message)
            if not problem:
                self._of.dead.remove(message)
            tell(Settled(message, problem))


class FakeDeadLetters:
    """A DLQ: `dead` are its messages, `sent` the bodies and original ids of what was sent back.

    `refuse` says of a message why it can't leave; `looking` is whether messages are hidden at the moment, all but
    the `shown` ones.
    """

    def __init__(self) -> None:
        self.dead: list[DeadMessage] = []
        self.sent: list[tuple[str, str]] = []
        self.looking = False
        self.shown: list[DeadMessage] = []
        self.looks = 0
        self.refuse: Callable[[DeadMessage], str] = lambda message: ""

    def bury(self, body: str, attributes: Mapping[str, Attribute] | None = None) -> str:
        """Put a message into the DLQ; returns its id."""
        attributes = attributes or {}
        message_id = f"d-{len(self.dead) + len(self.sent) + 1}"
        texts = {name: it.value for name, it in attributes.items() if isinstance(it.value, str)}
        self.dead.append(DeadMessage(Message(message_id, f"{message_id}#1", body, 5, texts, NOW), attributes))
        return message_id

    def counts(self) -> tuple[Counts, Counts]:
        visible = 0 if self.looking else len(self.dead)
        return Counts(len(self.sent), 0, 0), Counts(visible, len(self.dead) - visible, 0)

    def max_receive_count(self) -> int:
        return 5

    @contextmanager
    def look(self) -> Iterator[LookInMemory]:
        self.looking = True
        self.shown = []
        self.looks += 1
        try:
            yield LookInMemory(self)
        finally:
            self.looking = False


def make_ports(**changes: Any) -> Ports:
    """Ports with a fake behind each; what a test looks at it passes in."""
    objects = FakeObjects()
    ports = Ports(
        objects=objects,
        images=FakeImages(),
        transcoder=FakeTranscoder(objects),
        claims=FakeClaims(),
        backend=FakeBackend(),
        assets=SameThread(),
        transfers=SameThread(),
        copies=SameThread(),
        limits=dict.fromkeys(Kind, 1000),
        photo_buffer=PhotoBuffer(1000),
        rendition_room=RenditionRoom(100_000),
        bundles=Bundles(),
        now=lambda: NOW,
        pause=lambda seconds: None,
    )
    return replace(ports, **changes)


@contextmanager
def threads(width: int) -> Iterator[Executor]:
    """A real pool, for what only shows side by side."""
    with ThreadPoolExecutor(width) as pool:
        yield pool
