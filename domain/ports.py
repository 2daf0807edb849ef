"""The Protocols through which the pipeline reaches the outside, and the Ports that hold them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from domain.bundles import Bundles
from domain.claims import Claims
from domain.content import FileFormat
from domain.errors import Unavailable
from domain.journal import Acknowledged, Journal
from domain.keys import RawKey
from domain.kinds import Kind
from domain.model import Derivatives, Picture, Report, Source, Transcoding, TranscodingResult
from domain.photo_buffer import PhotoBuffer
from domain.rendition_cache import RenditionRoom


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of the bucket: `size` in bytes."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Head:
    """What the bucket knows of an object; `sha256` and `version` are None where it knows none.

    `tagged` says whether it told of tags; None: not known.
    """

    etag: str
    size: int
    content_type: str
    sha256: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    tagged: bool | None = None


@dataclass(frozen=True, slots=True)
class Holds:
    """The condition that a key still holds the object with this ETag; None: no object."""

    etag: str | None


class Upload(Protocol):
    """A multipart upload under way."""

    def part(self, number: int, data: bytes | bytearray) -> None:
        """Send part `number` (from 1; parts may go in any order, each at least 5 MiB but the last)."""

    def copy(self, number: int, source: Entry, extent: range) -> int:
        """Have the bucket copy these bytes of an object (5 GiB at most) into a part; returns their CRC-32.

        Raises:
            CannotCopy: it can't, or doesn't tell the CRC-32.
            Conflict, NotFound: the source isn't the one that is named any more.
        """

    def expect(self, crc32: int) -> None:
        """Say what the CRC-32 of the whole is: with another one it isn't completed, and CannotCopy is raised."""

    def began_first(self) -> bool:
        """Whether nobody began an upload of the same key shortly before and has it still open.

        It is true for one at most of those who ask at the same time, and perhaps for none.
        """


class Objects(Protocol):
    """The bucket. ETags are opaque and without their quotes.

    Each method raises Transient where a retry can help (Unavailable, where it is the bucket's trouble), NotFound
    where a named object isn't there, and Conflict where it isn't the one with the ETag that was named.
    """

    def head(self, key: str) -> Head | None:
        """None where there is no such object."""

    def read(self, key: str, etag: str, extent: range | None = None) -> Iterator[bytes]:
        """The object's bytes in chunks of at most 1 MiB; only those of the `extent` that it has, where given."""

    def whole(self, key: str, etag: str) -> bytes:
        """All of the object's bytes at once: half the CPU of joining chunks."""

    def write(
        self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str], only_if: Holds | None = None
    ) -> str:
        """Store a whole object; returns its ETag. Raises Conflict where the condition doesn't hold."""

    def delete(self, key: str, etag: str) -> None:
        """Delete the object, if it has this ETag, where the service can tell; where there is none, do nothing."""

    def copy(
        self, source: str, etag: str, target: str, metadata: Mapping[str, str], only_if: Holds | None = None
    ) -> None:
        """A server-side copy with metadata of its own; bytes and headers, such as the content type, stay.

        `only_if` is about the target. Raises Conflict where it doesn't hold.
        """

    def list(self, prefix: str) -> Iterator[Entry]:
        """Every object under the prefix, in the order of the keys' UTF-8 bytes."""

    def replace(
        self, key: str, etag: str | None, content_type: str, metadata: Mapping[str, str]
    ) -> AbstractContextManager[Upload]:
        """Replace the object in parts: completed when the block ends, aborted when it raises.

        Raises Conflict where the key no longer holds `etag` (None: nothing) at completion.
        """

    def abort_uploads(self, key: str) -> None:
        """Abort what is being uploaded to the key, whoever does it: their `replace` then raises Conflict."""

    def mark_processed(self, key: str, version: str | None, tagged: bool | None = None) -> None:
        """Tag a raw object so that the bucket's lifecycle rule may archive it; its other tags stay.

        `version` None is the latest one. `tagged` is what its HEAD told: where no tag, none is looked for.
        """

    def mark_work(self, key: str) -> None:
        """Tag an object that only serves a job so that the bucket's lifecycle rule lets it expire."""


DecoderEnd = Literal["memory", "timeout", "crashed", "killed", "not started"]
"""Why a decoder's process was replaced: an image's memory or time, or its own end, by itself or from outside."""


class Images(Protocol):
    """The image library: it decodes, resizes and encodes."""

    def render(
        self, data: bytes, file_format: FileFormat, job: str, key: str, checkpoint: Callable[[], None]
    ) -> Picture:
        """The four renditions of an image, large first.

        `job` is the id of the message: one job never keeps the others' images waiting. `key` names the image in
        the log. While it waits for its turn, `checkpoint` is called, and may raise.

        Raises:
            Permanent: it can't be decoded, has too many pixels, or takes more memory or time than an image may.
            Transient: nothing could be rendered just now.
        """


