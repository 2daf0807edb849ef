from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import keys
from domain.errors import Code, Permanent
from domain.kinds import Kind

SEGMENT = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="/\u2028\u2029"), min_size=1, max_size=20
).filter(lambda text: text not in (".", "..") and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text))
MEDIA = st.sampled_from(["photo/vertical", "photo/horizontal", "project/doc", "project/render", "photo", "video"])
TEMPLATE = "{listing_id}/processed/zip/{listing_id}.zip"


def raw(key: str, listing_id: int = 28) -> keys.RawKey:
    return keys.parse_raw(key, listing_id)


@pytest.mark.parametrize(
    ("key", "media", "file"),
    [
        ("28/raw/photo/vertical/a.jpg", "photo/vertical", "a.jpg"),
        ("28/raw/photo/a.jpg", "photo", "a.jpg"),
        ("28/raw/2024-01-31/photo/vertical/a.jpg", "photo/vertical", "a.jpg"),
        ("28/raw/photo/2024-01-31/vertical/a.jpg", "photo/vertical", "a.jpg"),
        ("28/raw/photo/vertical/2024-01-31/a.jpg", "photo/vertical", "a.jpg"),
        ("28/raw/photo/vertical/2024-01-31", "photo/vertical", "2024-01-31"),
        ("28/raw/project/doc/Grundriß 1.pdf", "project/doc", "Grundriß 1.pdf"),
    ],
)
def test_reads_the_keys_of_the_contract(key: str, media: str, file: str) -> None:
    assert raw(key) == keys.RawKey(key, 28, media, file)


@pytest.mark.parametrize(
    "key",
    [
        "29/raw/photo/vertical/a.jpg",
        "028/raw/photo/vertical/a.jpg",
        "28/processed/photo/large/a.jpg",
        "/28/raw/photo/a.jpg",
        "28/raw/photo/../../../29/raw/photo/a.jpg",
        "28/raw/photo/./a.jpg",
        "28/raw/photo//a.jpg",
        "28/raw/photo/",
        "28/raw/a.jpg",
        "28/raw",
        "28/raw/one/two/three/a.jpg",
        "28/raw/photo/a\0.jpg",
        "28/raw/photo/a\n.jpg",
        "28/raw/photo/a\ud800.jpg",
        "28/raw/zip/28.zip",
        "",
    ],
)
def test_refuses_every_other_key(key: str) -> None:
    with pytest.raises(Permanent) as refusal:
        raw(key)
    assert refusal.value.code is Code.VALIDATION_ERROR


def test_refuses_keys_of_more_than_1024_bytes() -> None:
    longest = "28/raw/photo/" + "a" * (1024 - len("28/raw/photo/"))
    assert raw(longest).key == longest
    for key in (longest + "a", "28/raw/photo/" + "é" * 506):
        with pytest.raises(Permanent, match="longer than 1024 bytes"):
            raw(key)


@pytest.mark.parametrize(("kind", "ending"), [(Kind.PHOTO, ""), (Kind.DOCUMENT, ""), (Kind.VIDEO, ".mp4")])
def test_refuses_keys_whose_derived_key_would_have_more_than_1024_bytes(kind: Kind, ending: str) -> None:
    longest = raw("28/raw/photo/" + "a" * (1024 - len("28/processed/photo/thumbnail/" + ending)))
    assert len(keys.derived(longest, kind, "thumbnail")) == 1024
    keys.check_derived(longest, kind)
    with pytest.raises(Permanent, match="leaves no room"):
        keys.check_derived(raw(longest.key + "a"), kind)


def test_a_video_and_its_poster_have_the_name_of_an_mp4() -> None:
    for file in ("v.mp4", "v.MOV", "v"):
        assert keys.derived(raw(f"28/raw/video/vertical/{file}"), Kind.VIDEO, "small") == (
            "28/processed/video/vertical/small/v.mp4"
        )
    dots = raw("28/raw/video/vertical/v.1.mov")
    assert keys.derived(dots, Kind.VIDEO, "original") == "28/processed/video/vertical/original/v.1.mp4"


