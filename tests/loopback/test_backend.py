from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters import backend as module
from adapters.backend import PATIENCE, SignedCallback, webhook_id_of
from adapters.callback import CallbackForm
from devstack.receiver import DROP, GARBAGE, Answer, Hang, Plan, Raw, Receiver
from devstack.signatures import GENUINE
from domain.errors import Code, Dependency, LeaseLost, Transient, Unavailable
from domain.kinds import AssetType, Size
from domain.model import Asset, Bundle, Derivatives, Failure, Job, Report, Result, Status
from tests.fakes import FakeAttempt

SECRET = "a-secret-of-the-tests"
BODY = CallbackForm("STEP_FUNCTIONS", "STEP_FUNCTIONS_FINALIZATION").body
TRACE = "00-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01"
STARTED = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)
PHOTO = "28/raw/photo/horizontal/3f6c.jpg"
KEYS = {
    size: f"28/processed/photo/horizontal/{size}/3f6c.jpg"
    for size in (Size.LARGE, Size.MEDIUM, Size.SMALL, Size.THUMBNAIL)
}
JOB = Job(21, 28, "message-1", (Asset(PHOTO), Asset("bad")), "b-7f3a", TRACE)
REPORT = Report(
    JOB,
    Status.PARTIAL_SUCCESS,
    STARTED,
    STARTED + timedelta(seconds=7.9),
    (
        Result(JOB.assets[0], Derivatives(PHOTO, "etag", AssetType.PHOTO_HORIZONTAL, KEYS, 4032, 3024)),
        Result(JOB.assets[1], Failure(Code.VALIDATION_ERROR, "it is no key")),
    ),
    Bundle("28/processed/zip/28.zip", 4, 1048576, 1047000),
    "DERIVATIVE_ERRORS_DETECTED",
)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def receiver(time: Time) -> Iterator[Receiver]:
    with Receiver(SECRET, clock=lambda: time.now.timestamp()) as running:
        yield running


@pytest.fixture
def tries() -> list[tuple[str, int | None, float]]:
    """What was counted: the result, the status and the duration of each try."""
    return []


@pytest.fixture
def backend(
    receiver: Receiver, time: Time, tries: list[tuple[str, int | None, float]], monkeypatch: pytest.MonkeyPatch
) -> SignedCallback:
    def tried(*one: Any) -> None:
        tries.append(one)

    monkeypatch.setattr(module, "TRY_SECONDS", 4)
    return SignedCallback(receiver.url, SECRET, BODY, time.sleep, time, tried)


class Attempt(FakeAttempt):
    """An attempt that takes each failure for the job's own; `outlast` says what it does instead."""

    def __init__(self, outlast: Callable[[Unavailable], None] | None = None) -> None:
        super().__init__()
        self._outlast = outlast

    def outlast(self, error: Unavailable) -> None:
        if self._outlast is None:
            raise error
        self._outlast(error)


def test_the_body_is_that_of_the_contract(backend: SignedCallback, receiver: Receiver) -> None:
    backend.notify(REPORT, Attempt())
    (callback,) = receiver.callbacks
    assert json.loads(callback.body) == {
        "jobId": 21,
        "listingId": 28,
        "listingIdentityId": 28,
        "batchId": "b-7f3a",
        "externalId": "message-1",
        "executionArn": "message-1",
        "provider": "STEP_FUNCTIONS",
        "status": "PARTIAL_SUCCESS",
        "startedAt": "2026-01-05T12:00:00Z",
        "completedAt": "2026-01-05T12:00:07Z",
        "traceparent": TRACE,
        "outputs": [
            {
                "rawKey": PHOTO,
                "processedKey": "28/processed/photo/horizontal/large/3f6c.jpg",
                "thumbnailKey": "28/processed/photo/horizontal/thumbnail/3f6c.jpg",
                "outputs": {
                    "thumbnail_photo_horizontal": "28/processed/photo/horizontal/thumbnail/3f6c.jpg",
                    "small_photo_horizontal": "28/processed/photo/horizontal/small/3f6c.jpg",
                    "medium_photo_horizontal": "28/processed/photo/horizontal/medium/3f6c.jpg",
                    "large_photo_horizontal": "28/processed/photo/horizontal/large/3f6c.jpg",
                },
                "width": 4032,
                "height": 3024,
                "errorCode": "",
                "errorMessage": "",
            },
            {
                "rawKey": "bad",
                "outputs": {},
                "errorCode": "VALIDATION_ERROR",
                "errorMessage": "it is no key",
            },
        ],
        "zipBundles": ["28/processed/zip/28.zip"],
        "assetsZipped": 4,
        "zipSizeBytes": 1048576,
        "unzippedSizeBytes": 1047000,
        "failureReason": "DERIVATIVE_ERRORS_DETECTED",
        "error": None,
    }


