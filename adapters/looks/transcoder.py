"""MediaConvert: its role, Probe and queue."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters.looks.rights import needing
from domain.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_mediaconvert import MediaConvertClient

_BAD_REQUEST = range(400, 500)
_THROTTLED = 429


def trust_of(iam: Any, role_arn: str) -> object:
    """The role's trust policy; None where there is no such role."""
    with suppress(NotFound), needing("iam:GetRole", role_arn, setting="MEDIACONVERT_ROLE_ARN"):
        role = iam.get_role(RoleName=role_arn.rpartition("/")[2])["Role"]
        if role["Arn"] == role_arn:  # a name alone may be that of another account's role, or in another path
            return role["AssumeRolePolicyDocument"]
    return None


def probe(mediaconvert: MediaConvertClient, bucket: str, key: str) -> None:
    """Have an object probed that is no video: to be told so is good enough.

    Raises Refused where the right is missing, Transient where MediaConvert can't be asked.
    """
    with needing("mediaconvert:Probe", "*"):
        try:
            mediaconvert.probe(InputFiles=[{"FileUrl": f"s3://{bucket}/{key}"}])
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status in (401, 403, _THROTTLED) or status not in _BAD_REQUEST:
                raise


def queue_status(mediaconvert: MediaConvertClient, name: str) -> str | None:
    """ACTIVE or PAUSED; None where there is no such queue."""
    with suppress(NotFound), needing("mediaconvert:GetQueue", f"queues/{name}"):
        return mediaconvert.get_queue(Name=name)["Queue"].get("Status")
    return None
