"""boto3's clients for a look: of little patience."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from adapters.aws_errors import errors_mapped
from domain.checks.finding import Missing, Refused
from domain.errors import MediaError

if TYPE_CHECKING:
    from mypy_boto3_mediaconvert import MediaConvertClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "ForbiddenException"}
    | {"KMS.AccessDeniedException", "403"}  # 403: of a HEAD, which has no body
)
_GONE = {
    "404": "MEDIA_BUCKET",  # of a HEAD
    "NoSuchBucket": "MEDIA_BUCKET",
    "QueueDoesNotExist": "QUEUE_URL",
    "AWS.SimpleQueueService.NonExistentQueue": "QUEUE_URL",
}
"""What says that something is missing, and the setting that names it."""
_TO_PERFORM = re.compile(r'is not authorized to perform: (\S+)(?: on resource: "?(arn:[^"\s]+))?')


class LookClients:
    """Made at their first use, one at a time: a boto3 session can't make two at once."""

    def __init__(self, region: str | None, emulated: bool) -> None:
        self._lock = threading.Lock()
        self._region = region
        self._emulated = emulated

    @cached_property
    def sqs(self) -> SQSClient:
        return self._made("sqs")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> S3Client:
        return self._made("s3")  # type: ignore[no-any-return]

    @cached_property
    def mediaconvert(self) -> MediaConvertClient:
        return self._made("mediaconvert")  # type: ignore[no-any-return]

    @cached_property
    def iam(self) -> Any:
        return self._made("iam")

    def _made(self, service: Any) -> Any:
        config = Config(
            connect_timeout=3,
            read_timeout=5,
            retries={"mode": "standard", "total_max_attempts": 2},
            s3={"addressing_style": "path" if self._emulated else "auto"},
        )
        with self._lock, errors_mapped("set up boto3"):
            return self._session.client(service, config=config)

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(region_name=self._region)


@contextmanager
def needing(right: str, resource: str, place: str = "", setting: str = "") -> Iterator[None]:
    """Raise Refused where AWS refuses for want of a right: the one that it names, or else this one.

    `place` is what `resource` is in, where that may be missing; `setting` is what names the resource.

    Raises:
        Refused, Missing, and every other MediaError in place of boto3's errors.
    """
    try:
        with errors_mapped(right):
            yield
    except MediaError as error:
        if not isinstance(error.__cause__, ClientError):
            raise
        answer = error.__cause__.response["Error"]
        code = answer.get("Code", "")
        if code in _GONE:
            raise Missing(place or resource, _GONE[code]) from error
        if code in _DENIED:
            said = _TO_PERFORM.search(answer.get("Message", ""))
            raise Refused(said[1] if said else right, (said and said[2]) or resource, setting) from error
        raise
