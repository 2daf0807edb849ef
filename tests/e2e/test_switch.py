"""What docs/migration.md says of two pipelines side by side, and of two versions of a secret."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.receiver import Answer, Hang, Receiver
from tests.e2e.world import SECRET, World, jpeg
from tests.images import opened

PHOTO = "28/raw/photo/horizontal/a.jpg"
LARGE = "28/processed/photo/horizontal/large/a.jpg"
NEW_SECRET = "another-secret-of-the-tests"
VERIFIER = Path(__file__).parents[2] / "docs" / "backend" / "verify.py"

pytestmark = pytest.mark.parametrize("endpoint", ["moto"], indirect=True)


def job(number: int, listing: int = 28) -> dict[str, object]:
    return {"jobId": number, "listingId": listing, "assets": [PHOTO.replace("28/", f"{listing}/")]}


def jobs(receiver: Receiver) -> list[int]:
    return [callback.payload["jobId"] for callback in receiver.acknowledged]


def test_two_consumers_of_a_queue_split_its_jobs(world: World) -> None:
    """One is busy with the first job; whoever else receives has the second one, and nobody is told."""
    world.upload(PHOTO, jpeg())
    world.receiver.plan(Hang(then=Answer()))
    with (
        Receiver(SECRET) as other,
        world.worker(WORKER_CONCURRENCY="1"),
    ):
        world.enqueue(job(21))
        world.receiver.wait_for(1)
        with world.worker(CALLBACK_URL=other.url):
            world.enqueue(job(22))
            other.wait_for(1)
            world.receiver.release()
            world.wait_until_settled()
        assert (jobs(world.receiver), jobs(other)) == ([21], [22])


def test_a_share_of_the_listings_is_the_workers(world: World) -> None:
    """By the page's rule; all jobs of a listing go the same way."""
    old_queue = world.sqs.create_queue(QueueName=f"{world.bucket}-old")["QueueUrl"]
    share = 30
    listings = [28, 129, 130, 230, 28]
    for number, listing in enumerate(listings, 1):
        world.upload(PHOTO.replace("28/", f"{listing}/"), jpeg())
        if listing % 100 < share:
            world.enqueue(job(number, listing))
        else:
            world.sqs.send_message(QueueUrl=old_queue, MessageBody="{}")
    with world.worker():
        world.receiver.wait_for(lambda _: len(jobs(world.receiver)) == 3)
        world.wait_until_settled()
    assert sorted(jobs(world.receiver)) == [1, 2, 5]
    assert world.depth(old_queue) == 2


def test_a_retry_that_is_sent_to_another_queue_is_never_received(world: World) -> None:
    """Where `retry_url` isn't empty. The other queue may be the very DLQ."""
    world.upload(PHOTO, jpeg())
    world.sqs.send_message(QueueUrl=world.dlq_url, MessageBody="{}")
    with world.worker() as worker:
        world.enqueue(job(21))
        worker.wait_for_event("message deleted")
    assert world.depth(world.queue_url) == 0
    assert world.depth(world.dlq_url) == 1


def test_each_pipeline_replaces_what_the_other_one_made(world: World) -> None:
    """A listing that goes over, back and over again: with each retry its keys hold its own pipeline's pictures."""
    world.upload(PHOTO, jpeg(640, 480))
    with world.worker() as worker:
        for number in (21, 22):
            for size in ("thumbnail", "small", "medium", "large"):
                world.upload(LARGE.replace("large", size), jpeg(1200, 900))
            world.enqueue(job(number))
            worker.wait_for_event("message deleted", count=number - 20)
            assert opened(world.read(LARGE)).size == (640, 480)
    assert [callback.payload["status"] for callback in world.receiver.acknowledged] == ["SUCCEEDED"] * 2


def test_while_a_secret_is_rotated_each_callback_is_genuine_under_one_of_the_two(world: World) -> None:
    """By the backend's own program. The receiver acknowledges both."""
    world.upload(PHOTO, jpeg())
    world.receiver.plan(Answer(), Answer())
    for number, secret in ((21, SECRET), (22, NEW_SECRET)):
        with world.worker(CALLBACK_SECRET=secret) as worker:
            world.enqueue(job(number))
            worker.wait_for_event("message deleted")
    verify: Callable[..., bool] = runpy.run_path(str(VERIFIER))["verify_webhook"]
    genuine = [
        [verify(secret, callback.headers, callback.body) for secret in (SECRET, NEW_SECRET)]
        for callback in world.receiver.callbacks
    ]
    assert genuine == [[True, False], [False, True]]


def test_a_worker_with_the_wrong_secret_keeps_its_work_until_both_agree(world: World) -> None:
    world.upload(PHOTO, jpeg())
    with world.worker(CALLBACK_SECRET=NEW_SECRET) as early:
        world.enqueue(job(21))
        early.wait_for_event("outage begun")
        refused, *_ = early.events("callback not acknowledged")
    written = world.written_at("28/processed/")
    assert "401" in refused["why"]
    assert jobs(world.receiver) == []
    with world.worker() as agreed:
        agreed.wait_for_event("message deleted")
    assert jobs(world.receiver) == [21]
    assert world.written_at("28/processed/") == written
