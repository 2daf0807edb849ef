"""The promise against a model of SQS with its own clock: whatever happens when, each message ends as promised.

Two workers share a queue. Their attempts run in threads that stop wherever they touch the world, and go on when
the state machine says so; meanwhile time passes, leases expire, calls fail, workers crash or shut down.
"""

from __future__ import annotations

import json
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.errors import Code, Transient
from domain.journal import Acknowledged, Journal
from domain.model import Report, Status
from domain.queue import Message
from tests.fakes import JPEG
from tests.wiring import MAX_RECEIVES, VISIBILITY, fakes
from worker.handler import Handler
from worker.in_flight import InFlight
from worker.lease import Lease, Leases

JOB_TIMEOUT = 500
WHERE = st.sampled_from(["head", "write", "complete", "notify", "delete", "add", "change_visibility"])
FAILURES = {Status.VALIDATION_FAILED, Status.PROCESSING_FAILED}


class Crash(BaseException):
    """The process dies here: no `except Exception` sees it."""


HERE: ContextVar[Paused] = ContextVar("here")
"""The attempt that a thread works for: its own thread, or one beside."""


class Paused:
    """An attempt in a thread of its own, which goes on only from one touch of the world to the next.

    `looked` says that it could read the journal, `saw` what stood there of an acknowledgement the last time;
    `silent`, that it died or couldn't write to the journal.
    """

    def __init__(self, worker: Worker, message: Message, lease: Lease) -> None:
        self.worker = worker
        self.message = message
        self.acknowledged = False
        self.looked = False
        self.saw: Acknowledged | None = None
        self.silent = False
        self.where = ""
        self._lease = lease
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._error: BaseException | None = None
        self.ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Run to the first touch of the world."""
        self._thread.start()
        self._stopped.acquire()

    @property
    def key(self) -> tuple[str, int]:
        return self.message.message_id, self.message.receive_count

    @property
    def last(self) -> bool:
        return self.message.receive_count >= MAX_RECEIVES

    def pause(self, where: str) -> None:
        """Called by the attempt's own thread where it touches the world."""
        self.where = where
        self._stopped.release()
        self._go.acquire()
        if self._error:
            error, self._error = self._error, None
            raise error

    def go_on(self, error: BaseException | None = None) -> None:
        """Let it touch the world, or fail there, and run on to the next touch."""
        if not self.ended:
            self._error = error
            self.silent |= isinstance(error, Crash) or (error is not None and self.where == "add")
            self._go.release()
            self._stopped.acquire()

    def _run(self) -> None:
        HERE.set(self)
        try:
            self.worker.handler.handle(self._lease)
        except Crash:
            pass
        finally:
            self.ended = True
            self._stopped.release()


@dataclass
class Worker:
    handler: Handler
    in_flight: InFlight
    leases: Leases
    attempts: list[Paused] = field(default_factory=list)


