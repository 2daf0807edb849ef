from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.message import parse_message
from domain.model import Asset, Job, JobKind, Manifest
from domain.queue import Message
from domain.rejections import Malformed

PHOTO = "28/raw/photo/horizontal/3f6c.jpg"
TRACE = "00-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01"
OTHER_TRACE = "00-11111111111111111111111111111111-2222222222222222-00"


def message(body: object, **attributes: str) -> Message:
    text = body if isinstance(body, str) else json.dumps(body)
    return Message("m-1", "handle", text, 1, attributes)


def body(**changes: Any) -> dict[str, Any]:
    return {"jobId": 21, "listingId": 28, "assets": [PHOTO], **changes}


def test_reads_the_message_of_the_contract() -> None:
    job = parse_message(
        message(
            {
                "jobId": "21",
                "listingIdentityId": 28,
                "batchId": "b-7f3a",
                "assets": [
                    {
                        "key": PHOTO,
                        "type": "PHOTO_HORIZONTAL",
                        "size": "5242880",
                        "sha256": "9f86",
                        "etag": '"d41d"',
                        "contentType": "image/jpeg",
                        "colour": "ignored",
                    },
                    "28/raw/video/vertical/77aa.mp4",
                ],
                "retry": 0,
                "traceparent": TRACE,
                "more": {"ignored": True},
            }
        )
    )
    assert (job.job_id, job.listing_id, job.batch_id, job.message_id) == (21, 28, "b-7f3a", "m-1")
    assert job.traceparent == TRACE
    assert job.assets == (
        Asset(PHOTO, "PHOTO_HORIZONTAL", Manifest(5242880, "9f86", '"d41d"', "image/jpeg")),
        Asset("28/raw/video/vertical/77aa.mp4"),
    )


@pytest.mark.parametrize(
    "text", ["", "not JSON", "{", "[" * 100_000, '"text"', "17", "null", "[]", "{}", '{"jobId": NaN}']
)
def test_what_names_no_job_is_malformed_without_one(text: str) -> None:
    with pytest.raises(Malformed) as malformed:
        parse_message(message(text))
    assert malformed.value.job is None


@pytest.mark.parametrize(
    "bad", [None, 0, -1, 2**63, 10**30, 1.0, 1.5, True, "", " 21", "+21", "twenty", "٣", [21], {}]
)
@pytest.mark.parametrize("field", ["jobId", "listingId"])
def test_an_id_is_an_integer_from_one_or_a_string_of_digits(field: str, bad: object) -> None:
    with pytest.raises(Malformed) as malformed:
        parse_message(message(body(**{field: bad})))
    assert malformed.value.job is None


def test_both_names_of_the_listing_are_taken_and_must_agree() -> None:
    assert parse_message(message(body(listingIdentityId="28"))).listing_id == 28
    with pytest.raises(Malformed, match="differ") as malformed:
        parse_message(message(body(listingIdentityId=29)))
    assert malformed.value.job is None


@pytest.mark.parametrize(
    "bad",
    [
        {"assets": []},
        {"assets": [PHOTO] * 1001},
        {"assets": None},
        {"assets": PHOTO},
        {"assets": {}},
        {"kind": "finalise"},
        {"kind": "FINALIZE"},
        {"kind": ""},
        {"kind": 1},
        {"kind": ["finalize"]},
    ],
)
def test_a_malformed_message_that_names_a_job_says_which(bad: dict[str, object]) -> None:
    with pytest.raises(Malformed) as malformed:
        parse_message(message(body(**bad)))
    job = malformed.value.job
    assert job is not None
    assert (job.job_id, job.listing_id, job.message_id) == (21, 28, "m-1")


@pytest.mark.parametrize("kind", JobKind)
def test_the_kind_of_a_job_is_read_and_is_process_where_there_is_none(kind: JobKind) -> None:
    assert parse_message(message(body(kind=kind.value))).kind is kind
    assert parse_message(message(body())).kind is JobKind.PROCESS
    assert parse_message(message(body(kind=None))).kind is JobKind.PROCESS


def test_only_a_finalization_may_name_no_assets() -> None:
    assert parse_message(message(body(kind="finalize", assets=[]))).assets == ()
    with pytest.raises(Malformed):
        parse_message(message(body(kind="process", assets=[])))