def test_a_failed_job_says_why(backend: SignedCallback, receiver: Receiver) -> None:
    failed = Report(
        JOB,
        Status.PROCESSING_FAILED,
        STARTED,
        STARTED,
        (),
        None,
        "ZIP_FAILED",
        Failure(Code.ZIP_FAILED, "S3 is down"),
    )
    backend.notify(failed, Attempt())
    body = receiver.callbacks[0].payload
    assert body["error"] == {"code": "ZIP_FAILED", "message": "S3 is down", "details": {}}
    assert body["failureReason"] == "ZIP_FAILED"
    assert (body["zipBundles"], body["assetsZipped"], body["outputs"]) == ([], 0, [])


def test_the_best_derivative_is_the_processed_key(backend: SignedCallback, receiver: Receiver) -> None:
    keys = {Size.THUMBNAIL: "t", Size.ORIGINAL: "o", Size.LARGE: "l"}
    derivatives = Derivatives("28/raw/video/vertical/v.mov", "etag", AssetType.VIDEO_VERTICAL, keys)
    results = (Result(JOB.assets[0], derivatives),)
    backend.notify(Report(JOB, Status.SUCCEEDED, STARTED, STARTED, results), Attempt())
    (output,) = receiver.callbacks[0].payload["outputs"]
    assert output["processedKey"] == "o"
    assert output["outputs"] == {
        "thumbnail_video_vertical": "t",
        "large_video_vertical": "l",
        "original_video_vertical": "o",
    }
    assert "width" not in output


def test_it_is_signed_in_both_ways_and_traced(backend: SignedCallback, receiver: Receiver) -> None:
    backend.notify(REPORT, Attempt())
    (callback,) = receiver.callbacks
    assert callback.verdict == GENUINE
    assert callback.headers["content-type"] == "application/json"
    assert callback.headers["user-agent"] == "media-worker"
    assert callback.headers["traceparent"] == TRACE
    assert callback.headers["webhook-id"] == webhook_id_of(REPORT)


def test_a_job_without_a_trace_sends_none(backend: SignedCallback, receiver: Receiver) -> None:
    backend.notify(replace(REPORT, job=replace(JOB, traceparent=None)), Attempt())
    (callback,) = receiver.callbacks
    assert callback.payload["traceparent"] is None
    assert "traceparent" not in callback.headers


def test_a_wrong_secret_is_refused(receiver: Receiver, time: Time) -> None:
    with pytest.raises(Transient, match="401"):
        SignedCallback(receiver.url, "another-secret!!", BODY, time.sleep, time).notify(REPORT, Attempt())


@pytest.mark.parametrize(
    "plan",
    [*(Answer(status) for status in (401, 403, 408, 425, 429, 500, 502, 503, 504)), DROP, GARBAGE, Hang(8)],
    ids=repr,
)
def test_what_may_pass_is_tried_again_under_the_same_id(
    backend: SignedCallback, receiver: Receiver, time: Time, plan: Plan
) -> None:
    receiver.plan(plan, plan)
    backend.notify(REPORT, Attempt())
    callbacks = receiver.callbacks
    assert len(callbacks) == 3
    assert len({callback.headers["webhook-id"] for callback in callbacks}) == 1
    assert all(callback.verdict == GENUINE for callback in callbacks)
    stamps = [int(callback.headers["webhook-timestamp"]) for callback in callbacks]
    assert stamps == [int(callback.received_at) for callback in callbacks], "signed anew for each try"
    first, second = time.slept
    assert 1 <= first <= 2
    assert 2 <= second <= 3


@pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 404, 409, 410, 413, 422, 431])
def test_any_other_answer_is_final_for_this_attempt(
    backend: SignedCallback, receiver: Receiver, time: Time, status: int
) -> None:
    with Receiver(SECRET) as elsewhere:
        receiver.plan(Answer(status, {"Location": elsewhere.url}))
        with pytest.raises(Transient, match=str(status)):
            backend.notify(REPORT, Attempt())
        assert len(receiver.callbacks) == 1
        assert elsewhere.callbacks == ()
    assert time.slept == []


