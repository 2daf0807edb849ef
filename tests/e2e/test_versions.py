"""A rolling deployment: the previous version's worker and this one, after each other at the same message."""

from __future__ import annotations

import io
import signal
import subprocess
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from devstack.mediaconvert import MediaConvertEmulator
from devstack.receiver import Answer
from tests.conftest import DrawOnce
from tests.e2e.world import Worker, World, jpeg

PREVIOUS = "5247d121654ca2f21d3d5978a37b8a46e84b9cec"
"""The last commit before the journal of each message was kept apart."""
PHOTO, VIDEO = "28/raw/photo/horizontal/a.jpg", "28/raw/video/horizontal/tour.mp4"
BUNDLE = "28/processed/zip/28.zip"
LEFT = "attempt failed; message left to the queue"

pytestmark = pytest.mark.parametrize("endpoint", ["moto"], indirect=True)

Settings = Mapping[str, str]
PRESENT: Settings = {}


@pytest.fixture
def previous(draw_once: DrawOnce) -> Settings:
    """What has a worker be the previous version's."""

    def extract(folder: Path) -> None:
        command = ["git", "archive", "--format=zip", PREVIOUS, "worker", "domain", "adapters"]
        archive = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True)
        if archive.returncode:
            pytest.skip(f"the history isn't there: {archive.stderr.decode()}")
        zipfile.ZipFile(io.BytesIO(archive.stdout)).extractall(folder)

    # Safe: without the folder that the tests run in, where this version's packages are.
    return {"PYTHONPATH": str(draw_once("previous", extract)), "PYTHONSAFEPATH": "1"}


class Deployment:
    """A world with a transcoder, in which a message is received three times at most."""

    def __init__(self, world: World, transcoder: MediaConvertEmulator, clip: Path) -> None:
        self.world = world
        self.transcoder = transcoder
        world.s3.put_bucket_versioning(Bucket=world.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.assets = [world.upload(PHOTO, jpeg()), world.upload(VIDEO, clip.read_bytes(), "video/mp4")]

    def worker(self, version: Settings) -> AbstractContextManager[Worker]:
        role = "arn:aws:iam::000000000000:role/media-convert"
        settings = {"AWS_ENDPOINT_URL_MEDIACONVERT": self.transcoder.url, "MEDIACONVERT_ROLE_ARN": role}
        return self.world.worker(await_start=True, **settings, **version)

    def enqueue(self, job_id: int, *assets: str) -> None:
        self.world.enqueue({"jobId": job_id, "listingId": 28, "assets": assets})

    def finish(self, worker: Worker, jobs: int) -> None:
        """Until so many jobs have ended, which must be with one acknowledged success each."""
        receiver = self.world.receiver
        receiver.wait_for(lambda _: len(receiver.acknowledged) >= jobs, timeout=60)
        self.world.wait_until_settled()
        assert [callback.payload["status"] for callback in receiver.acknowledged] == ["SUCCEEDED"] * jobs
        assert len(worker.events("message deleted")) == jobs

    def writes(self) -> Counter[str]:
        """How often each derivative was written."""
        pages = self.world.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.world.bucket, Prefix="28/processed/"
        )
        versions = (version["Key"] for page in pages for version in page.get("Versions", []))
        return Counter(key for key in versions if key != BUNDLE)

    def check_bundle(self) -> None:
        processed = self.world.keys("28/processed/") - {BUNDLE}
        with self.world.bundle(28) as bundle:
            members = [bundle.read(name) for name in bundle.namelist()]
        assert sorted(members) == sorted(map(self.world.read, processed))


@pytest.fixture
def deployment(world: World, clips: Mapping[str, Path]) -> Iterator[Deployment]:
    with MediaConvertEmulator(world.s3) as transcoder:
        yield Deployment(world, transcoder, clips["sound"])


def refused(deployment: Deployment, version: Settings) -> None:
    """An attempt whose callback the backend refuses: everything is done, and the bundle is written."""
    deployment.world.receiver.plan(Answer(404))
    with deployment.worker(version) as worker:
        deployment.enqueue(21, *deployment.assets)
        worker.wait_for_event(LEFT)


def released(deployment: Deployment, version: Settings) -> None:
    """An attempt that only waits for its video when its process is told to stop."""
    deployment.transcoder.hold()
    with deployment.worker(version) as worker:
        deployment.enqueue(21, *deployment.assets)
        worker.wait_for_event("waiting for videos")
        worker.send(signal.SIGTERM)
        assert worker.wait(20) == 0
    deployment.transcoder.release()


FIRST_ATTEMPTS = pytest.mark.parametrize("first_attempt", [refused, released])
Attempted = Callable[[Deployment, Settings], None]


def check_that_the_other_finishes(deployment: Deployment, version: Settings) -> None:
    with deployment.worker(version) as worker:
        deployment.finish(worker, 1)
        deployment.check_bundle()
        deployment.enqueue(22, deployment.world.upload("28/raw/photo/horizontal/b.jpg", jpeg(colour="plum")))
        deployment.finish(worker, 2)
        deployment.check_bundle()


@FIRST_ATTEMPTS
def test_what_the_previous_version_began_is_finished_without_doing_it_again(
    deployment: Deployment, previous: Settings, first_attempt: Attempted
) -> None:
    first_attempt(deployment, previous)
    assert "28/work/21.json" in deployment.world.keys("28/work/"), "it was the previous version"
    check_that_the_other_finishes(deployment, PRESENT)
    writes = deployment.writes()
    assert len(writes) == 4 + 5 + 4
    assert set(writes.values()) == {1}
    assert deployment.transcoder.calls.count("CreateJob") == 1


@FIRST_ATTEMPTS
def test_what_this_version_began_is_finished_by_the_previous_one(
    deployment: Deployment, previous: Settings, first_attempt: Attempted
) -> None:
    """As when a deployment is rolled back. It may do work again; it doesn't know where to look."""
    first_attempt(deployment, PRESENT)
    assert "28/work/21.json" not in deployment.world.keys("28/work/"), "it was this version"
    check_that_the_other_finishes(deployment, previous)
    assert len(deployment.writes()) == 4 + 5 + 4


def test_attempts_of_the_previous_version_are_traces(
    make_world: Callable[[int], World], previous: Settings
) -> None:
    """On the last receive, where a message without a trace is taken for a poisonous one."""
    world = make_world(2)
    photo = world.upload(PHOTO, jpeg())
    world.receiver.plan(*[Answer(503)] * 50)
    with world.worker(await_start=True, SHUTDOWN_GRACE="1", **previous) as worker:
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [photo]})
        world.receiver.wait_for(1)
    assert worker.events(LEFT)
    world.receiver.drop_plan()
    with world.worker() as worker:
        worker.wait_for_event("message deleted")
        assert worker.events("attempt begun")[0]["last"]
    assert [callback.payload["status"] for callback in world.receiver.acknowledged] == ["SUCCEEDED"]
