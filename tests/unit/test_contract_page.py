"""The JSON examples of docs/contract.md are what the code reads and writes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from adapters.callback import CallbackForm
from adapters.message import parse_message
from domain.kinds import WIDTHS, AssetType
from domain.model import (
    Asset,
    Bundle,
    Derivatives,
    Facts,
    Job,
    JobKind,
    Manifest,
    Report,
    Result,
    Status,
)  # fmt: skip
from domain.queue import Message

PAGE = (Path(__file__).parents[2] / "docs" / "contract.md").read_text()
MESSAGE, FINALIZATION, CALLBACK = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PHOTO = Asset(
    "28/raw/photo/horizontal/3f6c.jpg",
    "PHOTO_HORIZONTAL",
    Manifest(
        5242880,
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        '"d41d8cd98f00b204e9800998ecf8427e"',
        "image/jpeg",
    ),
)
TRACEPARENT = "00-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01"


def job(message_id: str, *assets: Asset) -> Job:
    return Job(21, 28, message_id, assets, "b-7f3a", TRACEPARENT)


def test_the_message_is_read_as_the_job_it_stands_for() -> None:
    read = parse_message(Message("m-1", "handle", MESSAGE, 1, {}))
    assert read == job("m-1", PHOTO, Asset("28/raw/video/vertical/77aa.mp4"))


def test_the_finalization_is_read_as_one() -> None:
    read = parse_message(Message("m-2", "handle", FINALIZATION, 1, {}))
    assert read == Job(22, 28, "m-2", (Asset(PHOTO.key),), kind=JobKind.FINALIZE)


def test_the_callback_is_what_is_sent_for_such_a_report() -> None:
    keys = {size: f"28/processed/photo/horizontal/{size}/3f6c.jpg" for size in WIDTHS}
    sizes = dict(zip(WIDTHS, (160442, 77018, 23114, 7421), strict=True))
    facts = Facts(sizes, "image/jpeg", "#8a7f6d", "HBkSHYSIeHiPiHh8eJd4eTN0EEQG")
    report = Report(
        job("<SQS message id>", PHOTO),
        Status.SUCCEEDED,
        datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC),
        datetime(2026, 1, 5, 12, 0, 7, tzinfo=UTC),
        (Result(PHOTO, Derivatives(PHOTO.key, "etag", AssetType.PHOTO_HORIZONTAL, keys, 4032, 3024, facts)),),
        Bundle("28/processed/zip/28.zip", count=4, size=1048576, unzipped_size=1047000),
    )
    assert json.loads(CallbackForm("STEP_FUNCTIONS", "").body(report)) == json.loads(CALLBACK)
