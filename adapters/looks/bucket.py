"""The bucket's settings, and an object that is put, read and tagged."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from adapters.aws import Clients
from adapters.conditional import WORK, put_work
from adapters.looks.rights import needing
from domain.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import TagTypeDef


def require(clients: Clients, bucket: str) -> None:
    """Raise Missing where there is no such bucket."""
    with needing("s3:ListBucket", bucket, setting="MEDIA_BUCKET"):
        clients.s3.head_bucket(Bucket=bucket)


def versioned(clients: Clients, bucket: str) -> bool:
    with needing("s3:GetBucketVersioning", bucket):
        return clients.s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def encryption_of(clients: Clients, bucket: str) -> str | None:
    """The algorithm of the default encryption; None: there is none."""
    with suppress(NotFound), needing("s3:GetEncryptionConfiguration", bucket):
        said = clients.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        return said["Rules"][0].get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm")
    return None


def put_check(clients: Clients, bucket: str, key: str, text: str) -> None:
    """Put an object as the worker puts its journals: it expires."""
    with needing("s3:PutObject", f"{bucket}/{key}", bucket):
        put_work(clients.s3, bucket, key, text, None)


def get_check(clients: Clients, bucket: str, key: str) -> bytes:
    with needing("s3:GetObject", f"{bucket}/{key}", bucket):
        return clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def tag_check(clients: Clients, bucket: str, key: str) -> bool:
    """Whether the tag that the object was put with is there; then it is put again, alone."""
    with needing("s3:GetObjectTagging", f"{bucket}/{key}", bucket):
        tags = clients.s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    name, _, value = WORK.partition("=")
    tag: TagTypeDef = {"Key": name, "Value": value}
    with needing("s3:PutObjectTagging", f"{bucket}/{key}", bucket):
        clients.s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [tag]})
    return tag in tags
