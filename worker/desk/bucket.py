"""What is in the bucket of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain import keys
from domain.errors import MediaError
from domain.journal import Journal
from domain.model import Job
from domain.ports import Entry, Objects
from domain.stock import Stock, bundles, stock
from worker.desk.text import columns, printable


@dataclass(frozen=True, slots=True)
class InBucket:
    """The uploads that a job is known to name, and what its listing has; `trouble` says why it can't be seen.

    A job that was done at its first attempt leaves nowhere what it named.
    """

    uploads: Sequence[Stock] = ()
    bundles: Sequence[Entry] = ()
    all_uploads: int = 0
    all_processed: int = 0
    trouble: str = ""

    def fields(self) -> dict[str, object]:
        return {
            "uploads": [
                {"key": it.key, "found": it.found, "derivatives": it.derivatives, "expected": it.expected}
                for it in self.uploads
            ],
            "bundles": [{"key": it.key, "bytes": it.size} for it in self.bundles],
            "listing": {"uploads": self.all_uploads, "processed": self.all_processed},
            "trouble": self.trouble,
        }

    def text(self) -> str:
        rows = [(str(it.found), f"{it.derivatives} of {it.expected} derivatives", it.key) for it in self.uploads]
        rows += [("bundle", f"{it.size} bytes", it.key) for it in self.bundles]
        rows += [("listing", f"{self.all_processed} processed objects", f"of {self.all_uploads} uploads")]
        return f"the bucket can't be listed: {printable(self.trouble)}" if self.trouble else columns(rows)


def in_bucket(job: Job, journal: Journal, objects: Objects) -> InBucket:
    """Look for what the job names, with a LIST of the uploads and one of what was processed."""
    try:
        uploads = {entry.key: entry for entry in objects.list(keys.raw_prefix(job.listing_id))}
        processed = {entry.key: entry for entry in objects.list(keys.processed_prefix(job.listing_id))}
    except MediaError as error:
        return InBucket(trouble=str(error))
    zips = bundles(job.listing_id, processed)
    named = stock(job, journal, uploads | processed)
    return InBucket(named, zips, len(uploads), len(processed) - len(zips))
