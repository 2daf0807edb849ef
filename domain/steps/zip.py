"""zip: the listing's bundle, of which S3 copies what it has already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from domain import keys
from domain.bundle.assembler import Assembler
from domain.bundle.changes import changes
from domain.bundle.layout import LAYOUT
from domain.bundle.plan import PartSizes
from domain.bundle.stream import stream
from domain.bundle_paths import NAMING
from domain.errors import Archived, CannotCopy, Conflict, NotFound, Transient
from domain.model import Bundle
from domain.outlast import outlasting
from domain.ports import Entry, Head, Upload
from domain.run import Run

REBUILDS = 16
"""How often one attempt builds the bundle anew because another job of the listing was faster."""
PAUSES = (0.5, 1.0, *[2.0] * 59)
"""Seconds before each new look while another job is at the bundle: two minutes, then nobody is waited for."""
SIZES = PartSizes()
_FINGERPRINT = "members"
_VERSION = "bundle"


def processed(run: Run) -> list[Entry]:
    """Every processed object that the listing has now."""
    listing_id, template = run.job.listing_id, run.ports.bundles.template
    entries = run.ports.objects.list(keys.processed_prefix(listing_id))
    return [entry for entry in entries if keys.is_member(entry.key, template, listing_id)]


def uploads(run: Run) -> list[Entry]:
    """Every upload that the listing has now."""
    entries = run.ports.objects.list(keys.raw_prefix(run.job.listing_id))
    return [entry for entry in entries if not entry.key.endswith("/")]


def write_bundle(
    run: Run, look: Callable[[Run], list[Entry]] = processed, sizes: PartSizes = SIZES
) -> Bundle | None:
    """Make the bundle hold what `look` finds. Where that is nothing, delete it: None.

    The bundle's ETag is read before the bucket is listed and is the condition of its replacement: where another
    job replaced it in between, it is built again, so the last writer can't lose another one's work. A bundle
    whose fingerprint says that it holds these very members is left as it is. Where another job is at the bundle,
    it is waited for, because it mostly writes what is wanted.

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
        return _Builder(run, key, sizes).build(look)

    return outlasting(run.outlast, build)


class _Second(Exception):
    """Another job began to write the bundle before us."""


class _Builder:
    """Builds one bundle, until it holds what it should."""

    def __init__(self, run: Run, key: str, sizes: PartSizes) -> None:
        self._run = run
        self._objects = run.ports.objects
        self._key = key
        self._sizes = sizes
        self._pauses = list(PAUSES)
        self._copies = True

    def build(self, look: Callable[[Run], list[Entry]]) -> Bundle | None:
        rebuilds = 0
        while rebuilds < REBUILDS:
            self._run.attempt.checkpoint()
            current = self._objects.head(self._key)
            members = look(self._run)
            try:
                if members:
                    return self._replace(current, members)
                if current:
                    self._objects.delete(self._key, current.etag)
                return None
            except _Second:
                self._run.ports.pause(self._pauses.pop(0))
            except CannotCopy:
                if not self._copies:
                    raise
                self._copies = False
            except Archived as error:
                if self._copies:
                    raise
                raise Transient(f"S3 copied no part just now, and to send its bytes: {error}") from error
            except (Conflict, NotFound):
                rebuilds += 1
        raise Transient(f"other jobs of the listing replaced {self._key} {REBUILDS} times while it was built")

    def _replace(self, current: Head | None, members: Sequence[Entry]) -> Bundle:
        unzipped = sum(member.size for member in members)
        wanted = {_VERSION: f"{LAYOUT}.{NAMING}", _FINGERPRINT: _fingerprint(members)}
        if current and current.metadata.get(_FINGERPRINT) == wanted[_FINGERPRINT]:
            return Bundle(self._key, len(members), current.size, unzipped)
        ours = current and current.metadata.get(_VERSION) == wanted[_VERSION]
        old = Entry(self._key, current.etag, current.size) if current and ours else None
        etag = current.etag if current else None
        with self._objects.replace(self._key, etag, "application/zip", wanted) as upload:
            if self._pauses and not upload.began_first():
                raise _Second
            size, sent = self._write(upload, members, old, self._sizes.grown_for(unzipped))
        return Bundle(self._key, len(members), size, unzipped, sent)

    def _write(
        self, upload: Upload, members: Sequence[Entry], old: Entry | None, sizes: PartSizes
    ) -> tuple[int, int]:
        """Write the bundle; returns its size and how much of it was sent, in bytes."""
        if self._copies and (plan := changes(self._run, members, old, sizes)):
            return Assembler(self._run, upload, plan).write()
        size = stream(self._run, upload, members, sizes)
        return size, size


def _fingerprint(members: Iterable[Entry]) -> str:
    digest = hashlib.sha256(f"{LAYOUT}.{NAMING}\0".encode())
    for member in members:
        digest.update(f"{member.key}\0{member.etag}\0{member.size}\0".encode())
    return digest.hexdigest()
