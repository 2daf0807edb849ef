"""Which failed copies are asked for again, and what is said then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from mypy_boto3_s3 import S3Client

from adapters.s3_copier import PATIENCE, TRIES, Copier
from domain.errors import CannotCopy, Conflict, MediaError, NotFound

COPIED = {"CopyPartResult": {"ETag": '"1"', "ChecksumCRC32": "AAAAAA=="}}


def said(status: int, code: str) -> ClientError:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(cast("Any", answer), "UploadPartCopy")


CLOSED = ConnectionClosedError(endpoint_url="copy")
PASSING = [said(500, "InternalError"), said(503, "SlowDown"), CLOSED]


class Client:
    """Answers with these, one after another; `seconds` is how long each takes by the clock."""

    def __init__(self, *answers: object) -> None:
        self._answers = iter(answers)
        self.asked = 0

    def upload_part_copy(self, **_: object) -> object:
        self.asked += 1
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def copy(client: Client, pauses: list[float]) -> object:
    return Copier(cast("S3Client", client), pauses.append).part("copy a", Key="k")


@pytest.mark.parametrize("failure", PASSING, ids=["500", "SlowDown", "closed"])
def test_what_may_pass_is_asked_for_again(failure: Exception) -> None:
    client, pauses = Client(*[failure] * (TRIES - 1), COPIED), list[float]()
    assert copy(client, pauses) == COPIED["CopyPartResult"]
    assert client.asked == TRIES
    assert [int(pause) for pause in pauses] == [1, 2, 4]


@pytest.mark.parametrize("failure", PASSING, ids=["500", "SlowDown", "closed"])
def test_what_fails_again_and_again_is_not_copied(failure: Exception) -> None:
    client = Client(*[failure] * TRIES)
    with pytest.raises(CannotCopy, match="copy a"):
        copy(client, [])
    assert client.asked == TRIES


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (said(403, "AccessDenied"), CannotCopy),
        (said(501, "NotImplemented"), CannotCopy),
        (said(412, "PreconditionFailed"), Conflict),
        (said(404, "NoSuchKey"), NotFound),
    ],
    ids=["AccessDenied", "NotImplemented", "PreconditionFailed", "NoSuchKey"],
)
def test_what_will_not_pass_is_asked_for_once(failure: Exception, error: type[MediaError]) -> None:
    client = Client(failure)
    with pytest.raises(error):
        copy(client, [])
    assert client.asked == 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds; tenacity reads the clock by itself."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now
    monkeypatch.undo()


@pytest.mark.parametrize(("seconds", "asked"), [(PATIENCE / 4, 3), (PATIENCE, 1)])
def test_no_try_begins_late(clock: list[float], seconds: float, asked: int) -> None:
    """The last one may take two minutes, and so may all of them together, but not each."""

    class Slow(Client):
        def upload_part_copy(self, **request: object) -> object:
            clock[0] += seconds
            return super().upload_part_copy(**request)

    def sleep(pause: float) -> None:
        clock[0] += pause

    client = Slow(*[ReadTimeoutError(endpoint_url="copy")] * TRIES)
    with pytest.raises(CannotCopy):
        Copier(cast("S3Client", client), sleep).part("copy a", Key="k")
    assert client.asked == asked
