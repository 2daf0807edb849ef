"""Jobs by hand: what is sent, and how it is known that they ended."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.message import MAX_ASSETS, parse_message
from adapters.sender import body_of
from domain.by_hand import LARGEST_BODY, Outcome, Request, number_at, outcome_of, requests, upload_of, uploads
from domain.errors import Code, Permanent
from domain.journal import Acknowledged, Ended, Ending, Journal
from domain.model import Asset, Job, JobKind, Status
from domain.queue import Message

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
PHOTO = "28/raw/photo/horizontal/ä.jpg"


def ended(number: int, message: str = "it broke") -> Ended:
    return Ended(number, NOW, Ending.TRANSIENT, message, Code.ZIP_FAILED)


@pytest.mark.parametrize("kind", JobKind)
def test_the_worker_reads_what_is_sent(kind: JobKind) -> None:
    message = Message("m-1", "handle", body_of(Request(21, 28, (PHOTO,), kind)), 1, {})
    assert parse_message(message) == Job(21, 28, "m-1", (Asset(PHOTO),), kind=kind)


def test_a_finalization_of_everything_has_no_assets() -> None:
    (request,) = requests(28, [], 7, JobKind.FINALIZE)
    assert parse_message(Message("m-1", "handle", body_of(request), 1, {})).assets == ()


@pytest.mark.parametrize("key", ["photo/horizontal/ä.jpg", PHOTO])
def test_a_key_may_leave_out_where_uploads_are(key: str) -> None:
    assert upload_of(28, key) == PHOTO


@pytest.mark.parametrize("key", ["29/raw/photo/a.jpg", "a.jpg", "../29/raw/photo/a.jpg", "zip/28.zip"])
def test_what_can_be_no_upload_of_the_listing_is_refused(key: str) -> None:
    with pytest.raises(Permanent):
        upload_of(28, key)


def test_of_what_is_listed_only_uploads_are_taken() -> None:
    assert list(uploads(28, ["28/raw/photo/", "28/raw/notes.txt", PHOTO])) == [PHOTO]


def test_a_thousand_uploads_are_a_job_and_more_are_several() -> None:
    keys = [f"28/raw/photo/{number}.jpg" for number in range(MAX_ASSETS + 1)]
    assert len(requests(28, keys[:MAX_ASSETS], 7, JobKind.PROCESS)) == 1
    first, second = requests(28, keys, 7, JobKind.PROCESS)
    assert (first.job_id, second.job_id) == (7, 8)
    assert first.assets + second.assets == tuple(keys)
    with pytest.raises(Permanent, match="finalization"):
        requests(28, keys, 7, JobKind.FINALIZE)


def test_long_keys_are_split_by_their_bytes() -> None:
    keys = [f"28/raw/photo/{number:0>1000}.jpg" for number in range(500)]
    sent = requests(28, keys, 7, JobKind.PROCESS)
    assert sum((request.assets for request in sent), ()) == tuple(keys)
    assert max(len(body_of(request).encode()) for request in sent) < LARGEST_BODY
    assert len(sent) == 6


def test_a_made_up_number_is_above_any_backends_and_fits_into_javascript() -> None:
    assert 10**15 < number_at(NOW) < number_at(datetime(2200, 1, 1, tzinfo=UTC)) < 2**53


@pytest.mark.parametrize(
    ("journal", "outcome"),
    [
        (Journal(), None),
        (Journal(attempts=(ended(1), ended(2))), None),
        (Journal(attempts=(ended(1), ended(3))), Outcome(None, "it broke", Code.ZIP_FAILED)),
        (Journal(acknowledged=Acknowledged(Status.SUCCEEDED, NOW)), Outcome(Status.SUCCEEDED)),
        (
            Journal(attempts=(ended(3),), acknowledged=Acknowledged(Status.PARTIAL_SUCCESS, NOW)),
            Outcome(Status.PARTIAL_SUCCESS),
        ),
        (
            Journal(attempts=(ended(3),), acknowledged=Acknowledged(Status.PROCESSING_FAILED, NOW)),
            Outcome(Status.PROCESSING_FAILED, "it broke", Code.ZIP_FAILED),
        ),
        (
            Journal(attempts=(ended(1),), acknowledged=Acknowledged(Status.PROCESSING_FAILED, NOW)),
            Outcome(Status.PROCESSING_FAILED),
        ),
    ],
)
def test_the_acknowledgement_or_the_last_attempt_is_the_end(journal: Journal, outcome: Outcome | None) -> None:
    assert outcome_of(journal, 3) == outcome
