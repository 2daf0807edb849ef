from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from domain.errors import Transient
from domain.model import Job
from domain.queue import Message
from worker.lease import Lease, Leases, longest_poll
from worker.metrics import Metrics

VISIBILITY = 60


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ScriptedQueue:
    """A queue whose `change_visibility` does what the test says; it remembers the calls."""

    largest_batch = 10
    max_receive_count = 3

    def __init__(self) -> None:
        self.hidden: list[tuple[tuple[str, ...], int]] = []
        self.during: Callable[[], None] = lambda: None
        self.refused: frozenset[str] = frozenset()
        self.received: list[tuple[int, int, int]] = []

    def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> frozenset[str]:
        self.hidden.append((tuple(receipt_handles), seconds))
        self.during()
        return self.refused

    def receive(self, at_most: int, wait: int, visibility_timeout: int) -> Sequence[Message]:
        self.received.append((at_most, wait, visibility_timeout))
        self.during()
        return [Message("a", "handle-a", "{}", 1, {})]

    def require(self) -> None:
        raise NotImplementedError

    def delete(self, receipt_handle: str) -> None:
        raise NotImplementedError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue() -> ScriptedQueue:
    return ScriptedQueue()


@pytest.fixture
def leases(queue: ScriptedQueue, clock: Clock) -> Leases:
    return Leases(queue, VISIBILITY, clock, Metrics())


def opened(leases: Leases, clock: Clock, name: str = "a") -> Lease:
    return leases.open(Message(name, f"handle-{name}", "{}", 1, {}), clock.now)


