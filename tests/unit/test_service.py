from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.backend import PATIENCE, TRY_SECONDS
from adapters.decoders.children import LOOK_EVERY, START_SECONDS
from domain.errors import Transient
from domain.journal import Ended, Ending, Journal
from domain.model import Report, Status
from domain.settlement import RELEASE_DELAY
from tests.fakes import JPEG, MP4, NOW, FakeQueue, ManualClock
from tests.wiring import Fakes
from worker import handler, service
from worker.in_flight import STUCK_AFTER
from worker.settings import LONGEST_IMAGE_TIMEOUT

PHOTO = "28/raw/photo/horizontal/a.jpg"
VIDEO = "28/raw/video/vertical/v.mp4"
TIMEOUT = 30


class PatientQueue(FakeQueue):
    """A fake whose long poll waits for a message or for the test, as SQS does; and says when it is polled."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, 3)
        self.changed = threading.Condition()
        self.polls = 0
        self.open_polls = 0
        self.given_up = False
        self.heartbeats: list[threading.Thread] = []

    def send(self, body: str, **attributes: str) -> str:
        with self.changed:
            message_id = super().send(body, **attributes)
            self.changed.notify_all()
            return message_id

    def give_up(self) -> None:
        """End the open long poll with what there is, and every one to come at once."""
        with self.changed:
            self.given_up = True
            self.changed.notify_all()

    def receive(self, at_most: int, wait: int, visibility_timeout: int) -> list[Any]:
        with self.changed:
            self.polls += 1
            self.open_polls += 1
            self.changed.notify_all()
            try:
                self.changed.wait_for(lambda: self.given_up or self._visible(), TIMEOUT)
                return super().receive(at_most, wait, visibility_timeout)
            finally:
                self.open_polls -= 1

    def change_visibility(self, receipt_handles: Any, seconds: int) -> frozenset[str]:
        with self.changed:
            if threading.current_thread().name == "heartbeat":
                self.heartbeats.append(threading.current_thread())
            refused = super().change_visibility(receipt_handles, seconds)
            self.changed.notify_all()
            return refused

    def wait_for_poll(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.polls >= number, TIMEOUT)

    def _visible(self) -> bool:
        return any(held.visible_at <= self._clock() for held in self.held)


class RealClock(ManualClock):
    """Seconds that pass by themselves."""

    def __call__(self) -> float:
        return time.monotonic()


class World:
    def __init__(self, concurrency: int = 2, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.queue = PatientQueue(self.clock)
        around = Fakes(self.clock, self.queue)
        self.objects, self.backend, self.journals = around.objects, around.backend, around.journals
        self.metrics, self.transcoder, self.task = around.metrics, around.transcoder, around.task
        self.images = around.images
        worker = around.worker(concurrency)
        self.service, self.health, self.poller = worker.service, worker.health, worker.poller
        self.handler, self.in_flight, self.leases = worker.handler, worker.in_flight, worker.leases
        self.slots = worker.slots
        self.objects.put(PHOTO, JPEG)

    def send(self, job_id: int = 21) -> str:
        return self.queue.send(json.dumps({"jobId": job_id, "listingId": 28, "assets": [PHOTO]}))

    def send_video(self) -> str:
        """A job with a photo and a video."""
        self.objects.put(VIDEO, MP4, "video/mp4")
        return self.queue.send(json.dumps({"jobId": 21, "listingId": 28, "assets": [PHOTO, VIDEO]}))

    def ended(self) -> dict[str, list[Ending]]:
        """How attempts ended, by message."""
        journals = self.journals.journals
        return {
            key: [ended.ending for ended in journal.attempts]
            for key, journal in journals.items()
            if journal.attempts
        }

    def drain_in_background(self, grace: float = TIMEOUT) -> threading.Thread:
        thread = threading.Thread(target=self.service.shut_down, args=(grace,), daemon=True)
        thread.start()
        return thread


class Gate:
    """Holds callbacks until it is opened, and says when one has arrived."""

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, report: Report) -> None:
        self.arrived.release()
        assert self.opened.wait(TIMEOUT)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.arrived.acquire(timeout=TIMEOUT)


@contextmanager
def running(world: World) -> Iterator[Gate]:
    gate = Gate()
    world.backend.before = gate
    world.service.start()
    try:
        yield gate
    finally:
        gate.opened.set()
        world.queue.give_up()
        if not world.poller.stopping:
            world.service.shut_down(TIMEOUT)


def test_never_more_is_received_than_there_is_room_for() -> None:
    world = World(concurrency=3)
    for number in range(1, 6):
        world.send(number)
    with running(world) as gate:
        gate.wait_for(3)
        assert world.queue.receives == [3]
        assert len(world.in_flight.attempts) == 3
        gate.opened.set()
        gate.wait_for(2)
    assert len(world.queue.deleted) == 5
    assert max(world.queue.receives) <= 3


def test_a_place_reserved_for_nothing_is_free_again() -> None:
    world = World(concurrency=2)
    with running(world) as gate:
        world.queue.wait_for_poll(1)
        world.send(1)
        gate.wait_for(1)
        world.queue.wait_for_poll(2)
        assert world.queue.receives == [2]
        world.send(2)
        gate.wait_for(1)
    assert world.queue.receives[:2] == [2, 1]


def test_a_receive_that_fails_is_tried_again_and_shown() -> None:
    world = World()
    failures = iter([Transient("QueueDoesNotExist"), ZeroDivisionError("a bug")])

    def before(method: str) -> None:
        if method == "receive":
            for error in failures:
                assert world.health.live() == []
                raise error

    world.queue.before = before
    world.send()
    with running(world) as gate:
        gate.wait_for(1)
        assert world.health.ready() == []
    assert 'media_worker_receives_total{result="failed"} 2.0' in world.metrics.render().decode()


def test_draining_waits_for_the_open_poll_and_gives_back_what_it_brings() -> None:
    world = World()
    with running(world):
        world.queue.wait_for_poll(1)
        drainer = world.drain_in_background()
        while not world.poller.stopping:
            time.sleep(0)
        message_id = world.send()
        drainer.join(TIMEOUT)
        assert not drainer.is_alive()
    (held,) = world.queue.held
    assert held.visible_at == world.clock() + RELEASE_DELAY
    assert world.queue.polls == 1, "no poll of ours could have got it again"
    assert world.journals.journals[message_id].attempts[0].ending is Ending.RELEASED
    assert world.backend.reports == []


def test_draining_waits_until_what_the_open_poll_brought_is_shown_and_written_down() -> None:
    world = World()
    writing, release = threading.Event(), threading.Event()

    def slow(method: str) -> None:
        writing.set()
        assert release.wait(TIMEOUT)

    world.journals.before = slow
    with running(world):
        world.queue.wait_for_poll(1)
        drainer = world.drain_in_background()
        while not world.poller.stopping:
            time.sleep(0)
        message_id = world.send()
        assert writing.wait(TIMEOUT)
        (held,) = world.queue.held
        assert held.visible_at == world.clock() + RELEASE_DELAY
        drainer.join(0.2)
        assert drainer.is_alive(), "whoever gets it wants to read its journal"
        release.set()
        drainer.join(TIMEOUT)
        assert not drainer.is_alive()
    assert world.ended() == {message_id: [Ending.RELEASED]}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after the grace period, a twentieth of it."""
    for module, name in ((service, "LAST_SECONDS"), (service, "LAST_CALLBACK"), (handler, "LAST_LOOK")):
        monkeypatch.setattr(module, name, getattr(module, name) / 20)


