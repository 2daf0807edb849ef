"""The key layout of the bucket. No other module knows it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from domain.errors import Code, Permanent
from domain.kinds import Kind

BACKEND_WRITES = "*/processed/project/*/original/*"
"""What the backend may write under `processed/`, too; as in IAM, each `*` stands for slashes as well."""
MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
LONGEST_SHOWN = 80
"""Characters of a bad key before what is wrong with it; each may take ten when it is quoted."""

_BACKENDS = re.compile(".*".join(map(re.escape, BACKEND_WRITES.split("*"))))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+|^\.+")
_BUNDLE_FIELD = re.compile(r"\{(listing_id|batch_id|job_id)\}")


@dataclass(frozen=True, slots=True)
class RawKey:
    """`{listing}/raw/{media}/{file}`: `media` and `file` are free of the legacy date segment."""

    key: str
    listing_id: int
    media: str
    file: str


def parse_raw(key: str, listing_id: int) -> RawKey:
    """Read the key of an upload of this listing.

    Raises:
        Permanent: VALIDATION_ERROR, where the key isn't one that the contract allows.
    """
    if _CONTROL.search(key):
        raise _bad(key, "has a control character")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise _bad(key, f"is longer than {MAX_KEY_BYTES} bytes")
    listing, *rest = key.split("/")
    if listing != str(listing_id) or rest[:1] != ["raw"]:
        raise _bad(key, f"doesn't begin with {listing_id}/raw/")
    if any(segment in ("", ".", "..") for segment in rest):
        raise _bad(key, "has an empty or a dot segment")
    *media, file = rest[1:] or [""]
    media = undated(media)
    if len(media) not in (1, 2):
        raise _bad(key, "must name one or two segments of media type and a file")
    raw = RawKey(key, listing_id, "/".join(media), file)
    if media[0] == "zip":
        raise _bad(key, "has the media type zip, where the bundles are kept")
    return raw


def undated(folders: Iterable[str]) -> list[str]:
    """The folders of a key without those that older clients named after a date."""
    return [folder for folder in folders if not _DATE.fullmatch(folder)]


def _bad(key: str, why: str) -> Permanent:
    shown = key if len(key) <= LONGEST_SHOWN else key[:LONGEST_SHOWN] + "…"
    return Permanent(f"the key {shown!r} {why}", Code.VALIDATION_ERROR)


def derived(raw: RawKey, kind: Kind, size: str) -> str:
    """A derivative's key: the raw object's name under the size segment, with the kind's own extension."""
    file = stem(raw.file) + kind.extension if kind.extension else raw.file
    return f"{raw.listing_id}/processed/{raw.media}/{size}/{file}"


def check_derived(raw: RawKey, kind: Kind) -> None:
    """Check that the derivatives' keys are short enough for S3.

    Raises:
        Permanent: VALIDATION_ERROR, where they would be too long.
    """
    longest = derived(raw, kind, "thumbnail")
    if len(longest.encode()) > MAX_KEY_BYTES:
        raise _bad(raw.key, f"leaves no room for a derived key of {MAX_KEY_BYTES} bytes")


def only_ours(key: str) -> bool:
    """Whether nobody but the worker and MediaConvert may write this derivative, so that it can be believed."""
    return not _BACKENDS.fullmatch(key)


def frames(raw: RawKey, etag: str) -> str:
    """The prefix of the keys of a video's captured frames; each version of an upload has a prefix of its own."""
    return f"{raw.listing_id}/work/frames/{fingerprint(raw, etag)}"


def fingerprint(raw: RawKey, etag: str) -> str:
    """32 hex digits that stand for one version of an upload."""
    return hashlib.sha256(f"{raw.listing_id}\n{raw.key}\n{etag}".encode()).hexdigest()[:32]


def claim_key(raw: RawKey) -> str:
    """The key of the claim to a video's derivatives: all uploads that would share them share it."""
    digest = hashlib.sha256(derived(raw, Kind.VIDEO, "original").encode()).hexdigest()[:32]
    return f"{raw.listing_id}/work/videos/{digest}.json"


def raw_prefix(listing_id: int) -> str:
    return f"{listing_id}/raw/"


def processed_prefix(listing_id: int) -> str:
    return f"{listing_id}/processed/"


def journal_key(listing_id: int, job_id: int, message_id: str) -> str:
    return f"{journals_prefix(listing_id, job_id)}{_UNSAFE.sub('-', message_id)}.json"


def journals_prefix(listing_id: int, job_id: int) -> str:
    """Where the journals of all messages of a job are, each under its message's id."""
    return f"{listing_id}/work/{job_id}/"


def old_journal_key(listing_id: int, job_id: int) -> str:
    """Until 0.1, where all messages of a job shared a journal, that of the last one to write."""
    return f"{listing_id}/work/{job_id}.json"


def check_key(number: str) -> str:
    """Of an object that a check puts, to see whether it may: of no listing, because there is no listing 0."""
    return f"0/work/checks/{number}.json"


def bundle_key(template: str, listing_id: int, batch_id: str | int | None, job_id: int) -> str:
    """Fill ZIP_KEY_TEMPLATE. A batch id comes from outside, so only characters that are safe in a key stay."""
    fields = {
        "listing_id": str(listing_id),
        "batch_id": _UNSAFE.sub("-", "none" if batch_id in (None, "") else str(batch_id)),
        "job_id": str(job_id),
    }
    return _BUNDLE_FIELD.sub(lambda field: fields[field[1]], template)


def check_bundle_template(template: str) -> str:
    """Return a ZIP_KEY_TEMPLATE that fills to a key of its listing's own.

    Raises:
        ValueError: it doesn't.
    """
    key = bundle_key(template, 1, "b", 1)
    if "{" in key or "}" in key:
        raise ValueError("may use {listing_id}, {batch_id} and {job_id}, and no other braces")
    if "{listing_id}" not in template:
        raise ValueError("must use {listing_id}: two listings would share a bundle")
    if _CONTROL.search(key) or any(segment in ("", ".", "..") for segment in key.split("/")):
        raise ValueError("must be a key without empty or dot segments")
    if key.startswith(("1/raw/", "1/work/")):
        raise ValueError("must not be where uploads or journals are kept")
    return template


def is_member(key: str, template: str, listing_id: int) -> bool:
    """Whether a processed object belongs in the listing's bundle: all do but bundles and folder markers."""
    if key.endswith("/") or key.startswith(processed_prefix(listing_id) + "zip/"):
        return False
    return not may_be(key, template, listing_id)


def may_be(key: str, template: str, listing_id: int) -> bool:
    """Whether the template fills to this key for some job of the listing."""
    patterns = {"listing_id": str(listing_id), "batch_id": "[A-Za-z0-9._-]+", "job_id": "[0-9]+"}
    pieces = _BUNDLE_FIELD.split(template)
    literals, fields = pieces[::2], pieces[1::2]
    regex = re.escape(literals[0])
    for field, literal in zip(fields, literals[1:], strict=True):
        regex += patterns[field] + re.escape(literal)
    return re.fullmatch(regex, key) is not None


def keeps_its_name(key: str) -> bool:
    """Whether the object has the same extension in the bundle: an upload, or what has the size `original`."""
    return key.split("/")[1:2] == ["raw"] or key.rsplit("/", 2)[-2:-1] == ["original"]


def stem(file: str) -> str:
    """The file's name without its extension; a name that begins with its only dot has none."""
    name, dot, _ = file.rpartition(".")
    return name if dot and name else file
