"""Attempts that don't end by themselves: cut short by SIGTERM, by JOB_TIMEOUT, or by what kills the process."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from devstack.proxy import Proxy
from tests.e2e.world import World, jpeg

pytestmark = pytest.mark.faults
PHOTO = "28/raw/photo/horizontal/a.jpg"
JOB = {"jobId": 21, "listingId": 28, "assets": [PHOTO]}


def test_a_message_that_the_last_open_poll_brings_is_given_back_at_once(world: World) -> None:
    world.upload(PHOTO, jpeg())
    with world.worker(VISIBILITY_TIMEOUT="45") as worker:
        worker.wait_ready(lambda: worker.get("/readyz")[0] == 200, 30)
        worker.send(signal.SIGTERM)
        worker.wait_for_event("draining")
        enqueued = time.monotonic()
        world.enqueue(JOB)
        assert worker.wait(30) == 0
        assert not worker.events("attempt begun")
        assert worker.events("attempt failed; message left to the queue")[0]["ending"] == "released"
    with world.worker():
        world.receiver.wait_for(1)
        world.wait_until_settled()
    assert time.monotonic() - enqueued < 30, "the visibility timeout of 45 s wasn't waited for"
    assert len(world.receiver.callbacks) == 1


def test_a_job_that_is_told_to_stop_before_its_callback_is_still_finished(world: World) -> None:
    world.upload(PHOTO, jpeg())
    with Proxy(world.endpoint) as s3, world.worker(AWS_ENDPOINT_URL_S3=s3.url) as worker:
        s3.delay(0.2)
        world.enqueue(JOB)
        worker.wait_for_event("attempt begun")
        worker.send(signal.SIGTERM)
        assert worker.wait(60) == 0
        assert worker.events("message deleted")
    assert len(world.receiver.callbacks) == 1


def enqueue_photo(world: World, job_id: int) -> str:
    photo = world.upload(f"{job_id}/raw/photo/horizontal/a.jpg", jpeg())
    return world.enqueue({"jobId": job_id, "listingId": job_id, "assets": [photo]})


@pytest.mark.timeout(240)
def test_the_process_ends_in_time_though_bucket_and_backend_hang(world: World) -> None:
    """And gives back what it can. Five jobs are on their last receive, eight aren't."""
    settings = {"WORKER_CONCURRENCY": "13", "VISIBILITY_TIMEOUT": "120", "SHUTDOWN_GRACE": "3"}
    with Proxy(world.endpoint) as s3, Proxy(world.receiver.url) as backend:
        for job_id in range(1, 6):
            enqueue_photo(world, job_id)
        for _ in range(2):
            messages = world.sqs.receive_message(
                QueueUrl=world.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0
            )["Messages"]
            assert len(messages) == 5
        s3.delay(0.5)
        backend.stall()
        urls = {"AWS_ENDPOINT_URL_S3": s3.url, "CALLBACK_URL": f"{backend.url}/callback"}
        with world.worker(await_start=True, **settings, **urls) as worker:
            worker.wait_for_event("attempt begun", 5)
            others = {enqueue_photo(world, job_id) for job_id in range(6, 14)}
            worker.wait_for_event("attempt begun", 13)
            s3.stall()
            worker.send(signal.SIGTERM)
            began = time.monotonic()
            back: set[str] = set()
            while back < others and time.monotonic() < began + 60:
                answer = world.sqs.receive_message(
                    QueueUrl=world.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1
                )
                back |= {message["MessageId"] for message in answer.get("Messages", [])}
            shown = time.monotonic() - began
            assert worker.wait(60) == 0
            ended = datetime.fromisoformat(worker.lines()[-1]["timestamp"])
            told = datetime.fromisoformat(worker.events("signal received")[0]["timestamp"])
    assert back == others
    assert shown < 3 + 7 + 1
    assert (ended - told).total_seconds() < 3 + 10 + 1


