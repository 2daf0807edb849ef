"""A bucket of S3 in memory, with S3's promises as far as the worker relies on them.

These are conditions, checksums, tags and the rules of parts: https://docs.aws.amazon.com/AmazonS3/latest/API/.
There are no versions and no signatures.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from benchmarks.pieces import Pieces
from benchmarks.serving import Answer, Request

PAGE = 1000
NOTHING = Pieces(())
LEAST_PART = 5 * 1024 * 1024
CRC, CRC_TYPE = "x-amz-checksum-crc32", "x-amz-checksum-type"
KEPT = ("content-type", "content-disposition", "content-encoding", "content-language", "cache-control")
NO_CHECKSUM = ("x-amz-checksum-algorithm", "x-amz-checksum-mode")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object; `etag` has its quotes, `headers` are what a HEAD tells of it."""

    data: Pieces
    etag: str
    headers: Mapping[str, str]
    tags: dict[str, str]
    modified: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload; the parts' bytes by number."""

    key: str
    headers: Mapping[str, str]
    tags: dict[str, str]
    begun: float = field(default_factory=time.time)
    parts: dict[int, Pieces] = field(default_factory=dict)


class Refused(Exception):
    """A status and S3's code for it."""

    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Bucket:
    """The operations on one bucket, each under its name in S3's API."""

    def __init__(self) -> None:
        self._objects: dict[str, Stored] = {}
        self._uploads: dict[str, Upload] = {}
        self._begun = 0

    def head_bucket(self, asked: Request, key: str) -> Answer:
        return Answer()

    def list_objects_v2(self, asked: Request, key: str) -> Answer:
        prefix, after = asked.query.get("prefix", ""), unquote(asked.query.get("continuation-token", ""))
        keys = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
        page = [(key, self._objects[key]) for key in keys[:PAGE]]
        more = f"<NextContinuationToken>{quote(keys[PAGE - 1])}</NextContinuationToken>" if keys[PAGE:] else ""
        entries = "".join(
            f"<Contents><Key>{quote(key)}</Key><ETag>{escape(held.etag)}</ETag><Size>{len(held.data)}</Size>"
            f"<LastModified>{_iso(held.modified)}</LastModified></Contents>"
            for key, held in page
        )
        cut = "true" if more else "false"
        return _xml(
            "ListBucketResult", f"<EncodingType>url</EncodingType><IsTruncated>{cut}</IsTruncated>{more}{entries}"
        )

    def list_multipart_uploads(self, asked: Request, key: str) -> Answer:
        prefix = asked.query.get("prefix", "")
        found = "".join(
            f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{upload_id}</UploadId>"
            f"<Initiated>{_iso(upload.begun)}</Initiated></Upload>"
            for upload_id, upload in self._uploads.items()
            if upload.key.startswith(prefix)
        )
        return _xml("ListMultipartUploadsResult", found)

    def head_object(self, asked: Request, key: str) -> Answer:
        return self.get_object(asked, key)

    def get_object(self, asked: Request, key: str) -> Answer:
        held = self._held(key)
        if asked.headers.get("if-match", held.etag) != held.etag:
            raise Refused(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")
        headers = {**held.headers, "ETag": held.etag, "Last-Modified": formatdate(held.modified, usegmt=True)}
        if "range" in asked.headers or asked.headers.get("x-amz-checksum-mode") != "ENABLED":
            headers = {name: value for name, value in headers.items() if not name.startswith("x-amz-checksum-")}
        if "range" in asked.headers:
            start, end = _extent(asked.headers["range"], len(held.data))
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(held.data)}"
            return Answer(held.data.cut(start, end), HTTPStatus.PARTIAL_CONTENT, headers)
        return Answer(held.data, headers=headers)

    def put_object(self, asked: Request, key: str) -> Answer:
        self._hold(asked, key)
        data = _checked(asked)
        self._objects[key] = Stored(data, data.etag, _told(asked.headers), _tags(asked.headers))
        return Answer(headers={"ETag": data.etag})

    def copy_object(self, asked: Request, key: str) -> Answer:
        source, data = self._source(asked)
        self._hold(asked, key)
        headers = {name: value for name, value in source.headers.items() if name.startswith("x-amz-checksum-")}
        kept = asked.headers if asked.headers.get("x-amz-metadata-directive") == "REPLACE" else source.headers
        tags = _tags(asked.headers) if asked.headers.get("x-amz-tagging-directive") == "REPLACE" else source.tags
        self._objects[key] = Stored(data, source.etag, {**_told(kept), **headers}, dict(tags))
        return _xml("CopyObjectResult", f"<ETag>{escape(source.etag)}</ETag>")

    def delete_object(self, asked: Request, key: str) -> Answer:
        if key in self._objects:
            self._hold(asked, key)
            del self._objects[key]
        return Answer(status=HTTPStatus.NO_CONTENT)

    def get_object_tagging(self, asked: Request, key: str) -> Answer:
        tags = self._held(key).tags.items()
        pairs = "".join(f"<Tag><Key>{escape(k)}</Key><Value>{escape(v)}</Value></Tag>" for k, v in tags)
        return _xml("Tagging", f"<TagSet>{pairs}</TagSet>")

    def put_object_tagging(self, asked: Request, key: str) -> Answer:
        tags = self._held(key).tags
        tags.clear()
        tags.update(
            (tag[0].text or "", tag[1].text or "")
            for tag in ElementTree.fromstring(asked.body).findall(".//{*}Tag")
        )
        return Answer()

    def create_multipart_upload(self, asked: Request, key: str) -> Answer:
        self._begun += 1
        upload_id = f"upload-{self._begun}"
        self._uploads[upload_id] = Upload(key, _told(asked.headers), _tags(asked.headers))
        return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload_id}</UploadId>")

    def upload_part(self, asked: Request, key: str) -> Answer:
        data = _checked(asked)
        self._upload(asked).parts[int(asked.query["partNumber"])] = data
        return Answer(headers={"ETag": data.etag, CRC: data.checksum})

    def upload_part_copy(self, asked: Request, key: str) -> Answer:
        _, data = self._source(asked)
        self._upload(asked).parts[int(asked.query["partNumber"])] = data
        return _xml(
            "CopyPartResult", f"<ETag>{escape(data.etag)}</ETag><ChecksumCRC32>{data.checksum}</ChecksumCRC32>"
        )

    def complete_multipart_upload(self, asked: Request, key: str) -> Answer:
        upload = self._upload(asked)
        self._hold(asked, key)
        parts = []
        for number, part in enumerate(ElementTree.fromstring(asked.body).findall(".//{*}Part"), 1):
            if part.findtext("{*}PartNumber") != str(number):
                raise Refused(HTTPStatus.BAD_REQUEST, "InvalidPartOrder")
            data = upload.parts.get(number, NOTHING)
            told = (part.findtext("{*}ETag"), part.findtext("{*}ChecksumCRC32", data.checksum))
            if told != (data.etag, data.checksum):
                raise Refused(HTTPStatus.BAD_REQUEST, "InvalidPart")
            parts.append(data)
        if any(len(data) < LEAST_PART for data in parts[:-1]):
            raise Refused(HTTPStatus.BAD_REQUEST, "EntityTooSmall")
        whole = Pieces.joined(parts)
        kind = upload.headers.get(CRC_TYPE, "COMPOSITE")
        crc = whole.checksum
        if kind == "COMPOSITE":
            crc = f"{Pieces(part.crc32.to_bytes(4, 'big') for part in parts).checksum}-{len(parts)}"
        if (asked.headers.get(CRC, crc), asked.headers.get(CRC_TYPE, kind)) != (crc, kind):
            raise Refused(HTTPStatus.BAD_REQUEST, "BadDigest")
        etag = f'{Pieces(part.etag.encode() for part in parts).etag[:-1]}-{len(parts)}"'
        self._objects[key] = Stored(whole, etag, {**upload.headers, CRC: crc}, upload.tags)
        del self._uploads[asked.query["uploadId"]]
        return _xml(
            "CompleteMultipartUploadResult", f"<ETag>{escape(etag)}</ETag><ChecksumCRC32>{crc}</ChecksumCRC32>"
        )

    def abort_multipart_upload(self, asked: Request, key: str) -> Answer:
        self._upload(asked)
        del self._uploads[asked.query["uploadId"]]
        return Answer(status=HTTPStatus.NO_CONTENT)

    def _held(self, key: str) -> Stored:
        if key not in self._objects:
            raise Refused(HTTPStatus.NOT_FOUND, "NoSuchKey")
        return self._objects[key]

    def _upload(self, asked: Request) -> Upload:
        if asked.query["uploadId"] not in self._uploads:
            raise Refused(HTTPStatus.NOT_FOUND, "NoSuchUpload")
        return self._uploads[asked.query["uploadId"]]

    def _hold(self, asked: Request, key: str) -> None:
        """Refuse a write whose condition on what the key holds isn't met."""
        wanted, held = asked.headers.get("if-match"), self._objects.get(key)
        if wanted and held is None:
            raise Refused(HTTPStatus.NOT_FOUND, "NoSuchKey")
        if held and ("if-none-match" in asked.headers or (wanted or held.etag) != held.etag):
            raise Refused(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")

    def _source(self, asked: Request) -> tuple[Stored, Pieces]:
        """What a copy is made of: the object, and its bytes in the range that is asked for."""
        source = self._held(unquote(asked.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2])
        if asked.headers.get("x-amz-copy-source-if-match", source.etag) != source.etag:
            raise Refused(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")
        if "x-amz-copy-source-range" not in asked.headers:
            return source, source.data
        start, end = _extent(asked.headers["x-amz-copy-source-range"], sys.maxsize)
        if end > len(source.data):
            raise Refused(HTTPStatus.BAD_REQUEST, "InvalidArgument")
        return source, source.data.cut(start, end)


def _told(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a write that a HEAD of the object tells."""
    return {
        name: value
        for name, value in headers.items()
        if name in KEPT or (name.startswith(("x-amz-meta-", "x-amz-checksum-")) and name not in NO_CHECKSUM)
    }


def _tags(headers: Mapping[str, str]) -> dict[str, str]:
    return dict(parse_qsl(headers.get("x-amz-tagging", "")))


def _checked(asked: Request) -> Pieces:
    """The body, which is what its CRC says."""
    if asked.headers.get("content-encoding") == "aws-chunked":  # what boto3 sends by TLS alone
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented")
    data = Pieces((asked.body,))
    if asked.headers.get(CRC, data.checksum) != data.checksum:
        raise Refused(HTTPStatus.BAD_REQUEST, "BadDigest")
    return data


def _extent(text: str, size: int) -> tuple[int, int]:
    """Start and end of `bytes=first-last` or of `bytes=-count`, within so many bytes."""
    first, _, last = text.removeprefix("bytes=").partition("-")
    start, end = (int(first), int(last or size) + 1) if first else (max(0, size - int(last)), size)
    if start >= size:
        raise Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "InvalidRange")
    return start, min(end, size)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _xml(name: str, content: str) -> Answer:
    return Answer(f"<{name}>{content}</{name}>".encode(), headers={"Content-Type": "application/xml"})
