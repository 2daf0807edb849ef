"""What the bundles of a listing hold, and their keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from domain import keys
from domain.model import Job, JobKind

DEFAULT_TEMPLATE = "{listing_id}/processed/zip/{listing_id}.zip"


class Contents(StrEnum):
    """What a finalization's bundle holds; a processing job's holds what was processed."""

    PROCESSED = "processed"
    ORIGINALS = "originals"


@dataclass(frozen=True, slots=True)
class Bundles:
    """The settings ZIP_KEY_TEMPLATE and BUNDLE_CONTENTS. Originals have the template for themselves."""

    template: str = DEFAULT_TEMPLATE
    contents: Contents = Contents.PROCESSED

    def key(self, job: Job) -> str:
        """The key of the bundle that the job writes."""
        shared = self.contents is Contents.PROCESSED or job.kind is JobKind.FINALIZE
        template = self.template if shared else DEFAULT_TEMPLATE
        return keys.bundle_key(template, job.listing_id, job.batch_id, job.job_id)

    def mix(self) -> bool:
        """Whether a processing job could overwrite a bundle of originals."""
        listings = {1, *map(int, re.findall("[0-9]+", self.template))}
        shared = (
            keys.may_be(keys.bundle_key(DEFAULT_TEMPLATE, listing, None, 1), self.template, listing)
            for listing in listings
        )
        return self.contents is Contents.ORIGINALS and any(shared)
