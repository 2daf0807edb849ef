"""Pictures that do harm, and whom they harm: nobody but themselves."""

from __future__ import annotations

import os
import signal
import statistics
import time
from pathlib import Path

import pytest

from domain.checks.machine import Sizing
from domain.kinds import WIDTHS
from tests.e2e.world import Worker, World, jpeg
from tests.faults.peak import children_of, looking
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
TURNS = (1, 2, 3)
MIB = 1024 * 1024
SIZING = Sizing(concurrency=2, image_processes=2, image_memory=512 * MIB, photo_buffer=256 * MIB)
SETTINGS = {
    "IMAGE_TIMEOUT": "20",
    "IMAGE_PROCESSES": str(SIZING.image_processes),
    "IMAGE_MEMORY": str(SIZING.image_memory),
    "PHOTO_BUFFER": str(SIZING.photo_buffer),
    "WORKER_CONCURRENCY": str(SIZING.concurrency),
    "VISIBILITY_TIMEOUT": "30",
}
MOST_OF_A_WORKER = 300_000_000
"""Bytes of RSS: no picture is decoded there."""


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


def enqueue(world: World, listing: int, photos: dict[str, bytes]) -> None:
    keys = [world.upload(f"{listing}/raw/photo/horizontal/{name}", data) for name, data in photos.items()]
    world.enqueue({"jobId": listing, "listingId": listing, "assets": keys})


def seconds(worker: Worker, listing: int) -> float:
    """Of the job, from the attempt's beginning to its end."""
    (done,) = (line for line in worker.events("job done") if line["listing_id"] == listing)
    return float(done["seconds"])


def photos(count: int) -> dict[str, bytes]:
    """Of 12 megapixels: what a phone sends, but for its bytes."""
    data = jpeg(4000, 3000)
    return {f"{number:02}.jpg": data + b"%d" % number for number in range(count)}


def beside(world: World, worker: Worker, listing: int, its: dict[str, bytes]) -> float:
    """The seconds of a job of 20 good photos (the listing after this one) that begins after one of these."""
    done = len(worker.events("job done"))
    enqueue(world, listing, its)
    enqueue(world, listing + 1, photos(GOOD))
    worker.wait_for_event("job done", done + 2, timeout=180)
    return seconds(worker, listing + 1)


@pytest.mark.timeout(900)
def test_good_pictures_of_the_same_job_and_the_jobs_beside_it_take_no_harm(world: World) -> None:
    """The usual time of the job beside is its time beside a job with as many photos, all of them good.

    Both are measured in turn, so that a machine that is busy with other work is so for both.
    """
    bad = {f"bad-{number}.jpg": hostile(jpeg(), deed) for number, deed in enumerate(DEEDS)}
    good, mixed = photos(len(DEEDS) + GOOD), {**bad, **photos(GOOD)}
    with world.worker("tests.faults.hostile", await_start=True, **SETTINGS) as worker, looking(worker) as peak:
        pairs = [
            (beside(world, worker, 10 * turn, good), beside(world, worker, 10 * turn + 2, mixed)) for turn in TURNS
        ]
        assert worker.running
        metrics = worker.get("/metrics")[1]
        world.wait_until_settled()
    by_job = {callback.payload["jobId"]: callback.payload for callback in world.receiver.callbacks}
    for turn in TURNS:
        statuses = [by_job[10 * turn + job]["status"] for job in range(4)]
        assert statuses == ["SUCCEEDED", "SUCCEEDED", "PARTIAL_SUCCESS", "SUCCEEDED"]
        outputs = by_job[10 * turn + 2]["outputs"]
        assert [(each["errorCode"], each["errorMessage"]) for each in outputs if each["errorCode"]] == [
            ("THUMBNAIL_PROCESSING_FAILED", why) for why in DEEDS.values()
        ]
        assert [len(each["outputs"]) for each in outputs if not each["errorCode"]] == [len(WIDTHS)] * GOOD
    for reason, count in {"timeout": 2, "crashed": 2, "memory": 1, "killed": 2}.items():
        expected = f'media_worker_decoders_replaced_total{{reason="{reason}"}} {count * len(TURNS)}.0'
        assert expected in metrics
    assert {line["receive_count"] for line in worker.events("attempt begun")} == {1}
    figures = (peak.together, peak.of_worker, peak.of_child)
    assert peak.of_child > SIZING.image_memory / 2, "nothing swelled"
    assert peak.together <= SIZING.memory, figures
    assert peak.of_worker < MOST_OF_A_WORKER, figures
    assert statistics.median(bad_one / usual for usual, bad_one in pairs) <= 1.5, pairs


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
