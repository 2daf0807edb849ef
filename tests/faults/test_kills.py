"""SIGKILL at every step boundary, and a fresh worker after it."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.world import World, jpeg
from tests.faults.killed_at import POINTS

pytestmark = pytest.mark.faults
PHOTO = "28/raw/photo/horizontal/a.jpg"
PLAN = "28/raw/project/doc/plan.pdf"


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_a_step_boundary_loses_nothing_and_doubles_nothing(world: World, point: str) -> None:
    world.upload(PHOTO, jpeg())
    world.upload(PLAN, b"%PDF-1.7 a plan", "application/pdf")
    with world.worker("tests.faults.killed_at", point, VISIBILITY_TIMEOUT="3") as first:
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [PHOTO, PLAN]})
        assert first.wait(30) == -signal.SIGKILL
    expected = 2 if point == "within:callback" else 1
    with world.worker(VISIBILITY_TIMEOUT="3"):
        world.receiver.wait_for(expected)
        world.wait_until_settled()
    callbacks = world.receiver.callbacks
    assert len(callbacks) == expected, "only a crash before the acknowledgement is written repeats a callback"
    assert len({each.headers["webhook-id"] for each in callbacks}) == 1
    for callback in callbacks:
        assert callback.payload["status"] == "SUCCEEDED"
        named = {key for output in callback.payload["outputs"] for key in output["outputs"].values()}
        assert len(named) == 5
        assert named <= world.keys("28/processed/")
    with world.bundle(28) as bundle:
        assert bundle.testzip() is None
        assert len(bundle.namelist()) == 5
