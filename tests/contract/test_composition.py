"""What the composition root chooses: the process's clock, and the client that has parts copied."""

from __future__ import annotations

import time

import pytest

from adapters.s3 import S3Objects
from devstack.aws import variables
from domain.queue import Message
from tests.contract.aws import Bucket, QueuePair
from tests.linux import LINUX_ONLY
from worker.bootstrap import _outside, build
from worker.settings import Settings, load_settings

CLOCK_BOOTTIME = 7
"""Linux's number of it; the types of other systems lack the name."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, moto_url: str) -> Settings:
    variables_of_a_worker = {
        **variables(moto_url),
        "QUEUE_URL": QueuePair(moto_url, 3).url,
        "MEDIA_BUCKET": Bucket(moto_url).name,
        "CALLBACK_URL": "http://127.0.0.1:9",
        "CALLBACK_SECRET": "a-secret-of-the-tests",
        "VISIBILITY_TIMEOUT": "60",
    }
    for name, value in variables_of_a_worker.items():
        monkeypatch.setenv(name, value)
    return load_settings(Settings)


def test_copies_are_asked_for_by_the_client_that_waits_long(settings: Settings) -> None:
    objects = _outside(settings).ports.objects
    assert isinstance(objects, S3Objects)
    assert vars(objects._copier._client.meta.config)["read_timeout"] == 120
    assert vars(objects._s3.meta.config)["read_timeout"] == 30


@LINUX_ONLY
def test_a_lease_runs_out_while_the_machine_is_suspended(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """The clock that stands still meanwhile, CLOCK_MONOTONIC, would take it for a good one for a minute more."""
    suspended, clock_gettime = 0.0, time.clock_gettime
    shifted = {CLOCK_BOOTTIME}
    monkeypatch.setattr(time, "clock_gettime", lambda clock: clock_gettime(clock) + suspended * (clock in shifted))
    leases = build(settings).leases
    started = time.clock_gettime(CLOCK_BOOTTIME)
    lease = leases.open(Message("m-1", "handle", "{}", 1, {}), started)
    assert leases.holds(lease)
    suspended = 61.0
    assert not leases.holds(lease)
