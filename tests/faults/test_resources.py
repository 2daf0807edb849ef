"""Resources over time, and what a killed process leaves on its disk."""

from __future__ import annotations

import signal
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.processes import memory
from devstack.receiver import Hang
from tests.e2e.world import Worker, World, jpeg
from tests.linux import LINUX_ONLY

pytestmark = [pytest.mark.faults, LINUX_ONLY]
JOBS, BATCH = 2_000, 100
WARM = 500
"""Jobs after which pools, caches and the allocator have what they need."""
MOST_GROWTH = 4 * 1024 * 1024
"""Bytes of RSS that the line through all samples may rise by over the rest."""
PHOTO = "28/raw/photo/horizontal/a.jpg"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds after so many jobs; `resident` in bytes."""

    jobs: int
    files: int
    threads: int
    resident: int


def sample(worker: Worker, jobs: int) -> Sample:
    process = Path(f"/proc/{worker.process.pid}")
    files, threads = (len(list((process / kind).iterdir())) for kind in ("fd", "task"))
    return Sample(jobs, files, threads, memory("VmRSS", worker.process.pid))


@pytest.mark.timeout(1200)
def test_two_thousand_jobs_leave_files_threads_and_memory_as_they_were(world: World) -> None:
    photo = jpeg(64, 48)
    samples: list[Sample] = []
    with world.worker(VISIBILITY_TIMEOUT="30", LOG_LEVEL="WARNING", await_start=False) as worker:
        for begun in range(0, JOBS, BATCH):
            keys = [f"{begun + each + 1}/raw/photo/horizontal/a.jpg" for each in range(BATCH)]
            for key in keys:
                world.upload(key, photo)
                world.enqueue({"jobId": 1, "listingId": int(key.partition("/")[0]), "assets": [key]})
            callbacks = world.receiver.wait_for(begun + BATCH, timeout=120)
            worker.wait_ready(lambda: "media_worker_in_flight 0.0" in worker.get("/metrics")[1], 30)
            samples.append(sample(worker, begun + BATCH))
    assert {callback.payload["status"] for callback in callbacks} == {"SUCCEEDED"}
    assert len(callbacks) == JOBS
    warm = [each for each in samples if each.jobs > WARM]
    assert max(each.files for each in warm) - min(each.files for each in warm) <= 10
    assert max(each.threads for each in warm) - min(each.threads for each in warm) <= 4
    slope = statistics.linear_regression([each.jobs for each in warm], [each.resident for each in warm]).slope
    assert slope * (JOBS - WARM) < MOST_GROWTH, samples


def test_a_killed_process_leaves_no_temporary_files(world: World, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    world.upload(PHOTO, jpeg(4000, 3000))
    world.receiver.plan(Hang())
    with world.worker(TMPDIR=str(scratch)) as worker:
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [PHOTO]})
        world.receiver.wait_for(1)
        opened = {path.resolve() for path in Path(f"/proc/{worker.process.pid}/fd").iterdir()}
        worker.send(signal.SIGKILL)
        worker.wait(10)
    assert not [path for path in opened if path.is_relative_to(scratch) or "(deleted)" in path.name]
    assert list(scratch.iterdir()) == []
    assert opened, "it was alive when it was looked at"
