"""Whatever a message says, and at whatever length: the texts of callback and log keep to the contract's bound."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from adapters.callback import CallbackForm
from adapters.mediaconvert import MediaConvert
from domain.errors import LONGEST_TEXT, Code, Dependency, Permanent, Transient, Unavailable
from domain.model import Failure
from tests.fakes import JPEG
from tests.wiring import VISIBILITY, fakes

PHOTO = "28/raw/photo/horizontal/a.jpg"
LONG = 200_000
TRACE = "2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01"
FILLINGS = ("x", "9", "/", '"', "\\", "\n", "\x1b", "\ud800", "é", "\U0001f600", "\U000e0001", " ")
BEGINNINGS = (
    "",
    "28/raw/photo/horizontal/",
    "28/raw/video/vertical/",
    "image/jpeg;",
    "sha256:",
    f"00-{TRACE}-",
    f"01-{TRACE}-",
)
HOSTILE: tuple[object, ...] = (
    *(beginning + filling * LONG for beginning in BEGINNINGS for filling in FILLINGS),
    10**4000,
    ["x" * LONG],
    {"x" * LONG: "x" * LONG},
)  # fmt: skip
OF_AN_ASSET = ("key", "type", "size", "sha256", "etag", "contentType", "x" * LONG)
OF_A_MESSAGE = ("jobId", "listingId", "listingIdentityId", "batchId", "kind", "traceparent", "assets", "x" * LONG)


def messages(field: str) -> Iterator[Mapping[str, object]]:
    """A good message each, but for one field."""
    good = {"jobId": 21, "listingId": 28, "assets": [PHOTO]}
    for hostile in HOSTILE:
        if field == "an entry":
            yield good | {"assets": [PHOTO, hostile]}
        elif field == "the only entry":
            yield good | {"assets": [hostile]}
        elif field.startswith("asset "):
            yield good | {"assets": [PHOTO, {"key": PHOTO, field.removeprefix("asset "): hostile}]}
        else:
            yield good | {field: hostile}


def texts(value: object) -> Iterator[str]:
    """Every string inside, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from texts(name)
            yield from texts(inner)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from texts(inner)
    else:
        yield repr(value)


def told(body: Mapping[str, object], **attributes: str) -> tuple[list[Any], int]:
    """What the log and the callbacks say of a message until its end, and how many callbacks there were."""
    around = fakes(max_receives=2)
    around.objects.put(PHOTO, JPEG)
    worker = around.worker()
    around.queue.send(json.dumps(body), **attributes)
    with capture_logs(processors=[merge_contextvars]) as log:
        while around.queue.held:
            for message in around.queue.receive(1, 20, VISIBILITY):
                worker.handler.handle(worker.leases.open(message, around.clock()))
            around.clock.advance(20)
    form = CallbackForm("STEP_FUNCTIONS", "STEP_FUNCTIONS_FINALIZATION")
    callbacks = [json.loads(form.body(report)) for report in around.backend.reports]
    return [*log, *callbacks], len(callbacks)


@pytest.mark.parametrize(
    "field",
    [*OF_A_MESSAGE, *(f"asset {field}" for field in OF_AN_ASSET), "an entry", "the only entry"],
    ids=lambda f: f[:20],
)
def test_no_field_of_a_message_makes_a_text_longer_than_the_contract_says(field: str) -> None:
    heard = 0
    for body in messages(field):
        said, callbacks = told(body)
        heard += callbacks
        assert said
        assert max(len(text) for text in texts(said)) <= LONGEST_TEXT
    assert heard or field in ("jobId", "listingId"), "the backend hears of every message that names a job"


@pytest.mark.parametrize("trace", [f"00-{TRACE}-" + "x" * LONG, f"01-{TRACE}-" + "x" * LONG, "x" * LONG])
def test_nor_does_its_attribute(trace: str) -> None:
    said, callbacks = told({"jobId": 21, "listingId": 28, "assets": [PHOTO]}, Traceparent=trace)
    assert callbacks == 1
    assert max(len(text) for text in texts(said)) <= LONGEST_TEXT


def test_an_error_is_cut_wherever_its_text_comes_from() -> None:
    text = "why: " + "x" * LONG
    for error in (Transient(text), Permanent(text), Unavailable(text, Dependency.BUCKET)):
        assert len(str(error)) == LONGEST_TEXT
        assert str(error).startswith("why: xxx")
        assert str(error).endswith("x…")


def test_a_failure_that_quotes_another_is_cut_and_a_short_one_is_not() -> None:
    assert len(Failure(Code.PROCESSING_FAILED, "the first: " + "x" * LONGEST_TEXT).message) == LONGEST_TEXT
    assert Failure(Code.PROCESSING_FAILED, "x" * LONGEST_TEXT).message == "x" * LONGEST_TEXT


def test_what_a_bug_says_is_cut_too() -> None:
    around = fakes(max_receives=2)

    def explode(data: bytes) -> None:
        raise ZeroDivisionError("x" * LONG)

    around.images.before = explode
    around.objects.put(PHOTO, JPEG)
    worker = around.worker()
    around.queue.send(json.dumps({"jobId": 21, "listingId": 28, "assets": [PHOTO]}))
    with capture_logs() as log:
        for message in around.queue.receive(1, 20, VISIBILITY):
            worker.handler.handle(worker.leases.open(message, around.clock()))
    assert [len(line["why"]) for line in log if "why" in line] == [LONGEST_TEXT] * 2, "of the step and the attempt"
    assert max(len(text) for text in texts(log)) <= LONGEST_TEXT


def test_what_mediaconvert_says_is_cut() -> None:
    class Client:
        def get_job(self, Id: str) -> Mapping[str, Any]:  # noqa: N803 - as boto3 calls it
            return {"Job": {"Status": "ERROR", "ErrorCode": 1010, "ErrorMessage": "x" * LONG}}

    client: Any = Client()
    result = MediaConvert(client, "media-bucket", "role", None).result("t-1")
    assert result
    assert result.message.startswith("MediaConvert job t-1 failed: 1010, xxx")
    assert len(result.message) == LONGEST_TEXT
