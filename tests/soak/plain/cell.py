"""One cell of the table: a consumer lives through one fault with a few jobs."""

from __future__ import annotations

import re
import time
from pathlib import Path

from devstack.receiver import Receiver
from tests.e2e.world import SECRET, World, jpeg
from tests.soak.plain.consumers import RECEIVES, Consumer
from tests.soak.plain.counting import NAMELESS, Counts, Evidence, count
from tests.soak.plain.crew import PLACES, Crew
from tests.soak.plain.outside import Aws, told
from tests.soak.plain.rows import BAD, Bad, Row
from tests.soak.plain.stage import Stage
from tests.soak.record import DELETE, LEASE, Record

GOOD = tuple(range(1, 11))
START = 120.0
AFTERWARDS = 3.0
"""Seconds in which a callback may still come after the queue is empty."""


def play(row: Row, consumer: Consumer, endpoint: str, scratch: Path) -> Counts:
    record = Record()
    with Receiver(SECRET) as receiver, Aws(endpoint, record) as aws:
        world = World(endpoint, receiver, scratch, RECEIVES)
        world.sqs.set_queue_attributes(QueueUrl=world.queue_url, Attributes={"VisibilityTimeout": f"{LEASE:.0f}"})
        targets = {"S3": aws.url, "SQS": aws.url, "receiver": receiver.url.removesuffix("/callback")}
        crew = Crew(consumer, world, targets, record, scratch)
        stage = Stage(aws, receiver, crew)
        with crew.running():
            _wait_for_pollers(stage)
            row.arrange(stage)
            _send(world, consumer, row.bad)
            aws.opened.set()
            _live_through(stage, world, row.limit)
        return count(_evidence(world, stage, record, row.bad))


def _wait_for_pollers(stage: Stage) -> None:
    deadline = time.time() + START
    while len(stage.aws.pollers) < PLACES:
        stage.tick()
        if time.time() > deadline:
            raise TimeoutError("the consumer doesn't poll")


def _send(world: World, consumer: Consumer, bad: Bad) -> None:
    if bad is Bad.MALFORMED:
        world.enqueue("no job at all")
    jobs = [_job(world, number, jpeg()) for number in GOOD]
    if bad is Bad.POISON:
        jobs.insert(0, _job(world, BAD, jpeg() + b"POISON"))
    elif bad is Bad.DISLIKED:
        jobs.insert(0, _job(world, BAD, jpeg()))
    consumer.send(world, jobs)


def _job(world: World, number: int, photo: bytes) -> dict[str, object]:
    keys = [world.upload(f"{number}/raw/photo/vertical/{name}.jpg", photo) for name in "ab"]
    return {"jobId": number, "listingId": number, "assets": keys}


def _live_through(stage: Stage, world: World, limit: float) -> None:
    """Until the queue is empty and the fault over, or the row's limit is reached."""
    deadline = time.time() + limit
    empty_since: float | None = None
    while time.time() < deadline:
        stage.tick()
        if world.depth(world.queue_url) or not stage.calm:
            empty_since = None
        elif empty_since is None:
            empty_since = time.time()
        elif time.time() - empty_since > AFTERWARDS:
            return


def _evidence(world: World, stage: Stage, record: Record, bad: Bad) -> Evidence:
    keys = world.keys()
    named = {each.handle: int(each.listing or NAMELESS) for each in record.deliveries}
    return Evidence(
        good=GOOD,
        bad={Bad.NONE: None, Bad.MALFORMED: NAMELESS}.get(bad, BAD),
        deliveries=record.deliveries,
        signs=[*stage.aws.signs, *told(stage.receiver.callbacks)],
        whole={number for number in GOOD if _outputs(number) <= keys},
        dead=_dead(world),
        deleted={named[each.about] for each in record.requests if each.operation == DELETE and each.status == 200},
        since=stage.since,
        until=time.time(),
    )


def _outputs(number: int) -> set[str]:
    photos = {f"{number}/processed/photo/vertical/large/{name}.jpg" for name in "ab"}
    return photos | {f"{number}/processed/zip/{number}.zip"}


def _dead(world: World) -> set[int]:
    """The jobs in the DLQ, NAMELESS for what names none."""
    found: set[int] = set()
    while messages := world.sqs.receive_message(
        QueueUrl=world.dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=3600
    ).get("Messages", []):
        for message in messages:
            named = re.search(r"listingId\W+(\d+)", message["Body"])
            found.add(int(named[1]) if named else NAMELESS)
    return found
