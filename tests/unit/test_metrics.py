from __future__ import annotations

import ast
import json
from datetime import timedelta
from pathlib import Path

import pytest

import domain
from domain.errors import Code, Transient
from domain.model import Report
from domain.queue import Message
from tests.fakes import JPEG, NOW
from tests.wiring import VISIBILITY, fakes
from worker.metrics import STEPS, Metrics

PHOTO = "28/raw/photo/horizontal/a.jpg"
MISSING = "28/raw/photo/horizontal/missing.jpg"
WAITED = 90.0
"""Seconds that each message was in the queue."""


class World:
    """Messages that are tried until they are deleted or dead, and what is counted."""

    def __init__(self) -> None:
        self.fakes = fakes()
        self.clock = self.fakes.clock
        self.fakes.queue.sent_at = NOW - timedelta(seconds=WAITED)
        self.fakes.objects.put(PHOTO, JPEG)
        self.worker = self.fakes.worker()

    def settle(self, *assets: str, body: str | None = None) -> None:
        queue = self.fakes.queue
        queue.send(body or json.dumps({"jobId": 21, "listingId": 28, "assets": assets}))
        while queue.held:
            for message in queue.receive(1, 20, VISIBILITY):
                self.worker.handler.handle(self.worker.leases.open(message, self.clock()))
            self.clock.advance(1)

    def counted(self, name: str) -> dict[tuple[str, ...], float]:
        """The samples of this name that aren't zero, by the values of their labels."""
        return {
            tuple(sample.labels.values()): sample.value
            for family in self.fakes.metrics.families()
            for sample in family.samples
            if sample.name == f"media_worker_{name}" and sample.value
        }


def test_no_metric_gets_a_label_that_it_did_not_have_from_the_start() -> None:
    world = World()
    before = {(s.name, *s.labels.items()) for f in Metrics().families() for s in f.samples}
    world.settle(PHOTO)
    world.settle(PHOTO, MISSING)
    world.settle(MISSING)
    world.settle(body="no job")
    for result, status in (("acknowledged", 200), ("transient", 503), ("transient", None), ("refused", 302)):
        world.fakes.metrics.count_callback(result, status, 0.1)
    after = {(s.name, *s.labels.items()) for f in world.fakes.metrics.families() for s in f.samples}
    assert after == before


def test_nothing_says_when_a_series_was_created() -> None:
    assert "_created" not in Metrics().render().decode()


def test_each_step_of_the_pipeline_has_its_series() -> None:
    named = set()
    for file in Path(domain.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(ast.Attribute(attr="step"), [ast.Constant(step)]):
                    named.add(step)
    assert named == set(STEPS)


def test_a_job_has_one_outcome_however_many_attempts_it_took() -> None:
    world = World()
    failures = iter([Transient("SlowDown"), Transient("SlowDown")])

    def before(report: Report) -> None:
        for error in failures:
            raise error

    world.fakes.backend.before = before
    world.settle(PHOTO)
    assert world.counted("attempts_total") == {("transient",): 2, ("done",): 1}
    assert world.counted("jobs_total") == {("SUCCEEDED",): 1}
    assert world.counted("queue_seconds_count") == {("first",): 1, ("again",): 2}
    assert world.counted("queue_seconds_sum") == {("first",): WAITED, ("again",): 2 * WAITED}
    assert world.counted("job_seconds_count") == {("SUCCEEDED",): 1}
    assert world.counted("job_seconds_sum") == {("SUCCEEDED",): WAITED}
    assert world.counted("dead_lettered_total") == {}


def test_a_failed_job_is_counted_once_with_its_code_and_that_the_backend_was_told() -> None:
    world = World()
    world.settle(MISSING)
    assert world.counted("attempts_total") == {("permanent",): 3}
    assert world.counted("jobs_total") == {("VALIDATION_FAILED",): 1}
    assert world.counted("job_seconds_count") == {("VALIDATION_FAILED",): 1}
    assert world.counted("dead_lettered_total") == {(Code.VALIDATION_ERROR, "yes"): 1}


def test_a_failed_job_whose_callback_is_not_acknowledged_says_that_the_backend_does_not_know() -> None:
    world = World()

    def refuse(report: Report) -> None:
        raise Transient("503")

    world.fakes.backend.before = refuse
    world.settle(PHOTO)
    assert world.counted("jobs_total") == {("PROCESSING_FAILED",): 1}
    assert world.counted("dead_lettered_total") == {(Code.PROCESSING_FAILED, "no"): 1}


def test_an_attempt_that_two_threads_end_is_counted_once() -> None:
    world = World()
    releases = iter([world.worker.handler.release])

    def before(report: Report) -> None:
        for release in releases:
            release(*world.worker.in_flight.attempts)

    world.fakes.backend.before = before
    world.settle(PHOTO)
    assert world.counted("attempts_total") == {("released",): 1, ("done",): 1}, "of two receives"


def test_a_message_that_names_no_job_is_counted_once_too() -> None:
    world = World()
    world.settle(body="no job")
    assert world.counted("attempts_total") == {("malformed",): 3}
    assert world.counted("jobs_total") == {("malformed",): 1}
    assert world.counted("dead_lettered_total") == {(Code.VALIDATION_ERROR, "no"): 1}


def test_a_step_that_failed_is_observed_too() -> None:
    world = World()

    def slow(data: bytes) -> None:
        world.clock.advance(7)
        raise ZeroDivisionError

    world.fakes.images.before = slow
    world.settle(PHOTO)
    assert world.counted("step_seconds_count")[("thumbnails",)] == 3
    assert world.counted("step_seconds_sum")[("thumbnails",)] == 21


def test_a_queue_that_does_not_say_when_a_message_was_sent_leaves_the_times_out() -> None:
    world = World()
    world.fakes.queue.sent_at = None
    world.settle(PHOTO)
    assert world.counted("jobs_total") == {("SUCCEEDED",): 1}
    assert world.counted("queue_seconds_count") == {}
    assert world.counted("job_seconds_count") == {}


@pytest.mark.parametrize(("ahead", "seconds"), [(-5, 5), (2, 0)], ids=["later", "by a clock that is ahead"])
def test_no_message_is_younger_than_nothing(ahead: int, seconds: float) -> None:
    world = World()
    message = Message("m", "h", "{}", 1, {}, sent_at=NOW + timedelta(seconds=ahead))
    world.fakes.metrics.count_job("SUCCEEDED", message, NOW)
    assert world.counted("job_seconds_sum").get(("SUCCEEDED",), 0) == seconds
