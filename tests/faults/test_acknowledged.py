"""What the backend acknowledged stays acknowledged, whatever can't be deleted or written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from devstack.scripted import INTERNAL_ERROR, SQS, AwsAnswer, ScriptedEndpoint, operation_of
from tests.e2e.world import World, jpeg

pytestmark = pytest.mark.faults
DELETE = f"{SQS}DeleteMessage"
REFUSED = 1000


class JournalsRefused(ScriptedEndpoint):
    """Refuses to write journals, while `refuses` is set."""

    refuses = True

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> AwsAnswer:  # type: ignore[override]
        journal = path.split("/")[-3:-1] == ["work", "21"] and operation_of(method, path, headers) == "PutObject"
        if journal and self.refuses:
            return INTERNAL_ERROR.answer("PutObject")
        return super().forward(method, path, headers, body)


@pytest.fixture
def aws(world: World) -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(world.endpoint) as endpoint:
        yield endpoint


def enqueue(world: World) -> str:
    photo = world.upload("28/raw/photo/horizontal/a.jpg", jpeg())
    return world.enqueue({"jobId": 21, "listingId": 28, "assets": [photo]})


def statuses(world: World) -> list[str]:
    return [callback.payload["status"] for callback in world.receiver.callbacks]


def test_a_job_whose_deletion_is_refused_until_after_its_last_receive_is_done_all_the_same(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(2)
    with ScriptedEndpoint(world.endpoint) as aws:
        aws.fail(DELETE, INTERNAL_ERROR, REFUSED)
        with world.worker(AWS_ENDPOINT_URL=aws.url, VISIBILITY_TIMEOUT="3") as worker:
            message_id = enqueue(world)
            worker.wait_for_event("message not deleted; it goes to the DLQ, though its job is done", timeout=120)
            assert world.dead_letter(20) == message_id
            assert len(worker.events("attempt begun")) == 1, "the second one found the job done"
            _, metrics = worker.get("/metrics")
            assert 'media_worker_jobs_total{outcome="SUCCEEDED"} 1.0' in metrics
    assert statuses(world) == ["SUCCEEDED"]
    assert world.journal(28, 21)["acknowledged"]["status"] == "SUCCEEDED"


def test_a_journal_that_cannot_be_written_keeps_no_message_from_being_deleted(world: World) -> None:
    with JournalsRefused(world.endpoint) as aws, world.worker(AWS_ENDPOINT_URL=aws.url) as worker:
        enqueue(world)
        worker.wait_for_event("message deleted")
        assert worker.events("the acknowledgement wasn't written to the journal")
        world.wait_until_settled()
    assert statuses(world) == ["SUCCEEDED"]
    assert world.keys("28/work/") == set()


def test_where_neither_journal_nor_deletion_go_through_the_callback_is_repeated_as_a_success(world: World) -> None:
    """Which the contract says. The third receive is the last; its attempt is no failure."""
    with JournalsRefused(world.endpoint) as aws:
        aws.fail(DELETE, INTERNAL_ERROR, REFUSED)
        with world.worker(AWS_ENDPOINT_URL=aws.url, VISIBILITY_TIMEOUT="3") as worker:
            enqueue(world)
            worker.wait_for_event("attempt begun", 3, timeout=90)
            world.receiver.wait_for(3)
            aws.refuses = False
            aws.forgive()
            world.wait_until_settled()
    assert statuses(world) == ["SUCCEEDED"] * 3
    assert len({callback.headers["webhook-id"] for callback in world.receiver.callbacks}) == 1


def test_a_first_receive_finds_that_another_delivery_was_faster(world: World, aws: ScriptedEndpoint) -> None:
    """SQS delivers a message twice now and then; the other delivery's worker wrote this journal."""
    message_id = enqueue(world)
    journal = {
        "version": 2,
        "messageId": message_id,
        "acknowledged": {"status": "PARTIAL_SUCCESS", "at": "2026-01-05T12:00:00Z"},
    }
    world.upload(f"28/work/21/{message_id}.json", json.dumps(journal).encode(), "application/json")
    with world.worker() as worker:
        worker.wait_for_event("message deleted")
        assert worker.events("message deleted")[0]["status"] == "PARTIAL_SUCCESS"
        world.wait_until_settled()
    assert world.receiver.callbacks == ()