@pytest.mark.usefixtures("hurried")
def test_the_process_ends_in_time_whatever_hangs() -> None:
    """The bucket, the backend and the open poll: the jobs on their last receive can't be reported."""
    world = World(9, RealClock())
    hang = threading.Event()
    rendering = threading.Semaphore(0)

    def bucket(method: str, key: str) -> None:
        if method == "write":
            rendering.release()
            hang.wait(TIMEOUT)

    def journals(method: str) -> None:
        if rendering_began.is_set():
            hang.wait(TIMEOUT)

    rendering_began = threading.Event()
    world.objects.before = bucket
    world.journals.before = journals
    ids = [world.send(number) for number in range(1, 9)]
    for held in world.queue.held[:3]:
        held.receive_count = 2
    with running(world) as gate:
        for _ in ids:
            assert rendering.acquire(timeout=TIMEOUT)
        rendering_began.set()
        began = time.monotonic()
        world.service.shut_down(0.1)
        took = time.monotonic() - began
        shown = [held.message_id for held in world.queue.held if held.visible_at <= world.clock() + RELEASE_DELAY]
        gate.opened.set()
        hang.set()
    assert took < 0.1 + 10 / 20 + 1
    assert shown == ids[3:]


@pytest.mark.usefixtures("hurried")
def test_a_failure_callback_has_what_is_left_of_the_time() -> None:
    """Though the bucket hangs."""
    world = World(2, RealClock())
    hang, rendering = threading.Event(), threading.Event()

    def bucket(method: str, key: str) -> None:
        if method == "write":
            rendering.set()
            hang.wait(TIMEOUT)

    def journal(method: str) -> None:
        hang.wait(TIMEOUT)

    world.objects.before = bucket
    message_id = world.send()
    world.queue.held[0].receive_count = 2
    with running(world) as gate:
        assert rendering.wait(TIMEOUT)
        world.journals.before = journal
        gate.opened.set()
        world.queue.give_up()
        world.service.shut_down(0)
        hang.set()
    assert [report.status for report in world.backend.reports] == [Status.PROCESSING_FAILED]
    assert world.queue.held[0].message_id == message_id


