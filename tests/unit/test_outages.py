"""Jobs that wait for the end of an outage: real threads, a clock of the test's own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from domain.errors import Dependency, LeaseLost, Stopped, TimedOut, Unavailable
from domain.model import Job
from domain.outlast import outlasting
from tests.fakes import NOW
from tests.wiring import JOB_TIMEOUT, VISIBILITY, Fakes, fakes
from worker.assembly import Worker
from worker.attempt import LAST_CALL, Attempt
from worker.outage import FORGET_AFTER

OUT = Unavailable("no route", Dependency.BUCKET)
THROTTLED = Unavailable("slow down", Dependency.MEDIACONVERT, "CreateJob")


class Stage:
    """A worker with two places, and jobs in hand in threads of their own."""

    def __init__(self, around: Fakes, pool: ThreadPoolExecutor) -> None:
        self.around = around
        self.worker: Worker = around.worker(concurrency=2)
        self._pool = pool
        self.in_hand = ExitStack()

    def attempt(self, job_id: int = 21) -> Attempt:
        self.around.queue.send("{}")
        (lease,) = self.worker.leases.receive(1)
        self.worker.slots.occupy(self.worker.slots.reserve(1, timeout=0), 1)
        return self.in_hand.enter_context(
            self.worker.in_flight.begun(Job(job_id, job_id, f"m-{job_id}"), lease, NOW)
        )

    def begin(self, attempt: Attempt, error: Unavailable) -> Future[None]:
        return self._pool.submit(attempt.outlast, error)

    def waiting(self, attempt: Attempt, error: Unavailable) -> Future[None]:
        """The attempt waits, in another thread, and has looked once whether it may try."""
        attempt.progress.moved_at = -1
        waits = self.begin(attempt, error)
        reached(lambda: attempt.progress.moved_at >= 0)
        return waits

    def free(self) -> int:
        """The places that a receive could reserve now."""
        reserved = self.worker.slots.reserve(10, timeout=0)
        self.worker.slots.occupy(reserved, 0)
        return reserved

    def let_pass(self, seconds: int) -> None:
        """Time passes, and the heartbeat extends the leases."""
        for _ in range(0, seconds, 20):
            self.around.clock.advance(20)
            self.worker.leases.beat()

    def named(self, error: Unavailable) -> bool:
        return error.of in self.worker.outages.named()

    def answer(self, operation: str = "HeadObject") -> None:
        self.worker.outages.answered(Dependency.BUCKET, operation)


def reached(condition: Callable[[], bool]) -> None:
    """Look until it is so: the other thread is on its way there."""
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise TimeoutError


@pytest.fixture
def max_receives() -> int:
    return 3


LAST_RECEIVE = pytest.mark.parametrize("max_receives", [1])


@pytest.fixture
def stage(max_receives: int) -> Iterator[Stage]:
    with ThreadPoolExecutor(8) as pool:
        stage = Stage(fakes(max_receives), pool)
        with stage.in_hand:
            yield stage
            for attempt in stage.worker.in_flight.attempts:
                attempt.stop()
                attempt.cut_off()


def test_a_job_goes_on_when_somebody_elses_succeeds(stage: Stage) -> None:
    first, second = stage.attempt(1), stage.attempt(2)
    waits = stage.waiting(first, OUT)
    other = stage.waiting(second, OUT)
    stage.around.clock.advance(1)
    assert waits.result(30) is None, "the first one's turn"
    assert not other.done()
    stage.answer()
    stage.around.clock.advance(5)
    assert other.result(30) is None
    assert not stage.worker.outages.named()


def test_what_the_job_fails_in_alone_is_raised_at_once(stage: Stage) -> None:
    alone = Unavailable("access denied", Dependency.BUCKET, "GetObject", evident=False)
    with pytest.raises(Unavailable) as caught:
        stage.attempt().outlast(alone)
    assert caught.value is alone
    assert not stage.worker.outages.named()


def test_meanwhile_nothing_is_received_and_a_place_isnt_kept(stage: Stage) -> None:
    attempt = stage.attempt()
    waits = stage.waiting(attempt, OUT)
    assert stage.free() == 0
    stage.answer()
    stage.let_pass(60)
    waits.result(30)
    assert stage.free() == 1, "the other place is the job's again"


def test_without_mediaconvert_messages_are_received_and_the_place_is_another_jobs(stage: Stage) -> None:
    waits = stage.begin(stage.attempt(), THROTTLED)
    reached(lambda: stage.named(THROTTLED))
    reached(lambda: stage.free() == 2)
    stage.worker.poller.reachable = True
    status, body = stage.worker.health.answer("/readyz")
    assert (status, body.endswith(b"slow down\n")) == (200, True)
    stage.worker.outages.answered(Dependency.MEDIACONVERT, "CreateJob")
    stage.around.clock.advance(5)
    waits.result(30)


def test_the_lease_is_kept_and_the_job_never_seems_stuck(stage: Stage) -> None:
    attempt = stage.attempt()
    for _ in range(5):
        waits = stage.waiting(attempt, OUT)
        stage.let_pass(20)
        assert waits.result(30) is None, "its turn; it fails again"
    assert stage.worker.leases.holds(attempt.lease)
    assert [why for why in stage.worker.health.live() if "progress" in why] == []


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda stage, attempt: attempt.stop(), Stopped),
        (lambda stage, attempt: stage.around.clock.advance(VISIBILITY + 1), LeaseLost),
    ],
    ids=["stopped", "lease lost"],
)
def test_an_attempt_that_must_end_waits_no_more(
    stage: Stage, end: Callable[[Stage, Attempt], None], error: type[Exception]
) -> None:
    first, second = stage.attempt(1), stage.attempt(2)
    turn, waits = stage.waiting(first, OUT), stage.waiting(second, OUT)
    end(stage, second)
    with pytest.raises(error):
        waits.result(30)
    stage.answer()
    stage.around.clock.advance(5)
    assert turn.exception(30) is None or isinstance(turn.exception(), LeaseLost)


@LAST_RECEIVE
def test_job_timeout_ends_the_wait_but_not_that_of_the_last_receives_callback(stage: Stage) -> None:
    attempt = stage.attempt()
    attempt.begin_last_words()
    stage.around.clock.advance(JOB_TIMEOUT)
    attempt.checkpoint()
    stage.around.clock.advance(LAST_CALL - JOB_TIMEOUT)
    with pytest.raises(TimedOut):
        attempt.checkpoint()


@LAST_RECEIVE
def test_a_finished_jobs_callback_waits_as_long_on_the_last_receive(stage: Stage) -> None:
    attempt = stage.attempt()
    attempt.begin_report()
    stage.let_pass(2 * JOB_TIMEOUT)
    attempt.checkpoint()


def test_on_another_receive_job_timeout_ends_it(stage: Stage) -> None:
    attempt = stage.attempt()
    attempt.begin_report()
    stage.let_pass(JOB_TIMEOUT)
    with pytest.raises(TimedOut):
        attempt.checkpoint()


@LAST_RECEIVE
def test_the_last_words_are_cut_off_when_the_process_ends_and_only_then(stage: Stage) -> None:
    attempt = stage.attempt()
    attempt.begin_last_words()
    attempt.stop()
    attempt.checkpoint()
    attempt.cut_off()
    with pytest.raises(Stopped):
        attempt.checkpoint()


def test_a_job_that_waits_for_mediaconvert_is_handed_over_at_sigterm(stage: Stage) -> None:
    attempt = stage.attempt()
    waits = stage.begin(attempt, THROTTLED)
    reached(lambda: stage.named(THROTTLED))
    attempt.end_waiting(stage.around.clock())
    with pytest.raises(Stopped):
        waits.result(30)


@LAST_RECEIVE
def test_on_the_last_receive_a_video_that_cant_be_submitted_in_time_fails_and_the_rest_is_reported(
    stage: Stage,
) -> None:
    attempt = stage.attempt()
    stage.let_pass(JOB_TIMEOUT * 3 // 4)
    with pytest.raises(Unavailable):
        attempt.outlast(THROTTLED)


def test_begin_and_end_are_said_once_with_what_they_cost(stage: Stage) -> None:
    with capture_logs() as logs:
        waits = [stage.waiting(stage.attempt(number), OUT) for number in (1, 2)]
        stage.around.clock.advance(0.5)
        assert 'media_worker_outage{of="bucket"} 1.0' in stage.worker.metrics.render().decode()
        assert stage.worker.health.answer("/readyz")[0] == 503
        assert b"bucket is out for" in stage.worker.health.answer("/readyz")[1]
        stage.answer()
        stage.answer()
        stage.around.clock.advance(10)
        for wait in waits:
            wait.result(30)
    said = [line for line in logs if line["event"].startswith("outage")]
    assert [line["event"] for line in said] == ["outage begun", "outage over"]
    assert (said[1]["of"], said[1]["seconds"], said[1]["jobs"]) == ("bucket", 0.5, 2)
    assert 'media_worker_outage{of="bucket"} 0.0' in stage.worker.metrics.render().decode()


def test_a_mediaconvert_that_cant_be_asked_is_named_though_no_job_submits_anything(stage: Stage) -> None:
    stage.around.transcoder.before = lambda method: (_ for _ in ()).throw(THROTTLED)
    attempt = stage.attempt()
    with attempt.idle():
        waits = stage._pool.submit(attempt.wait_for, ["t-1"])

        def turned() -> bool:
            stage.worker.watcher.turn()
            return stage.named(THROTTLED)

        reached(turned)
        stage.worker.outages.answered(Dependency.MEDIACONVERT, "CreateJob")
        assert not stage.named(THROTTLED)
        attempt.stop()
        with pytest.raises(Stopped):
            waits.result(30)


def test_where_each_try_hangs_the_job_is_seen_to_live_and_can_be_stopped(stage: Stage) -> None:
    attempt = stage.attempt()
    tries = itertools.count(1)
    stage.worker.outages.noticed(OUT)

    def hang() -> None:
        stage.let_pass(20)
        stage.worker.leases.beat()
        number = next(tries)
        assert number <= 20, "nobody looked"
        if number == 20:
            attempt.stop()
        raise OUT

    with pytest.raises(Stopped):
        outlasting(attempt.outlast, hang)
    assert stage.around.clock() - attempt.progress.moved_at <= 20


def test_an_outage_that_no_job_meets_any_more_is_forgotten_and_that_is_said(stage: Stage) -> None:
    stage.worker.outages.noticed(OUT)
    assert stage.free() == 1, "a trial"
    stage.around.clock.advance(FORGET_AFTER)
    with capture_logs() as logs:
        assert stage.free() == 1, "one at first, as when it is over"
    assert [(line["event"], line["of"]) for line in logs] == [("outage forgotten", "bucket")]
    assert not stage.worker.outages.named()
    assert 'media_worker_outage{of="bucket"} 0.0' in stage.worker.metrics.render().decode()


def test_a_job_that_waits_by_itself_is_no_outage(stage: Stage) -> None:
    """It failed once more when another one's success had ended the outage."""
    attempt = stage.attempt()
    waits = stage.waiting(attempt, OUT)
    stage.answer()
    stage.around.clock.advance(5)
    assert waits.result(30) is None
    failed = Unavailable("no route", Dependency.BUCKET)
    failed.again = True
    with capture_logs() as logs:
        stage.waiting(attempt, failed)
    assert "outage begun" not in [line["event"] for line in logs]
    assert not stage.worker.outages.named()
    assert 'media_worker_outage{of="bucket"} 0.0' in stage.worker.metrics.render().decode()
