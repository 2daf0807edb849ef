"""The claims to videos, JSON objects in the bucket."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from adapters.aws_errors import bucket_errors
from adapters.conditional import put_work
from domain import keys
from domain.claims import Claim
from domain.errors import Conflict, MediaError, NotFound, Unavailable
from domain.model import Origin, Source, Transcoding

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class _Transcoding(_Wire):
    id: str
    width: int | None
    height: int | None
    resubmitted: bool


class _Claim(_Wire):
    raw_key: str
    etag: str
    recipe: str
    generation: int
    message_id: str
    transcoding: _Transcoding | None


class S3Claims:
    """The `Claims` port: `{listing}/work/videos/{digest}.json`."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3 = client
        self._bucket = bucket

    def look(self, source: Source) -> Claim | None:
        key = keys.claim_key(source.raw)
        try:
            with bucket_errors(f"GET {key}"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                data = answer["Body"].read()
        except NotFound:
            return None
        age = age_of(answer["LastModified"], answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        try:
            parsed = _Claim.model_validate_json(data)
        except ValidationError as error:
            structlog.get_logger().warning("a claim can't be read and is replaced", key=key, why=str(error))
            return Claim(Origin("", "", ""), 0, "", None, age, answer["ETag"].strip('"'))
        return _from_wire(parsed, age, answer["ETag"].strip('"'))

    def take(self, source: Source, claim: Claim, instead_of: Claim | None) -> Claim:
        body = _to_wire(claim).model_dump_json(by_alias=True, indent=2)
        seen = instead_of.version if instead_of else None
        return replace(claim, version=put_work(self._s3, self._bucket, keys.claim_key(source.raw), body, seen))

    def name(self, source: Source, claim: Claim, transcoding: Transcoding) -> None:
        try:
            self.take(source, replace(claim, transcoding=transcoding), claim)
        except Unavailable:
            raise
        except MediaError as error:
            held = self.look(source) if isinstance(error, Conflict) else None
            if held and held.transcoding == transcoding:
                return  # it was written, and the answer lost
            structlog.get_logger().warning(
                "the claim doesn't name its transcoding; other messages would submit the video again",
                key=source.raw.key, transcoding=transcoding.id, why=str(error),
            )  # fmt: skip


def age_of(written_at: datetime, date: str) -> float:
    """Seconds since then, by the answer's Date header: both times are the bucket's, so our clock doesn't matter.

    What can't be read counts as just written: too early a takeover would pay for a video twice.
    """
    try:
        now = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return max(0.0, (now.replace(tzinfo=now.tzinfo or UTC) - written_at).total_seconds())


def _to_wire(claim: Claim) -> _Claim:
    named = claim.transcoding
    return _Claim(
        raw_key=claim.origin.upload,
        etag=claim.origin.etag,
        recipe=claim.origin.recipe,
        generation=claim.generation,
        message_id=claim.message_id,
        transcoding=_Transcoding.model_validate(named, from_attributes=True) if named else None,
    )


def _from_wire(parsed: _Claim, age: float, version: str) -> Claim:
    origin = Origin(parsed.raw_key, parsed.etag, parsed.recipe)
    named = parsed.transcoding
    claim = Claim(origin, parsed.generation, parsed.message_id, age=age, version=version)
    if named is None:
        return claim
    transcoding = Transcoding(
        origin.upload, origin.etag, named.id, named.width, named.height, named.resubmitted, origin.recipe
    )
    return replace(claim, transcoding=transcoding)