def test_what_the_poll_brings_when_the_grace_period_is_over_is_not_begun() -> None:
    world = World()
    with running(world) as gate:
        gate.opened.set()
        world.queue.wait_for_poll(1)
        world.poller.stop()
        world.in_flight.stop()
        with world.queue.changed:
            message_id = world.send()
            world.queue.held[0].receive_count = 2
        world.service.shut_down(TIMEOUT)
    assert world.images.rendered == []
    assert [report.status for report in world.backend.reports] == [Status.PROCESSING_FAILED]
    assert world.ended() == {message_id: [Ending.RELEASED]}


def test_draining_tries_a_message_on_its_last_receive_instead_of_sending_it_to_the_dlq() -> None:
    world = World()
    with running(world) as gate:
        world.queue.wait_for_poll(1)
        drainer = world.drain_in_background()
        while not world.poller.stopping:
            time.sleep(0)
        with world.queue.changed:
            message_id = world.send()
            world.queue.held[0].receive_count = 2
            earlier = Ended(1, NOW, Ending.TRANSIENT, "S3 was down")
            world.journals.journals[message_id] = Journal((earlier,))
        gate.opened.set()
        drainer.join(TIMEOUT)
    assert world.queue.deleted == [message_id]


def test_draining_gives_back_what_only_waits_for_a_video_once_no_poll_of_ours_could_get_it() -> None:
    world = World()
    world.transcoder.results["t-1"] = None
    message_id = world.send_video()
    with running(world):
        while b"media_worker_waiting 1.0" not in world.metrics.render():
            time.sleep(0.01)
        drainer = world.drain_in_background(grace=1000)
        while not world.poller.stopping:
            time.sleep(0)
        drainer.join(0.2)
        assert message_id not in world.ended(), "the poll is open"
        world.queue.give_up()
        drainer.join(TIMEOUT)
        assert not drainer.is_alive()
    (held,) = world.queue.held
    assert held.visible_at == world.clock() + RELEASE_DELAY
    assert world.ended()[message_id] == [Ending.RELEASED]
    assert world.backend.reports == []


def test_a_job_that_waits_for_a_video_protects_the_task_until_it_has_it() -> None:
    world = World()
    world.transcoder.results["t-1"] = None
    world.send_video()
    with running(world) as gate:
        gate.opened.set()
        while world.task.asked != [15]:
            time.sleep(0.01)
        del world.transcoder.results["t-1"]
        world.clock.advance(10)
        while world.task.asked != [15, 0]:
            time.sleep(0.01)
        gate.wait_for(1)


def test_a_job_without_a_video_leaves_the_task_alone() -> None:
    world = World()
    world.send()
    with running(world) as gate:
        gate.opened.set()
        gate.wait_for(1)
    assert world.task.asked == []


