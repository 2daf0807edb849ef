"""Parts of an upload that S3 copies by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential_jitter,
)

from adapters.aws_errors import bucket_errors
from domain.errors import CannotCopy, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopyPartResultTypeDef

TRIES = 4
PATIENCE = 20.0
"""Seconds after which no other try begins: the last one may take its client's whole read timeout."""
_NO_COPY = frozenset(
    {"501", "NotImplemented"}
    | {"InvalidRequest", "InvalidArgument", "InvalidRange"}  # not of this source, or not this range of it
    | {"AccessDenied"}  # a policy may forbid copies alone; where it forbids more, the next GET or PUT says so
)


class Copier:
    """Asks for copies, by a client that waits long for an answer and doesn't try again by itself.

    Four such waits would be taken for a job that is stuck. `sleep` waits between two tries.
    """

    def __init__(self, client: S3Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep

    def part(self, what: str, **request: Any) -> CopyPartResultTypeDef:
        """UploadPartCopy; `what` says for the message what is copied.

        Raises:
            CannotCopy: it was refused, or failed again and again. Where more than copies fail, the next request
                says so.
            Conflict, NotFound: the source isn't the one that is named any more.
        """
        tries = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_exponential_jitter(initial=1, max=4),
            stop=stop_after_attempt(TRIES) | stop_before_delay(PATIENCE),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return tries(self._part, what, request)
        except Unavailable as error:
            raise CannotCopy(str(error)) from error

    def _part(self, what: str, request: dict[str, Any]) -> CopyPartResultTypeDef:
        with bucket_errors(what), cannot_copy(what, _NO_COPY):
            return self._client.upload_part_copy(**request)["CopyPartResult"]


@contextmanager
def cannot_copy(what: str, codes: frozenset[str]) -> Iterator[None]:
    """Raise CannotCopy where the service refuses with one of these codes: then the bytes are moved instead."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in codes:
            raise CannotCopy(f"{what}: {error}") from error
        raise
