"""What is in the bucket of the uploads that a job names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain import keys
from domain.errors import Permanent
from domain.journal import Journal
from domain.model import Asset, Job, asset_type_of
from domain.ports import Entry


class Found(StrEnum):
    """What is at an upload's key."""

    THERE = "there"
    MISSING = "missing"
    REPLACED = "replaced"
    """Another version than the one that the message or the journal names."""
    BAD_KEY = "bad key"


@dataclass(frozen=True, slots=True)
class Stock:
    """An upload, and how many of its derivatives are there."""

    key: str
    found: Found
    derivatives: int = 0
    expected: int = 0


def stock(job: Job, journal: Journal, objects: Mapping[str, Entry]) -> list[Stock]:
    """Look the job's uploads up in the listing's objects, by their keys."""
    seen = {one.raw_key: one.etag for one in journal.transcodings} | {
        one.raw_key: one.etag for one in journal.derivatives
    }
    return [_of(asset, job.listing_id, seen.get(asset.key), objects) for asset in job.assets]


def _of(asset: Asset, listing_id: int, etag: str | None, objects: Mapping[str, Entry]) -> Stock:
    try:
        raw = keys.parse_raw(asset.key, listing_id)
        kind = asset_type_of(asset, raw).kind
    except Permanent:
        return Stock(asset.key, Found.BAD_KEY)
    derived = [keys.derived(raw, kind, size) for size in kind.sizes]
    expected = etag or (asset.manifest.etag or "").strip('"')
    upload = objects.get(asset.key)
    if upload is None:
        found = Found.MISSING
    else:
        found = Found.REPLACED if expected and upload.etag != expected else Found.THERE
    return Stock(asset.key, found, sum(key in objects for key in derived), len(derived))


def bundles(listing_id: int, objects: Mapping[str, Entry]) -> list[Entry]:
    """The listing's bundles at the default place."""
    return [entry for key, entry in objects.items() if key.startswith(f"{listing_id}/processed/zip/")]
