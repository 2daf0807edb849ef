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
    """A job's uploads and its listing's bundles; `trouble` says why they can't be seen, if they can't."""

    uploads: Sequence[Stock]
    bundles: Sequence[Entry]
    trouble: str = ""

    def fields(self) -> dict[str, object]:
        return {
            "uploads": [
                {"key": it.key, "found": it.found, "derivatives": it.derivatives, "expected": it.expected}
                for it in self.uploads
            ],
            "bundles": [{"key": it.key, "bytes": it.size} for it in self.bundles],
            "trouble": self.trouble,
        }

    def text(self) -> str:
        rows = [(str(it.found), f"{it.derivatives} of {it.expected} derivatives", it.key) for it in self.uploads]
        rows += [("bundle", f"{it.size} bytes", it.key) for it in self.bundles]
        return f"the bucket can't be listed: {printable(self.trouble)}" if self.trouble else columns(rows)


def in_bucket(job: Job, journal: Journal, objects: Objects) -> InBucket:
    """Look for what the job names, with a LIST of the uploads and one of what was processed."""
    prefixes = (keys.raw_prefix(job.listing_id), keys.processed_prefix(job.listing_id))
    try:
        found = {entry.key: entry for prefix in prefixes for entry in objects.list(prefix)}
    except MediaError as error:
        return InBucket((), (), str(error))
    return InBucket(stock(job, journal, found), bundles(job.listing_id, found))
