"""The JSON of messages and callbacks, as the domain's values and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from domain.kinds import Size
from domain.model import Asset, Derivatives, Failure, Job, JobKind, Manifest, Report, Result
from domain.queue import Message
from domain.rejections import Malformed

MAX_ID = 2**63 - 1  # the backend's ids are signed 64-bit integers
MAX_ASSETS = 1_000

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?", re.ASCII
)


def _digits(value: object) -> object:
    """The integer that a string of digits stands for; pydantic would take ' 3 ' and '3.0', too."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value) else value


def _blank_is_none(value: object) -> object:
    return None if value == "" else value


Id = Annotated[int, BeforeValidator(_digits), Field(ge=1, le=MAX_ID)]
Bytes = Annotated[int, BeforeValidator(_digits), Field(ge=0)]
Text = Annotated[str | None, BeforeValidator(_blank_is_none)]
BatchId = Annotated[Annotated[int, Field(ge=0, le=2**64 - 1)] | str | None, BeforeValidator(_blank_is_none)]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", strict=True)


class _Asset(_Wire):
    key: str
    type: Text = None
    size: Bytes | None = None
    sha256: Text = None
    etag: Text = None
    content_type: Text = None


class _Name(_Wire):
    """The fields that name a job."""

    job_id: Id
    listing_id: Id | None = None
    listing_identity_id: Id | None = None


class _Message(_Name):
    kind: Annotated[JobKind | None, Field(strict=False)] = None
    batch_id: BatchId = None
    assets: list[object]
    traceparent: object = None

    @model_validator(mode="after")
    def _count_checked(self) -> Self:
        fewest = 0 if self.kind is JobKind.FINALIZE else 1
        if not fewest <= len(self.assets) <= MAX_ASSETS:
            raise ValueError(f"assets: must have {fewest} to {MAX_ASSETS} entries, not {len(self.assets)}")
        return self


def parse_message(message: Message) -> Job:
    """Read a message of the contract's section 1.

    Raises:
        Malformed: it isn't one; its `job` is what the body names all the same, or None.
    """
    try:
        body = json.loads(message.body)
    except (ValueError, RecursionError):
        raise Malformed("the message's body isn't JSON", None) from None
    job = _named(body, message)
    try:
        parsed = _Message.model_validate(body)
    except ValidationError as error:
        raise Malformed(f"the message is malformed: {_explain(error)}", job) from None
    if job is None:
        raise Malformed("the message names no listing, or two that differ", None)
    return Job(
        job_id=job.job_id,
        listing_id=job.listing_id,
        message_id=job.message_id,
        assets=tuple(_asset(entry) for entry in parsed.assets),
        batch_id=parsed.batch_id,
        traceparent=job.traceparent,
        kind=parsed.kind or JobKind.PROCESS,
    )


def _named(body: object, message: Message) -> Job | None:
    try:
        name = _Name.model_validate(body)
    except ValidationError:
        return None
    listings = {name.listing_id, name.listing_identity_id} - {None}
    if len(listings) != 1:
        return None
    traceparents = (
        message.attributes.get("Traceparent"),
        body.get("traceparent") if isinstance(body, dict) else None,
    )
    return Job(
        job_id=name.job_id,
        listing_id=next(named for named in listings if named is not None),
        message_id=message.message_id,
        traceparent=next((t for t in traceparents if isinstance(t, str) and _TRACEPARENT.fullmatch(t)), None),
        kind=JobKind.FINALIZE if isinstance(body, dict) and body.get("kind") == "finalize" else JobKind.PROCESS,
    )


def _asset(entry: object) -> Asset:
    """The asset of an entry. A malformed entry is an asset with a problem; the message's others go on."""
    if isinstance(entry, str):
        return Asset(entry)
    try:
        asset = _Asset.model_validate(entry)
    except ValidationError as error:
        key = entry.get("key") if isinstance(entry, dict) else None
        return Asset(key if isinstance(key, str) else "", problem=f"the entry is malformed: {_explain(error)}")
    return Asset(asset.key, asset.type, Manifest(asset.size, asset.sha256, asset.etag, asset.content_type))


def _explain(error: ValidationError) -> str:
    """Which fields are wrong and how, without their values: those come from outside and end up in logs."""
    return "; ".join(f"{'.'.join(map(str, wrong['loc'])) or 'body'}: {wrong['msg']}" for wrong in error.errors())


def callback_body(report: Report, provider: str) -> bytes:
    """The callback of the contract's section 3."""
    job, bundle = report.job, report.bundle
    return _json(
        {
            "jobId": job.job_id,
            "listingId": job.listing_id,
            "listingIdentityId": job.listing_id,
            "batchId": job.batch_id,
            "externalId": job.message_id,
            "executionArn": job.message_id,
            "provider": provider,
            "status": report.status,
            "startedAt": timestamp(report.started_at),
            "completedAt": timestamp(report.completed_at),
            "traceparent": job.traceparent,
            "outputs": [_output(result) for result in report.results],
            "zipBundles": [bundle.key] if bundle else [],
            "assetsZipped": bundle.count if bundle else 0,
            "zipSizeBytes": bundle.size if bundle else 0,
            "unzippedSizeBytes": bundle.unzipped_size if bundle else 0,
            "failureReason": report.failure_reason,
            "error": _error(report.error),
        }
    )


def _output(result: Result) -> dict[str, Any]:
    outcome = result.outcome
    if isinstance(outcome, Failure):
        return {
            "rawKey": result.asset.key,
            "outputs": {},
            "errorCode": outcome.code,
            "errorMessage": outcome.message,
        }
    return {
        "rawKey": result.asset.key,
        "processedKey": next(outcome.keys[size] for size in Size if size in outcome.keys),
        **_optional("thumbnailKey", outcome.keys.get(Size.THUMBNAIL)),
        "outputs": {f"{size}_{outcome.type.lower()}": key for size, key in sorted_by_width(outcome)},
        **_optional("width", outcome.width),
        **_optional("height", outcome.height),
        "errorCode": "",
        "errorMessage": "",
    }


def sorted_by_width(derivatives: Derivatives) -> list[tuple[Size, str]]:
    """The derivatives from the thumbnail up."""
    return [(size, derivatives.keys[size]) for size in reversed(Size) if size in derivatives.keys]


def _optional(name: str, value: object) -> dict[str, Any]:
    return {} if value is None else {name: value}


def _error(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {"code": failure.code, "message": failure.message, "details": {}}


def timestamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
