"""Broken wires to MediaConvert: what is lost on them is neither lost nor paid for twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from devstack.mediaconvert import MediaConvertEmulator
from devstack.proxy import Proxy
from tests.e2e.world import World

pytestmark = pytest.mark.faults
VIDEO = "28/raw/video/horizontal/tour.mp4"
NOT_ASKED = "transcodings can't be asked after"
ROLE = "arn:aws:iam::000000000000:role/media-convert"


@pytest.fixture
def transcoder(world: World, clips: Mapping[str, Path]) -> Iterator[MediaConvertEmulator]:
    world.upload(VIDEO, clips["sound"].read_bytes(), "video/mp4")
    with MediaConvertEmulator(world.s3) as emulator:
        yield emulator


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_the_answer_to_a_submission_that_is_lost_is_not_paid_for_twice(
    world: World, transcoder: MediaConvertEmulator, fault: str
) -> None:
    with (
        Proxy(transcoder.url) as proxy,
        world.worker(MEDIACONVERT_ROLE_ARN=ROLE, AWS_ENDPOINT_URL_MEDIACONVERT=proxy.url) as worker,
    ):
        proxy.delay(0.5)
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [VIDEO]})
        worker.wait_ready(lambda: bool(transcoder.jobs), 30)
        getattr(proxy, fault)()
        proxy.heal()
        (callback,) = world.receiver.wait_for(1, timeout=60)
        world.wait_until_settled()
    assert callback.payload["status"] == "SUCCEEDED"
    assert transcoder.calls.count("CreateJob") > 1, "its answer was lost"
    assert len(transcoder.jobs) == 1


@pytest.mark.parametrize("point", ["before:submit", "after:submit", "before:videos", "after:videos"])
def test_a_video_whose_worker_is_killed_at_a_step_boundary_is_paid_for_once(
    world: World, transcoder: MediaConvertEmulator, point: str
) -> None:
    with world.worker(
        "tests.faults.killed_at",
        point,
        VISIBILITY_TIMEOUT="3",
        MEDIACONVERT_ROLE_ARN=ROLE,
        AWS_ENDPOINT_URL_MEDIACONVERT=transcoder.url,
    ) as first:
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [VIDEO]})
        assert first.wait(60) == -signal.SIGKILL
    with world.worker(
        VISIBILITY_TIMEOUT="3", MEDIACONVERT_ROLE_ARN=ROLE, AWS_ENDPOINT_URL_MEDIACONVERT=transcoder.url
    ):
        (callback,) = world.receiver.wait_for(1, timeout=60)
        world.wait_until_settled()
    assert callback.payload["status"] == "SUCCEEDED"
    assert len(callback.payload["outputs"][0]["outputs"]) == 5
    assert len(transcoder.jobs) == 1


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", ["cut", "reset", "stall"])
def test_a_mediaconvert_that_is_out_of_reach_while_a_job_waits_costs_nothing_but_time(
    world: World, transcoder: MediaConvertEmulator, fault: str
) -> None:
    transcoder.hold()
    with (
        Proxy(transcoder.url) as proxy,
        world.worker(MEDIACONVERT_ROLE_ARN=ROLE, AWS_ENDPOINT_URL_MEDIACONVERT=proxy.url) as worker,
    ):
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [VIDEO]})
        worker.wait_for_event("waiting for videos")
        getattr(proxy, fault)()
        transcoder.release()
        worker.wait_for_event(NOT_ASKED, timeout=90)
        proxy.heal()
        (callback,) = world.receiver.wait_for(1, timeout=90)
        world.wait_until_settled()
        assert not worker.events("attempt failed; message left to the queue")
    assert callback.payload["status"] == "SUCCEEDED"
    assert len(transcoder.jobs) == 1
