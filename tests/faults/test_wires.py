"""Broken wires and refusals between the worker and everything it talks to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from devstack import scripted
from devstack.proxy import Proxy
from devstack.receiver import Answer, Hang
from devstack.scripted import SQS, AwsError, ScriptedEndpoint
from tests.e2e.world import World, jpeg

pytestmark = pytest.mark.faults
FAILED = "attempt failed; message left to the queue"
WAITING = "waiting for the end of an outage"


@pytest.fixture
def s3(world: World) -> Iterator[Proxy]:
    with Proxy(world.endpoint) as proxy:
        yield proxy


@pytest.fixture
def sqs(world: World) -> Iterator[Proxy]:
    with Proxy(world.endpoint) as proxy:
        yield proxy


@pytest.fixture
def backend(world: World) -> Iterator[Proxy]:
    with Proxy(world.receiver.url) as proxy:
        yield proxy


@pytest.fixture
def aws(world: World) -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(world.endpoint) as endpoint:
        yield endpoint


def enqueue(world: World, job_id: int = 1) -> None:
    """A job with one photo, for a listing of its own."""
    photo = world.upload(f"{job_id}/raw/photo/horizontal/a.jpg", jpeg(1600, 1200))
    world.enqueue({"jobId": job_id, "listingId": job_id, "assets": [photo]})


def check_done_once(world: World, jobs: int = 1) -> None:
    """So many jobs, the latest among them, are done, each with one callback."""
    callbacks = world.receiver.wait_for(jobs, timeout=60)
    world.wait_until_settled()
    assert len(world.receiver.callbacks) == jobs
    assert callbacks[-1].payload["jobId"] == jobs
    assert callbacks[-1].payload["status"] == "SUCCEEDED"
    assert set(callbacks[-1].payload["outputs"][0]["outputs"].values()) <= world.keys(f"{jobs}/processed/")


def test_one_that_lost_its_lease_neither_calls_back_nor_deletes(world: World, s3: Proxy, sqs: Proxy) -> None:
    s3.delay(0.4)  # so that the job outlives its lease
    urls = {"AWS_ENDPOINT_URL_S3": s3.url, "AWS_ENDPOINT_URL_SQS": sqs.url}
    with world.worker(await_start=True, VISIBILITY_TIMEOUT="3", **urls) as cut_off:
        enqueue(world)
        cut_off.wait_for_event("attempt begun")
        sqs.cut()
        with world.worker() as other:
            check_done_once(world)
            cut_off.wait_for_event("step ended early")
            assert other.events("message deleted")
        assert cut_off.events("lease lost")
        assert cut_off.events("step ended early")[0]["error"] == "LeaseLost"
        assert not cut_off.events("callback acknowledged")
        assert not cut_off.events("message deleted")
        sqs.heal()


def test_an_sqs_that_is_out_of_reach_for_a_moment_costs_nothing(world: World, sqs: Proxy) -> None:
    with world.worker(AWS_ENDPOINT_URL_SQS=sqs.url) as worker:
        for job_id, fault in enumerate((sqs.cut, sqs.reset, sqs.stall), 1):
            fault()
            enqueue(world, job_id)
            if fault != sqs.stall:
                worker.wait_for_event("receive failed", job_id)
                assert worker.get("/readyz")[0] == 503
                assert worker.get("/livez")[0] == 200
            sqs.heal()
            check_done_once(world, job_id)
            assert worker.get("/readyz")[0] == 200


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_an_s3_that_is_down_costs_no_attempt(world: World, s3: Proxy, fault: str) -> None:
    with world.worker(AWS_ENDPOINT_URL_S3=s3.url) as worker:
        getattr(s3, fault)()
        enqueue(world)
        worker.wait_for_event(WAITING, 3, timeout=60)
        s3.heal()
        check_done_once(world)
    assert [line["of"] for line in worker.events("outage begun")] == ["bucket"]
    assert worker.events("outage over")
    assert not worker.events(FAILED)


@pytest.mark.timeout(240)
def test_an_s3_that_is_down_for_a_minute_loses_nothing(make_world: Callable[[int], World]) -> None:
    world = make_world(5)  # as the template has it: three receives would be over by then
    with Proxy(world.endpoint) as s3, world.worker(AWS_ENDPOINT_URL_S3=s3.url) as worker:
        s3.cut()
        cut_at = time.monotonic()
        for job_id in (1, 2, 3):
            enqueue(world, job_id)
        worker.wait_for_event(WAITING, 3)
        assert worker.get("/livez")[0] == 200
        threading.Event().wait(cut_at + 60 - time.monotonic())
        s3.heal()
        callbacks = world.receiver.wait_for(3, timeout=100)
        world.wait_until_settled()
        assert not worker.events(FAILED)
    assert sorted(callback.payload["jobId"] for callback in callbacks) == [1, 2, 3]
    assert {callback.payload["status"] for callback in callbacks} == {"SUCCEEDED"}


@pytest.mark.timeout(240)
def test_a_receiver_that_is_down_costs_no_attempt(world: World, backend: Proxy) -> None:
    with world.worker(CALLBACK_URL=f"{backend.url}/callback") as worker:
        backend.cut()
        enqueue(world)
        worker.wait_for_event(WAITING, 3, timeout=90)
        backend.heal()
        made = world.written_at("1/processed/")
        check_done_once(world)
        assert world.written_at("1/processed/") == made, "only the callback is repeated"
        assert not worker.events(FAILED)


@pytest.mark.parametrize("fault", ["cut", "reset", "stall"])
def test_an_acknowledgement_that_is_lost_is_asked_for_again_under_the_same_id(
    world: World, backend: Proxy, fault: str
) -> None:
    world.receiver.plan(Hang(then=Answer(200)))
    with world.worker(CALLBACK_URL=f"{backend.url}/callback") as worker:
        enqueue(world)
        world.receiver.wait_for(1)
        getattr(backend, fault)()
        world.receiver.release()
        world.receiver.wait_for(lambda callbacks: callbacks[0].answered == 200)
        if fault == "stall":
            backend.cut()  # what was held up isn't delivered late, either
        backend.heal()
        first, again = world.receiver.wait_for(2)
        world.wait_until_settled()
        assert not worker.events(FAILED)
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body


def test_a_slow_line_to_s3_only_takes_longer(world: World, s3: Proxy) -> None:
    s3.slow_down(100_000)
    with world.worker(AWS_ENDPOINT_URL_S3=s3.url) as worker:
        enqueue(world)
        check_done_once(world)
        assert not worker.events(FAILED)


CURED = (
    ("HeadObject", scripted.SLOW_DOWN, 2),
    ("GetObject", scripted.INTERNAL_ERROR, 2),
    ("PutObject", scripted.SLOW_DOWN, 3),
    ("CompleteMultipartUpload", scripted.INTERNAL_ERROR, 2),
    (f"{SQS}ReceiveMessage", scripted.REQUEST_THROTTLED, 1),
    (f"{SQS}ReceiveMessage", scripted.KMS_THROTTLED, 1),
    (f"{SQS}ReceiveMessage", scripted.EXPIRED_TOKEN, 1),
    (f"{SQS}ReceiveMessage", scripted.QUEUE_DOES_NOT_EXIST, 1),
    (f"{SQS}ReceiveMessage", scripted.INTERNAL_ERROR, 2),
    (f"{SQS}DeleteMessage", scripted.REQUEST_THROTTLED, 2),
    (f"{SQS}DeleteMessage", scripted.INTERNAL_ERROR, 3),
)


def test_answers_that_a_retry_cures_cost_no_attempt(world: World, aws: ScriptedEndpoint) -> None:
    with world.worker(AWS_ENDPOINT_URL=aws.url) as worker:
        refused = 0
        for job_id, (operation, error, times) in enumerate(CURED, 1):
            aws.fail(operation, error, times)
            if operation.endswith("ReceiveMessage"):
                refused += times
                worker.wait_for_event("receive failed", refused)
            enqueue(world, job_id)
            check_done_once(world, job_id)
            assert aws.left(operation) == 0, (operation, error)
        assert not worker.events(FAILED)


@pytest.mark.parametrize(
    ("error", "tries"), [(scripted.EXPIRED_TOKEN, 1), (scripted.SLOW_DOWN, 4)], ids=["ExpiredToken", "SlowDown"]
)
def test_one_that_is_about_everybody_costs_no_attempt_either(
    world: World, aws: ScriptedEndpoint, error: AwsError, tries: int
) -> None:
    with world.worker(AWS_ENDPOINT_URL=aws.url) as worker:
        aws.fail("PutObject", error, tries)  # the first rendition, as often as boto3 tries
        enqueue(world)
        worker.wait_for_event("outage over", timeout=60)
        check_done_once(world)
        assert not worker.events(FAILED)


def test_one_that_may_be_about_this_job_costs_an_attempt_and_nothing_else(
    world: World, aws: ScriptedEndpoint
) -> None:
    with world.worker(AWS_ENDPOINT_URL=aws.url) as worker:
        aws.fail("PutObject", scripted.INTERNAL_ERROR, 4)  # the first rendition, as often as boto3 tries
        enqueue(world)
        worker.wait_for_event(FAILED, timeout=60)
        check_done_once(world)
    assert worker.events(FAILED)[0]["ending"] == "transient"
    assert not worker.events("outage begun")


@pytest.mark.parametrize(
    "error", [scripted.HANDLE_IS_INVALID, scripted.INTERNAL_ERROR], ids=lambda each: each.code
)
def test_a_heartbeat_that_is_refused_is_tried_again(world: World, aws: ScriptedEndpoint, error: AwsError) -> None:
    with Proxy(world.endpoint) as s3:
        s3.delay(0.3)
        urls = {"AWS_ENDPOINT_URL": aws.url, "AWS_ENDPOINT_URL_S3": s3.url}
        with world.worker(await_start=True, VISIBILITY_TIMEOUT="6", **urls) as worker:
            aws.fail(f"{SQS}ChangeMessageVisibilityBatch", error, 1)
            enqueue(world)
            check_done_once(world)
            assert aws.left(f"{SQS}ChangeMessageVisibilityBatch") == 0
            assert not worker.events(FAILED)
