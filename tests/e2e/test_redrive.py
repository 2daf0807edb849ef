"""The way back from the DLQ; and maxReceiveCount, changed while a worker runs.

It is looked at each minute, which is made shorter here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.e2e.world import World, jpeg
from worker import redrive
from worker.cli import main

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

PHOTO = "28/raw/photo/horizontal/none.jpg"
MISSING = {"jobId": 21, "listingId": 28, "assets": [PHOTO]}


def set_max_receive_count(world: World, count: int) -> None:
    queue = world.queue_url
    attributes = world.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    policy = json.loads(attributes["RedrivePolicy"])
    world.sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps({**policy, "maxReceiveCount": count})}
    )


@pytest.mark.parametrize(("count", "receive"), [(1, 1), (4, 4)], ids=["lowered", "raised"])
def test_a_max_receive_count_changed_at_run_time_says_when_the_backend_is_told(
    world: World, count: int, receive: int
) -> None:
    with world.worker("tests.e2e.test_redrive") as worker:
        set_max_receive_count(world, count)
        worker.wait_for_event("maxReceiveCount was changed")
        message_id = world.enqueue(MISSING)
        assert world.dead_letter() == message_id
        assert [line["receive_count"] for line in worker.events("attempt begun")] == list(range(1, receive + 1))
    (callback,) = world.receiver.callbacks
    assert callback.payload["status"] == "VALIDATION_FAILED"


def dead(world: World) -> MessageTypeDef:
    """The message that arrives in the DLQ, which another look finds again."""
    for _ in range(10):
        answer = world.sqs.receive_message(QueueUrl=world.dlq_url, WaitTimeSeconds=2, VisibilityTimeout=0)
        if messages := answer.get("Messages"):
            return messages[0]
    raise TimeoutError("nothing came to the DLQ in 20 s")


def send_back(world: World, original: str) -> str:
    """What `media-worker dlq requeue` does with the one message of the DLQ; returns the new message's id."""
    message = dead(world)
    again = world.enqueue(json.loads(message["Body"]), OriginalMessageId=original)
    world.sqs.delete_message(QueueUrl=world.dlq_url, ReceiptHandle=message["ReceiptHandle"])
    return again


def test_a_job_sent_back_from_the_dlq_keeps_its_id_and_is_told_only_what_is_new(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(2)
    with world.worker() as worker:
        original = world.enqueue(MISSING)
        assert dead(world)["MessageId"] == original
        again = send_back(world, original)
        assert dead(world)["MessageId"] == again
        told = [callback.payload["status"] for callback in world.receiver.callbacks]
        assert told == ["VALIDATION_FAILED"], "a failure that was told isn't told again"
        world.upload(PHOTO, jpeg())
        third = send_back(world, original)
        worker.wait_for_event("message deleted")
        fourth = world.enqueue(MISSING, OriginalMessageId=original)
        worker.wait_for_event("message deleted", 2)
        world.wait_until_settled()
    failed, done = world.receiver.callbacks
    assert (failed.payload["status"], done.payload["status"]) == ("VALIDATION_FAILED", "SUCCEEDED")
    assert failed.payload["externalId"] == done.payload["externalId"] == original
    assert [one["message_id"] for one in worker.events("message deleted")] == [third, fourth]
    begun = [(one["message_id"], one["receive_count"]) for one in worker.events("attempt begun")]
    assert begun == [(original, 1), (original, 2), (again, 1), (again, 2), (third, 1)]
    journal = world.journal(28, 21)
    assert [(one["number"], one["step"]) for one in journal["attempts"]] == [
        (1, "consolidate"), (2, "consolidate"), (1, "consolidate"), (2, "consolidate"),
    ]  # fmt: skip
    assert {one["original_message_id"] for one in worker.events("attempt begun")[2:]} == {original}


if __name__ == "__main__":
    redrive.LOOK_EVERY = 0.5
    sys.exit(main(["run"]))
