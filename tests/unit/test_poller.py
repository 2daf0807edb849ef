"""The poller's thread: when it receives, what it looks at, and how it ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from domain.errors import Transient
from domain.journal import Ended, Ending, Journal
from domain.model import Status
from domain.queue import Message
from domain.settlement import RELEASE_DELAY
from tests.fakes import NOW
from tests.unit.test_service import TIMEOUT, World, running
from worker import poller
from worker.lease import Lease

MISSING = {"jobId": 21, "listingId": 28, "assets": ["28/raw/photo/none.jpg"]}


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def without_threads(monkeypatch: pytest.MonkeyPatch, names: set[str]) -> None:
    """No thread of these names can be started, as where the process has all that it may have."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name in names:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


def send_together(world: World, count: int) -> list[str]:
    """So many messages that one receive brings."""
    with world.queue.changed:
        return [world.send(number) for number in range(1, count + 1)]


def test_a_thread_that_cannot_be_started_ends_the_process_and_gives_the_messages_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(concurrency=3)
    without_threads(monkeypatch, {"m-2"})
    with capture_logs() as log, running(world) as gate:
        started, refused, next_one = send_together(world, 3)
        wait_until(world.service.stuck)
        wait_until(lambda: len(world.ended()) == 2)
        assert world.ended() == {refused: [Ending.RELEASED], next_one: [Ending.RELEASED]}
        visible = {held.message_id: held.visible_at for held in world.queue.held}
        assert visible[refused] == visible[next_one] == world.clock() + RELEASE_DELAY, "another worker gets them"
        world.clock.advance(25)
        world.leases.beat()
        assert visible[refused] == world.queue.held[1].visible_at, "nobody extends its lease"
        gate.opened.set()
        world.service.shut_down(TIMEOUT)
    assert world.queue.deleted == [started]
    assert [line["log_level"] for line in log if line["event"] == "the poller failed; the process ends"] == [
        "critical"
    ]


def test_a_message_on_its_last_receive_that_gets_no_thread_is_worked_on_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    without_threads(monkeypatch, {"m-1", "m-2"})
    with running(world) as gate:
        gate.opened.set()
        with world.queue.changed:
            last, first = send_together(world, 2)
            world.queue.held[0].receive_count = 2
            world.journals.journals[last] = Journal((Ended(1, NOW, Ending.TRANSIENT, "S3 was down"),))
        wait_until(lambda: world.queue.deleted == [last])
        assert world.ended()[first] == [Ending.RELEASED]
        wait_until(world.service.stuck)
    assert [report.status for report in world.backend.reports] == [Status.SUCCEEDED]


def test_a_bug_in_the_poller_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def bug(at_most: int, timeout: float) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(world.slots, "reserve", bug)
    with running(world):
        wait_until(world.service.stuck)


def test_while_the_heartbeat_is_ill_nothing_is_received_and_the_poller_is_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poller, "LOOK_EVERY", 0.01)
    world = World()
    broken = True

    def fail(method: str) -> None:
        if method == "change_visibility" and broken:
            raise Transient("SQS is down")

    world.queue.before = fail
    world.leases.open(Message("m-0", "h-0", "{}", 1, {}), world.clock())
    world.clock.advance(20)
    world.leases.beat()
    with capture_logs() as log, running(world) as gate:
        world.send()
        for _ in range(3):
            world.clock.advance(1)
            wait_until(lambda: world.poller.polled_at == world.clock())
        assert world.queue.polls == 0
        assert "leases aren't extended: SQS is down" in world.health.ready()
        assert world.health.live() == []
        broken = False
        world.leases.beat()
        gate.wait_for(1)
        assert world.health.ready() == []
    said = [line["event"] for line in log if line["log_level"] == "warning" or "heartbeat" in line["event"]]
    assert said.count("nothing is received until leases are extended again") == 1
    assert said[-1] == "the heartbeat is well again"


def test_a_poller_does_not_wait_for_the_heartbeat_to_stop() -> None:
    world = World()
    world.leases.open(Message("m-0", "h-0", "{}", 1, {}), world.clock())
    world.clock.advance(30)
    assert world.leases.ill
    world.poller.start()
    stopper = threading.Thread(target=world.poller.stop, daemon=True)
    stopper.start()
    stopper.join(10)
    assert not stopper.is_alive()


def test_max_receive_count_is_looked_at_while_all_places_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def none(at_most: int, timeout: float) -> int:
        assert timeout <= 5
        time.sleep(0.01)
        return 0

    monkeypatch.setattr(world.slots, "reserve", none)
    with running(world):
        world.queue.redrive_after = 7
        world.clock.advance(60)
        wait_until(lambda: world.queue.max_receive_count == 7)


@pytest.mark.parametrize(("redrive_after", "told"), [(1, [Status.VALIDATION_FAILED]), (1_000_000, [])])
def test_a_max_receive_count_that_is_changed_counts_for_a_job_in_hand(
    redrive_after: int, told: list[Status]
) -> None:
    """Lowered, or raised, while a job that can't succeed is at its first, or its last receive.

    A raised one is out of reach: the message comes back at once, again and again.
    """
    world = World()
    looking, release = threading.Event(), threading.Event()

    def hang(method: str, key: str) -> None:
        if method == "head":
            looking.set()
            assert release.wait(TIMEOUT)

    world.objects.before = hang
    with running(world) as gate:
        gate.opened.set()
        with world.queue.changed:
            message_id = world.queue.send(json.dumps(MISSING))
            world.queue.held[0].receive_count = 0 if told else 2
            world.journals.journals[message_id] = Journal((Ended(1, NOW, Ending.TRANSIENT, "S3 was down"),))
        assert looking.wait(TIMEOUT)
        world.queue.redrive_after = redrive_after
        for _ in range(3):
            world.clock.advance(20)
            world.leases.beat()
        world.leases.redrive.look()
        wait_until(lambda: world.queue.max_receive_count == redrive_after)  # the poller may be looking just now
        release.set()
        wait_until(lambda: world.in_flight.attempts == [])
    assert [report.status for report in world.backend.reports] == told


def test_it_is_ready_as_soon_as_its_first_poll_is_out() -> None:
    world = World()
    assert world.health.answer("/readyz") == (503, b"the last poll of the queue failed, or none is out yet\n")
    with running(world):
        world.queue.wait_for_poll(1)
        assert world.queue.open_polls == 1
        assert world.health.answer("/readyz") == (200, b"ok\n")


def test_it_is_not_ready_while_its_first_poll_failed() -> None:
    world = World()
    failing = iter([True, True])
    refused = threading.Event()

    def before(method: str) -> None:
        if method == "receive" and next(failing, False):
            raise Transient("no rights to receive")
        if method == "receive":
            refused.set()

    world.queue.before = before
    world.queue.given_up = True
    seen: list[int] = []
    receive = world.leases.receive

    def look_first(at_most: int) -> list[Lease]:
        seen.append(world.health.answer("/readyz")[0])
        return receive(at_most)

    world.leases.receive = look_first  # type: ignore[method-assign]
    with running(world):
        assert refused.wait(TIMEOUT)
        wait_until(lambda: world.health.answer("/readyz")[0] == 200)
    assert seen[:3] == [200, 503, 503], "the first poll, and two after one that failed"
