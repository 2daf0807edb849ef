from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from domain.errors import Transient
from tests.fakes import FakeQueue, ManualClock
from worker.redrive import Redrive


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.queue = FakeQueue(self.clock, 3)
        self.looks = 0
        self.error: Exception | None = None
        self.queue.before = self._before
        self.redrive = Redrive(self.queue, self.clock)

    def _before(self, method: str) -> None:
        assert method == "require"
        self.looks += 1
        if self.error:
            raise self.error

    def let_pass(self, seconds: int) -> list[str]:
        """Look each second; returns the events of the log."""
        with capture_logs() as log:
            for _ in range(seconds):
                self.clock.advance(1)
                self.redrive.look()
        return [line["event"] for line in log]


@pytest.fixture
def world() -> World:
    return World()


def test_the_queue_is_looked_at_once_a_minute(world: World) -> None:
    world.let_pass(59)
    assert world.looks == 0
    world.let_pass(1)
    assert world.looks == 1
    assert world.let_pass(600) == []
    assert world.looks == 11


def test_a_change_counts_within_a_minute_and_is_said(world: World) -> None:
    world.queue.redrive_after = 7
    assert world.let_pass(60) == ["maxReceiveCount was changed"]
    assert world.queue.max_receive_count == 7


@pytest.mark.parametrize("error", [Transient("SQS is down"), ZeroDivisionError("a bug"), None])
def test_what_was_seen_counts_on_while_nothing_can_be_seen_which_is_said_once(
    world: World, error: Exception | None
) -> None:
    world.queue.redrive_after = 7 if error else None
    world.error = error
    assert world.let_pass(600) == ["the redrive policy can't be read; what it was counts on"]
    assert world.looks == 10
    assert world.queue.max_receive_count == 3
    world.error, world.queue.redrive_after = None, 7
    world.let_pass(60)
    assert world.queue.max_receive_count == 7
    world.error = Transient("SQS is down again")
    assert len(world.let_pass(120)) == 1