def test_a_lease_is_extended_at_a_third_of_the_visibility_timeout_and_not_before(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    lease = opened(leases, clock)
    clock.now += 19
    leases.beat()
    assert queue.hidden == []
    clock.now += 1
    leases.beat()
    assert queue.hidden == [(("handle-a",), VISIBILITY)]
    assert lease.deadline == clock.now + VISIBILITY


@pytest.mark.parametrize(("visibility_timeout", "seconds"), [(60, 20), (6, 2)])
def test_a_short_visibility_timeout_shortens_the_long_poll(visibility_timeout: int, seconds: int) -> None:
    assert longest_poll(visibility_timeout) == seconds


def test_a_lease_begins_when_the_receive_that_brought_it_began(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    begun = clock.now

    def take_long() -> None:
        clock.now += 15

    queue.during = take_long
    (lease,) = leases.receive(7)
    assert queue.received == [(7, 20, VISIBILITY)]
    assert lease.deadline == begun + VISIBILITY


def test_the_deadline_counts_from_the_start_of_the_request(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    lease = opened(leases, clock)
    clock.now += 30
    started = clock.now

    def slow() -> None:
        clock.now += 5

    queue.during = slow
    leases.beat()
    assert lease.deadline == started + VISIBILITY


def test_a_lease_of_a_long_poll_counts_from_the_start_of_the_poll(leases: Leases, clock: Clock) -> None:
    granted_at = clock.now
    clock.now += 20
    lease = leases.open(Message("a", "handle-a", "{}", 1, {}), granted_at)
    assert lease.deadline == granted_at + VISIBILITY


def test_a_lease_is_lost_at_its_deadline(leases: Leases, clock: Clock) -> None:
    lease = opened(leases, clock)
    clock.now += VISIBILITY - 0.1
    assert leases.holds(lease)
    clock.now += 0.1
    assert not leases.holds(lease)
    assert not leases.close(lease)


def test_a_200_after_the_deadline_proves_nothing(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    lease = opened(leases, clock)
    clock.now += 59

    def stall() -> None:
        clock.now += 2

    queue.during = stall
    leases.beat()
    assert not leases.holds(lease)


def test_an_expired_lease_is_not_even_extended(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    opened(leases, clock)
    clock.now += VISIBILITY
    leases.beat()
    assert queue.hidden == []


def test_a_refused_extension_loses_that_lease_alone(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    refused, other = opened(leases, clock, "a"), opened(leases, clock, "b")
    queue.refused = frozenset({"handle-a"})
    clock.now += 20
    leases.beat()
    assert not leases.holds(refused)
    assert leases.holds(other)


def test_an_extension_that_fails_is_tried_again_until_the_deadline(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    lease = opened(leases, clock)

    def fail() -> None:
        raise Transient("SQS is down")

    queue.during = fail
    clock.now += 20
    leases.beat()
    clock.now += 1
    leases.beat()
    assert len(queue.hidden) == 2
    assert leases.holds(lease)
    queue.during = lambda: None
    clock.now += 38
    leases.beat()
    assert lease.deadline == clock.now + VISIBILITY
    clock.now += VISIBILITY
    assert not leases.holds(lease)


def test_a_closed_lease_is_extended_no_more(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    lease = opened(leases, clock)
    assert leases.close(lease)
    clock.now += 30
    leases.beat()
    assert queue.hidden == []


def fail() -> None:
    raise Transient("SQS is down")


def test_a_heartbeat_is_ill_from_an_extension_that_failed_until_one_goes_through(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    opened(leases, clock)
    clock.now += 20
    assert leases.ill == ""
    queue.during = fail
    leases.beat()
    assert leases.ill == "SQS is down"
    clock.now += 1
    queue.during = lambda: None
    leases.beat()
    assert leases.ill == ""


def test_a_heartbeat_is_ill_until_no_lease_is_left(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    closed, lost = opened(leases, clock, "a"), opened(leases, clock, "b")
    queue.during = fail
    clock.now += 20
    leases.beat()
    leases.close(closed)
    assert leases.ill
    clock.now += 40
    assert not leases.holds(lost)
    assert leases.ill == ""
    opened(leases, clock, "c")
    assert leases.ill == "", "nothing has failed since"


def test_a_heartbeat_stays_ill_while_a_new_lease_is_not_due(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    opened(leases, clock)
    queue.during = fail
    clock.now += 59
    leases.beat()
    opened(leases, clock, "b")
    clock.now += 1
    leases.beat()
    assert leases.ill, "nothing has gone through since"
    queue.during = lambda: None
    clock.now += 20
    leases.beat()
    assert leases.ill == ""


def test_a_heartbeat_is_ill_when_one_of_several_extensions_failed(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    for number in range(25):
        opened(leases, clock, str(number))
    clock.now += 20

    def fail_for_five() -> None:
        if len(queue.hidden[-1][0]) == 5:
            fail()

    queue.during = fail_for_five
    leases.beat()
    assert leases.ill == "SQS is down"


def test_a_heartbeat_is_ill_when_an_extension_is_overdue_by_a_sixth_of_the_visibility_timeout(
    leases: Leases, clock: Clock
) -> None:
    opened(leases, clock)
    clock.now += 29
    assert leases.ill == ""
    clock.now += 1
    assert "30 s" in leases.ill


def test_a_hundred_leases_are_extended_side_by_side(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    for number in range(100):
        opened(leases, clock, str(number))
    clock.now += 20
    all_of_them = threading.Barrier(10, timeout=30)

    def meet() -> None:
        all_of_them.wait()

    queue.during = meet
    leases.beat()
    assert leases.ill == ""
    assert len(queue.hidden) == 10


def test_closing_does_not_wait_for_the_extension_of_other_leases(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    opened(leases, clock, "a")
    extending, release = threading.Event(), threading.Event()

    def extend() -> None:
        extending.set()
        assert release.wait(30)

    clock.now += 20
    other = opened(leases, clock, "b")
    queue.during = extend
    heartbeat = threading.Thread(target=leases.beat, daemon=True)
    heartbeat.start()
    assert extending.wait(30)
    closer = threading.Thread(target=leases.close, args=(other,), daemon=True)
    closer.start()
    closer.join(10)
    assert not closer.is_alive()
    release.set()
    heartbeat.join(30)


def test_a_lease_that_another_round_extends_is_left_to_it(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    opened(leases, clock)
    clock.now += 20
    rounds = iter([leases.beat])
    queue.during = lambda: next(rounds, lambda: None)()
    leases.beat()
    assert len(queue.hidden) == 1


def test_whether_a_receive_is_the_last_follows_the_queue(
    leases: Leases, queue: ScriptedQueue, clock: Clock
) -> None:
    lease = opened(leases, clock)
    assert not lease.last
    queue.max_receive_count = 1
    assert lease.last


def test_ten_leases_take_one_request(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    for number in range(25):
        opened(leases, clock, str(number))
    clock.now += 20
    leases.beat()
    assert [len(handles) for handles, _ in queue.hidden] == [10, 10, 5]


def test_a_bug_does_not_end_the_heartbeat(queue: ScriptedQueue, clock: Clock) -> None:
    leases = Leases(queue, 3, clock, Metrics())
    opened(leases, clock)
    clock.now += 1
    goes_on = threading.Event()
    heartbeat: list[threading.Thread] = []
    beats = 0

    def fail_once() -> None:
        nonlocal beats
        beats += 1
        if beats == 1:
            raise ZeroDivisionError
        heartbeat.append(threading.current_thread())
        leases.stop()
        goes_on.set()

    queue.during = fail_once
    leases.start()
    assert goes_on.wait(30)
    assert beats == 2
    heartbeat[0].join(30)
    assert not heartbeat[0].is_alive(), "it was told to stop"


def test_closing_waits_for_an_extension_under_way(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    lease = opened(leases, clock)
    clock.now += 20
    order: list[str] = []
    extending, closing = threading.Event(), threading.Event()

    def close() -> None:
        extending.wait(30)
        closing.set()
        leases.close(lease)
        order.append("closed")

    def extend() -> None:
        extending.set()
        closing.wait(30)
        order.append("extended")

    queue.during = extend
    closer = threading.Thread(target=close)
    closer.start()
    leases.beat()
    closer.join(30)
    assert order == ["extended", "closed"]


def test_what_happens_to_a_lease_names_its_job(leases: Leases, queue: ScriptedQueue, clock: Clock) -> None:
    known, unread = opened(leases, clock, "a"), opened(leases, clock, "b")
    known.job = Job(21, 28, "a")

    def fail() -> None:
        raise Transient("SQS is down")

    queue.during = fail
    clock.now += 20
    with capture_logs(processors=[merge_contextvars]) as logs:
        leases.beat()
        clock.now += 40
        assert not leases.holds(known)
        assert not leases.holds(unread)
    late, lost, also_lost = logs
    assert (late["event"], late["leases"], late["jobs"]) == ("leases not extended", 2, [21])
    assert (lost["event"], lost["message_id"], lost["job_id"], lost["listing_id"]) == ("lease lost", "a", 21, 28)
    assert (also_lost["event"], also_lost["message_id"]) == ("lease lost", "b")
    assert "job_id" not in also_lost