def test_a_404_is_transient_because_the_backend_sends_the_message_before_it_commits_the_job(
    backend: SignedCallback, receiver: Receiver
) -> None:
    receiver.plan(Answer(404))
    with pytest.raises(Transient):
        backend.notify(REPORT, Attempt())
    backend.notify(REPORT, Attempt())
    too_early, again = receiver.callbacks
    assert (too_early.answered, again.answered) == (404, 200)
    assert too_early.headers["webhook-id"] == again.headers["webhook-id"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_an_acknowledgement(backend: SignedCallback, receiver: Receiver, status: int) -> None:
    receiver.plan(Answer(status))
    backend.notify(REPORT, Attempt())
    assert len(receiver.callbacks) == 1


def test_retry_after_is_honoured_in_seconds_and_as_a_date(
    backend: SignedCallback, receiver: Receiver, time: Time
) -> None:
    at = format_datetime(time.now + timedelta(seconds=30), usegmt=True)
    receiver.plan(Answer(503, {"Retry-After": "12"}), Answer(429, {"Retry-After": at}))
    backend.notify(REPORT, Attempt())
    assert time.slept[0] == 12
    assert 16 <= time.slept[1] <= 18


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "-5",
        "1.5",
        "\u0661",
        "Mon, 05 Jan 2015 12:00:00 GMT",
        "Mon, 32 Jan 2026 12:00:00 GMT",
        "Mon, 05 Jan 99999999999999999999 12:00:00 GMT",
    ],
)
def test_a_retry_after_that_says_nothing_is_passed_over(
    backend: SignedCallback, receiver: Receiver, time: Time, value: str
) -> None:
    receiver.plan(Answer(503, {"Retry-After": value}))
    backend.notify(REPORT, Attempt())
    assert 1 <= time.slept[0] <= 2


def test_a_retry_after_beyond_the_patience_ends_the_attempt_and_goes_along(
    backend: SignedCallback, receiver: Receiver, time: Time
) -> None:
    receiver.plan(Answer(503, {"Retry-After": "300"}))
    with pytest.raises(Transient) as failed:
        backend.notify(REPORT, Attempt())
    assert failed.value.retry_after == 300
    assert time.slept == []


@pytest.mark.parametrize("value", ["9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_retry_after_beyond_all_reason_is_a_day(
    backend: SignedCallback, receiver: Receiver, time: Time, value: str
) -> None:
    receiver.plan(Answer(503, {"Retry-After": value}))
    with pytest.raises(Transient) as failed:
        backend.notify(REPORT, Attempt())
    assert failed.value.retry_after == 24 * 3600


def test_the_attempt_ends_when_the_patience_is_spent(
    backend: SignedCallback, receiver: Receiver, time: Time
) -> None:
    receiver.plan(*[Answer(500)] * 50)
    with pytest.raises(Transient):
        backend.notify(REPORT, Attempt())
    assert PATIENCE <= sum(time.slept) <= PATIENCE + 21
    assert all(earlier < later for earlier, later in zip(time.slept[:4], time.slept[1:5], strict=True))


@pytest.mark.parametrize(
    ("plan", "evident"),
    [
        *((Answer(status), True) for status in (401, 403, 408, 425, 429, 502, 503, 504)),
        *((Answer(status), False) for status in (500, 501, 507, 599)),
        (DROP, True),
        (GARBAGE, True),
    ],
    ids=repr,
)
def test_what_may_be_everybodys_trouble_is_outlasted_and_then_tried_again_at_once(
    backend: SignedCallback, receiver: Receiver, time: Time, plan: Plan, evident: bool
) -> None:
    receiver.plan(plan, plan)
    outages: list[Unavailable] = []
    backend.notify(REPORT, Attempt(outages.append))
    assert [(out.of, out.evident) for out in outages] == [(Dependency.BACKEND, evident)] * 2
    assert len(receiver.callbacks) == 3
    assert time.slept == []


def test_an_outage_is_told_what_the_backend_asks_for(backend: SignedCallback, receiver: Receiver) -> None:
    receiver.plan(Answer(503, {"Retry-After": "300"}), Answer(503))
    outages: list[Unavailable] = []
    backend.notify(REPORT, Attempt(outages.append))
    assert [out.retry_after for out in outages] == [300, 0]


def test_a_final_answer_is_no_outage(backend: SignedCallback, receiver: Receiver) -> None:
    receiver.plan(Answer(404))
    outages: list[Unavailable] = []
    with pytest.raises(Transient) as failed:
        backend.notify(REPORT, Attempt(outages.append))
    assert not isinstance(failed.value, Unavailable)
    assert outages == []


def test_the_patience_is_not_spent_in_an_outage(backend: SignedCallback, receiver: Receiver, time: Time) -> None:
    """Away for two hours, and then the job fails on its own."""
    receiver.plan(*[Answer(500)] * 50)
    hours = iter([timedelta(hours=1), timedelta(hours=1)])

    def outlast(error: Unavailable) -> None:
        gone = next(hours, None)
        if gone is None:
            raise error
        time.now += gone

    with pytest.raises(Unavailable):
        backend.notify(REPORT, Attempt(outlast))
    assert PATIENCE <= sum(time.slept) <= PATIENCE + 21


def test_once_the_job_has_failed_alone_its_further_tries_are_told_as_repeated(
    backend: SignedCallback, receiver: Receiver
) -> None:
    """Or each of them would begin an outage anew, and nothing were received meanwhile."""
    receiver.plan(*[Answer(503)] * 4)
    told: list[bool] = []

    def outlast(error: Unavailable) -> None:
        told.append(error.again)
        if len(told) > 1:
            raise error

    backend.notify(REPORT, Attempt(outlast))
    assert told == [False, True, True, True]


def test_an_attempt_that_may_not_go_on_in_an_outage_ends(backend: SignedCallback, receiver: Receiver) -> None:
    receiver.plan(Answer(503))

    def lose(error: Unavailable) -> None:
        raise LeaseLost("another worker has it")

    with pytest.raises(LeaseLost):
        backend.notify(REPORT, Attempt(lose))
    assert len(receiver.callbacks) == 1


def test_the_tries_themselves_take_from_the_patience(time: Time) -> None:
    """A backend that answers each try with 500 after 19 seconds."""

    def dawdle(_: object) -> None:
        time.now += timedelta(seconds=19)

    began = time.now
    with Receiver(SECRET, clock=lambda: time.now.timestamp(), observer=dawdle) as receiver:
        receiver.plan(*[Answer(500)] * 50)
        with pytest.raises(Unavailable):
            SignedCallback(receiver.url, SECRET, BODY, time.sleep, time).notify(REPORT, Attempt())
        assert len(receiver.callbacks) == 3
    assert PATIENCE <= (time.now - began).total_seconds() <= PATIENCE + 21


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (DROP, "RemoteDisconnected: Remote end closed connection without response"),
        (Hang(8), "none within 4 s"),
        (Raw(b"HTTP/1.1 " + b"x" * 60_000 + b"\r\n\r\n"), "BadStatusLine: HTTP/1.1 xxx"),
    ],
    ids=["dropped", "hanging", "garbage"],
)
def test_the_log_says_in_short_why_there_was_no_answer(
    backend: SignedCallback, receiver: Receiver, plan: Plan, said: str
) -> None:
    receiver.plan(plan)
    with capture_logs() as logs:
        backend.notify(REPORT, Attempt())
    (line,) = [line for line in logs if line["event"] == "callback not acknowledged"]
    assert line["why"].startswith(f"the callback got no answer: {said}")
    assert len(line["why"]) <= 1024


