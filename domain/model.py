"""Jobs, their assets, and the results of processing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain import keys
from domain.content import FileFormat
from domain.errors import Code, Permanent, excerpt
from domain.keys import RawKey
from domain.kinds import AssetType, Size


class Status(StrEnum):
    SUCCEEDED = "SUCCEEDED"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    PROCESSING_FAILED = "PROCESSING_FAILED"

    @property
    def successful(self) -> bool:
        """Whether the job is done, so that its message is deleted."""
        return self in (Status.SUCCEEDED, Status.PARTIAL_SUCCESS)


class JobKind(StrEnum):
    """The work that a message asks for: a FINALIZE job only writes the listing's bundle."""

    PROCESS = "process"
    FINALIZE = "finalize"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The properties that the backend announced for an upload, None where it didn't. `size` in bytes."""

    size: int | None = None
    sha256: str | None = None
    etag: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """One entry of a message. `problem` says what is wrong with the entry itself, if anything is."""

    key: str
    type: str | None = None
    manifest: Manifest = Manifest()
    problem: str = ""


def asset_type_of(asset: Asset, raw: RawKey) -> AssetType:
    """The declared type, or the one that the key's media type names.

    Raises:
        Permanent: VALIDATION_ERROR, where there is no such type.
    """
    name = raw.media.upper().replace("/", "_") if asset.type is None else asset.type
    try:
        return AssetType(name)
    except ValueError:
        raise Permanent(f"{name[:80]!r} is no media type of the contract", Code.VALIDATION_ERROR) from None


@dataclass(frozen=True, slots=True)
class Job:
    """The work that one message asks for. `sent_back_as` is its newer id, where it was in the DLQ meanwhile."""

    job_id: int
    listing_id: int
    message_id: str
    assets: tuple[Asset, ...] = ()
    batch_id: str | int | None = None
    traceparent: str | None = None
    kind: JobKind = JobKind.PROCESS
    sent_back_as: str | None = None

    @property
    def sent_as(self) -> str:
        """The id under which the message was sent last."""
        return self.sent_back_as or self.message_id


@dataclass(frozen=True, slots=True)
class Origin:
    """What derivatives are made of: the upload's key, its ETag, and the recipe that its kind is processed by."""

    upload: str
    etag: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Source:
    """An upload that passed validation.

    `sha256` is set where it is still to be checked against the bytes, `version` where the bucket has versions,
    `tagged` where the bucket said whether it has tags.
    """

    raw: RawKey
    type: AssetType
    etag: str
    size: int
    sha256: bytes | None = None
    version: str | None = None
    tagged: bool | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.raw.key, self.etag, self.type.kind.recipe)

    def derived(self, size: Size) -> str:
        """The key of a derivative."""
        return keys.derived(self.raw, self.type.kind, size)


@dataclass(frozen=True, slots=True)
class Transcoding:
    """A video's job at the transcoder, for the upload with this ETag: `id` is the transcoder's.

    `width` and `height` are the source's in pixels, rotation applied; None where they aren't known.
    `resubmitted` says that another one failed before it; `recipe` is of the worker that submitted it.
    """

    raw_key: str
    etag: str
    id: str
    width: int | None = None
    height: int | None = None
    resubmitted: bool = False
    recipe: str = "video-1"


@dataclass(frozen=True, slots=True)
class TranscodingResult:
    """The end of a transcoding: `done`, or a message why not; `curable` where another transcoding may succeed."""

    done: bool
    message: str = ""
    curable: bool = False


@dataclass(frozen=True, slots=True)
class Rendition:
    """One encoded size of a picture."""

    size: Size
    data: bytes
    format: FileFormat


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page wants to know of a photo before it loads it: the derivatives' bytes by size, best first.

    `dominant_color` is `#rrggbb`, `thumbhash` a ThumbHash in base64.
    """

    bytes: Mapping[Size, int]
    content_type: str
    dominant_color: str
    thumbhash: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered image: the source's width and height in pixels, orientation applied, and its renditions.

    `dominant_color` and `thumbhash` are those of its `facts`.
    """

    width: int
    height: int
    renditions: tuple[Rendition, ...]
    dominant_color: str
    thumbhash: str

    @property
    def facts(self) -> Facts:
        sizes = {rendition.size: len(rendition.data) for rendition in self.renditions}
        content_type = self.renditions[0].format.content_type
        return Facts(sizes, content_type, self.dominant_color, self.thumbhash)


@dataclass(frozen=True, slots=True)
class Derivatives:
    """The derivatives of one processed upload in the bucket: their keys by size, best first.

    `facts` are a photo's; None where they aren't known.
    """

    raw_key: str
    etag: str
    type: AssetType
    keys: Mapping[Size, str]
    width: int | None = None
    height: int | None = None
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an asset, or the whole job, has no result."""

    code: Code
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", excerpt(self.message))


Outcome = Derivatives | Failure


@dataclass(frozen=True, slots=True)
class Bundle:
    """The listing's zip: its key, how many objects it holds, and its size and theirs in bytes.

    `sent` is how much of it this job sent; the rest was there, or S3 copied it.
    """

    key: str
    count: int
    size: int
    unzipped_size: int
    sent: int = field(default=0, compare=False)

    @property
    def counts(self) -> Mapping[str, int]:
        """What the log says of it."""
        return {"members": self.count, "bytes": self.size, "sent": self.sent}


@dataclass(frozen=True, slots=True)
class Result:
    """One asset and its outcome."""

    asset: Asset
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a job, as the callback tells it to the backend.

    A finalization has no results; the assets that it `left_out` of its bundle are in the worker's log alone.
    """

    job: Job
    status: Status
    started_at: datetime
    completed_at: datetime
    results: tuple[Result, ...]
    bundle: Bundle | None = None
    failure_reason: str = ""
    error: Failure | None = None
    left_out: Mapping[Asset, Failure] = field(default_factory=dict)
