from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.callback import CallbackForm
from domain.errors import Code
from domain.kinds import WIDTHS, AssetType, Size
from domain.model import Asset, Bundle, Derivatives, Facts, Failure, Job, JobKind, Outcome, Report, Result, Status
from tests.fakes import NOW
from tests.schemas import conforms
from worker.settings import SMALLEST_CALLBACK

FORM = CallbackForm("STEP_FUNCTIONS", "STEP_FUNCTIONS_FINALIZATION")
TEXT_COLUMN = replace(FORM, max_bytes=65_535)
FACTS = Facts(
    {Size.LARGE: 160442, Size.MEDIUM: 77018, Size.SMALL: 23114, Size.THUMBNAIL: 7421},
    "image/jpeg",
    "#8a7f6d",
    "HBkSHYSIeHiPiHh8eJd4eTN0EEQG",
)
FAILED = (Status.VALIDATION_FAILED, Status.PROCESSING_FAILED)


def derivatives(name: str) -> Derivatives:
    keys = {size: f"28/processed/photo/horizontal/{size}/{name}" for size in WIDTHS}
    return Derivatives(f"28/raw/photo/horizontal/{name}", "etag", AssetType.PHOTO_HORIZONTAL, keys, 4032, 3024)


def report(count: int, status: Status = Status.SUCCEEDED, *failures: Failure) -> Report:
    """A report of so many photos; those with a failure come first."""
    made = [derivatives(f"{number:032x}.jpg") for number in range(count)]
    outcomes: list[Outcome] = [*failures, *made[len(failures) :]]
    results = tuple(Result(Asset(d.raw_key), outcome) for d, outcome in zip(made, outcomes, strict=True))
    bundle = None if status in FAILED else Bundle("28/processed/zip/28.zip", 4, 1, 1)
    return Report(Job(21, 28, "m-1"), status, NOW, NOW, results, bundle)


def told(report: Report, form: CallbackForm = FORM) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(form.body(report))
    assert conforms(body, "callback.json")
    return body


@pytest.mark.parametrize(
    ("kind", "provider"),
    [(JobKind.PROCESS, "STEP_FUNCTIONS"), (JobKind.FINALIZE, "STEP_FUNCTIONS_FINALIZATION")],
)
@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PROCESSING_FAILED])
def test_the_provider_is_that_of_the_kind_of_the_job(kind: JobKind, provider: str, status: Status) -> None:
    assert told(replace(report(1, status), job=Job(21, 28, "m-1", kind=kind)))["provider"] == provider


@pytest.mark.parametrize("batch_id", [None, 0, 12, 2**64 - 1, "12", "b-7f3a"])
def test_the_batch_id_is_given_back_as_it_came(batch_id: str | int | None) -> None:
    back = told(replace(report(1), job=Job(21, 28, "m-1", batch_id=batch_id)))["batchId"]
    assert back == batch_id
    assert type(back) is type(batch_id)


@pytest.mark.parametrize(
    ("status", "as_told"),
    [(status, status) for status in (Status.SUCCEEDED, *FAILED)] + [(Status.PARTIAL_SUCCESS, Status.SUCCEEDED)],
)
def test_only_a_partial_success_is_told_as_something_else(status: Status, as_told: Status) -> None:
    assert told(report(1, status))["status"] == status
    assert told(report(1, status), replace(FORM, partial_as=Status.SUCCEEDED))["status"] == as_told


def test_the_failed_assets_of_a_partial_success_keep_their_codes_when_it_is_told_as_a_success() -> None:
    failure = Failure(Code.VALIDATION_ERROR, "it is empty")
    partly = report(2, Status.PARTIAL_SUCCESS, failure)
    failed, processed = told(partly, replace(FORM, partial_as=Status.SUCCEEDED))["outputs"]
    assert (failed["errorCode"], failed["errorMessage"]) == ("VALIDATION_ERROR", "it is empty")
    assert (processed["errorCode"], processed["errorMessage"]) == ("", "")


def test_an_output_of_an_unknown_type_has_that_types_name() -> None:
    made = replace(derivatives("a.jpg"), type=AssetType("THUMBNAIL"))
    (output,) = told(replace(report(1), results=(Result(Asset(made.raw_key), made),)))["outputs"]
    assert list(output["outputs"]) == [f"{size}_thumbnail" for size in ("thumbnail", "small", "medium", "large")]


def with_facts(report: Report) -> Report:
    made = [(result, result.outcome) for result in report.results if isinstance(result.outcome, Derivatives)]
    results = tuple(replace(result, outcome=replace(outcome, facts=FACTS)) for result, outcome in made)
    return replace(report, results=results)


def test_what_is_known_of_a_photos_derivatives_is_told_from_the_thumbnail_up() -> None:
    (output,) = told(with_facts(report(1)))["outputs"]
    assert list(output["derivatives"].items()) == [
        ("thumbnail", {"bytes": 7421, "contentType": "image/jpeg"}),
        ("small", {"bytes": 23114, "contentType": "image/jpeg"}),
        ("medium", {"bytes": 77018, "contentType": "image/jpeg"}),
        ("large", {"bytes": 160442, "contentType": "image/jpeg"}),
    ]
    assert (output["dominantColor"], output["thumbhash"]) == ("#8a7f6d", "HBkSHYSIeHiPiHh8eJd4eTN0EEQG")


def test_what_is_not_known_of_derivatives_is_absent() -> None:
    (output,) = told(report(1))["outputs"]
    assert not {"derivatives", "dominantColor", "thumbhash"} & output.keys()


