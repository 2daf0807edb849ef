"""The contract's section 3: a report, written as the JSON of a callback."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from domain.errors import Code
from domain.kinds import Size
from domain.model import Derivatives, Facts, Failure, JobKind, Report, Result, Status

_FACTS = ("derivatives", "dominant_color", "thumbhash")
_DERIVABLE = ("outputs", "width", "height")
LONGEST_EXCERPT = 400
"""Characters of each text in a failure that is told without its outputs; a character may take 12 bytes."""


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_none(value: object) -> bool:
    return value is None


Timestamp = Annotated[
    datetime, PlainSerializer(_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})
]
Count = Annotated[int, Field(ge=0)]
Colour = Annotated[str, Field(json_schema_extra={"pattern": "^#[0-9a-f]{6}$"})]
Base64 = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
ABSENT_IF_NONE = Field(exclude_if=_is_none)


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Derivative(_Wire):
    """One size of a photo."""

    bytes: Count
    content_type: str


class Output(_Wire):
    """What became of one entry of the message. A failed one has a code, a message and no processedKey."""

    raw_key: str
    processed_key: Annotated[str | SkipJsonSchema[None], ABSENT_IF_NONE] = None
    thumbnail_key: Annotated[str | SkipJsonSchema[None], ABSENT_IF_NONE] = None
    outputs: Annotated[dict[str, str] | SkipJsonSchema[None], ABSENT_IF_NONE] = None
    width: Annotated[int | SkipJsonSchema[None], ABSENT_IF_NONE] = None
    height: Annotated[int | SkipJsonSchema[None], ABSENT_IF_NONE] = None
    derivatives: Annotated[dict[str, Derivative] | SkipJsonSchema[None], ABSENT_IF_NONE] = None
    dominant_color: Annotated[Colour | SkipJsonSchema[None], ABSENT_IF_NONE] = None
    thumbhash: Annotated[Base64 | SkipJsonSchema[None], ABSENT_IF_NONE] = None
    error_code: Code | Literal[""]
    error_message: str


class Error(_Wire):
    """Why the job as a whole failed."""

    code: Code
    message: str
    details: dict[str, str]


class Callback(_Wire):
    """The body of a callback: docs/contract.md, section 3."""

    model_config = ConfigDict(title="A callback")

    job_id: int
    listing_id: int
    listing_identity_id: int
    batch_id: int | str | None
    external_id: str
    execution_arn: str
    provider: str
    status: Status
    started_at: Timestamp
    completed_at: Timestamp
    traceparent: str | None
    outputs: list[Output]
    zip_bundles: list[str]
    assets_zipped: Count
    zip_size_bytes: Count
    unzipped_size_bytes: Count
    failure_reason: str
    error: Error | None


@dataclass(frozen=True, slots=True)
class CallbackForm:
    """The form in which this backend reads callbacks: `partial_as` is the status of a partial success.

    Above `max_bytes` a body leaves out what a page may want to know, and then what the backend can derive; None is
    no limit.
    """

    provider: str
    finalization_provider: str
    partial_as: Status = Status.PARTIAL_SUCCESS
    max_bytes: int | None = None

    def body(self, report: Report) -> bytes:
        """The callback, whole where that fits; a success that can't be made to fit is whole, too."""
        whole = self._callback(report)
        body = _json(whole)
        if self._fits(body):
            return body
        for names in (_FACTS, (*_FACTS, *_DERIVABLE)):  # an older backend doesn't read the first ones at all
            shorter = _json(_without(whole, names))
            if self._fits(shorter):
                return shorter
        failed = report.status in (Status.VALIDATION_FAILED, Status.PROCESSING_FAILED)
        return _json(self._without_outputs(whole)) if failed else body

    def _fits(self, body: bytes) -> bool:
        return self.max_bytes is None or len(body) <= self.max_bytes

    def _callback(self, report: Report) -> Callback:
        job, bundle = report.job, report.bundle
        return Callback(
            job_id=job.job_id,
            listing_id=job.listing_id,
            listing_identity_id=job.listing_id,
            batch_id=job.batch_id,
            external_id=job.message_id,
            execution_arn=job.message_id,
            provider=self.finalization_provider if job.kind is JobKind.FINALIZE else self.provider,
            status=self.partial_as if report.status is Status.PARTIAL_SUCCESS else report.status,
            started_at=report.started_at,
            completed_at=report.completed_at,
            traceparent=job.traceparent,
            outputs=[_output(result) for result in report.results],
            zip_bundles=[bundle.key] if bundle else [],
            assets_zipped=bundle.count if bundle else 0,
            zip_size_bytes=bundle.size if bundle else 0,
            unzipped_size_bytes=bundle.unzipped_size if bundle else 0,
            failure_reason=report.failure_reason,
            error=_error(report.error),
        )

    def _without_outputs(self, whole: Callback) -> Callback:
        why = f"the outputs are left out: with them the callback has more than {self.max_bytes} bytes"
        error = whole.error and whole.error.model_copy(update={"message": whole.error.message[:LONGEST_EXCERPT]})
        reason = f"{whole.failure_reason[:LONGEST_EXCERPT]}; {why}"
        return whole.model_copy(update={"outputs": [], "failure_reason": reason, "error": error})


def _output(result: Result) -> Output:
    outcome = result.outcome
    if isinstance(outcome, Failure):
        return Output(raw_key=result.asset.key, outputs={}, error_code=outcome.code, error_message=outcome.message)
    facts = outcome.facts
    return Output(
        raw_key=result.asset.key,
        processed_key=next(outcome.keys[size] for size in Size if size in outcome.keys),
        thumbnail_key=outcome.keys.get(Size.THUMBNAIL),
        outputs={f"{size}_{outcome.type.lower()}": key for size, key in _from_the_thumbnail_up(outcome)},
        width=outcome.width,
        height=outcome.height,
        derivatives=_derivatives(facts) if facts else None,
        dominant_color=facts.dominant_color if facts else None,
        thumbhash=facts.thumbhash if facts else None,
        error_code="",
        error_message="",
    )


def _from_the_thumbnail_up(derivatives: Derivatives) -> list[tuple[Size, str]]:
    return [(size, derivatives.keys[size]) for size in reversed(Size) if size in derivatives.keys]


def _derivatives(facts: Facts) -> dict[str, Derivative]:
    return {
        size: Derivative(bytes=facts.bytes[size], content_type=facts.content_type)
        for size in reversed(Size)
        if size in facts.bytes
    }


def _error(failure: Failure | None) -> Error | None:
    return Error(code=failure.code, message=failure.message, details={}) if failure else None


def _without(whole: Callback, names: Sequence[str]) -> Callback:
    nothing = dict.fromkeys(names)
    return whole.model_copy(update={"outputs": [output.model_copy(update=nothing) for output in whole.outputs]})


def _json(callback: Callback) -> bytes:
    """Compact, and ASCII alone: a text column needn't hold every character."""
    return json.dumps(callback.model_dump(mode="json", by_alias=True), separators=(",", ":")).encode()
