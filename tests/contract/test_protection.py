"""What every task's protection does: the fake, and ECS's agent as an emulator plays it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from adapters.ecs_agent import EcsAgent
from devstack.ecs_agent import EcsAgentEmulator, failure
from domain.errors import Transient
from domain.protection import TaskProtection
from tests.fakes import FakeTaskProtection


@dataclass(frozen=True, slots=True)
class Guard:
    """A task's protection, the minutes of each change that was made (0: lifted), and how the next is refused."""

    task: TaskProtection
    asked: list[int]
    refuse: Callable[[], None]


def fake_guard() -> Guard:
    task = FakeTaskProtection()

    def raise_once() -> None:
        task.before = lambda: None
        raise Transient("as ordered: TASK_NOT_VALID")

    return Guard(task, task.asked, lambda: setattr(task, "before", raise_once))


@pytest.fixture(params=["fake", "agent"])
def guard(request: pytest.FixtureRequest) -> Iterator[Guard]:
    if request.param == "fake":
        yield fake_guard()
        return
    with EcsAgentEmulator() as agent:
        yield Guard(EcsAgent(agent.uri), agent.asked, lambda: agent.plan(failure("TASK_NOT_VALID")))


def test_a_task_is_protected_for_some_minutes_again_and_again_until_it_is_lifted(guard: Guard) -> None:
    for minutes in (15, 1, 2880):
        guard.task.protect(minutes)
    guard.task.lift()
    guard.task.lift()
    assert guard.asked == [15, 1, 2880, 0, 0]


@pytest.mark.parametrize("change", [lambda task: task.protect(15), lambda task: task.lift()], ids=["on", "off"])
def test_what_is_refused_is_transient_and_says_why(guard: Guard, change: Callable[[TaskProtection], None]) -> None:
    guard.refuse()
    with pytest.raises(Transient, match="TASK_NOT_VALID"):
        change(guard.task)
    assert guard.asked == []
    change(guard.task)
    assert len(guard.asked) == 1
