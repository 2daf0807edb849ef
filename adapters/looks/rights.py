"""What AWS refuses for want of a right, or because it isn't there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from adapters.aws_errors import errors_mapped
from domain.checks.finding import Missing, Refused
from domain.errors import MediaError

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
