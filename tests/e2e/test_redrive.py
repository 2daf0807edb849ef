"""maxReceiveCount, changed while a worker runs. It is looked at each minute, which is made shorter here."""

from __future__ import annotations

import json
import sys

import pytest

from tests.e2e.world import World
from worker import redrive
from worker.cli import main

MISSING = {"jobId": 21, "listingId": 28, "assets": ["28/raw/photo/horizontal/none.jpg"]}


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


if __name__ == "__main__":
    redrive.LOOK_EVERY = 0.5
    sys.exit(main(["run"]))