def test_a_receiver_that_is_not_there(time: Time) -> None:
    backend = SignedCallback("http://127.0.0.1:9/callback", SECRET, BODY, time.sleep, time)
    with pytest.raises(Transient):
        backend.notify(REPORT, Attempt())
    assert len(time.slept) >= 2


def test_each_try_is_counted_with_its_result_its_status_and_its_duration(
    backend: SignedCallback, receiver: Receiver, tries: list[tuple[str, int | None, float]]
) -> None:
    receiver.plan(Answer(503), Answer(429), DROP, Answer(200), Answer(302), Answer(404))
    backend.notify(REPORT, Attempt())
    for _ in range(2):
        with pytest.raises(Transient):
            backend.notify(REPORT, Attempt())
    assert [(result, status) for result, status, _ in tries] == [
        ("transient", 503),
        ("transient", 429),
        ("transient", None),
        ("acknowledged", 200),
        ("refused", 302),
        ("refused", 404),
    ]
    assert all(seconds == 0 for _, _, seconds in tries), "the pauses between the tries, which alone take time here"


def test_each_try_is_preceded_by_a_checkpoint(backend: SignedCallback, receiver: Receiver) -> None:
    receiver.plan(Answer(500), Answer(500))
    attempt = Attempt()
    passes = iter(range(2))

    def lose() -> None:
        if next(passes, None) is None:
            raise LeaseLost("another worker has it")

    attempt.before_checkpoint = lose
    with pytest.raises(LeaseLost):
        backend.notify(REPORT, attempt)
    assert len(receiver.callbacks) == 2


def test_another_outcome_and_another_message_have_another_id() -> None:
    other_status = Report(JOB, Status.SUCCEEDED, STARTED, STARTED, ())
    other_message = Report(Job(21, 28, "message-2"), Status.PARTIAL_SUCCESS, STARTED, STARTED, ())
    assert len({webhook_id_of(report) for report in (REPORT, other_status, other_message)}) == 3