def test_a_malformed_finalization_is_reported_as_one() -> None:
    with pytest.raises(Malformed) as malformed:
        parse_message(message(body(kind="finalize", assets=None)))
    assert malformed.value.job
    assert malformed.value.job.kind is JobKind.FINALIZE


@pytest.mark.parametrize("batch_id", [0, 12, 2**64 - 1, "12", "b-7f3a"])
def test_a_batch_id_is_a_string_or_a_whole_number_and_stays_what_it_was(batch_id: str | int) -> None:
    read = parse_message(message(body(batchId=batch_id))).batch_id
    assert read == batch_id
    assert type(read) is type(batch_id)


NOVEMBER = "28/raw/photo/horizontal/photo-1-IMG_2907.jpg"
FIRST_BACKEND = {
    "jobId": 21,
    "batchId": 12,
    "listingId": 28,
    "assets": [{"key": NOVEMBER, "type": "PHOTO_HORIZONTAL"}],
    "retry": 0,
}


@pytest.mark.parametrize(
    ("changes", "asset"),
    [
        ({}, Asset(NOVEMBER, "PHOTO_HORIZONTAL")),
        ({"retry": 1}, Asset(NOVEMBER, "PHOTO_HORIZONTAL")),
        ({"assets": [NOVEMBER]}, Asset(NOVEMBER)),
        (
            {"assets": [{"key": "28/raw/photo/horizontal/2025-11-16/photo-1-IMG_2907.jpg"}]},
            Asset("28/raw/photo/horizontal/2025-11-16/photo-1-IMG_2907.jpg"),
        ),
    ],
)
def test_the_messages_of_the_first_backend_are_read(changes: dict[str, object], asset: Asset) -> None:
    with capture_logs() as log:
        job = parse_message(message(FIRST_BACKEND | changes))
    assert job == Job(21, 28, "m-1", (asset,), batch_id=12)
    assert log == []


BAD: dict[str, list[object]] = {
    "batchId": [True, 12.5, -1, 2**64, [12], {}, "x" * 256, "\ud800"],
    "listingIdentityId": ["abc", 0, -1, 28.5, True, [28]],
    "traceparent": ["nonsense", 7, TRACE + "-" + "x" * 201],
}


@pytest.mark.parametrize(("field", "bad"), [(field, bad) for field in BAD for bad in BAD[field]])
def test_a_bad_optional_field_is_dropped_and_named_in_one_warning(field: str, bad: object) -> None:
    with capture_logs() as log:
        assert parse_message(message(body(**{field: bad}))) == parse_message(message(body()))
    assert log == [{"event": "bad optional fields dropped", "fields": [field], "log_level": "warning"}]


def test_a_bad_attribute_is_named_in_the_same_warning() -> None:
    with capture_logs() as log:
        parse_message(message(body(batchId=True), Traceparent="nonsense"))
    assert [line["fields"] for line in log] == [["Traceparent", "batchId"]]


@pytest.mark.parametrize("original", ["m-0", "A" * 100, "8f14e45f-ea5e-4b1e-9d1a-1f0e7c2b7a55", "_"])
def test_a_message_that_was_sent_back_keeps_its_id(original: str) -> None:
    job = parse_message(message(body(), OriginalMessageId=original))
    assert (job.message_id, job.sent_as) == (original, "m-1")
    with pytest.raises(Malformed) as malformed:
        parse_message(message(body(assets=[]), OriginalMessageId=original))
    assert malformed.value.job
    assert malformed.value.job.message_id == original


@pytest.mark.parametrize("original", ["", "A" * 101, "m/0", "m.0", "m 0", "m-0\n", "\u00e4"])
def test_any_other_original_id_is_dropped_and_named(original: str) -> None:
    with capture_logs() as log:
        assert parse_message(message(body(), OriginalMessageId=original)).message_id == "m-1"
    assert log == [
        {"event": "bad optional fields dropped", "fields": ["OriginalMessageId"], "log_level": "warning"}
    ]


def test_the_older_name_of_the_listing_stands_in_for_a_bad_newer_one() -> None:
    assert parse_message(message(body(listingId="abc", listingIdentityId=28))).listing_id == 28