@given(MEDIA, SEGMENT)
def test_a_derived_key_differs_from_the_others_by_its_size_segment_alone(media: str, file: str) -> None:
    key = raw(f"28/raw/{media}/{file}")
    assert keys.derived(key, Kind.PHOTO, "large") == f"28/processed/{media}/large/{file}"
    assert keys.derived(key, Kind.PHOTO, "large").replace("/large/", "/small/", 1) == keys.derived(
        key, Kind.PHOTO, "small"
    )


@given(MEDIA, SEGMENT, st.dates(), st.integers(0, 2))
def test_the_legacy_date_leaves_no_trace_in_a_derived_key(media: str, file: str, date: object, at: int) -> None:
    segments = [*media.split("/"), file]
    dated = [*segments[: min(at, len(segments) - 1)], str(date), *segments[min(at, len(segments) - 1) :]]
    assert (
        keys.derived(raw("28/raw/" + "/".join(dated)), Kind.PHOTO, "small") == f"28/processed/{media}/small/{file}"
    )


@given(st.text(max_size=60))
def test_any_text_is_a_key_of_this_listing_or_a_validation_error(text: str) -> None:
    for key in (text, f"28/raw/{text}", f"28/raw/photo/{text}"):
        try:
            parsed = raw(key)
        except Permanent as error:
            assert error.code is Code.VALIDATION_ERROR
        else:
            assert keys.derived(parsed, Kind.PHOTO, "large").startswith("28/processed/")
            assert ".." not in keys.derived(parsed, Kind.PHOTO, "large").split("/")


@pytest.mark.parametrize(
    ("template", "bundle"),
    [
        (TEMPLATE, "28/processed/zip/28.zip"),
        ("{listing_id}/processed/{batch_id}-{job_id}.zip", "28/processed/b-7f3a-21.zip"),
    ],
)
def test_bundles_are_no_members_of_a_bundle(template: str, bundle: str) -> None:
    assert keys.bundle_key(template, 28, "b-7f3a", 21) == bundle
    assert not keys.is_member(bundle, template, 28)
    assert not keys.is_member(keys.bundle_key(template, 28, None, 7), template, 28)
    assert not keys.is_member("28/processed/zip/older.zip", template, 28)
    assert not keys.is_member("28/processed/photo/", template, 28)
    assert keys.is_member("28/processed/photo/large/a.jpg", template, 28)
    assert keys.is_member("28/processed/project/doc/original/plans.zip", template, 28)


@pytest.mark.parametrize(
    ("batch_id", "text"), [(0, "0"), (12, "12"), (2**64 - 1, "18446744073709551615"), ("", "none"), (None, "none")]
)
def test_a_bundle_key_has_the_text_of_the_batch_id(batch_id: str | int | None, text: str) -> None:
    key = keys.bundle_key("{listing_id}/processed/zip/{batch_id}.zip", 28, batch_id, 21)
    assert key == f"28/processed/zip/{text}.zip"


@given(st.text())
def test_a_batch_id_cannot_move_a_bundle(batch_id: str) -> None:
    key = keys.bundle_key("{listing_id}/processed/zip/{batch_id}.zip", 28, batch_id, 21)
    assert re.fullmatch(r"28/processed/zip/[A-Za-z0-9_-][A-Za-z0-9._-]*\.zip", key)


@given(st.text())
def test_a_message_id_cannot_move_a_journal(message_id: str) -> None:
    key = keys.journal_key(28, 21, message_id)
    assert re.fullmatch(r"28/work/21/([A-Za-z0-9_-][A-Za-z0-9._-]*)?\.json", key)


@pytest.mark.parametrize(
    "template",
    [
        "bundles/all.zip",
        "{listing_id}/{other}.zip",
        "{listing_id}//a.zip",
        "{listing_id}/../a.zip",
        "{listing_id}/raw/photo/a.zip",
        "{listing_id}/work/a.zip",
    ],
)
def test_refuses_impossible_bundle_templates(template: str) -> None:
    with pytest.raises(ValueError, match=r"must|may"):
        keys.check_bundle_template(template)
