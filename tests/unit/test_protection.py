from __future__ import annotations

import threading
from contextlib import ExitStack
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from domain.errors import Permanent, Transient
from tests.fakes import FakeTaskProtection, ManualClock
from worker.metrics import Metrics
from worker.protection import Protection
from worker.slots import Slots

MINUTE = 60
TIMEOUT = 30
HOLD = "nothing is received until the task was unprotected for a minute"


class World:
    """A task, and a worker in it in which jobs wait for videos."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.task = FakeTaskProtection()
        self.slots = Slots(2, 200)
        self.metrics = Metrics()
        self.protection = Protection(self.task, self.slots, self.metrics, self.clock)
        self._waits: list[ExitStack] = []

    def wait(self) -> None:
        """A job begins to wait."""
        stack = ExitStack()
        stack.enter_context(self.protection.needed())
        self._waits.append(stack)

    def end(self) -> None:
        """A job has its videos."""
        self._waits.pop().close()

    def run(self, minutes: float) -> None:
        """Let time pass with a turn each second."""
        for _ in range(round(minutes * MINUTE)):
            self.protection.turn()
            self.clock.advance(1)
        self.protection.turn()

    def fail(self) -> None:
        def refuse() -> None:
            raise Transient("TASK_NOT_VALID")

        self.task.before = refuse

    @property
    def receives(self) -> bool:
        places = self.slots.reserve(1, timeout=0)
        self.slots.occupy(places, 0)
        withheld = b"media_worker_withheld 1.0" in self.metrics.render()
        assert withheld == (places == 0)
        return places > 0


@pytest.fixture
def world() -> World:
    return World()


def test_a_task_in_which_no_job_waits_is_left_alone(world: World) -> None:
    world.run(90)
    assert world.task.asked == []
    assert world.receives


def test_while_a_job_waits_the_task_is_protected_for_15_minutes_at_a_time_and_renewed(world: World) -> None:
    world.wait()
    world.run(9)
    assert world.task.asked == [15]
    world.run(12)
    assert world.task.asked == [15, 15, 15]


def test_it_is_lifted_when_none_waits_and_not_before(world: World) -> None:
    world.wait()
    world.wait()
    world.run(1)
    world.end()
    world.run(1)
    assert world.task.asked == [15]
    world.end()
    world.run(5)
    assert world.task.asked == [15, 0]


def test_a_job_that_waits_after_that_protects_the_task_at_once(world: World) -> None:
    for _ in range(2):
        world.wait()
        world.protection.turn()
        world.end()
        world.protection.turn()
    assert world.task.asked == [15, 0, 15, 0]


def test_after_60_minutes_without_a_gap_nothing_is_received_until_there_was_a_minute(world: World) -> None:
    world.wait()
    world.run(59.9)
    assert world.receives
    world.run(0.1)
    assert not world.receives
    world.run(30)
    assert world.task.asked[-1] == 15, "what waits is still protected"
    world.end()
    world.run(0.9)
    assert world.task.asked[-1] == 0
    assert not world.receives
    world.run(0.2)
    assert world.receives


def test_a_gap_of_less_than_a_minute_is_none(world: World) -> None:
    """A rollout would never end where one video follows the other."""
    for _ in range(30):
        world.wait()
        world.run(2)
        world.end()
        world.run(0.5)
    assert not world.receives


def test_a_gap_of_a_minute_begins_the_60_minutes_anew(world: World) -> None:
    world.wait()
    world.run(50)
    world.end()
    world.run(1.1)
    world.wait()
    world.run(59)
    assert world.receives
    world.run(1.1)
    assert not world.receives


def test_a_job_that_begins_to_wait_in_that_minute_is_protected_and_the_minute_begins_anew(world: World) -> None:
    world.wait()
    world.run(60)
    world.end()
    world.run(0.5)
    world.wait()
    world.run(0.5)
    assert world.task.asked[-1] == 15
    assert not world.receives
    world.end()
    world.run(0.9)
    assert not world.receives
    world.run(0.2)
    assert world.receives


def test_a_refusal_is_said_once_and_tried_again(world: World) -> None:
    world.fail()
    world.wait()
    tries: list[float] = []
    refuse = world.task.before

    def before() -> None:
        tries.append(world.clock())
        refuse()

    world.task.before = before
    with capture_logs() as logs:
        world.run(2)
    assert [line["why"] for line in logs] == ["TASK_NOT_VALID"]
    assert [after - earlier for earlier, after in pairwise(tries)] == [30] * 4
    world.task.before = lambda: None
    with capture_logs() as logs:
        world.run(0.5)
    assert [line["event"] for line in logs] == ["protected from scale-in"]
    world.fail()
    with capture_logs() as logs:
        world.run(10)
    assert [line["why"] for line in logs] == ["TASK_NOT_VALID"], "it had worked meanwhile"


def test_that_there_is_no_task_is_said_once_and_nothing_is_tried_again(world: World) -> None:
    tries: list[None] = []

    def refuse() -> None:
        tries.append(None)
        raise Permanent("no task of ECS")

    world.task.before = refuse
    with capture_logs() as logs:
        for _ in range(2):
            world.wait()
            world.run(2)
            world.end()
    assert [(line["log_level"], line["why"]) for line in logs] == [("info", "no task of ECS")]
    assert len(tries) == 1


def test_where_nothing_can_be_protected_work_goes_on(world: World) -> None:
    world.fail()
    world.wait()
    world.run(90)
    assert world.receives


def test_a_protection_that_can_not_be_renewed_or_lifted_ends_by_itself(world: World) -> None:
    world.wait()
    world.run(60)
    assert not world.receives
    world.fail()
    world.end()
    world.run(15)
    assert not world.receives, "the last renewal was a minute ago"
    world.run(2)
    assert world.receives


def test_each_change_is_logged_once(world: World) -> None:
    world.wait()
    with capture_logs() as logs:
        world.run(70)
        world.end()
        world.run(2)
    assert [line["event"] for line in logs] == [
        "protected from scale-in",
        HOLD,
        "no longer protected from scale-in",
        "messages are received again",
    ]


class WatchedTask(FakeTaskProtection):
    """Says when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.done = threading.Semaphore(0)

    def protect(self, minutes: int) -> None:
        super().protect(minutes)
        self.done.release()

    def lift(self) -> None:
        super().lift()
        self.done.release()


def test_the_thread_protects_and_lifts_and_outlives_a_bug() -> None:
    task = WatchedTask()
    bugs = iter([ZeroDivisionError()])

    def before() -> None:
        for bug in bugs:
            raise bug

    task.before = before
    protection = Protection(task, Slots(1, 1), Metrics(), ManualClock())
    protection.start()
    with protection.needed():
        assert task.done.acquire(timeout=TIMEOUT)
    assert task.done.acquire(timeout=TIMEOUT)
    assert task.asked == [15, 0]