@pytest.mark.parametrize(("photos", "keeps_its_keys"), [(65, True), (100, False)])
def test_what_is_known_of_derivatives_is_the_first_to_be_left_out(photos: int, keeps_its_keys: bool) -> None:
    with_them, without = with_facts(report(photos)), report(photos)
    assert len(FORM.body(with_them)) > 65_535
    assert TEXT_COLUMN.body(with_them) == TEXT_COLUMN.body(without)
    assert ("outputs" in told(with_them, TEXT_COLUMN)["outputs"][0]) is keeps_its_keys


def test_a_body_that_fits_is_whole_and_a_larger_one_leaves_out_what_the_backend_derives() -> None:
    fits, large = report(60), report(100)
    assert TEXT_COLUMN.body(fits) == FORM.body(fits)
    assert len(FORM.body(large)) > 65_535
    assert len(TEXT_COLUMN.body(large)) <= 65_535
    name = f"{0:032x}.jpg"
    assert told(large, TEXT_COLUMN)["outputs"][0] == {
        "rawKey": f"28/raw/photo/horizontal/{name}",
        "processedKey": f"28/processed/photo/horizontal/large/{name}",
        "thumbnailKey": f"28/processed/photo/horizontal/thumbnail/{name}",
        "errorCode": "",
        "errorMessage": "",
    }
    without = {field: value for field, value in told(large).items() if field != "outputs"}
    assert {field: value for field, value in told(large, TEXT_COLUMN).items() if field != "outputs"} == without


def test_the_body_is_compact_and_ascii() -> None:
    body = FORM.body(report(1, Status.PARTIAL_SUCCESS, Failure(Code.VALIDATION_ERROR, "é \N{GRINNING FACE}")))
    assert body == json.dumps(json.loads(body), separators=(",", ":")).encode("ascii")


def test_the_limit_is_the_largest_size_that_fits() -> None:
    whole = FORM.body(report(1))
    assert replace(FORM, max_bytes=len(whole)).body(report(1)) == whole
    assert len(replace(FORM, max_bytes=len(whole) - 1).body(report(1))) < len(whole)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIAL_SUCCESS])
def test_a_success_that_cannot_fit_is_told_whole(status: Status) -> None:
    assert TEXT_COLUMN.body(report(500, status)) == FORM.body(report(500, status))


@pytest.mark.parametrize("status", FAILED)
def test_a_failure_that_cannot_fit_is_told_without_its_outputs_and_says_so(status: Status) -> None:
    error = Failure(Code.ZIP_FAILED, "S3 is down" + "!" * 100_000)
    failed = replace(report(500, status), failure_reason="ZIP_FAILED", error=error)
    body = told(failed, TEXT_COLUMN)
    assert body["outputs"] == []
    assert body["failureReason"].startswith("ZIP_FAILED; the outputs are left out: ")
    assert "65535" in body["failureReason"]
    assert body["error"]["code"] == "ZIP_FAILED"
    assert body["error"]["message"].startswith("S3 is down")


TEXT = st.text(st.characters(), max_size=2000)  # halves of characters, too
OUTCOMES = st.builds(Failure, st.sampled_from(Code), TEXT) | st.builds(
    Derivatives,
    TEXT,
    TEXT,
    st.sampled_from(AssetType),
    st.dictionaries(st.sampled_from(Size), st.text(max_size=1024), min_size=1),
    st.none() | st.integers(1),
    st.none() | st.integers(1),
    st.none() | st.just(FACTS),
)
JOBS = st.builds(
    Job,
    st.integers(1, 2**63 - 1),
    st.integers(1, 2**63 - 1),
    st.uuids().map(str),
    batch_id=st.none() | st.integers(0, 2**64 - 1) | st.text(max_size=255),
    kind=st.sampled_from(JobKind),
)
REPORTS = st.builds(
    Report,
    JOBS,
    st.sampled_from(Status),
    st.just(NOW),
    st.just(NOW),
    st.lists(st.builds(Result, st.builds(Asset, TEXT), OUTCOMES), max_size=5).map(lambda few: (*few,) * 50),
    st.none() | st.just(Bundle("28/processed/zip/28.zip", 1, 1, 1)),
    TEXT,
    st.none() | st.builds(Failure, st.sampled_from(Code), TEXT),
)


@given(REPORTS)
def test_whatever_the_report_the_body_is_json_and_a_failure_never_over_the_limit(report: Report) -> None:
    body = replace(FORM, max_bytes=SMALLEST_CALLBACK).body(report)
    assert conforms(json.loads(body), "callback.json")
    if report.status in FAILED:
        assert len(body) <= SMALLEST_CALLBACK


def test_the_longest_failure_without_outputs_fits_into_the_smallest_limit() -> None:
    widest = "\N{GRINNING FACE}" * 2000  # 12 bytes each in ASCII
    job = Job(2**63 - 1, 2**63 - 1, "m" * 100, (), widest[:255], "0" * 256, JobKind.FINALIZE)
    bundle = Bundle("k" * 1024, 2**63, 2**63, 2**63)
    failed = Report(
        job,
        Status.PROCESSING_FAILED,
        NOW,
        NOW,
        report(100).results,
        bundle,
        widest,
        Failure(Code.ZIP_FAILED, widest),
    )
    assert len(replace(FORM, max_bytes=SMALLEST_CALLBACK).body(failed)) <= SMALLEST_CALLBACK
