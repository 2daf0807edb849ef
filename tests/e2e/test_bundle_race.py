"""Ten jobs of one listing that finish together, in two workers."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from devstack.counting import CountingEndpoint, Passed
from tests.e2e.world import World

JOBS = 10
PHOTOS = 3
BUNDLE = "28/processed/zip/28.zip"


def noisy_jpeg(seed: int) -> bytes:
    """A photo whose renditions are large enough to race for."""
    noise = Image.frombytes("RGB", (600, 450), random.Random(seed).randbytes(600 * 450 * 3))
    data = io.BytesIO()
    noise.resize((1600, 1200)).save(data, "JPEG", quality=90)
    return data.getvalue()


@pytest.mark.localstack
@pytest.mark.parametrize("endpoint", ["localstack"], indirect=True)
def test_ten_jobs_race_for_one_bundle_and_nothing_is_lost_or_written_over_and_over(
    make_world: Callable[[int], World], endpoint: str
) -> None:
    world = make_world(2)
    with CountingEndpoint(endpoint) as counting:
        settings: dict[str, Any] = {
            "AWS_ENDPOINT_URL": counting.url,
            "WORKER_CONCURRENCY": "5",
            "VISIBILITY_TIMEOUT": "60",
        }
        with world.worker(**settings) as one, world.worker(**settings) as other:
            for job in range(1, JOBS + 1):
                keys = [
                    world.upload(f"28/raw/photo/horizontal/{job}-{n}.jpg", noisy_jpeg(PHOTOS * job + n))
                    for n in range(PHOTOS)
                ]
                world.enqueue({"jobId": job, "listingId": 28, "assets": keys})
            world.receiver.wait_for(JOBS, timeout=90)
            world.wait_until_settled()
            attempts = [*one.events("attempt begun"), *other.events("attempt begun")]
    assert [callback.payload["status"] for callback in world.receiver.acknowledged] == ["SUCCEEDED"] * JOBS
    assert len(attempts) == JOBS, "the race spent no attempt"
    new = sum(len(world.read(key)) for key in world.keys("28/processed/") - {BUNDLE})
    with world.bundle(28) as archive:
        assert archive.testzip() is None
        assert len(archive.infolist()) == JOBS * PHOTOS * 4

    def about_the_bundle(passed: Passed) -> bool:
        return passed.key == BUNDLE or (passed.operation == "GetObject" and passed.key.startswith("28/processed/"))

    requests, moved = counting.count(about_the_bundle)
    assert moved <= 3 * new, f"{moved / new:.1f} times the new bytes in {requests} requests"
