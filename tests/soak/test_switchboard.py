"""What is out is out for everybody, is noted, and comes back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack.mediaconvert import MediaConvertEmulator
from devstack.receiver import Receiver
from devstack.scripted import SQS
from tests.e2e.world import SECRET, World
from tests.soak.endpoint import WatchedEndpoint
from tests.soak.plan import OUTAGES, Outage
from tests.soak.record import EVERYBODY, OUT, Record
from tests.soak.switchboard import Switchboard
from tests.soak.transcoder import WatchedTranscoder

CUT = 0


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def switchboard(moto_url: str, record: Record, tmp_path: Path) -> Iterator[Switchboard]:
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(SECRET))
        aws = stack.enter_context(WatchedEndpoint(moto_url, record))
        world = World(moto_url, receiver, tmp_path, 3)
        emulator = stack.enter_context(MediaConvertEmulator(world.s3))
        transcoder = stack.enter_context(WatchedTranscoder(emulator.url, record))
        yield stack.enter_context(Switchboard(world, aws, transcoder, emulator, record))


def statuses(switchboard: Switchboard) -> dict[str, int]:
    """What each service answers, CUT where it answers nothing."""
    urls = switchboard.targets()
    return {
        "S3": _status(f"{urls['S3']}/bucket/key", None, {}),
        "SQS": _status(
            urls["SQS"], b"{}", {"X-Amz-Target": f"{SQS}ListQueues", "Content-Type": "application/x-amz-json-1.0"}
        ),
        "receiver": _status(f"{urls['receiver']}/callback", b"{}", signed(b"{}")),
        "MediaConvert": _status(f"{urls['MediaConvert']}/2017-08-29/jobs/1", None, {}),
    }


def signed(body: bytes) -> dict[str, str]:
    """The headers of a genuine callback."""

    def digest(text: bytes) -> hmac.HMAC:
        return hmac.new(SECRET.encode(), text, hashlib.sha256)

    now = str(int(time.time()))
    standard = base64.b64encode(digest(f"msg_1.{now}.".encode() + body).digest()).decode()
    return {
        "X-Toq-Signature": digest(body).hexdigest(),
        "webhook-id": "msg_1",
        "webhook-timestamp": now,
        "webhook-signature": f"v1,{standard}",
    }


def _status(url: str, body: bytes | None, headers: Mapping[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return CUT


@pytest.mark.parametrize("name", OUTAGES)
def test_a_service_is_out_as_its_outage_says_and_no_other_is_until_it_ends(
    name: str, switchboard: Switchboard, record: Record
) -> None:
    usual, outage = statuses(switchboard), Outage(0, name, 60)
    assert usual == {"S3": 404, "SQS": 200, "receiver": 200, "MediaConvert": 404}
    switchboard.begin(outage)
    switchboard.tend()
    out = CUT if outage.how == "unreachable" else int(outage.how)
    assert statuses(switchboard) == {**usual, outage.service: out}
    assert record.befell(EVERYBODY, {OUT[outage.service]}, 0, float("inf"))
    switchboard.end()
    assert statuses(switchboard) == usual
    assert not record.befell(EVERYBODY, {OUT[outage.service]}, record.troubles[0].until + 1, float("inf"))


def test_an_outage_ends_when_its_time_is_over(switchboard: Switchboard) -> None:
    usual = statuses(switchboard)
    switchboard.begin(Outage(0, "S3 out: 503", seconds=0))
    switchboard.tend()
    assert statuses(switchboard) == usual