def test_an_attempt_that_takes_too_long_ends_and_its_place_is_free_again(world: World) -> None:
    world.upload(PHOTO, jpeg())
    world.upload("29/raw/photo/horizontal/b.jpg", jpeg())
    with (
        Proxy(world.endpoint) as s3,
        world.worker(AWS_ENDPOINT_URL_S3=s3.url, JOB_TIMEOUT="3", WORKER_CONCURRENCY="1") as worker,
    ):
        s3.delay(0.8)
        world.enqueue(JOB)
        worker.wait_for_event("attempt failed; message left to the queue")
        s3.heal()
        world.enqueue({"jobId": 22, "listingId": 29, "assets": ["29/raw/photo/horizontal/b.jpg"]})
        callbacks = world.receiver.wait_for(2)
        world.wait_until_settled()
        assert "JOB_TIMEOUT" in worker.events("attempt failed; message left to the queue")[0]["why"]
    assert [callback.payload["jobId"] for callback in callbacks] == [22, 21], "the late one comes back after 15 s"
    assert {callback.payload["status"] for callback in callbacks} == {"SUCCEEDED"}


@pytest.mark.timeout(300)
def test_a_thread_that_cannot_be_stopped_ends_the_process_which_says_why(world: World) -> None:
    world.upload(PHOTO, jpeg())
    with world.worker("tests.faults.hangs", JOB_TIMEOUT="2", SHUTDOWN_GRACE="1") as worker:
        world.enqueue(JOB)
        assert worker.wait(200) == 1
        (why,) = worker.events("a job is stuck; the process ends")
        assert (why["level"], why["job_id"], why["step"]) == ("critical", 21, "thumbnails")
    with world.worker():
        world.receiver.wait_for(1)
        world.wait_until_settled()
    assert len(world.receiver.callbacks) == 1
    assert world.receiver.callbacks[0].payload["status"] == "SUCCEEDED"


def test_a_worker_that_can_start_no_thread_ends_and_gives_back_what_it_received(world: World) -> None:
    world.upload(PHOTO, jpeg())
    with world.worker("tests.faults.no_threads", VISIBILITY_TIMEOUT="600") as worker:
        world.enqueue(JOB)
        assert worker.wait(90) == 1
        (why,) = worker.events("the poller failed; the process ends")
        assert (why["level"], "can't start new thread" in why["exception"]) == ("critical", True)
    with world.worker():
        world.receiver.wait_for(1)
        world.wait_until_settled()
    assert [callback.payload["status"] for callback in world.receiver.callbacks] == ["SUCCEEDED"]


def test_what_kills_the_process_each_time_is_poison(make_world: Callable[[int], World]) -> None:
    world = make_world(3)
    world.upload(PHOTO, jpeg() + b"POISON")
    message_id = world.enqueue(JOB)
    for _ in range(2):
        with world.worker("tests.soak.plain.mortal", VISIBILITY_TIMEOUT="4", await_start=False) as worker:
            assert worker.wait(60) == -signal.SIGKILL
            assert worker.events("attempt begun")
    with world.worker("tests.soak.plain.mortal", VISIBILITY_TIMEOUT="4") as worker:
        assert world.dead_letter(40) == message_id
        assert worker.running
    (poison,) = world.receiver.callbacks
    assert poison.payload["error"]["code"] == "POISON_MESSAGE"
    assert poison.payload["status"] == "PROCESSING_FAILED"


def test_an_open_poll_leaves_half_of_the_grace_period_for_what_it_may_bring(world: World) -> None:
    with world.worker(VISIBILITY_TIMEOUT="60", SHUTDOWN_GRACE="8") as worker:
        worker.wait_ready(lambda: worker.get("/readyz")[0] == 200, 30)
        worker.send(signal.SIGTERM)
        assert worker.wait(30) == 0
        drained, told = (
            datetime.fromisoformat(worker.events(event)[0]["timestamp"])
            for event in ("drained", "signal received")
        )
    assert (drained - told).total_seconds() < 7, "the poll took 4 s at most"
