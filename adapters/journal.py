"""The job's journal, a JSON object in the bucket."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from adapters.aws import errors_mapped
from domain import keys
from domain.errors import Code, Conflict, NotFound, Transient
from domain.journal import Ended, Ending, Journal
from domain.kinds import AssetType, Size
from domain.model import Derivatives, Job, Transcoding

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TAGS = {"stage": "work"}
"""The bucket's lifecycle rule lets what carries this tag expire."""
TRIES = 5


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class _Attempt(_Wire):
    number: int
    at: datetime
    ending: Ending
    message: str
    code: Code | None


class _Derivatives(_Wire):
    raw_key: str
    etag: str
    type: AssetType
    keys: dict[Size, str]
    width: int | None
    height: int | None


class _Transcoding(_Wire):
    raw_key: str
    etag: str
    id: str
    width: int | None
    height: int | None
    resubmitted: bool = Field(alias="second")


class _Journal(_Wire):
    message_id: str
    attempts: list[_Attempt]
    derivatives: list[_Derivatives] = Field(alias="products")
    transcodings: list[_Transcoding] = []


class S3Journals:
    """The `Journals` port: `{listing}/work/{jobId}.json`."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3 = client
        self._bucket = bucket

    def load(self, job: Job) -> Journal:
        return self._load(job)[0]

    def add(self, job: Job, news: Journal) -> None:
        for _ in range(TRIES):
            journal, etag = self._load(job)
            try:
                self._save(job, journal.with_added(news), etag)
            except (Conflict, NotFound):
                continue
            return
        raise Transient(f"the journal of job {job.job_id} was changed {TRIES} times while it was written")

    def _load(self, job: Job) -> tuple[Journal, str | None]:
        key = keys.journal_key(job.listing_id, job.job_id)
        try:
            with errors_mapped(f"GET {key}"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                data = answer["Body"].read()
        except NotFound:
            return Journal(), None
        try:
            parsed = _Journal.model_validate_json(data)
        except ValidationError as error:
            structlog.get_logger().warning("the journal can't be read and is begun anew", key=key, why=str(error))
            return Journal(), answer["ETag"]
        if parsed.message_id != job.message_id:
            return Journal(), answer["ETag"]
        return _from_wire(parsed), answer["ETag"]

    def _save(self, job: Job, journal: Journal, etag: str | None) -> None:
        key = keys.journal_key(job.listing_id, job.job_id)
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with errors_mapped(f"PUT {key}"):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=_to_wire(job, journal).model_dump_json(by_alias=True, indent=2).encode(),
                ContentType="application/json",
                ChecksumAlgorithm="CRC32",
                Tagging=urlencode(TAGS),
                **condition,  # type: ignore[arg-type]
            )


def _to_wire(job: Job, journal: Journal) -> _Journal:
    return _Journal(
        message_id=job.message_id,
        attempts=[_Attempt.model_validate(ended, from_attributes=True) for ended in journal.attempts],
        derivatives=[_Derivatives.model_validate(made, from_attributes=True) for made in journal.derivatives],
        transcodings=[
            _Transcoding.model_validate(submitted, from_attributes=True) for submitted in journal.transcodings
        ],
    )


def _from_wire(journal: _Journal) -> Journal:
    return Journal(
        tuple(Ended(a.number, a.at, a.ending, a.message, a.code) for a in journal.attempts),
        tuple(Derivatives(p.raw_key, p.etag, p.type, p.keys, p.width, p.height) for p in journal.derivatives),
        tuple(
            Transcoding(t.raw_key, t.etag, t.id, t.width, t.height, t.resubmitted) for t in journal.transcodings
        ),
    )