class Backend(Protocol):
    """The backend, which receives the callback."""

    def notify(self, report: Report, attempt: Attempt) -> None:
        """Return once the backend acknowledged the report.

        `attempt.checkpoint` is called before each try, and `attempt.outlast` while the backend is out.

        Raises:
            Transient: it didn't, for as long as one attempt may try.
        """


class Transcoder(Protocol):
    """The transcoder: it turns a video into an MP4 and a few captured frames, while the worker does other work.

    The MP4 goes to the source's `derived(ORIGINAL)`. `submit` and `result` raise Transient where a retry can help.
    """

    def check_name(self, raw: RawKey) -> None:
        """Check that an upload of this name can be transcoded.

        Raises:
            Permanent: VALIDATION_ERROR, where it can't.
        """

    def frames(self, source: Source) -> Sequence[str]:
        """The keys of the captured frames, the earliest first. Of a short clip only the first frame may exist."""

    def submit(self, source: Source, generation: int) -> Transcoding:
        """Submit a video. The same submission within a minute is the same transcoding; another `generation` isn't.

        Raises:
            Permanent: it isn't taken, and never will be.
        """

    def result(self, transcoding_id: str) -> TranscodingResult | None:
        """The transcoding's result; None while it is in progress."""


class Progress(Protocol):
    """What has been done for the message, by this attempt and by earlier ones."""

    def load(self) -> Journal:
        """Read the message's journal as it is now; raises Transient where it can't be read."""

    def acknowledge(self, acknowledged: Acknowledged) -> None:
        """Write down at once what the backend acknowledged; where that can't be done, go on."""

    def recall(self, source: Source) -> Derivatives | None:
        """What this attempt or an earlier one at the message made of this version of the upload."""

    def record(self, derivatives: Derivatives) -> None:
        """Remember the derivatives for later attempts."""

    def recall_transcoding(self, source: Source) -> Transcoding | None:
        """The latest transcoding that this attempt or an earlier one submitted for this version of the upload."""

    def record_transcoding(self, transcoding: Transcoding, submitted: bool) -> None:
        """Write a transcoding, `submitted` now or found, to the journal at once: losing it would cost money."""


class Attempt(Protocol):
    """The current attempt at the message."""

    @property
    def progress(self) -> Progress: ...

    @property
    def last(self) -> bool:
        """Whether this is the last receive: what fails now fails for good."""

    @property
    def first(self) -> bool:
        """Whether nothing was written for the message yet: its first receive, and it was never in the DLQ."""

    def step(self, name: str) -> AbstractContextManager[dict[str, int]]:
        """Time and log one step of the pipeline; what it counts goes into the mapping."""

    def checkpoint(self) -> None:
        """Raise Interrupted or TimedOut if the attempt must not go on."""

    def begin_report(self) -> None:
        """From now on a shutdown waits for the callback: the backend may have received it already."""

    def outlast(self, error: Unavailable) -> None:
        """Wait until what failed with this error is back, or it is this job's turn to try; only the lease is kept.

        Raises:
            Unavailable: the error, where as far as is known this job alone fails.
            Interrupted, TimedOut: the attempt must not go on.
        """

    def idle(self) -> AbstractContextManager[None]:
        """Give the job's place to another job until the block ends; only the lease is kept."""

    def wait_for(self, transcoding_ids: Collection[str]) -> Mapping[str, TranscodingResult]:
        """Wait until a transcoding ends; returns the results by id, none where the time to wait is over.

        Raises:
            Interrupted: the lease is lost, or the process shuts down and somebody else will wait.
        """


@dataclass(frozen=True, slots=True)
class Ports:
    """The pipeline's connections to the outside, made once for the process.

    Work in `assets` may wait for work in `transfers`; work in `transfers` waits for nothing but the network, and
    not for long: that the bucket copies a part by itself is waited for in `copies`.
    `limits` are the most bytes of an upload of each kind, `photo_buffer` those of all pictures in hand,
    `rendition_room` those of all renditions that are kept for bundles.
    `pause` waits about so many seconds, never twice the same: who waits for the same thing comes back one by one.
    """

    objects: Objects
    images: Images
    transcoder: Transcoder
    claims: Claims
    backend: Backend
    assets: Executor
    transfers: Executor
    copies: Executor
    limits: Mapping[Kind, int]
    photo_buffer: PhotoBuffer
    rendition_room: RenditionRoom
    bundles: Bundles
    now: Callable[[], datetime]
    pause: Callable[[float], None]
