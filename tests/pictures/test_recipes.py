"""What is made of an upload has a version: who changes the one raises the other, or nothing old is made anew."""

from __future__ import annotations

import hashlib
import json

import pytest

from adapters.mediaconvert import Shape, job_request
from adapters.mediaconvert_hdr import Hdr
from adapters.pictures import encode
from domain import keys
from domain.content import FileFormat
from domain.kinds import WIDTHS, AssetType, Kind
from domain.model import Source

VIDEO = Source(keys.parse_raw("28/raw/video/vertical/v.mov", 28), AssetType.VIDEO, "e1", 1)


def of_photos() -> object:
    becomes = {format.name: format.becomes.name for format in FileFormat if format.kind is Kind.PHOTO}
    saved = {format.name: options for format, options in encode._SAVE.items()}
    return [WIDTHS, becomes, saved]


def of_videos() -> object:
    shapes = [Shape(640, 360, portrait, sound) for portrait in (False, True) for sound in (False, True)]
    return [job_request(VIDEO, shape, "bucket", "role", 1)["Settings"] for shape in shapes]


def of_hdr_videos() -> object:
    shapes = [Shape(640, 360, False, True, hdr) for hdr in Hdr]
    return [job_request(VIDEO, shape, "bucket", "role", 1)["Settings"] for shape in shapes]


RECIPES = {
    Kind.PHOTO: (of_photos, "photo-1", "a4c16356dd9d"),
    Kind.VIDEO: (of_videos, "video-1", "17cbbc1a1218"),
}


def digest_of(made: object) -> str:
    written = json.dumps(made, default=dict, sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:12]


@pytest.mark.parametrize("kind", RECIPES)
def test_a_changed_recipe_has_a_new_version(kind: Kind) -> None:
    made, version, digest = RECIPES[kind]
    assert (kind.recipe, digest_of(made())) == (version, digest), (
        f"what is made of a {kind} has changed: raise Kind.recipe"
    )


def test_hdr_videos_share_the_version_so_that_no_video_is_paid_for_again() -> None:
    assert (Kind.VIDEO.recipe, digest_of(of_hdr_videos())) == ("video-1", "a1b08f227032")