def test_draining_lets_a_video_on_its_last_receive_have_half_of_the_grace_period() -> None:
    world = World()
    world.transcoder.results["t-1"] = None
    message_id = world.send_video()
    world.queue.held[0].receive_count = 2
    world.journals.journals[message_id] = Journal((Ended(1, NOW, Ending.TRANSIENT, "S3 was down"),))
    with running(world) as gate:
        gate.opened.set()
        while b"media_worker_waiting 1.0" not in world.metrics.render():
            time.sleep(0.01)
        world.queue.give_up()
        drainer = world.drain_in_background(grace=50)
        for _ in range(60):
            drainer.join(0.1)
            world.clock.advance(1 if drainer.is_alive() else 0)
        assert not drainer.is_alive()
    assert [report.status for report in world.backend.reports] == [Status.PARTIAL_SUCCESS]
    assert world.queue.deleted == [message_id]


def test_a_full_worker_stops_to_receive_at_once() -> None:
    world = World(concurrency=1)
    world.send()
    with running(world) as gate:
        gate.wait_for(1)
        stopper = threading.Thread(target=world.poller.stop, daemon=True)
        stopper.start()
        stopper.join(2)
        assert not stopper.is_alive(), "it waits for a place"
        gate.opened.set()
        world.service.shut_down(TIMEOUT)


def test_draining_lets_a_job_in_flight_finish() -> None:
    world = World()
    world.send()
    with running(world) as gate:
        gate.wait_for(1)
        world.queue.give_up()
        drainer = world.drain_in_background()
        gate.opened.set()
        drainer.join(TIMEOUT)
        assert not drainer.is_alive()
    assert world.queue.deleted == ["m-1"]


def test_draining_keeps_the_leases_until_the_jobs_have_ended_and_no_longer() -> None:
    world = World()
    world.send()
    with running(world) as gate:
        gate.wait_for(1)
        world.queue.give_up()
        drainer = world.drain_in_background(grace=1000)
        while not world.poller.stopping:
            time.sleep(0)
        world.clock.advance(25)
        with world.queue.changed:
            assert world.queue.changed.wait_for(lambda: world.queue.heartbeats, TIMEOUT)
        (held,) = world.queue.held
        assert held.visible_at == world.clock() + 60
        gate.opened.set()
        drainer.join(TIMEOUT)
    heartbeat = world.queue.heartbeats[0]
    heartbeat.join(TIMEOUT)
    assert not heartbeat.is_alive()


def test_draining_lets_the_callback_of_a_failure_end_beyond_the_grace_period() -> None:
    world = World()
    message_id = world.queue.send(json.dumps({"jobId": 21, "listingId": 28, "assets": ["28/raw/photo/none.jpg"]}))
    world.queue.held[0].receive_count = 2
    world.journals.journals[message_id] = Journal((Ended(1, NOW, Ending.TRANSIENT, "S3 was down"),))
    with running(world) as gate:
        gate.wait_for(1)
        (attempt,) = world.in_flight.attempts
        assert attempt.progress.current_step == "callback"
        world.queue.give_up()
        drainer = world.drain_in_background(grace=0)
        drainer.join(10 * service.LAST_MOMENT)
        assert drainer.is_alive(), "the backend may have received it already"
        gate.opened.set()
        drainer.join(TIMEOUT)
        assert not drainer.is_alive()
    assert [report.status for report in world.backend.reports] == [Status.VALIDATION_FAILED]


@pytest.mark.usefixtures("hurried")
def test_a_callback_that_never_ends_is_given_back_in_the_end() -> None:
    world = World()
    message_id = world.send()
    with running(world) as gate:
        gate.wait_for(1)
        world.queue.give_up()
        world.service.shut_down(0)
        (held,) = world.queue.held
        assert held.visible_at == world.clock() + RELEASE_DELAY
        assert world.ended() == {message_id: [Ending.RELEASED]}


def test_a_message_whose_handling_raises_comes_back_when_its_lease_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    raised = threading.Event()

    def bug(lease: object) -> None:
        raised.set()
        raise ZeroDivisionError

    monkeypatch.setattr(world.handler, "handle", bug)
    world.send()
    with running(world):
        assert raised.wait(TIMEOUT)
    (held,) = world.queue.held
    due = held.visible_at
    world.clock.advance(25)
    world.leases.beat()
    assert held.visible_at == due, "nobody extends its lease"


