"""The bucket, in S3."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import ClientError

from adapters.aws_errors import bucket_errors
from adapters.conditional import condition, gone_is_conflict
from adapters.s3_copier import Copier
from adapters.s3_upload import S3Upload, abort
from domain.errors import CannotCopy, Conflict, Dependency, MediaError, NotFound, Unavailable
from domain.ports import Entry, Head, Holds

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

CHUNK = 1024 * 1024
STAGE = "stage"
"""The tag that lifecycle rules filter by: a prefix can't match `{listing}/raw/` for all listings."""
BUNDLE = "bundle"
"""The stage of what is rewritten as a whole: a lifecycle rule lets its old versions expire."""
_KEPT = ("ContentType", "ContentDisposition", "ContentEncoding", "ContentLanguage", "CacheControl")
"""The headers of an upload that its copy has, too."""
MAX_TAGS = 10  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html


class S3Objects:
    """The `Objects` port on one bucket. Everything it writes carries a CRC32 that S3 has checked."""

    def __init__(
        self, client: S3Client, bucket: str, count: Callable[[str, int], None], copier: Copier | None = None
    ) -> None:
        """`count` is told of all bytes that go `in` or `out`; `copier` (or one with `client`) has parts copied."""
        self._s3 = client
        self._bucket = bucket
        self._count = count
        self._copier = copier or Copier(client)
        self._heads_tell_tags = False

    def require(self) -> None:
        """Raise NotFound where there is no such bucket, Transient where it can't be asked.

        In a bucket that isn't there every object is missing: each job would fail validation, for good.
        """
        with bucket_errors(f"look at the bucket {self._bucket}"):
            self._s3.head_bucket(Bucket=self._bucket)

    def head(self, key: str) -> Head | None:
        try:
            with self._missing_in_the_bucket(), bucket_errors(f"HEAD {key}"):
                answer = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except NotFound:
            return None
        return Head(
            etag=answer["ETag"].strip('"'),
            size=answer["ContentLength"],
            content_type=answer.get("ContentType", ""),
            sha256=_whole_digest(answer.get("ChecksumSHA256")),
            metadata=answer.get("Metadata", {}),
            version=answer.get("VersionId"),
            tagged="TagCount" in answer,
        )

    @contextmanager
    def _missing_in_the_bucket(self) -> Iterator[None]:
        """A HEAD has no body, so its 404 doesn't say whether the object is missing or the whole bucket."""
        try:
            yield
        except NotFound:
            try:
                self.require()
            except NotFound as error:
                message = f"the bucket {self._bucket} isn't there any more: create it again, or mend MEDIA_BUCKET"
                raise Unavailable(message, Dependency.BUCKET) from error
            raise

    def read(self, key: str, etag: str, extent: range | None = None) -> Iterator[bytes]:
        with bucket_errors(f"GET {key}"):
            condition = f'"{etag}"'
            if extent is None:
                answer = self._s3.get_object(Bucket=self._bucket, Key=key, IfMatch=condition)
            else:
                part = f"bytes={extent.start}-{extent.stop - 1}"
                answer = self._s3.get_object(Bucket=self._bucket, Key=key, IfMatch=condition, Range=part)
            body = answer["Body"]
            try:
                for chunk in body.iter_chunks(CHUNK):
                    self._count("in", len(chunk))
                    yield chunk
            finally:
                body.close()

    def whole(self, key: str, etag: str) -> bytes:
        with bucket_errors(f"GET {key}"):
            body = self._s3.get_object(Bucket=self._bucket, Key=key, IfMatch=f'"{etag}"')["Body"]
            with closing(body):
                data = body.read()
        self._count("in", len(data))
        return data

    def write(
        self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str], only_if: Holds | None = None
    ) -> str:
        with gone_is_conflict(), bucket_errors(f"PUT {key}"):
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                Metadata=metadata,
                ChecksumAlgorithm="CRC32",
                **(condition(only_if.etag) if only_if else {}),
            )
        self._count("out", len(data))
        return answer["ETag"].strip('"')

    def delete(self, key: str, etag: str) -> None:
        with suppress(NotFound), bucket_errors(f"DELETE {key}"):
            try:
                self._s3.delete_object(Bucket=self._bucket, Key=key, IfMatch=f'"{etag}"')
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "NotImplemented":
                    raise
                self._delete_after_a_look(key, etag)

    def _delete_after_a_look(self, key: str, etag: str) -> None:
        """For a service that knows no condition here, as S3 itself until September 2025."""
        found = self.head(key)
        if found and found.etag != etag:
            raise Conflict(f"DELETE {key}: the object has changed meanwhile")
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def copy(
        self, source: str, etag: str, target: str, metadata: Mapping[str, str], only_if: Holds | None = None
    ) -> None:
        with self._missing_in_the_bucket(), bucket_errors(f"copy {source}"):
            head = self._s3.head_object(Bucket=self._bucket, Key=source)
            kept: dict[str, Any] = {name: head[name] for name in _KEPT if name in head}  # type: ignore[literal-required]
        with gone_is_conflict(), bucket_errors(f"copy {source}"):
            self._s3.copy_object(
                Bucket=self._bucket,
                Key=target,
                CopySource={"Bucket": self._bucket, "Key": source},
                CopySourceIfMatch=f'"{etag}"',
                ChecksumAlgorithm="CRC32",
                TaggingDirective="REPLACE",  # the raw object's tag would send the copy to the archive, too
                MetadataDirective="REPLACE",  # an uploader's metadata must not be taken for ours
                Metadata=metadata,
                **kept,
                **(condition(only_if.etag) if only_if else {}),
            )

    def list(self, prefix: str) -> Iterator[Entry]:
        with bucket_errors(f"list {prefix}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                for found in page.get("Contents", []):
                    yield Entry(found["Key"], found["ETag"].strip('"'), found["Size"])

    @contextmanager
    def replace(
        self, key: str, etag: str | None, content_type: str, metadata: Mapping[str, str]
    ) -> Iterator[S3Upload]:
        with bucket_errors(f"start the upload of {key}"):
            upload_id = self._s3.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                ContentType=content_type,
                Metadata=dict(metadata),
                Tagging=f"{STAGE}={BUNDLE}",
                ChecksumAlgorithm="CRC32",
                ChecksumType="FULL_OBJECT",
            )["UploadId"]
        upload = S3Upload(self._s3, self._copier, self._bucket, key, upload_id, self._count)
        try:
            yield upload
            upload.complete(etag)
        except CannotCopy as error:
            structlog.get_logger().warning("bundle not copied: its bytes are sent", key=key, why=str(error))
            upload.abort()
            raise
        except BaseException:
            upload.abort()
            raise

    def abort_uploads(self, key: str) -> None:
        try:
            with bucket_errors(f"look for uploads of {key} that were left open"):
                pages = self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=key)
                for page in pages:
                    for upload in page.get("Uploads", []):
                        if upload["Key"] == key:
                            abort(self._s3, self._bucket, key, upload["UploadId"])
        except MediaError as error:
            structlog.get_logger().warning("uploads not aborted", key=key, why=str(error))

    def mark_processed(self, key: str, version: str | None, tagged: bool | None = None) -> None:
        """S3 tells the number of tags to those alone who may read them, and some emulators to nobody.

        So a HEAD without tags is believed as soon as one of an upload that has a tag told of it.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        """
        of_version = {"VersionId": version} if version else {}
        if tagged is False and self._heads_tell_tags:
            self._put_tags(key, [_stage("raw")], of_version)
            return
        self._tag(key, "raw", of_version)
        if not self._heads_tell_tags:
            head = self.head(key)
            self._heads_tell_tags = head is not None and head.tagged is True

    def mark_work(self, key: str) -> None:
        self._tag(key, "work", {})

    def _tag(self, key: str, stage: str, version: Mapping[str, Any]) -> None:
        tag = _stage(stage)
        with bucket_errors(f"tag {key}"):
            tags = self._s3.get_object_tagging(Bucket=self._bucket, Key=key, **version)["TagSet"]
        others = [other for other in tags if other["Key"] != STAGE]
        if tag in tags:
            return
        if len(others) >= MAX_TAGS:
            structlog.get_logger().warning("not tagged: the object has all its tags taken", key=key)
            return
        self._put_tags(key, [*others, tag], version)

    def _put_tags(self, key: str, tags: Sequence[TagTypeDef], version: Mapping[str, Any]) -> None:
        with bucket_errors(f"tag {key}"):
            self._s3.put_object_tagging(Bucket=self._bucket, Key=key, Tagging={"TagSet": tags}, **version)


def _stage(value: str) -> TagTypeDef:
    return {"Key": STAGE, "Value": value}


def _whole_digest(checksum: str | None) -> bytes | None:
    """The digest of the object's bytes; None for `digest-N`, which S3 has for an upload in N parts."""
    return base64.b64decode(checksum) if checksum and "-" not in checksum else None