@pytest.mark.parametrize("field", ["batchId", "listingIdentityId", "traceparent", "kind"])
def test_an_optional_field_that_is_null_is_as_one_that_is_missing(field: str) -> None:
    with capture_logs() as log:
        assert parse_message(message(body(**{field: None}))) == parse_message(message(body()))
    assert log == []


def test_a_number_of_any_length_in_an_optional_field_costs_no_job() -> None:
    digits = "9" * 5000
    for field in ("batchId", "retry"):
        text = f'{{"jobId": 21, "listingId": 28, "assets": ["{PHOTO}"], "{field}": {digits}}}'
        assert parse_message(message(text)).batch_id is None


def test_a_malformed_message_still_has_what_its_callback_gives_back() -> None:
    with pytest.raises(Malformed) as malformed:
        parse_message(message(body(assets=None, batchId=12, traceparent=TRACE)))
    assert malformed.value.job == Job(21, 28, "m-1", (), 12, TRACE)


def test_a_thousand_assets_are_fine() -> None:
    assert len(parse_message(message(body(assets=[PHOTO] * 1000))).assets) == 1000


@pytest.mark.parametrize(
    "entry", [7, None, [], {}, {"key": 7}, {"key": PHOTO, "size": "big"}, {"key": PHOTO, "etag": 1}]
)
def test_a_bad_entry_is_a_bad_asset_and_not_a_bad_message(entry: object) -> None:
    job = parse_message(message(body(assets=[entry, PHOTO])))
    assert job.assets[0].problem
    assert job.assets[1] == Asset(PHOTO)


def test_the_attribute_traceparent_wins_and_an_invalid_one_is_dropped() -> None:
    both = message(body(traceparent=OTHER_TRACE), Traceparent=TRACE)
    assert parse_message(both).traceparent == TRACE
    assert parse_message(message(body(traceparent=OTHER_TRACE), Traceparent="nonsense")).traceparent == OTHER_TRACE
    for invalid in (
        "nonsense",
        7,
        None,
        TRACE.upper(),
        TRACE.replace("2b63", "zzzz"),
        f"ff{TRACE[2:]}",
        TRACE + "\r\nX: y",
    ):
        assert parse_message(message(body(traceparent=invalid))).traceparent is None


@pytest.mark.parametrize(
    ("trace", "good"),
    [
        (TRACE, True),
        (TRACE + "-", False),
        (TRACE + "-x", False),
        ("01" + TRACE[2:], True),
        ("01" + TRACE[2:] + "-" + "x" * 456, True),
        ("01" + TRACE[2:] + "-" + "x" * 457, False),
    ],
)
def test_a_traceparent_of_version_00_has_55_characters_and_others_have_512_at_most(trace: str, good: bool) -> None:
    wanted = trace if good else None
    assert parse_message(message(body(traceparent=trace))).traceparent == wanted
    assert parse_message(message(body(traceparent=None), Traceparent=trace)).traceparent == wanted


def test_a_key_that_is_too_long_fails_alone_and_is_given_back_cut() -> None:
    good, longest, beyond = "28/raw/photo/a.jpg", "28/raw/photo/" + "x" * 1011, "28/raw/photo/" + "x" * 1012
    entries = [good, longest, beyond, {"key": beyond, "type": "PHOTO"}]
    assets = parse_message(message(body(assets=entries))).assets
    assert [asset.key for asset in assets] == [good, longest, beyond[:1024], beyond[:1024]]
    assert [bool(asset.problem) for asset in assets] == [False, False, True, True]
    assert "1024" in assets[2].problem


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["jobId", "listingId", "listingIdentityId", "batchId", "assets", "traceparent", "retry"])


@given(st.dictionaries(FIELDS, JSON) | JSON)
def test_any_json_is_a_job_or_malformed(value: object) -> None:
    try:
        job = parse_message(message(value))
    except Malformed as malformed:
        assert str(malformed)
    else:
        assert job.job_id >= 1
        assert (job.kind is JobKind.PROCESS) <= len(job.assets) <= 1000


@given(st.text())
def test_any_text_is_a_job_or_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_message(message(text))


def test_an_explanation_never_repeats_a_value_from_the_message() -> None:
    with pytest.raises(Malformed) as malformed:
        parse_message(message(body(batchId=["s3cret"], assets="s3cret")))
    assert "s3cret" not in str(malformed.value)
