"""What the bucket has of a job."""

from __future__ import annotations

import pytest

from domain.journal import Journal
from domain.kinds import AssetType
from domain.model import Asset, Derivatives, Job, Manifest
from domain.ports import Entry
from domain.stock import Found, Stock, bundles, stock

KEY = "28/raw/photo/a.jpg"
OBJECTS = {
    key: Entry(key, "etag", 1)
    for key in (KEY, "28/processed/photo/large/a.jpg", "28/processed/photo/small/a.jpg", "28/processed/zip/28.zip")
}


def found(asset: Asset, journal: Journal | None = None) -> Stock:
    (only,) = stock(Job(21, 28, "m-1", (asset,)), journal or Journal(), OBJECTS)
    return only


def test_an_upload_and_how_many_of_its_derivatives_are_there() -> None:
    assert found(Asset(KEY)) == Stock(KEY, Found.THERE, 2, 4)


def test_what_is_missing() -> None:
    assert found(Asset("28/raw/video/b.mov")) == Stock("28/raw/video/b.mov", Found.MISSING, 0, 5)


@pytest.mark.parametrize(("etag", "state"), [('"etag"', Found.THERE), ("other", Found.REPLACED)])
def test_an_upload_that_is_not_the_one_of_the_manifest(etag: str, state: Found) -> None:
    assert found(Asset(KEY, manifest=Manifest(etag=etag))).found is state


@pytest.mark.parametrize(("etag", "state"), [("etag", Found.THERE), ("older", Found.REPLACED)])
def test_an_upload_that_is_not_the_one_of_the_journal(etag: str, state: Found) -> None:
    journal = Journal(derivatives=(Derivatives(KEY, etag, AssetType.PHOTO, {}),))
    assert found(Asset(KEY), journal).found is state


@pytest.mark.parametrize("key", ["29/raw/photo/a.jpg", "nonsense", "28/raw/photo/../a.jpg"])
def test_a_key_that_names_no_upload_of_the_listing(key: str) -> None:
    assert found(Asset(key)).found is Found.BAD_KEY


def test_the_listings_bundles() -> None:
    assert [entry.key for entry in bundles(28, OBJECTS)] == ["28/processed/zip/28.zip"]
