"""validate: checks that each upload exists and is what its manifest and its type say."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress

from domain import content, keys
from domain.content import HEAD_BYTES
from domain.each import each
from domain.errors import Archived, Code, Permanent
from domain.kinds import Kind
from domain.model import Asset, Failure, JobKind, Manifest, Source, asset_type_of
from domain.ports import Head, Objects
from domain.run import Run

SHA256_BYTES = 32


def validate(run: Run) -> dict[Asset, Source | Failure]:
    """Check the assets side by side; an invalid one fails alone.

    A photo's bytes are checked where they are fetched anyway, in the thumbnails step. A finalization makes no
    derivatives, so their names don't matter to it; and what it can't look at on the last receive isn't left out.
    """

    def look(asset: Asset) -> Source:
        run.attempt.checkpoint()
        return _look(run, asset)

    assets, salvage = dict.fromkeys(run.job.assets), run.job.kind is JobKind.PROCESS
    return each(assets, look, run.ports.transfers, run, Code.VALIDATION_ERROR, salvage=salvage)


def _look(run: Run, asset: Asset) -> Source:
    if asset.problem:
        raise Permanent(asset.problem)
    raw = keys.parse_raw(asset.key, run.job.listing_id)
    asset_type = asset_type_of(asset, raw)
    if run.job.kind is JobKind.PROCESS:
        _check_name(run, raw, asset_type.kind)
    head = run.ports.objects.head(asset.key)
    if head is None:
        raise Permanent(f"there is no object {asset.key}: was it uploaded?")
    _check_size(head.size, asset_type.kind, run.ports.limits[asset_type.kind])
    wanted = _check_manifest(asset.manifest, head)
    if asset_type.kind is not Kind.PHOTO:
        with suppress(Archived):  # it may be recalled; what isn't fails where it is read
            _check_first_bytes(raw, asset_type.kind, head, run.ports.objects)
    return Source(raw, asset_type, head.etag, head.size, wanted, head.version, head.tagged)


def _check_name(run: Run, raw: keys.RawKey, kind: Kind) -> None:
    keys.check_derived(raw, kind)
    if kind is Kind.VIDEO:
        run.ports.transcoder.check_name(raw)


def _check_size(size: int, kind: Kind, limit: int) -> None:
    if size == 0:
        raise Permanent("the object is empty")
    if size > limit:
        raise Permanent(f"the object has {size} bytes; the limit for a {kind} is {limit}")


def _check_manifest(manifest: Manifest, head: Head) -> bytes | None:
    """The SHA-256 that is still to be checked against the bytes, where the bucket doesn't hold one."""
    if manifest.size is not None and manifest.size != head.size:
        raise Permanent(f"the manifest says {manifest.size} bytes, the object has {head.size}")
    if manifest.etag is not None and manifest.etag.removeprefix("W/").strip('"') != head.etag:
        raise Permanent("the object's ETag isn't the manifest's: was it uploaded again?")
    if manifest.content_type is not None and _essence(manifest.content_type) != _essence(head.content_type):
        raise Permanent(
            f"the manifest says {manifest.content_type!r}, the object's content type is {head.content_type!r}"
        )
    if manifest.sha256 is None:
        return None
    wanted = decode_sha256(manifest.sha256)
    if head.sha256 is None:
        return wanted
    if head.sha256 != wanted:
        raise Permanent("the object's SHA-256 isn't the manifest's")
    return None


def _essence(content_type: str) -> str:
    essence = content_type.partition(";")[0].strip().lower()
    return "image/jpeg" if essence == "image/jpg" else essence


def decode_sha256(text: str) -> bytes:
    """Read a digest in hex or base64, with or without `sha256:` before it.

    Raises:
        Permanent: VALIDATION_ERROR, where it is neither.
    """
    digits = text.strip().removeprefix("sha256:")
    try:
        if len(digits) == 2 * SHA256_BYTES:
            return bytes.fromhex(digits)
        digest = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (ValueError, binascii.Error):
        digest = b""
    if len(digest) != SHA256_BYTES:
        raise Permanent("the manifest's sha256 is neither hex nor base64 of 32 bytes", Code.VALIDATION_ERROR)
    return digest


def _check_first_bytes(raw: keys.RawKey, kind: Kind, head: Head, objects: Objects) -> None:
    first = b"".join(objects.read(raw.key, head.etag, range(HEAD_BYTES)))
    content.require(kind, first, raw.file, _essence(head.content_type))
