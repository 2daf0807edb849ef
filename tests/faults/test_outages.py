"""An outage of ten minutes, in a world whose settings make every time a tenth of the default.

50 jobs are queued and 8 in hand when something goes out of reach for everybody. One job more is bad by itself: its
callback gets 500 for ever. Each outage has a queue, a bucket, a receiver and a worker of its own; they run side by
side, begun one after the other.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.mediaconvert import MediaConvertEmulator
from devstack.proxy import Proxy
from devstack.receiver import Answer, Callback, Plan, Receiver
from devstack.scripted import EXPIRED_TOKEN, S3_KMS_THROTTLED, SLOW_DOWN, SQS, AwsError, ScriptedEndpoint
from tests.e2e.world import SECRET, Worker, World, jpeg

pytestmark = pytest.mark.faults
IN_HAND, QUEUED = 8, 50
BAD = 9001
VIDEOS = range(1, IN_HAND + 1, 2)
"""The jobs that have a video, where MediaConvert is what goes out."""
OUTAGE = 60.0
BETWEEN = 12.0
"""Seconds between the beginnings of two outages."""
SCALED = {
    "VISIBILITY_TIMEOUT": "6",
    "JOB_TIMEOUT": "360",
    "WORKER_CONCURRENCY": str(IN_HAND),
    "IMAGE_PROCESSES": "1",
}
MAX_RECEIVES = 3
ALLOWED_RECEIVES = 2
"""One more than without an outage."""
ROLE = "arn:aws:iam::000000000000:role/media-convert"
WITH_DATA = frozenset({"GetObject", "PutObject", "UploadPart", "CreateMultipartUpload"})


@dataclass(frozen=True, slots=True)
class Stage:
    """One outage's world, with what can be broken in it."""

    world: World
    s3: Proxy
    aws: ScriptedEndpoint
    backend: Proxy
    mediaconvert: MediaConvertEmulator

    @contextmanager
    def refusing(self, error: AwsError, refused: Callable[[str], bool]) -> Iterator[None]:
        """AWS answers these operations with an error."""
        self.aws.rule = lambda operation: error if refused(operation) else None
        yield
        self.aws.rule = lambda _: None

    @contextmanager
    def answering(self, status: int) -> Iterator[None]:
        """The backend answers every job but the bad one with this status."""
        self.world.receiver.rule = lambda callback: _bad(callback) or Answer(status)
        yield
        self.world.receiver.rule = _bad

    @contextmanager
    def cut(self, wire: Proxy) -> Iterator[None]:
        wire.cut()
        yield
        wire.heal()

    @contextmanager
    def throttling(self) -> Iterator[None]:
        for operation in ("CreateJob", "GetJob", "Probe"):
            self.mediaconvert.refuse(operation, 429, "TooManyRequestsException", 100_000)
        yield
        for operation in ("CreateJob", "GetJob", "Probe"):
            self.mediaconvert.accept(operation)


def _is_s3(operation: str) -> bool:
    return not operation.startswith(SQS)


