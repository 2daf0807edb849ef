"""Records for the tests of the rules: two processes in one place, another elsewhere, one message."""

from __future__ import annotations

from tests.soak.excuses import Excuses
from tests.soak.record import CALLBACK, PUT, SUBMIT, Delivery, Record, Request, Trouble

LAST = 3
ME, MY_PLACE, OTHER = "SOAK1N7", "SOAK1", "SOAK2N8"
TWIN = "SOAK1N9"  # another process in the same place


def delivery(count: int, at: float, process: str = ME) -> Delivery:
    return Delivery("m", f"h{count}", "5", count, process, at - 1, at)


def callback(at: float, process: str = ME) -> Request:
    return Request(process, "receiver", CALLBACK, "m", at, at)


def request(operation: str, at: float, about: str = "h1", process: str = ME, status: int = 200) -> Request:
    service = {PUT: "S3", SUBMIT: "MediaConvert", CALLBACK: "receiver"}.get(operation, "SQS")
    return Request(process, service, operation, about, at, at + 0.1, status, planned=status != 200)


def excuses(*noted: Delivery | Request | Trouble) -> Excuses:
    return Excuses(
        Record(
            [each for each in noted if isinstance(each, Delivery)],
            [each for each in noted if isinstance(each, Request)],
            [each for each in noted if isinstance(each, Trouble)],
            ),
        LAST,
    )  # fmt: skip
