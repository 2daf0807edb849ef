"""What a worker says at its start of the place in which it is to work."""

from __future__ import annotations

from tests.e2e.world import World


def test_what_is_wrong_with_the_queues_is_said_once_and_stops_nothing(world: World) -> None:
    world.sqs.set_queue_attributes(QueueUrl=world.dlq_url, Attributes={"MessageRetentionPeriod": "3600"})
    with world.worker() as worker:
        worker.wait_for_event("check failed")
        world.enqueue("no job at all")
        worker.wait_for_event("malformed message left to the DLQ")
        (said,) = worker.events("check failed")
    assert (said["check"], said["level"]) == ("DLQ: retention", "warning")
    assert all(said[name] for name in ("why", "means", "advice"))


def test_a_backend_whose_name_does_not_resolve_is_said_before_the_first_job(world: World) -> None:
    with world.worker(CALLBACK_URL="https://backend.invalid/callback") as worker:
        worker.wait_for_event("check failed")
        assert [said["check"] for said in worker.events("check failed")] == ["backend: connection"]
        worker.wait_ready(lambda: worker.get("/readyz")[0] == 200, 30)