def test_a_job_that_outlives_the_grace_period_is_given_back_at_once() -> None:
    """It hangs in its rendering, where no checkpoint can end it."""
    world = World()
    world.send()
    hanging, release = threading.Event(), threading.Event()

    def hang(method: str, key: str) -> None:
        if method == "write":
            hanging.set()
            release.wait(TIMEOUT)

    world.objects.before = hang
    with running(world):
        assert hanging.wait(TIMEOUT)
        world.queue.give_up()
        world.service.shut_down(0)
        (held,) = world.queue.held
        assert held.visible_at == world.clock() + RELEASE_DELAY
        release.set()
    assert world.journals.journals["m-1"].attempts[0].ending is Ending.RELEASED
    assert world.backend.reports == []
    assert world.queue.deleted == []


def test_a_stuck_job_does_not_wait_for_a_callback_under_way_to_be_given_back() -> None:
    world = World()
    other = world.objects.put("28/raw/photo/horizontal/b.jpg", JPEG + b" two")
    hanging, release = threading.Event(), threading.Event()

    def hang(method: str, key: str) -> None:
        if method == "write" and key.endswith("b.jpg"):
            hanging.set()
            release.wait(TIMEOUT)

    world.objects.before = hang
    world.send(1)
    world.queue.send(json.dumps({"jobId": 2, "listingId": 28, "assets": [other]}))
    with running(world) as gate:
        gate.wait_for(1)
        assert hanging.wait(TIMEOUT)
        world.queue.give_up()
        drainer = world.drain_in_background(grace=0)
        with world.queue.changed:
            given_back = world.queue.changed.wait_for(
                lambda: any(held.visible_at == world.clock() + RELEASE_DELAY for held in world.queue.held), TIMEOUT
            )
        assert given_back
        assert world.queue.deleted == [], "the callback is still under way"
        gate.opened.set()
        release.set()
        drainer.join(TIMEOUT)
    assert world.queue.deleted == ["m-1"]


def test_liveness_shows_a_stuck_poller_within_90_seconds() -> None:
    world = World()
    with running(world):
        world.queue.wait_for_poll(1)
        world.clock.advance(60)
        world.leases.beat()
        assert world.health.live() == []
        world.clock.advance(30)
        problems = world.health.live()
        assert any("poll" in line for line in problems)
        assert world.health.answer("/livez")[0] == 503


def test_liveness_shows_a_job_without_progress() -> None:
    world = World()
    world.send()
    with running(world) as gate:
        gate.wait_for(1)
        assert world.health.live() == []
        world.clock.advance(601)
        assert any("job 21" in line for line in world.health.live())


def test_a_job_that_hangs_past_its_deadline_is_stuck() -> None:
    world = World()
    world.send()
    with running(world) as gate:
        gate.wait_for(1)
        world.clock.advance(600 + STUCK_AFTER - 1)
        assert not world.service.stuck()
        world.clock.advance(1)
        assert world.service.stuck()


def test_a_try_at_the_callback_and_the_pause_after_it_are_over_before_a_job_is_stuck() -> None:
    assert STUCK_AFTER > TRY_SECONDS + PATIENCE


def test_a_picture_has_its_child_and_is_rendered_before_its_job_is_stuck() -> None:
    """There is a checkpoint between the two."""
    assert max(START_SECONDS, LONGEST_IMAGE_TIMEOUT) + LOOK_EVERY < STUCK_AFTER


def test_a_job_past_its_deadline_that_still_tells_the_backend_why_is_not_stuck() -> None:
    world = World()
    world.send()
    with running(world) as gate:
        gate.wait_for(1)
        (attempt,) = world.in_flight.attempts
        for _ in range(40):
            world.clock.advance(20)
            world.leases.beat()
            attempt.progress.note()
        assert not world.service.stuck()


def test_readiness_follows_the_queue_and_the_shutdown() -> None:
    world = World()
    assert world.health.answer("/readyz")[0] == 503
    world.send()
    with running(world) as gate:
        gate.wait_for(1)
        assert world.health.answer("/readyz")[0] == 200
        gate.opened.set()
        world.queue.give_up()
        world.service.shut_down(TIMEOUT)
        assert world.health.answer("/readyz")[0] == 503
        assert world.health.answer("/livez")[0] == 200, "a process that drains must not be killed for it"
