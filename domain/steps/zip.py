"""zip: the listing's bundle, streamed into the bucket."""

from __future__ import annotations

import hashlib
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from itertools import count

from domain import content, keys
from domain.bundle_paths import NAMING, BundlePaths, inner_path
from domain.errors import Conflict, NotFound, Transient
from domain.model import Bundle
from domain.outlast import outlasting
from domain.part_sink import MIN_PART_SIZE, PartSink
from domain.ports import Entry, Head
from domain.run import Run

REBUILDS = 8
"""How often one attempt builds the bundle anew because another job of the listing was faster."""
MAX_PARTS = 9_000
"""Below S3's 10,000 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html): headers come on top."""
AHEAD = 16
"""How many small members are fetched before they are needed."""
SMALL = 1024 * 1024
"""The largest member, in bytes, that is fetched whole and ahead."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FINGERPRINT = "members"


def processed(run: Run) -> list[Entry]:
    """Every processed object that the listing has now."""
    listing_id, template = run.job.listing_id, run.ports.bundles.template
    entries = run.ports.objects.list(keys.processed_prefix(listing_id))
    return [entry for entry in entries if keys.is_member(entry.key, template, listing_id)]


def uploads(run: Run) -> list[Entry]:
    """Every upload that the listing has now."""
    entries = run.ports.objects.list(keys.raw_prefix(run.job.listing_id))
    return [entry for entry in entries if not entry.key.endswith("/")]


def write_bundle(run: Run, look: Callable[[Run], list[Entry]] = processed) -> Bundle | None:
    """Make the bundle hold what `look` finds, in the order of the keys. Where that is nothing, delete it: None.

    The bundle's ETag is read before the bucket is listed and is the condition of its replacement: where another
    job replaced it in between, it is built again, so the last writer can't lose another one's work. A bundle
    whose fingerprint says that it holds these very members is left as it is.

    Raises:
        Transient: the bundle was replaced by others again and again.
    """
    key = run.ports.bundles.key(run.job)
    tries = count(1 if run.attempt.first else 2)

    def build() -> Bundle | None:
        if next(tries) > 1:
            # A process that was killed couldn't, nor could this one while the bucket was out. Another job's upload
            # is hit, too: that one builds its bundle again.
            run.ports.objects.abort_uploads(key)
        return _build(run, key, look)

    return outlasting(run.outlast, build)


def _build(run: Run, key: str, look: Callable[[Run], list[Entry]]) -> Bundle | None:
    objects = run.ports.objects
    for _ in range(REBUILDS):
        run.attempt.checkpoint()
        current = objects.head(key)
        members = look(run)
        try:
            if members:
                return _replace(run, key, current, members)
            if current:
                objects.delete(key, current.etag)
            return None
        except (Conflict, NotFound):
            continue
    raise Transient(f"other jobs of the listing replaced {key} {REBUILDS} times while it was built")


def _replace(run: Run, key: str, current: Head | None, members: Sequence[Entry]) -> Bundle:
    unzipped = sum(member.size for member in members)
    fingerprint = _fingerprint(members)
    if current and current.metadata.get(_FINGERPRINT) == fingerprint:
        return Bundle(key, len(members), current.size, unzipped)
    etag = current.etag if current else None
    with run.ports.objects.replace(key, etag, "application/zip", {_FINGERPRINT: fingerprint}) as upload:
        sink = PartSink(upload, max(MIN_PART_SIZE, unzipped // MAX_PARTS))
        _write(run, sink, members)
        size = sink.finish()
    return Bundle(key, len(members), size, unzipped)


def _fingerprint(members: Iterable[Entry]) -> str:
    digest = hashlib.sha256(f"{NAMING}\0".encode())
    for member in members:
        digest.update(f"{member.key}\0{member.etag}\0{member.size}\0".encode())
    return digest.hexdigest()


def _write(run: Run, sink: PartSink, members: Iterable[Entry]) -> None:
    paths = BundlePaths()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for member, chunks in _fetched(run, members):
            first = next(chunks, b"")
            path = inner_path(member.key, run.job.listing_id, _new_extension(member.key, first))
            info = zipfile.ZipInfo(paths.add(path), _EPOCH)
            info.create_system = _UNIX
            info.external_attr = 0o644 << 16
            info.file_size = member.size  # zipfile decides on ZIP64 by it
            with sink.holding(), archive.open(info, "w") as entry:
                entry.write(first)
                for chunk in chunks:
                    run.attempt.checkpoint()
                    entry.write(chunk)


def _new_extension(key: str, first: bytes) -> str | None:
    """The extension of the member's real format, where the name doesn't have it."""
    file_format = None if keys.keeps_its_name(key) else content.sniff(first)
    wrong = file_format is not None and not content.has_extension(key, file_format)
    return file_format.extension if file_format and wrong else None


def _fetched(run: Run, members: Iterable[Entry]) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """The members with their bytes. Small members are fetched ahead, side by side; large ones are streamed."""
    waiting: deque[tuple[Entry, Callable[[], Iterator[bytes]]]] = deque()
    for member in members:
        waiting.append((member, _fetch(run, member)))
        if len(waiting) == AHEAD:
            first, chunks = waiting.popleft()
            yield first, chunks()
    for first, chunks in waiting:
        yield first, chunks()


def _fetch(run: Run, member: Entry) -> Callable[[], Iterator[bytes]]:
    kept = run.renditions.get(member.key, member.etag)
    if kept is not None:
        return lambda: iter([kept])
    if member.size > SMALL:
        return lambda: run.ports.objects.read(member.key, member.etag)

    def whole() -> bytes:
        run.attempt.checkpoint()
        return b"".join(run.ports.objects.read(member.key, member.etag))

    ahead: Future[bytes] = run.ports.transfers.submit(copy_context().run, whole)
    return lambda: iter([ahead.result()])
