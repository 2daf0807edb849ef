"""Pictures that do harm, and whom they harm: nobody but themselves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from benchmarks.thumbnails import photo
from devstack.processes import memory
from tests.e2e.world import Worker, World, jpeg
from tests.hostile import hostile
from tests.linux import LINUX_ONLY

pytestmark = [pytest.mark.faults, LINUX_ONLY]
GOOD = 20
DEEDS = {
    "hang": "it took more than 20 s (IMAGE_TIMEOUT)",
    "nap 600": "it took more than 20 s (IMAGE_TIMEOUT)",
    "abort": "its decoder crashed (SIGABRT)",
    "exit 3": "its decoder crashed (exit status 3)",
    "swell": "it needed more than 512 MiB of memory (IMAGE_MEMORY)",
    "die": "its decoder was killed from outside (SIGKILL), twice",
}
SETTINGS = {"IMAGE_TIMEOUT": "20", "IMAGE_MEMORY": str(512 * 1024 * 1024), "VISIBILITY_TIMEOUT": "30"}
MOST_OF_A_WORKER = 300_000_000
"""Bytes of RSS: two jobs' photos as they were uploaded, 3.4 MB each. None is decoded there."""


def children_of(worker: Worker) -> set[int]:
    tasks = Path(f"/proc/{worker.process.pid}/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def alive(pids: set[int]) -> set[int]:
    """Those that are still there."""
    return {pid for pid in pids if state(pid)[0] not in "ZX"}


def left_of(pids: set[int]) -> set[int]:
    """Those that are still there 10 s after their parent: a killed process takes a moment to end."""
    until = time.monotonic() + 10
    while alive(pids) and time.monotonic() < until:
        time.sleep(0.05)
    return alive(pids)


def state(pid: int) -> list[str]:
    """The fields of /proc's `stat` from the state on; of a process that is gone, X."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["X"]


@pytest.fixture(scope="module")
def twelve_megapixels() -> bytes:
    return photo(4000, 3000)


def enqueue(world: World, listing: int, photos: dict[str, bytes]) -> None:
    keys = [world.upload(f"{listing}/raw/photo/horizontal/{name}", data) for name, data in photos.items()]
    world.enqueue({"jobId": listing, "listingId": listing, "assets": keys})


def seconds(worker: Worker, listing: int) -> float:
    """Of the job, from the attempt's beginning to its end."""
    (done,) = (line for line in worker.events("job done") if line["listing_id"] == listing)
    return float(done["seconds"])


def photos(data: bytes, count: int = GOOD) -> dict[str, bytes]:
    return {f"{number:02}.jpg": data + b"%d" % number for number in range(count)}


@pytest.mark.timeout(600)
def test_good_pictures_of_the_same_job_and_the_jobs_beside_it_take_no_harm(
    world: World, twelve_megapixels: bytes
) -> None:
    """The job beside is compared with itself beside the same pictures without the bad ones, before and after."""
    bad = {f"bad-{number}.jpg": hostile(jpeg(), deed) for number, deed in enumerate(DEEDS)}
    with world.worker("tests.faults.hostile", await_start=True, **SETTINGS) as worker:
        enqueue(world, 1, photos(jpeg()))
        enqueue(world, 2, photos(twelve_megapixels))
        worker.wait_for_event("job done", 2, timeout=120)
        enqueue(world, 3, {**bad, **photos(jpeg())})
        enqueue(world, 4, photos(twelve_megapixels))
        worker.wait_for_event("job done", 4, timeout=300)
        enqueue(world, 5, photos(jpeg()))
        enqueue(world, 6, photos(twelve_megapixels))
        worker.wait_for_event("job done", 6, timeout=120)
        usual, beside = max(seconds(worker, 2), seconds(worker, 6)), seconds(worker, 4)
        assert memory("VmHWM", worker.process.pid) < MOST_OF_A_WORKER
        metrics = worker.get("/metrics")[1]
        world.wait_until_settled()
    by_job = {callback.payload["jobId"]: callback.payload for callback in world.receiver.callbacks}
    assert [by_job[job]["status"] for job in (2, 3, 4)] == ["SUCCEEDED", "PARTIAL_SUCCESS", "SUCCEEDED"]
    assert len(by_job[3]["outputs"]) == GOOD + len(DEEDS)
    failed = [each for each in by_job[3]["outputs"] if each["errorCode"]]
    assert [(each["errorCode"], each["errorMessage"]) for each in failed] == [
        ("THUMBNAIL_PROCESSING_FAILED", why) for why in DEEDS.values()
    ]
    for reason, count in {"timeout": 2, "crashed": 2, "memory": 1, "killed": 2}.items():
        assert f'media_worker_decoders_replaced_total{{reason="{reason}"}} {count}.0' in metrics
    assert {line["receive_count"] for line in worker.events("attempt begun")} == {1}
    assert beside <= 1.5 * usual, (beside, usual)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_has_replaced_a_child_drains_and_leaves_none_behind(
    world: World, end: signal.Signals
) -> None:
    with world.worker("tests.faults.hostile") as worker:
        enqueue(world, 1, {"good.jpg": jpeg()})
        world.receiver.wait_for(1)
        enqueue(world, 2, {"good.jpg": jpeg(), "bad.jpg": hostile(jpeg(), "abort")})
        world.receiver.wait_for(2)
        pids = children_of(worker)
        enqueue(world, 3, {"slow.jpg": hostile(jpeg(), "nap 3")})
        worker.wait_for_event("attempt begun", 3)
        os.killpg(worker.process.pid, end)
        assert worker.wait(60) == 0
        assert worker.events("drained")
    assert pids
    assert not left_of(pids)
    assert [callback.payload["jobId"] for callback in world.receiver.callbacks] == [1, 2, 3]


def test_a_worker_that_is_killed_leaves_no_child_behind(world: World) -> None:
    with world.worker("tests.faults.hostile") as worker:
        enqueue(world, 1, {"good.jpg": jpeg(), "hung.jpg": hostile(jpeg(), "hang")})
        worker.wait_ready(lambda: busy(children_of(worker)), 30)
        pids = children_of(worker)
        worker.send(signal.SIGKILL)
        worker.wait(10)
    assert not left_of(pids)


def busy(pids: set[int]) -> bool:
    """Whether one of them has used a second of CPU: it hangs by then."""
    return any(int(state(pid)[11]) > os.sysconf("SC_CLK_TCK") for pid in alive(pids))
