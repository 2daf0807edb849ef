"""An operator empties the DLQ: real commands beside a real worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.e2e.world import World, command, jpeg

PHOTO = "28/raw/photo/horizontal/a.jpg"


def job(number: int, key: str = PHOTO) -> dict[str, Any]:
    return {"jobId": number, "listingId": 28, "assets": [key]}


def desk(world: World, *arguments: str, status: int = 0) -> Any:
    """What the command says as JSON."""
    done = command(*arguments, "--json", environment=world.environment())
    assert done.returncode == status, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def wait_for_dead(world: World, count: int) -> None:
    """Until so many messages are in the DLQ: moto moves one when it would be received again."""
    for _ in range(100):
        world.sqs.receive_message(QueueUrl=world.queue_url, WaitTimeSeconds=1, VisibilityTimeout=0)
        if world.depth(world.dlq_url) == count:
            return
    raise TimeoutError(f"{world.depth(world.dlq_url)} of {count} messages are in the DLQ")


def test_of_a_mixed_dlq_only_the_job_that_was_mended_is_sent_back_and_it_is_done_under_its_first_id(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(1)
    with world.worker() as worker:
        original = world.enqueue(job(21))
        other = world.enqueue(job(22, "28/raw/photo/horizontal/never.jpg"))
        nameless = world.enqueue("no JSON")
        world.receiver.wait_for(2)
        wait_for_dead(world, 3)

        found = desk(world, "dlq", "ls")
        assert {one["message_id"] for one in found["messages"]} == {original, other, nameless}
        assert {one["code"] for one in found["messages"]} == {"VALIDATION_ERROR"}
        assert PHOTO in desk(world, "dlq", "show", original)["reason"]
        assert desk(world, "job", "28", "21", status=1)["state"] == "failed"

        world.upload(PHOTO, jpeg())
        sent = desk(world, "dlq", "requeue", "--job", "21")
        assert [one["message_id"] for one in sent["sent_back"]] == [original]
        world.receiver.wait_for(3)
        worker.wait_for_event("message deleted")

        done = desk(world, "job", "28", "21")
        assert done["state"] == "done"
        assert done["bucket"]["listing"] == {"uploads": 1, "processed": 4}
        assert [one["key"] for one in done["bucket"]["bundles"]] == ["28/processed/zip/28.zip"]
        dropped = desk(world, "dlq", "drop", "--ending", "permanent", "--yes")
        assert {one["message_id"] for one in dropped["dropped"]} == {other, nameless}
        assert desk(world, "dlq", "ls")["messages"] == []
    of_the_job = [it for it in world.receiver.callbacks if it.payload["jobId"] == 21]
    assert [it.payload["status"] for it in of_the_job] == ["VALIDATION_FAILED", "SUCCEEDED"]
    assert {it.payload["externalId"] for it in of_the_job} == {original}


def test_a_job_that_fails_again_tells_where_it_was_sent_back_and_a_single_message_is_dropped(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(1)
    with world.worker() as worker:
        original = world.enqueue(job(21))
        nameless = world.enqueue("no JSON")
        worker.wait_for_event("job failed for good", count=2)
        wait_for_dead(world, 2)
        desk(world, "dlq", "requeue", "--message", original)
        worker.wait_for_event("job failed for good", count=3)
        wait_for_dead(world, 2)

        told = [event["what"] for event in desk(world, "job", "28", "21", status=1)["timeline"]]
        assert len([what for what in told if what.startswith("sent back")]) == 1
        back = told.index("sent back to the queue")
        for life in told[:back], told[back:]:
            assert len([what for what in life if what.startswith("attempt 1 ended")]) == 1
        dropped = desk(world, "dlq", "drop", "--message", nameless, "--yes")
        assert [one["message_id"] for one in dropped["dropped"]] == [nameless]
        assert [one["job_id"] for one in desk(world, "dlq", "ls")["messages"]] == [21]


def test_a_message_of_an_owner_is_the_owners_in_the_dlq_and_sent_back_and_is_done(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(2)
    with world.worker():
        world.sqs.send_message(QueueUrl=world.queue_url, MessageBody=json.dumps(job(21)), MessageGroupId="owner-7")
        world.receiver.wait_for(1)  # before anybody else receives it
        wait_for_dead(world, 1)
    assert group_of_the_message_in(world, world.dlq_url) == "owner-7"
    desk(world, "dlq", "requeue", "--job", "21")
    assert group_of_the_message_in(world, world.queue_url) == "owner-7"
    world.upload(PHOTO, jpeg())
    with world.worker():
        world.receiver.wait_for(2)
        world.wait_until_settled()
    assert [it.payload["status"] for it in world.receiver.callbacks] == ["VALIDATION_FAILED", "SUCCEEDED"]


def group_of_the_message_in(world: World, queue_url: str) -> str | None:
    """The message stays visible; it has a receive less."""
    answer = world.sqs.receive_message(
        QueueUrl=queue_url, WaitTimeSeconds=5, VisibilityTimeout=0, MessageSystemAttributeNames=["MessageGroupId"]
    )
    (message,) = answer["Messages"]
    return message.get("Attributes", {}).get("MessageGroupId")