OUTAGES: Mapping[str, Callable[[Stage], AbstractContextManager[None]]] = {
    "S3 unreachable": lambda stage: stage.cut(stage.s3),
    "S3 503": lambda stage: stage.refusing(SLOW_DOWN, _is_s3),
    "KMS throttled": lambda stage: stage.refusing(S3_KMS_THROTTLED, lambda operation: operation in WITH_DATA),
    "credentials expired": lambda stage: stage.refusing(EXPIRED_TOKEN, lambda operation: True),
    "backend unreachable": lambda stage: stage.cut(stage.backend),
    "backend 503": lambda stage: stage.answering(503),
    "backend 401": lambda stage: stage.answering(401),
    "MediaConvert throttled": lambda stage: stage.throttling(),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What an outage did: seconds after its end, receives by job, and what the backend and the DLQ were told."""

    first: float
    last: float
    receives: Mapping[int, int]
    statuses: Counter[tuple[int, str]]
    dead: set[str]
    waited: int


def _bad(callback: Callback) -> Plan | None:
    return Answer(500) if callback.payload["jobId"] == BAD else None


@pytest.mark.timeout(900)
def test_an_outage_of_ten_minutes_costs_no_job(moto_url: str, clips: Mapping[str, Path], tmp_path: Path) -> None:
    with ThreadPoolExecutor(len(OUTAGES)) as pool:
        results = {
            name: pool.submit(_run, name, number * BETWEEN, moto_url, clips["sound"].read_bytes(), tmp_path)
            for number, name in enumerate(OUTAGES)
        }
    figures = {name: result.result() for name, result in results.items()}
    for name, seen in figures.items():
        again = sum(count > 1 for job, count in seen.receives.items() if job != BAD)
        print(
            f"{name:24} first {seen.first:5.1f} s, last {seen.last:5.1f} s after its end; "
            f"{again} jobs received again; {seen.waited} waited; DLQ {len(seen.dead)}"
        )
    for name, seen in figures.items():
        good = {job: count for job, count in seen.receives.items() if job != BAD}
        assert len(good) == IN_HAND - 1 + QUEUED, name
        assert max(good.values()) <= ALLOWED_RECEIVES, name
        assert {told for told in seen.statuses if told[0] != BAD} == {(job, "SUCCEEDED") for job in good}, name
        assert seen.first < 15, name


def _run(name: str, delay: float, endpoint: str, clip: bytes, scratch: Path) -> Figures:
    folder = scratch / name.replace(" ", "-")
    folder.mkdir()
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(SECRET))
        receiver.rule = _bad
        world = World(endpoint, receiver, folder, MAX_RECEIVES)
        aws = stack.enter_context(ScriptedEndpoint(endpoint))
        s3, backend = stack.enter_context(Proxy(aws.url)), stack.enter_context(Proxy(receiver.url))
        mediaconvert = stack.enter_context(MediaConvertEmulator(world.s3))
        stage = Stage(world, s3, aws, backend, mediaconvert)
        s3.delay(0.3)  # so that the jobs are in hand when the outage begins
        dead = _enqueue(world, clip if name.startswith("MediaConvert") else None)
        threading.Event().wait(delay)
        worker = stack.enter_context(
            world.worker(
                await_start=True,
                **SCALED,
                AWS_ENDPOINT_URL=aws.url,
                AWS_ENDPOINT_URL_S3=s3.url,
                AWS_ENDPOINT_URL_MEDIACONVERT=mediaconvert.url,
                CALLBACK_URL=f"{backend.url}/callback",
                MEDIACONVERT_ROLE_ARN=ROLE,
            )
        )
        worker.wait_for_event("attempt begun", IN_HAND)
        with OUTAGES[name](stage):
            s3.delay(0)
            _watch(worker, name)
        return _figures(world, worker, dead)


def _enqueue(world: World, clip: bytes | None) -> str:
    """Send all messages; returns the bad one's id."""
    ids = {}
    for job in (*range(1, IN_HAND), BAD, *range(IN_HAND, IN_HAND + QUEUED)):
        assets = [world.upload(f"{job}/raw/photo/horizontal/a.jpg", jpeg(320, 240))]
        if clip and job in VIDEOS:
            assets.append(world.upload(f"{job}/raw/video/horizontal/v.mp4", clip, "video/mp4"))
        ids[job] = world.enqueue({"jobId": job, "listingId": job, "assets": assets})
    return ids[BAD]


def _watch(worker: Worker, name: str) -> None:
    """Sit the outage out; half-way through it is named, and the process is alive."""
    threading.Event().wait(OUTAGE / 2)
    of = {"S": "bucket", "K": "bucket", "c": "bucket", "b": "backend", "M": "mediaconvert"}[name[0]]
    status, body = worker.get("/readyz")
    assert status == (200 if of == "mediaconvert" else 503), body
    assert f"{of} is out for" in body
    assert f'media_worker_outage{{of="{of}"}} 1.0' in worker.get("/metrics")[1]
    assert worker.get("/livez")[0] == 200
    threading.Event().wait(OUTAGE / 2)


def _figures(world: World, worker: Worker, bad: str) -> Figures:
    ended = time.time()
    receiver = world.receiver

    def acknowledged() -> dict[int, float]:
        return {callback.payload["jobId"]: callback.received_at for callback in receiver.acknowledged}

    receiver.wait_for(lambda _: len(acknowledged()) == IN_HAND - 1 + QUEUED, timeout=240)
    after = [at - ended for at in acknowledged().values() if at > ended]
    dead = {world.dead_letter(timeout=420)}
    assert dead == {bad}
    world.wait_until_empty()
    begun = worker.events("attempt begun")
    return Figures(
        first=min(after),
        last=max(after),
        receives={
            line["job_id"]: max(one["receive_count"] for one in begun if one["job_id"] == line["job_id"])
            for line in begun
        },
        statuses=Counter((one.payload["jobId"], one.payload["status"]) for one in receiver.callbacks),
        dead=dead,
        waited=len({line["job_id"] for line in worker.events("waiting for the end of an outage")}),
    )
