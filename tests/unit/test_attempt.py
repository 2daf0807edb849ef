"""An attempt that waits for videos."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from domain.errors import Interrupted, LeaseLost, Stopped, Transient
from domain.keys import parse_raw
from domain.kinds import AssetType
from domain.model import Job, Source, Transcoding, TranscodingResult
from tests.fakes import NOW, threads
from tests.wiring import VISIBILITY, fakes
from worker.attempt import Attempt

TIMEOUT = 100
VIDEO = Transcoding("28/raw/video/v.mp4", "e1", "t-1")


class World:
    """One attempt that has a place, and a transcoder with a video that goes on."""

    def __init__(self, last: bool = False, timeout: float = TIMEOUT) -> None:
        around = fakes(max_receives=1 if last else 2)
        self.clock, self.journals = around.clock, around.journals
        self.metrics, self.transcoder = around.metrics, around.transcoder
        self.transcoder.results["t-1"] = None
        worker = around.worker(concurrency=1, job_timeout=timeout)
        self.watcher, self.leases, self.slots = worker.watcher, worker.leases, worker.slots
        around.queue.send("{}")
        (message,) = around.queue.receive(1, 0, VISIBILITY)
        self.slots.occupy(self.slots.reserve(1, timeout=0), 1)
        lease = self.leases.open(message, self.clock())
        self._under_way = worker.in_flight.begun(Job(21, 28, "m-1"), lease, NOW)
        self.attempt = self._under_way.__enter__()

    @contextmanager
    def waiting(self) -> Iterator[list[Any]]:
        """The attempt waits while the block goes on; what came of it is in the list after that."""
        got: list[Any] = []
        thread = threading.Thread(target=lambda: got.append(self._wait()), daemon=True)
        thread.start()
        while not self.watcher._waits:
            pass
        yield got
        thread.join(10)
        assert not thread.is_alive(), "it waits for ever"

    def _wait(self) -> object:
        try:
            with self.attempt.idle():
                return self.attempt.wait_for(["t-1"])
        except Interrupted as error:
            return type(error)

    def still_waits(self) -> bool:
        """Whether nothing has told it to wake up."""
        return bool(self.watcher._waiting())

    def let_pass(self, seconds: int) -> None:
        """Time in which the heartbeat and the watcher do what they do."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.leases.beat()
            self.watcher.turn()


@pytest.fixture
def world() -> World:
    return World()


def test_it_ends_with_the_video(world: World) -> None:
    with world.waiting() as got:
        world.transcoder.results["t-1"] = TranscodingResult(True)
        world.let_pass(1)
    assert got == [{"t-1": TranscodingResult(True)}]


def test_it_holds_no_place_meanwhile_but_its_lease(world: World) -> None:
    with world.waiting():
        assert world.slots.reserve(1, timeout=0) == 1
        assert b"media_worker_waiting 1.0" in world.metrics.render()
        world.slots.occupy(1, 0)
        world.let_pass(70)
        assert world.leases.holds(world.attempt.lease)
        world.attempt.stop()
    assert world.slots.reserve(1, timeout=0) == 0
    assert b"media_worker_waiting 0.0" in world.metrics.render()


@pytest.mark.parametrize(("timeout", "kept"), [(100, 25), (3600, 300)])
def test_it_ends_with_time_left_for_bundle_and_callback(timeout: int, kept: int) -> None:
    world = World(timeout=timeout)
    with world.waiting() as got:
        world.let_pass(timeout - kept - 1)
        assert world.still_waits()
        world.let_pass(2)
    assert got == [{}]


def test_it_is_progress(world: World) -> None:
    with world.waiting():
        world.let_pass(30)
        assert world.attempt.progress.moved_at == world.clock()
        world.attempt.stop()


def test_a_lost_lease_ends_it(world: World) -> None:
    with world.waiting() as got:
        world.clock.advance(VISIBILITY)
        world.watcher.turn()
    assert got == [LeaseLost]


def end_by(act: Callable[[Attempt], None], last: bool) -> list[Any]:
    world = World(last)
    with world.waiting() as got:
        act(world.attempt)
    return got


@pytest.mark.parametrize("last", [False, True])
def test_a_stop_ends_it_at_once(last: bool) -> None:
    assert end_by(Attempt.stop, last) == [Stopped]


def test_a_shutdown_ends_it_at_once_because_the_next_worker_goes_on() -> None:
    assert end_by(lambda attempt: attempt.end_waiting(wait_until=1e9), last=False) == [Stopped]


def test_on_the_last_receive_a_shutdown_leaves_some_of_the_grace_period_for_the_rest() -> None:
    world = World(last=True)
    with world.waiting() as got:
        world.attempt.end_waiting(world.clock() + 50)
        world.let_pass(49)
        assert world.still_waits()
        world.let_pass(1)
    assert got == [{}]


def test_a_shutdown_before_it_ends_it_too(world: World) -> None:
    world.attempt.end_waiting(wait_until=1e9)
    with world.waiting() as got:
        world.watcher.look()
    assert got == [Stopped]


def test_what_was_submitted_is_recalled_for_the_same_bytes_alone(world: World) -> None:
    source = Source(parse_raw(VIDEO.raw_key, 28), AssetType.VIDEO, "e1", 1)
    assert world.attempt.progress.recall_transcoding(source) is None
    world.attempt.progress.record_transcoding(VIDEO, submitted=True)
    assert world.attempt.progress.recall_transcoding(source) == VIDEO
    assert world.journals.journals["m-1"].transcodings == (VIDEO,)
    again = Source(source.raw, AssetType.VIDEO, "e2", 1)
    assert world.attempt.progress.recall_transcoding(again) is None


def test_a_journal_that_cannot_be_written_stops_nothing(world: World) -> None:
    world.journals.before = lambda method: (_ for _ in ()).throw(Transient("S3 is down"))
    world.attempt.progress.record_transcoding(VIDEO, submitted=True)
    assert world.attempt.progress.transcodings == (VIDEO,)


def test_videos_that_are_submitted_side_by_side_are_written_down_one_by_one(world: World) -> None:
    inside, peak = 0, 0

    def before(method: str) -> None:
        nonlocal inside, peak
        inside += 1
        peak = max(peak, inside)
        time.sleep(0.1)
        inside -= 1

    world.journals.before = before
    videos = [Transcoding(f"28/raw/video/{number}.mp4", "e1", f"t-{number}") for number in range(3)]
    with threads(3) as pool:
        list(pool.map(partial(world.attempt.progress.record_transcoding, submitted=True), videos))
    assert peak == 1, "the journal is read, changed and written"
    assert set(world.journals.journals["m-1"].transcodings) == set(videos)


def test_a_stop_ends_the_wait_for_a_place(world: World) -> None:
    with world.waiting() as got:
        assert world.slots.reserve(1, timeout=0) == 1
        world.slots.occupy(1, 1)
        world.transcoder.results["t-1"] = TranscodingResult(True)
        world.let_pass(1)
        world.attempt.stop()
    assert got == [Stopped]


@pytest.mark.parametrize("finished", [False, True])
def test_a_shutdown_hands_over_a_job_that_waits_when_all_places_are_taken(world: World, finished: bool) -> None:
    with world.waiting() as got:
        assert world.slots.reserve(1, timeout=0) == 1
        world.slots.occupy(1, 1)
        if finished:
            world.transcoder.results["t-1"] = TranscodingResult(True)
            world.let_pass(1)
        world.attempt.end_waiting(wait_until=1e9)
    assert got == [Stopped]
