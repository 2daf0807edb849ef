"""Writes that happen only where the object is still what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adapters.aws_errors import bucket_errors
from domain.errors import Conflict, NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WORK = "stage=work"
"""The tag that the bucket's lifecycle rule lets journals and claims expire by."""


def condition(etag: str | None) -> dict[str, Any]:
    """The condition that a key holds the object with this ETag (without its quotes); None: no object."""
    return {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}


@contextmanager
def gone_is_conflict() -> Iterator[None]:
    """What was seen and isn't there any more has changed, too: S3 answers an If-Match on nothing with 404."""
    try:
        yield
    except NotFound as error:
        raise Conflict(str(error)) from error


def put_work(client: S3Client, bucket: str, key: str, body: str, seen: str | None) -> str:
    """Write the JSON of a journal or a claim in the place of the one with the ETag `seen`; returns its ETag.

    Raises:
        Conflict: another one is there by now, or none.
    """
    with gone_is_conflict(), bucket_errors(f"PUT {key}"):
        answer = client.put_object(
            Bucket=bucket,
            Key=key,
            Body=body.encode(),
            ContentType="application/json",
            ChecksumAlgorithm="CRC32",
            Tagging=WORK,
            **condition(seen),
        )
    return answer["ETag"].strip('"')
