"""A message's journal, a JSON object in the bucket."""

from __future__ import annotations

from collections import deque
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import structlog

from adapters.aws_errors import bucket_errors
from adapters.conditional import put_work
from adapters.journal_form import Damaged, JournalForm
from domain import keys
from domain.errors import Conflict, NotFound, Permanent, Transient
from domain.journal import Journal
from domain.model import Job

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

TRIES = 5
NOTED = 1000
"""Journals that a load didn't find; of more, the oldest are read again before they are written."""
MAX_BYTES = 16 * 1024 * 1024
"""Of a journal. A thousand videos with the longest keys need less."""


class S3Journals:
    """The `Journals` port: `{listing}/work/{jobId}/{messageId}.json`.

    Where the message has none, the one that an older worker left for the job is read. That one is never written.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3 = client
        self._bucket = bucket
        self._missing: deque[str] = deque(maxlen=NOTED)

    def load(self, job: Job) -> Journal:
        form, _ = self._load(job)
        if form is None and _key(job) not in self._missing:
            self._missing.append(_key(job))
        return _or_new(form, job).journal()

    def add(self, job: Job, news: Journal) -> None:
        for _ in range(TRIES):
            form, etag = (None, None) if self._was_missing(job) else self._load(job)
            stored = _or_new(form, job)
            if stored.newer:
                raise Permanent(f"the journal has version {stored.version}, which only a newer worker can write")
            try:
                body = stored.with_added(job, news).model_dump_json(by_alias=True, indent=2)
                put_work(self._s3, self._bucket, _key(job), body, etag)
            except Conflict:
                continue
            return
        raise Transient(f"the journal of job {job.job_id} was changed {TRIES} times while it was written")

    def _was_missing(self, job: Job) -> bool:
        """Whether `load` found nothing. That is believed once, on the condition that there still is nothing."""
        with suppress(ValueError):
            self._missing.remove(_key(job))
            return True
        return False

    def _load(self, job: Job) -> tuple[JournalForm | None, str | None]:
        """The journal, and the ETag of the message's own object, where there is one."""
        form, etag = self._read(_key(job), job)
        if form is None:
            form, _ = self._read(keys.old_journal_key(job.listing_id, job.job_id), job)
        return form, etag

    def _read(self, key: str, job: Job) -> tuple[JournalForm | None, str | None]:
        """The journal at the key, and the ETag; neither where there is no object."""
        log = structlog.get_logger().bind(key=key)
        try:
            with bucket_errors(f"GET {key}"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                form = JournalForm.read(_whole(answer), job.message_id)
        except NotFound:
            return None, None
        except Damaged as error:
            log.warning("the journal can't be read and is begun anew", why=str(error))
            form = JournalForm(message_id=job.message_id, unreadable=True)
        if form.newer:
            log.warning("the journal is a newer worker's and is left as it is", version=form.version)
        return form, answer["ETag"].strip('"')


def _or_new(form: JournalForm | None, job: Job) -> JournalForm:
    return form or JournalForm(message_id=job.message_id)


def _key(job: Job) -> str:
    return keys.journal_key(job.listing_id, job.job_id, job.message_id)


def _whole(answer: GetObjectOutputTypeDef) -> bytes:
    with closing(answer["Body"]) as body:
        if answer["ContentLength"] > MAX_BYTES:
            raise Damaged(f"it has {answer['ContentLength']} bytes")
        return body.read()