class Promise(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.around = fakes()
        self.clock, self.queue = self.around.clock, self.around.queue
        self.objects, self.backend, self.journals = self.around.objects, self.around.backend, self.around.journals
        self.sent: dict[str, list[Status]] = {}
        self.attempts: list[Paused] = []
        self.crashed_on_the_last_receive: set[str] = set()
        self.acknowledged_too_late: set[str] = set()
        self.beats_fail = False
        self.listings = 0
        self.broken: list[str] = []
        self.queue.before = self._at_the_queue
        self.objects.before = lambda method, key: self._touch(method)
        self.journals.before = self._at_the_journal
        self.backend.before = self._at_the_backend
        self.workers = [self._worker(), self._worker()]

    def _worker(self) -> Worker:
        worker = self.around.worker(concurrency=9, job_timeout=JOB_TIMEOUT)
        return Worker(worker.handler, worker.in_flight, worker.leases)

    def _touch(self, where: str) -> None:
        if attempt := HERE.get(None):
            attempt.pause(where)

    def _at_the_journal(self, method: str) -> None:
        self._touch(method)
        attempt = HERE.get(None)
        if method == "load" and attempt:
            attempt.looked = True
            attempt.saw = self.journals.journals.get(attempt.message.message_id, Journal()).acknowledged

    def _at_the_queue(self, method: str) -> None:
        attempt = HERE.get(None)
        if method == "delete" and attempt:
            self._must(attempt.acknowledged or attempt.saw is not None, "deleted before the backend acknowledged")
            self._must(attempt.last or self._holds(attempt), "deleted without a lease")
        if attempt:
            try:
                attempt.pause(method)
            finally:
                self._note_a_late_end(attempt)
        elif method == "change_visibility" and self.beats_fail:
            raise Transient("SQS is out of reach")

    def _at_the_backend(self, report: Report) -> None:
        attempt = HERE.get(None)
        self.sent.setdefault(report.job.message_id, []).append(report.status)
        if attempt is None:  # the shutdown speaks for an attempt that doesn't end
            return
        self._must(attempt.last or self._holds(attempt), "called back without a lease")
        self._must(attempt.saw is None, f"called back though {attempt.saw} stood in the journal")
        if report.error and report.error.code is Code.POISON_MESSAGE:
            self._must(self._no_end_of(attempt.message.message_id), "poison, though an attempt left its end")
        attempt.pause("notify")
        attempt.acknowledged = True
        self._note_a_late_end(attempt)

    def _no_end_of(self, message_id: str) -> bool:
        """Whether the attempt between the first and the last died, couldn't write its end, or hasn't ended yet."""
        middle = next(one for one in self.attempts if one.key == (message_id, MAX_RECEIVES - 1))
        return middle.silent or not middle.ended

    def _note_a_late_end(self, attempt: Paused) -> None:
        """A last receive whose lease ended before its deletion is in the DLQ, whoever was acknowledged."""
        told = attempt.acknowledged or attempt.saw is not None
        if told and attempt.last and not self._holds(attempt):
            self.acknowledged_too_late.add(attempt.message.message_id)

    def _must(self, kept: bool, what: str) -> None:
        """An assertion in an attempt's thread would only look like a bug that the worker survives."""
        if not kept:
            self.broken.append(what)

    @invariant()
    def the_promise_is_kept(self) -> None:
        assert self.broken == []

    def _holds(self, attempt: Paused) -> bool:
        """Whether the queue, not the worker, says that nobody else can have the message."""
        for held in self.queue.held:
            if held.message_id == attempt.message.message_id:
                return held.handles[-1] == attempt.message.receipt_handle and held.visible_at > self.clock()
        return False

    @precondition(lambda self: len(self.queue.held) < 2)
    @rule(good=st.sampled_from([True, True, True, False]), kind=st.sampled_from(["process", "finalize"]))
    def send(self, good: bool, kind: str = "process") -> None:
        self.listings += 1
        listing = self.listings
        key = f"{listing}/raw/photo/a.jpg"
        if good:
            self.objects.put(key, JPEG)
        if kind == "finalize":
            self.objects.put(f"{listing}/processed/photo/large/a.jpg", JPEG)
        self.queue.send(json.dumps({"kind": kind, "jobId": 1, "listingId": listing, "assets": [key]}))

    @precondition(lambda self: any(held.visible_at <= self.clock() for held in self.queue.held))
    @rule(which=st.integers(0, 1))
    def receive(self, which: int) -> None:
        worker = self.workers[which]
        for message in self.queue.receive(1, 0, VISIBILITY):
            lease = worker.leases.open(message, self.clock())
            attempt = Paused(worker, message, lease)
            worker.attempts.append(attempt)
            self.attempts.append(attempt)
            attempt.start()

    @rule(which=st.integers(0, 1), where=WHERE, then=st.sampled_from(["crash", "fail", "expire", "shut_down", ""]))
    def work(self, which: int, where: str, then: str) -> None:
        """Go on until it is about to do this, or has ended; and then something happens."""
        if not self._running(which):
            self.receive(which)
        for attempt in self._running(which):
            attempt.go_on()
            while not attempt.ended and attempt.where != where:
                attempt.go_on()
        if then == "expire":
            self.let_pass(VISIBILITY)
        elif then:
            getattr(self, then)(which)

    @rule(which=st.integers(0, 1))
    def fail(self, which: int) -> None:
        """What an attempt touches next is out of reach."""
        for attempt in self._running(which):
            attempt.go_on(Transient("out of reach"))

    @rule(seconds=st.sampled_from([10, 30, 59, 61, 200]))
    def let_pass(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(which=st.integers(0, 1), fails=st.booleans())
    def beat(self, which: int, fails: bool) -> None:
        """Where it fails, SQS was out of reach for the heartbeat alone."""
        self.beats_fail = fails
        self.workers[which].leases.beat()
        self.beats_fail = False

    @rule(which=st.integers(0, 1))
    def crash(self, which: int) -> None:
        for attempt in self._running(which):
            if attempt.last:
                self.crashed_on_the_last_receive.add(attempt.message.message_id)
            attempt.go_on(Crash())
        self.workers[which] = self._worker()

    @rule(which=st.integers(0, 1))
    def shut_down(self, which: int) -> None:
        """The grace period is over; the threads themselves go on for a moment and then die with the process."""
        worker = self.workers[which]
        for active in worker.in_flight.attempts:
            worker.handler.release(active)
        for attempt in self._running(which):
            attempt.go_on()
            attempt.go_on(Crash())
        self.workers[which] = self._worker()

    def _running(self, which: int) -> list[Paused]:
        return [attempt for attempt in self.workers[which].attempts if not attempt.ended]

    def teardown(self) -> None:
        """All is well from now on: time passes, what is visible is worked on, and then each message has ended."""
        for which in range(2):
            for attempt in self._running(which):
                self._finish(attempt)
        for _ in range((MAX_RECEIVES + 2) * len(self.queue.held)):
            self.clock.advance(901)
            self.receive(0)
            for attempt in self._running(0):
                self._finish(attempt)
        assert self.queue.held == []
        assert self.broken == []
        for message_id in self.queue.deleted:
            statuses = self.sent[message_id]
            assert set(statuses) == {Status.SUCCEEDED}, statuses
        for message_id in self.queue.dead:
            failures = [status for status in self.sent.get(message_id, []) if status in FAILURES]
            if message_id not in self.crashed_on_the_last_receive:
                done = message_id in self.acknowledged_too_late and set(self.sent[message_id]) == {
                    Status.SUCCEEDED
                }
                last = next(one for one in self.attempts if one.key == (message_id, MAX_RECEIVES))
                unsure = not last.looked and not failures
                assert len(failures) == 1 or done or unsure, self.sent.get(message_id)

    def _finish(self, attempt: Paused) -> None:
        while not attempt.ended:
            attempt.go_on()


Promise.TestCase.settings = settings(stateful_step_count=30, deadline=None)
test_each_message_ends_as_promised = Promise.TestCase


def test_a_job_that_was_acknowledged_is_not_reported_as_failed_later() -> None:
    promise = Promise()
    promise.send(good=True)
    for _ in range(MAX_RECEIVES - 1):
        promise.work(0, "delete", "crash")
        promise.let_pass(VISIBILITY + 1)
    promise.teardown()
    assert promise.sent == {"m-1": [Status.SUCCEEDED]}
    assert promise.queue.deleted == ["m-1"]
