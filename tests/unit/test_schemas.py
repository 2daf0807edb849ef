"""docs/schema is made from the code, and the documents keep to it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.message import parse_message
from domain.queue import Message
from tests.schemas import FOLDER, conforms, schemas, text

DOCS = FOLDER.parent
KEY = "28/raw/photo/horizontal/3f6c.jpg"
EXAMPLES = [
    pytest.param(json.loads(block), id=f"{page.name}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, block in enumerate(re.findall(r"^```json\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL))
]


def body(**changes: Any) -> dict[str, Any]:
    return {"jobId": 21, "listingId": 28, "assets": [KEY], **changes}


def asset(**changes: Any) -> dict[str, Any]:
    return body(assets=[{"key": KEY, **changes}])


@pytest.mark.parametrize("name", schemas())
def test_the_files_are_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text() == text(schemas()[name]), "stale: make schemas"


def test_there_are_no_other_files() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(schemas())


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_of_the_documents_is_a_message_or_a_callback(example: dict[str, Any]) -> None:
    assert conforms(example, "callback.json" if "status" in example else "message.json")


@pytest.mark.parametrize(
    "good",
    [
        body(),
        body(jobId="21", listingId=None, listingIdentityId="28"),
        body(batchId=12, retry=1, listingIdentityId=28),
        body(batchId="b-7f3a", kind="process", traceparent=None),
        body(kind="finalize", assets=[]),
        body(
            assets=["28/raw/photo/horizontal/2025-11-16/photo-1-IMG_2907.jpg", {"key": KEY, "colour": "ignored"}]
        ),
        asset(
            type="thumbnail", size="5242880", sha256="sha256:" + "9f" * 32, etag='"d41d"', contentType="image/jpeg"
        ),
        asset(type=None, size=None, sha256=None, etag=None, contentType=None),
    ],
    ids=json.dumps,
)
def test_what_conforms_is_read_without_complaint(good: dict[str, Any]) -> None:
    assert conforms(good, "message.json")
    with capture_logs() as log:
        job = parse_message(Message("m-1", "handle", json.dumps(good), 1, {}))
    assert not any(asset.problem for asset in job.assets)
    assert log == []


@pytest.mark.parametrize(
    "bad",
    [
        body(jobId=0),
        body(jobId="0"),
        body(jobId=2**63),
        body(jobId="twenty"),
        body(listingId=None),
        {"jobId": 21, "assets": [KEY]},
        {"jobId": 21, "listingId": 28},
        body(listingIdentityId="abc"),
        body(batchId=True),
        body(batchId=12.5),
        body(batchId=2**64),
        body(kind="finalise"),
        body(traceparent="nonsense"),
        body(assets=[]),
        body(kind="process", assets=[]),
        body(kind=None, assets=[]),
        body(assets=[KEY] * 1001),
        body(assets=["photo.jpg"]),
        body(assets=["28/raw/zip/a.jpg"]),
        body(assets=[{}]),
        asset(type="ZIP"),
        asset(type="a-b"),
        asset(size=-1),
        asset(size="big"),
        asset(sha256="no digest"),
        asset(etag=1),
    ],
    ids=lambda bad: json.dumps(bad)[:80],
)
def test_what_a_sender_should_not_send_does_not_conform(bad: dict[str, Any]) -> None:
    assert not conforms(bad, "message.json")
