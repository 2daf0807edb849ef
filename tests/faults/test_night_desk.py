"""Twelve faults, each staged for a real worker. A command of ours names each one's cause in under five seconds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from devstack.processes import free_port
from devstack.proxy import Proxy
from devstack.receiver import Answer
from devstack.scripted import AwsError, ScriptedEndpoint
from tests.e2e.world import Worker, World, command, jpeg

pytestmark = pytest.mark.faults

PHOTO = "28/raw/photo/horizontal/a.jpg"
JOB = {"jobId": 21, "listingId": 28, "assets": [PHOTO]}
SECONDS = 5.0
ROLE = "arn:aws:iam::000000000000:role/media-convert"


@pytest.fixture
def world(make_world: Callable[[int], World]) -> World:
    """A failure is final at its first receive, so that nobody waits for retries."""
    return make_world(1)


def named(world: World, *arguments: str, **settings: str) -> str:
    """What the command says, within the time."""
    began = time.monotonic()
    done = command(*arguments, environment=world.environment(**settings))
    assert time.monotonic() - began < SECONDS
    return done.stdout + done.stderr


def line_of(said: str, pattern: str) -> str:
    """The one line that names the cause."""
    lines = [line for line in said.splitlines() if re.search(pattern, line)]
    assert len(lines) == 1, said
    return lines[0]


def row(world: World, pattern: str) -> str:
    """The row of `dlq ls` for the only message, which names the cause."""
    return row(world, f"^[0-9a-f-]{{36}} .*{pattern}")


def dead(world: World, worker: Worker, body: object, event: str = "job failed for good") -> None:
    """The message's job fails for good, and the message is in the DLQ."""
    world.enqueue(body)
    worker.wait_for_event(event)
    worker.wait_ready(lambda: in_the_dlq(world), 20)


def in_the_dlq(world: World) -> bool:
    """moto moves a message when it would be received once more."""
    world.sqs.receive_message(QueueUrl=world.queue_url, VisibilityTimeout=0)
    return world.depth(world.dlq_url) == 1


# What is wrong with the surroundings: `check`


def test_a_wrong_secret(world: World) -> None:
    said = named(world, "check", "--callback", CALLBACK_SECRET="another-secret-of-32-characters")
    assert line_of(said, r"^ +means .* another secret").endswith("it refuses every callback")


def test_a_backend_that_is_down(world: World) -> None:
    said = named(world, "check", CALLBACK_URL=f"http://127.0.0.1:{free_port()}/callback")
    assert line_of(said, r"^✗ backend.*refused")


def test_a_bucket_that_is_gone(world: World) -> None:
    world.s3.delete_bucket(Bucket=world.bucket)
    said = named(world, "check")
    assert line_of(said, rf"^✗ bucket .* {world.bucket} isn't there$")


def test_a_mediaconvert_role_that_mediaconvert_cant_take_on(world: World) -> None:
    said = named(world, "check", MEDIACONVERT_ROLE_ARN=ROLE)
    assert line_of(said, r"^✗ .*role.*media-convert")


# What became of jobs: `dlq ls` and `job`


def test_a_backend_that_answers_one_job_with_500(world: World) -> None:
    world.upload(PHOTO, jpeg())
    world.receiver.rule = lambda _: Answer(500, {"Retry-After": "3600"})
    with world.worker() as worker:
        dead(world, worker, JOB)
    assert row(world, "the backend answered the callback with 500")


def test_an_object_that_is_missing(world: World) -> None:
    with world.worker() as worker:
        dead(world, worker, JOB)
    assert row(world, f"VALIDATION_ERROR .*{PHOTO}")


def test_a_text_that_is_called_a_jpg(world: World) -> None:
    world.upload(PHOTO, b"once upon a time")
    with world.worker() as worker:
        dead(world, worker, JOB)
    assert row(world, "VALIDATION_ERROR")


def test_no_rights_on_the_key(world: World) -> None:
    world.upload(PHOTO, jpeg())
    with ScriptedEndpoint(world.endpoint) as s3, world.worker(AWS_ENDPOINT_URL_S3=s3.url) as worker:
        s3.rule = lambda operation: AwsError(403, "AccessDenied") if operation == "HeadObject" else None
        dead(world, worker, JOB)
    assert row(world, f"{PHOTO}.*403|AccessDenied")


def test_a_message_that_kills_the_process(make_world: Callable[[int], World]) -> None:
    world = make_world(2)
    world.upload(PHOTO, jpeg())
    world.enqueue(JOB)
    with world.worker("tests.faults.killed_at", "before:validate", VISIBILITY_TIMEOUT="3") as killed:
        killed.wait(30)
    with world.worker(VISIBILITY_TIMEOUT="3") as worker:
        worker.wait_for_event("job failed for good")
        worker.wait_ready(lambda: in_the_dlq(world), 20)
    assert row(world, "POISON_MESSAGE.*the process died each time")


def test_a_message_that_is_none(world: World) -> None:
    with world.worker() as worker:
        dead(world, worker, "once upon a time", "malformed message left to the DLQ")
    assert row(world, "isn't JSON")


def test_two_listings_in_one_message(world: World) -> None:
    with world.worker() as worker:
        dead(world, worker, {**JOB, "listingIdentityId": 29}, "malformed message left to the DLQ")
    assert row(world, "two that differ")


def test_a_lease_that_was_lost(make_world: Callable[[int], World]) -> None:
    world = make_world(3)
    world.upload(PHOTO, jpeg(1600, 1200))
    with Proxy(world.endpoint) as s3, Proxy(world.endpoint) as sqs:
        s3.delay(0.4)
        urls = {"AWS_ENDPOINT_URL_S3": s3.url, "AWS_ENDPOINT_URL_SQS": sqs.url}
        with world.worker(await_start=True, VISIBILITY_TIMEOUT="3", **urls) as cut_off:
            world.enqueue(JOB)
            cut_off.wait_for_event("attempt begun")
            sqs.cut()
            with world.worker():
                world.receiver.wait_for(1, timeout=60)
                cut_off.wait_for_event("attempt failed; message left to the queue")
    assert line_of(named(world, "job", "28", "21"), "lease lost")
