"""What a derivative's metadata say of the upload that it was made of.

Each derivative names its upload and its ETag. The one that is written last, in the smallest size, also has what it
takes to find the derivatives again: the recipe, and the ETags of the others. A key has up to 1,024 bytes
of UTF-8, S3 takes 2 KB of metadata in ASCII: in base64 it always fits.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from domain.kinds import WIDTHS
from domain.model import Facts, Origin

_UPLOAD, _ETAG, _RECIPE, _OTHERS = "upload", "upload-etag", "recipe", "others"
_PIXELS, _SHA256 = "pixels", "sha256"
_BYTES, _CONTENT_TYPE, _COLOUR, _THUMBHASH = "bytes", "content-type", "dominant-color", "thumbhash"


@dataclass(frozen=True, slots=True)
class Record:
    """The origin of an upload's derivatives. `others` are the ETags of those before the last, best size first.

    `width` and `height` are the upright upload's in pixels; `sha256` is set where it was checked; `facts` are a
    photo's.
    """

    origin: Origin
    others: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    sha256: bytes | None = None
    facts: Facts | None = None

    def metadata(self) -> Mapping[str, str]:
        known = {
            _PIXELS: f"{self.width}x{self.height}" if self.width and self.height else "",
            _SHA256: self.sha256.hex() if self.sha256 else "",
        }
        return {
            **origin_metadata(self.origin),
            _RECIPE: self.origin.recipe,
            _OTHERS: " ".join(self.others),
            **{name: value for name, value in known.items() if value},
            **_told(self.facts),
        }


def origin_metadata(origin: Origin) -> Mapping[str, str]:
    """The metadata of a derivative that isn't the last."""
    return {_UPLOAD: base64.urlsafe_b64encode(origin.upload.encode()).decode(), _ETAG: origin.etag}


def _told(facts: Facts | None) -> Mapping[str, str]:
    if facts is None:
        return {}
    return {
        _BYTES: " ".join(str(facts.bytes[size]) for size in WIDTHS),
        _CONTENT_TYPE: facts.content_type,
        _COLOUR: facts.dominant_color,
        _THUMBHASH: facts.thumbhash,
    }


def _facts(metadata: Mapping[str, str]) -> Facts | None:
    try:
        sizes = dict(zip(WIDTHS, map(int, metadata[_BYTES].split()), strict=True))
        return Facts(sizes, metadata[_CONTENT_TYPE], metadata[_COLOUR], metadata[_THUMBHASH])
    except (KeyError, ValueError):
        return None


def upload_of(metadata: Mapping[str, str]) -> str | None:
    """The key of the upload that a derivative was made of; None where it isn't known."""
    try:
        return base64.b64decode(metadata[_UPLOAD], altchars=b"-_", validate=True).decode()
    except (KeyError, ValueError):
        return None


def etag_of(metadata: Mapping[str, str]) -> str | None:
    """The ETag of the upload that a derivative was made of; None where it isn't known."""
    return metadata.get(_ETAG)


def read_record(metadata: Mapping[str, str]) -> Record | None:
    """The record in the metadata of a derivative; None where there is none, or it can't be read."""
    try:
        origin = Origin(upload_of(metadata) or "", metadata[_ETAG], metadata[_RECIPE])
        width, height = map(int, metadata[_PIXELS].split("x")) if _PIXELS in metadata else (None, None)
        sha256 = bytes.fromhex(metadata[_SHA256]) if _SHA256 in metadata else None
        return Record(origin, tuple(metadata[_OTHERS].split()), width, height, sha256, _facts(metadata))
    except (KeyError, ValueError):
        return None
