"""A multipart upload to the bucket, of bytes that are sent and of bytes that S3 copies by itself."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from adapters.aws_errors import bucket_errors
from adapters.conditional import condition
from adapters.s3_copier import Copier, cannot_copy
from domain.crc32 import combine
from domain.errors import CannotCopy, Conflict, MediaError
from domain.ports import Entry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

RECENT = timedelta(seconds=120)
"""An upload that is so much older than ours is a dead process's."""
_ANOTHER_WHOLE = frozenset({"BadDigest", "InvalidRequest", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"})


@dataclass(frozen=True, slots=True)
class _Part:
    """A part as the service answered it: `crc32` in base64, None where it told none; `length` in bytes."""

    etag: str
    crc32: str | None
    length: int

    def completed(self, number: int) -> CompletedPartTypeDef:
        part: CompletedPartTypeDef = {"PartNumber": number, "ETag": self.etag}
        return {**part, "ChecksumCRC32": self.crc32} if self.crc32 else part


class S3Upload:
    """A multipart upload, completed only where the key still holds what it held, and all is what it should be.

    It was begun with the checksum type FULL_OBJECT: S3 keeps the CRC-32 of the bytes, not one of the parts' CRCs,
    and compares it with what it is told at the end. Part numbers must then be 1, 2, 3… without a gap:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """

    def __init__(
        self, client: S3Client, copier: Copier, bucket: str, key: str, upload_id: str,
        count: Callable[[str, int], None],
    ) -> None:  # fmt: skip
        self._s3 = client
        self._copier = copier
        self._bucket = bucket
        self._key = key
        self._id = upload_id
        self._count = count
        self._parts: dict[int, _Part] = {}
        self._crc32: int | None = None

    def part(self, number: int, data: bytes | bytearray) -> None:
        with bucket_errors(f"upload part {number} of {self._key}"):
            answer = self._s3.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id,
                PartNumber=number,
                Body=data,  # type: ignore[arg-type]  # botocore takes a bytearray, too
                ChecksumAlgorithm="CRC32",
            )
        self._count("out", len(data))
        self._parts[number] = _Part(answer["ETag"], answer.get("ChecksumCRC32"), len(data))

    def copy(self, number: int, source: Entry, extent: range) -> int:
        what = f"copy {source.key} into part {number} of {self._key}"
        answer = self._copier.part(
            what,
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._id,
            PartNumber=number,
            CopySource={"Bucket": self._bucket, "Key": source.key},
            CopySourceIfMatch=f'"{source.etag}"',
            CopySourceRange=f"bytes={extent.start}-{extent.stop - 1}",
        )
        if "ChecksumCRC32" not in answer:
            raise CannotCopy(f"{what}: the answer has no CRC-32")
        self._parts[number] = _Part(answer["ETag"], answer["ChecksumCRC32"], len(extent))
        return _number(answer["ChecksumCRC32"])

    def expect(self, crc32: int) -> None:
        self._crc32 = crc32

    def began_first(self) -> bool:
        """By the bucket's clock, which has whole seconds: who began in the same one may have looked before us."""
        try:
            with bucket_errors(f"look for other uploads of {self._key}"):
                found = self._s3.list_multipart_uploads(Bucket=self._bucket, Prefix=self._key).get("Uploads", [])
        except MediaError as error:
            structlog.get_logger().warning("uploads not listed", key=self._key, why=str(error))
            return True
        begun = {upload["UploadId"]: upload["Initiated"] for upload in found if upload["Key"] == self._key}
        ours = begun.pop(self._id, None)
        before = [theirs for theirs in begun.values() if ours is not None and theirs <= ours < theirs + RECENT]
        if before:
            since = min(before).isoformat()
            structlog.get_logger().info("another job writes the bundle", key=self._key, since=since)
        return not before

    def complete(self, etag: str | None) -> None:
        what = f"complete the upload of {self._key}"
        parts = sorted(self._parts.items())
        expected = self._expected([part for _, part in parts])
        with bucket_errors(what), cannot_copy(what, _ANOTHER_WHOLE if expected else frozenset()):
            self._s3.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id,
                MultipartUpload={"Parts": [part.completed(number) for number, part in parts]},
                **expected,
                **condition(etag),
            )

    def _expected(self, parts: list[_Part]) -> dict[str, Any]:
        """The CRC-32 with which S3 compares the whole. Some services don't: the parts' own are compared first."""
        if self._crc32 is None:
            return {}
        whole = 0
        for part in parts:
            if part.crc32 is None:
                break
            whole = combine(whole, _number(part.crc32), part.length)
        else:
            if whole != self._crc32:
                raise CannotCopy(f"the parts of {self._key} have the CRC-32 {whole:08x}, not {self._crc32:08x}")
        text = base64.b64encode(self._crc32.to_bytes(4, "big")).decode()
        return {"ChecksumCRC32": text, "ChecksumType": "FULL_OBJECT"}

    def abort(self) -> None:
        """Abort the upload so that no parts stay. An error is logged and not raised: the one before it counts."""
        try:
            abort(self._s3, self._bucket, self._key, self._id)
        except MediaError as error:
            # The next attempt aborts it, or else the bucket's lifecycle rule.
            structlog.get_logger().warning("upload not aborted", key=self._key, why=str(error))


def abort(client: S3Client, bucket: str, key: str, upload_id: str) -> None:
    try:
        with bucket_errors(f"abort the upload of {key}"):
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except Conflict:
        pass  # somebody else has aborted it, or completed it


def _number(crc32: str) -> int:
    return int.from_bytes(base64.b64decode(crc32), "big")
