"""The process's clock, as the composition root chooses it."""

from __future__ import annotations

import time

import pytest

from devstack.aws import variables
from domain.queue import Message
from tests.contract.aws import Bucket, QueuePair
from tests.linux import LINUX_ONLY
from worker.bootstrap import build
from worker.settings import Settings, load_settings

CLOCK_BOOTTIME = 7
"""Linux's number of it; the types of other systems lack the name."""


@LINUX_ONLY
def test_a_lease_runs_out_while_the_machine_is_suspended(monkeypatch: pytest.MonkeyPatch, moto_url: str) -> None:
    """The clock that stands still meanwhile, CLOCK_MONOTONIC, would take it for a good one for a minute more."""
    suspended, clock_gettime = 0.0, time.clock_gettime
    shifted = {CLOCK_BOOTTIME}
    monkeypatch.setattr(time, "clock_gettime", lambda clock: clock_gettime(clock) + suspended * (clock in shifted))
    settings = {
        **variables(moto_url),
        "QUEUE_URL": QueuePair(moto_url, 3).url,
        "MEDIA_BUCKET": Bucket(moto_url).name,
        "CALLBACK_URL": "http://127.0.0.1:9",
        "CALLBACK_SECRET": "a-secret-of-the-tests",
        "VISIBILITY_TIMEOUT": "60",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    leases = build(load_settings(Settings)).leases
    started = time.clock_gettime(CLOCK_BOOTTIME)
    lease = leases.open(Message("m-1", "handle", "{}", 1, {}), started)
    assert leases.holds(lease)
    suspended = 61.0
    assert not leases.holds(lease)
