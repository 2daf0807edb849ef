from __future__ import annotations

import pytest

from domain.errors import Code, Permanent
from domain.keys import parse_raw
from domain.kinds import AssetType, Kind
from domain.model import Asset, Failure, Job, asset_type_of
from domain.steps.consolidate import give_up
from tests.fakes import NOW


@pytest.mark.parametrize("known", AssetType)
def test_a_type_is_the_same_in_upper_and_lower_case(known: AssetType) -> None:
    assert AssetType(known.value.lower()) is known
    assert AssetType(known.value.title()) is known


@pytest.mark.parametrize("name", ["THUMBNAIL", "thumbnail", "zips", "_", "360", "VIDEO_360", "x" * 64])
def test_any_other_name_is_the_type_of_a_photo_and_keeps_its_name(name: str) -> None:
    unknown = AssetType(name)
    assert unknown.kind is Kind.PHOTO
    assert unknown == name.upper()
    assert unknown not in list(AssetType)


@pytest.mark.parametrize("name", ["ZIP", "zip", "", "a-b", "a b", "a\n", "ZIP\n", "é", "x" * 65, "x" * 9999, "ſ"])
def test_what_is_no_name_of_a_type_is_a_validation_error(name: str) -> None:
    key = "28/raw/photo/vertical/a.jpg"
    with pytest.raises(Permanent) as refused:
        asset_type_of(Asset(key, name), parse_raw(key, 28))
    assert refused.value.code is Code.VALIDATION_ERROR
    assert len(str(refused.value)) < 200, "it goes into the callback"


@pytest.mark.parametrize(
    ("asset", "code"),
    [
        (Asset("28/raw/video/vertical/2026-01-05/a.mp4"), Code.VIDEO_PROCESSING_FAILED),
        (Asset("28/raw/2026-01-05/project/doc/a.pdf"), Code.DOCUMENT_PROCESSING_FAILED),
        (Asset("28/raw/thumbnail/a.jpg"), Code.THUMBNAIL_PROCESSING_FAILED),
        (Asset("28/raw/photo/a.mp4", "video"), Code.VIDEO_PROCESSING_FAILED),
        (Asset("28/raw/photo/a.jpg", "ZIP"), Code.VALIDATION_ERROR),
        (Asset("27/raw/photo/a.jpg", "PHOTO"), Code.VALIDATION_ERROR),
    ],
)
def test_an_asset_of_a_job_that_failed_has_the_code_of_its_kind(asset: Asset, code: Code) -> None:
    error = Permanent("as ordered", Code.ZIP_FAILED)
    (result,) = give_up(Job(21, 28, "m-1", (asset,)), error, (), NOW, NOW).results
    assert isinstance(result.outcome, Failure)
    assert result.outcome.code is code
