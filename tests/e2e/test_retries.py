"""The same uploads under another job, another message, or at the same time, through a real worker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from devstack.mediaconvert import MediaConvertEmulator
from devstack.scripted import AwsAnswer, ScriptedEndpoint, operation_of
from tests.e2e.world import Worker, World, jpeg

ROLE = "arn:aws:iam::000000000000:role/media-convert"
PHOTO = "28/raw/photo/horizontal/a.jpg"
DATED = "28/raw/photo/horizontal/2026-01-05/a.jpg"
PLAN = "28/raw/project/doc/plan.pdf"
VIDEO = "28/raw/video/horizontal/tour.mp4"
ALL = (PHOTO, PLAN, VIDEO)

Start = Callable[..., AbstractContextManager[Worker]]


class CountingEndpoint(ScriptedEndpoint):
    """Notes what is written to the bucket; `before` is called with each operation and path."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.written: list[str] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        if operation_of(method, path, headers) == "PutObject":
            self.written.append(path.partition("?")[0])
        self.before(method, path)
        return super().answer(method, path, headers, body)

    def before(self, method: str, path: str) -> None:
        """Replaced by a test."""

    def derivatives(self) -> list[str]:
        return [path for path in self.written if "/processed/" in path]


@pytest.fixture
def aws(world: World) -> Iterator[CountingEndpoint]:
    with CountingEndpoint(world.endpoint) as endpoint:
        yield endpoint


@pytest.fixture
def transcoder(world: World) -> Iterator[MediaConvertEmulator]:
    with MediaConvertEmulator(world.s3) as running:
        yield running


@pytest.fixture
def uploads(world: World, clips: Mapping[str, Path]) -> None:
    world.upload(PHOTO, jpeg())
    world.upload(PLAN, b"%PDF-1.7 a plan", "application/pdf")
    world.upload(VIDEO, clips["sound"].read_bytes(), "video/mp4")


@pytest.fixture
def start(world: World, aws: CountingEndpoint, transcoder: MediaConvertEmulator) -> Start:
    """Start a worker that reaches AWS through the endpoint that counts."""

    def start(**settings: str) -> AbstractContextManager[Worker]:
        return world.worker(
            AWS_ENDPOINT_URL=aws.url,
            AWS_ENDPOINT_URL_MEDIACONVERT=transcoder.url,
            MEDIACONVERT_ROLE_ARN=ROLE,
            await_start=True,
            **settings,
        )

    return start


def enqueue(world: World, job_id: int, *assets: str) -> str:
    return world.enqueue({"jobId": job_id, "listingId": 28, "assets": list(assets)})


def outputs(callback: Any) -> Any:
    return callback.payload["outputs"]


@pytest.mark.usefixtures("uploads")
def test_a_second_job_for_the_same_uploads_writes_no_rendition_and_pays_no_video(
    world: World, start: Start, aws: CountingEndpoint, transcoder: MediaConvertEmulator
) -> None:
    with start() as worker:
        enqueue(world, 21, *ALL)
        (first,) = world.receiver.wait_for(1)
        assert len(aws.derivatives()) == 9, "four of the photo, four of the poster, a copy of the plan"
        made = set(aws.derivatives())
        enqueue(world, 22, *ALL)
        second = world.receiver.wait_for(2)[1]
        world.wait_until_settled()
        recalled = worker.events("step done")
    assert second.payload["jobId"] == 22
    assert second.payload["status"] == "SUCCEEDED"
    assert outputs(second) == outputs(first)
    (again,) = aws.derivatives()[9:]
    assert again in made
    assert "/project/doc/original/" in again, "where the backend may write, nothing is believed"
    assert len(transcoder.jobs) == 1
    assert [line.get("recalled") for line in recalled if line["step"] == "validate"] == [None, 2]


@pytest.mark.usefixtures("uploads")
def test_two_racing_messages_of_one_job_end_in_two_acknowledged_successes(
    world: World, start: Start, aws: CountingEndpoint, transcoder: MediaConvertEmulator
) -> None:
    transcoder.hold()
    with start() as one, start() as two:
        ids = {enqueue(world, 21, *ALL), enqueue(world, 21, *ALL)}
        for worker in (one, two):
            worker.wait_ready(lambda: len(one.events("attempt begun") + two.events("attempt begun")) >= 2, 30)
        transcoder.release()
        callbacks = world.receiver.wait_for(2, timeout=120)
        world.wait_until_settled()
    assert [callback.payload["status"] for callback in callbacks] == ["SUCCEEDED"] * 2
    assert {callback.payload["externalId"] for callback in callbacks} == ids
    assert len({callback.headers["webhook-id"] for callback in callbacks}) == 2
    assert len(transcoder.jobs) == 1


@pytest.mark.usefixtures("uploads")
def test_the_journals_of_two_messages_of_one_job_dont_wipe_each_other(
    world: World, start: Start, aws: CountingEndpoint, transcoder: MediaConvertEmulator
) -> None:
    """The second one is malformed, though it names the job: it once wiped the first one's trace."""
    transcoder.hold()
    with start(JOB_TIMEOUT="4") as worker:
        first = enqueue(world, 21, *ALL)
        worker.wait_for_event("attempt failed; message left to the queue")
        second = world.enqueue({"jobId": 21, "listingId": 28, "assets": "none"})
        worker.wait_ready(lambda: len(world.keys("28/work/21/")) == 2, 30)
    assert world.keys("28/work/21/") == {f"28/work/21/{message_id}.json" for message_id in (first, second)}
    assert json.loads(world.read(f"28/work/21/{first}.json"))["transcodings"]


def test_uploads_of_two_jobs_that_share_their_derived_keys_cannot_both_win(
    world: World, start: Start, aws: CountingEndpoint, transcoder: MediaConvertEmulator
) -> None:
    world.upload(PHOTO, jpeg(colour="teal"))
    world.upload(DATED, jpeg(colour="red"))
    with start():
        enqueue(world, 21, PHOTO)
        enqueue(world, 22, DATED)
        callbacks = world.receiver.wait_for(2, timeout=60)
    by_status = {callback.payload["status"]: callback.payload for callback in callbacks}
    assert set(by_status) == {"SUCCEEDED", "VALIDATION_FAILED"}
    (failed,) = by_status["VALIDATION_FAILED"]["outputs"]
    (won,) = by_status["SUCCEEDED"]["outputs"]
    assert failed["errorCode"] == "VALIDATION_ERROR"
    assert won["rawKey"] in failed["errorMessage"]


def test_a_photo_that_is_uploaded_again_while_it_is_rendered_is_rendered_again(
    world: World, start: Start, aws: CountingEndpoint, transcoder: MediaConvertEmulator
) -> None:
    world.upload(PHOTO, jpeg(colour="teal"))
    once = threading.Lock()

    def upload_again(method: str, path: str) -> None:
        if method == "PUT" and "/processed/" in path and once.acquire(blocking=False):
            world.upload(PHOTO, jpeg(colour="red"))

    aws.before = upload_again  # type: ignore[method-assign]
    with start() as worker:
        enqueue(world, 21, PHOTO)
        (callback,) = world.receiver.wait_for(1, timeout=60)
        world.wait_until_settled()
        (failed,) = worker.events("attempt failed; message left to the queue")
    assert "was uploaded again" in failed["why"]
    assert callback.payload["status"] == "SUCCEEDED"
    assert len(aws.derivatives()) == 8
    assert world.tags(PHOTO) == {"stage": "raw"}
