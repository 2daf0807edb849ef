from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from adapters.message import parse_message
from domain.errors import LONGEST_TEXT, Code, Dependency, Permanent, Transient, Unavailable
from domain.journal import Acknowledged, Begun, Ended, Ending, FailedAsset, Journal
from domain.model import Failure, Report, Status, Transcoding, TranscodingResult
from domain.settlement import RELEASE_DELAY, retry_delay
from tests.fakes import JPEG, MP4, NOW
from tests.wiring import JOB_TIMEOUT, MAX_RECEIVES, VISIBILITY, fakes
from worker import handler, progress

PHOTO = "28/raw/photo/horizontal/a.jpg"
VIDEO = "28/raw/video/vertical/v.mp4"
MISSING = "28/raw/photo/horizontal/missing.jpg"


DONE = Acknowledged(Status.SUCCEEDED, NOW)
DELETED = "message deleted"


class Died(BaseException):
    """The process dies here: no `except Exception` sees it."""


class World:
    """A queue, a handler and everything between them."""

    def __init__(self, max_receives: int = MAX_RECEIVES) -> None:
        around = fakes(max_receives)
        self.clock, self.queue, self.objects = around.clock, around.queue, around.objects
        self.images, self.backend, self.journals = around.images, around.backend, around.journals
        self.metrics, self.transcoder = around.metrics, around.transcoder
        self.reports, self.endings = around.reports, around.endings
        worker = around.worker()
        self.handler, self.in_flight, self.leases = worker.handler, worker.in_flight, worker.leases
        self.objects.put(PHOTO, JPEG)
        self.objects.put(VIDEO, MP4, "video/mp4")
        worker.watcher.start()

    def send(self, *assets: str, **changes: Any) -> str:
        return self.queue.send(json.dumps({"jobId": 21, "listingId": 28, "assets": assets or [PHOTO], **changes}))

    def receive(self) -> bool:
        """Handle one message, if one is visible."""
        granted_at = self.clock()
        messages = self.queue.receive(1, 20, VISIBILITY)
        for message in messages:
            self.handler.handle(self.leases.open(message, granted_at))
        return bool(messages)

    def receive_until_settled(self) -> None:
        """Let time pass and handle what comes back, until nothing is left in the queue."""
        while self.queue.held:
            if not self.receive():
                self.clock.advance(1)

    def die(self) -> None:
        """Handle one message in a process that dies as soon as it works on it; its visibility timeout ends."""

        def before(method: str, key: str) -> None:
            raise Died

        self.objects.before = before
        with pytest.raises(Died):
            self.receive()
        self.objects.before = lambda method, key: None
        self.clock.advance(VISIBILITY)

    def acknowledge(self, message_id: str, status: Status) -> None:
        """What an earlier delivery's worker wrote down."""
        self.journals.journals[message_id] = Journal(acknowledged=Acknowledged(status, NOW))

    def refuse(self, method: str, error: BaseException | None = None) -> list[float]:
        """Have the queue fail a method from now on; returns the times of the calls, as they come."""
        times: list[float] = []

        def before(called: str) -> None:
            if called == method:
                times.append(self.clock())
                raise error or Transient("SQS is down")

        self.queue.before = before
        return times

    def counted(self, outcome: str) -> float:
        """How many jobs had this final outcome."""
        line = next(
            line
            for line in self.metrics.render().decode().splitlines()
            if line.startswith(f'media_worker_jobs_total{{outcome="{outcome}"}}')
        )
        return float(line.split()[-1])

    def comes_back_in(self) -> float:
        """Seconds until the one message is visible again."""
        (held,) = self.queue.held
        return held.visible_at - self.clock()

    def fail_writes(self, error: Exception) -> None:
        def before(method: str, key: str) -> None:
            if method == "write":
                raise error

        self.objects.before = before

    def fail_until_the_last_receive(self) -> None:
        """Every receive of the one message but the last fails, and leaves a trace."""
        self.fail_writes(Transient("SlowDown"))
        for _ in range(MAX_RECEIVES - 1):
            self.receive()
            self.clock.advance(self.comes_back_in())
        self.objects.before = lambda method, key: None


@pytest.fixture
def world() -> World:
    return World()


@contextmanager
def ticking(world: World) -> Iterator[None]:
    """Time passes by itself meanwhile, a hundred times as fast."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.01):
            world.clock.advance(1)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_work_done_and_acknowledged_is_written_down_and_deletes_the_message(world: World) -> None:
    message_id = world.send()
    world.receive()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.queue.deleted == [message_id]
    assert world.journals.journals == {message_id: Journal(acknowledged=DONE)}
    assert world.journals.loads == 1, "before the callback"


def test_partial_success_deletes_the_message_too(world: World) -> None:
    message_id = world.send(PHOTO, MISSING)
    world.receive()
    assert world.reports() == [Status.PARTIAL_SUCCESS]
    assert world.queue.deleted == [message_id]


def test_of_a_partial_success_the_assets_that_failed_are_written_down(world: World) -> None:
    message_id = world.send(PHOTO, MISSING, *[f"{number}{'x' * 1500}" for number in range(30)])
    world.receive()
    told = world.journals.journals[message_id].acknowledged
    assert told is not None
    assert told.failed[0] == FailedAsset(
        MISSING, Code.VALIDATION_ERROR, f"there is no object {MISSING}: was it uploaded?"
    )
    assert (len(told.failed), told.more_failed) == (20, 11)
    assert max(len(text) for asset in told.failed for text in (asset.key, asset.reason)) <= LONGEST_TEXT


def test_a_permanent_failure_comes_back_at_once_and_is_reported_once_on_the_last_receive(world: World) -> None:
    message_id = world.send(MISSING)
    for _ in range(MAX_RECEIVES - 1):
        world.receive()
        assert world.comes_back_in() == 0
        assert world.reports() == []
    world.receive()
    assert world.comes_back_in() == 0
    assert world.reports() == [Status.VALIDATION_FAILED]
    assert not world.receive()
    assert world.queue.dead == [message_id]
    assert world.endings(message_id) == [(n, Ending.PERMANENT) for n in (1, 2, 3)]


def test_a_transient_failure_comes_back_later_each_time(world: World) -> None:
    message_id = world.send()
    world.fail_writes(Transient("SlowDown"))
    world.receive()
    assert 12 <= world.comes_back_in() <= 18
    world.clock.advance(world.comes_back_in())
    world.receive()
    assert 24 <= world.comes_back_in() <= 36
    assert world.reports() == []
    world.objects.before = lambda method, key: None
    world.clock.advance(world.comes_back_in())
    world.receive()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.queue.deleted == [message_id]


@pytest.mark.parametrize(
    ("count", "middle"), [(1, 15), (2, 30), (3, 60), (4, 120), (5, 240), (7, 900), (5000, 900)]
)
def test_the_delay_doubles_from_15_seconds_to_15_minutes_jittered(count: int, middle: int) -> None:
    assert retry_delay(count, 0) == middle
    assert retry_delay(count, -1) == round(middle * 0.8)
    assert middle <= retry_delay(count, 1) <= 900


def test_the_delay_is_no_shorter_than_what_the_backend_asked_for(world: World) -> None:
    world.send()
    world.backend.before = lambda report: (_ for _ in ()).throw(Transient("503", retry_after=300))
    world.receive()
    assert world.comes_back_in() == 300


def test_the_delay_is_at_most_15_minutes_whatever_the_backend_asked_for(world: World) -> None:
    world.send()
    world.backend.before = lambda report: (_ for _ in ()).throw(Transient("503", retry_after=math.inf))
    world.receive()
    assert world.comes_back_in() == 900


def test_a_job_that_fails_to_the_end_is_reported_once_and_dead(world: World) -> None:
    message_id = world.send()
    world.objects.before = lambda method, key: (_ for _ in ()).throw(Transient("S3 is down"))
    world.receive_until_settled()
    assert world.queue.dead == [message_id]
    assert world.reports() == [Status.PROCESSING_FAILED]


def test_a_bug_is_retried_and_reported_like_a_transient_failure(world: World) -> None:
    message_id = world.send()

    def before(method: str, key: str) -> None:
        if method == "list":
            raise ZeroDivisionError("s3cret")

    world.objects.before = before
    world.receive()
    assert world.comes_back_in() > 0
    world.receive_until_settled()
    assert world.queue.dead == [message_id]
    (report,) = world.backend.reports
    assert report.status is Status.PROCESSING_FAILED
    assert report.error
    assert "s3cret" not in report.error.message


def test_the_callback_of_a_failed_bundle_names_what_was_processed(world: World) -> None:
    world.send(PHOTO, MISSING)

    def before(method: str, key: str) -> None:
        if method == "replace":
            raise Transient("S3 is down")

    world.objects.before = before
    world.receive_until_settled()
    (report,) = world.backend.reports
    assert report.error == Failure(Code.ZIP_FAILED, "S3 is down")
    processed, missing = report.results
    assert not isinstance(processed.outcome, Failure)
    assert isinstance(missing.outcome, Failure)


def test_a_callback_that_is_not_acknowledged_leaves_the_message_and_repeats_no_work(world: World) -> None:
    message_id = world.send()
    failures = iter([Transient("503")])

    def before(report: Report) -> None:
        for error in failures:
            raise error

    world.backend.before = before
    world.receive()
    assert world.queue.deleted == []
    assert world.endings(message_id) == [(1, Ending.TRANSIENT)]
    world.receive_until_settled()
    assert world.images.rendered == [JPEG], "rendered once, not twice"
    assert len(world.objects.called("replace")) == 1
    assert world.queue.deleted == [message_id]


def test_a_backend_that_never_answers_ends_in_the_dlq(world: World) -> None:
    message_id = world.send()
    tried: list[Status] = []

    def before(report: Report) -> None:
        tried.append(report.status)
        raise Transient("no answer")

    world.backend.before = before
    world.receive_until_settled()
    assert world.queue.dead == [message_id]
    assert tried == [Status.SUCCEEDED] * 3 + [Status.PROCESSING_FAILED]


def test_a_lost_lease_means_no_callback_and_no_deletion(world: World) -> None:
    message_id = world.send()
    world.images.before = lambda data: world.clock.advance(VISIBILITY)
    world.receive()
    assert world.reports() == []
    assert world.queue.deleted == []
    assert world.endings(message_id) == [(1, Ending.LEASE_LOST)]
    assert world.comes_back_in() <= 0, "its visibility timeout is over, and nobody changed it since"


def test_a_lease_lost_during_the_callback_means_no_deletion(world: World) -> None:
    world.send()
    world.backend.before = lambda report: world.clock.advance(VISIBILITY)
    world.receive()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.queue.deleted == []


def test_a_lease_lost_on_the_last_receive_is_reported_since_nobody_else_gets_the_message(world: World) -> None:
    message_id = world.send()
    world.fail_until_the_last_receive()
    world.images.before = lambda data: world.clock.advance(VISIBILITY)
    world.receive()
    assert world.reports() == [Status.PROCESSING_FAILED]
    assert not world.receive()
    assert world.queue.dead == [message_id]


def test_a_lease_lost_during_the_last_callback_still_deletes_the_message(world: World) -> None:
    message_id = world.send()
    world.fail_until_the_last_receive()
    world.backend.before = lambda report: world.clock.advance(VISIBILITY)
    world.receive()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.queue.deleted == [message_id]


def test_a_deletion_that_fails_is_tried_again(world: World) -> None:
    message_id = world.send()
    failures = iter([Transient("500"), Transient("500")])

    def before(method: str) -> None:
        if method == "delete":
            for error in failures:
                raise error

    world.queue.before = before
    world.receive()
    assert world.queue.deleted == [message_id]


def test_a_crash_before_the_acknowledgement_is_written_repeats_the_same_callback(world: World) -> None:
    world.send()

    def crash(method: str) -> None:
        if method == "add":
            raise Died

    world.journals.before = crash
    with pytest.raises(Died):
        world.receive()
    world.journals.before = lambda method: None
    world.receive_until_settled()
    first, second = world.backend.reports
    assert (first.status, first.job, first.results) == (second.status, second.job, second.results)


def test_a_message_whose_earlier_attempts_began_and_never_ended_is_poison(world: World) -> None:
    message_id = world.send()
    for _ in range(MAX_RECEIVES - 1):
        world.die()
    world.receive()
    assert world.images.rendered == []
    (report,) = world.backend.reports
    assert report.status is Status.PROCESSING_FAILED
    assert report.error
    assert report.error.code is Code.POISON_MESSAGE
    assert world.comes_back_in() == 0
    assert not world.receive()
    assert world.queue.dead == [message_id]


def test_one_trace_is_enough_to_be_tried_a_last_time(world: World) -> None:
    message_id = world.send()
    world.fail_writes(Transient("SlowDown"))
    world.receive()
    world.objects.before = lambda method, key: None
    world.clock.advance(VISIBILITY)
    world.queue.receive(1, 20, VISIBILITY)  # and the process dies
    world.clock.advance(VISIBILITY)
    world.receive()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.queue.deleted == [message_id]


def requeue(world: World, message_id: str, *assets: str) -> str:
    """Send the job back as an operator does; returns the id of the new message."""
    return world.queue.send(
        json.dumps({"jobId": 21, "listingId": 28, "assets": assets or [PHOTO]}), OriginalMessageId=message_id
    )


def test_a_message_that_was_sent_back_though_its_job_is_done_is_only_deleted(world: World) -> None:
    world.acknowledge("m-0", Status.SUCCEEDED)
    again = requeue(world, "m-0")
    world.receive()
    assert world.queue.deleted == [again]
    assert world.objects.calls == []
    assert world.reports() == []


def test_a_failure_that_was_told_is_not_told_again_when_the_message_is_sent_back(world: World) -> None:
    message_id = world.send(MISSING)
    world.receive_until_settled()
    again = requeue(world, message_id, MISSING)
    world.receive_until_settled()
    assert world.queue.dead == [message_id, again]
    assert world.reports() == [Status.VALIDATION_FAILED]
    assert world.endings(message_id) == [(n, Ending.PERMANENT) for n in (1, 2, 3, 1, 2, 3)], "one journal"


def test_a_success_after_a_failure_that_was_told_is_told_under_the_same_id(world: World) -> None:
    message_id = world.send(MISSING)
    world.receive_until_settled()
    world.objects.put(MISSING, JPEG)
    again = requeue(world, message_id, MISSING)
    world.receive_until_settled()
    assert world.queue.deleted == [again]
    assert world.reports() == [Status.VALIDATION_FAILED, Status.SUCCEEDED]
    assert {report.job.message_id for report in world.backend.reports} == {message_id}


def test_a_video_that_failed_for_good_is_submitted_anew_when_its_message_is_sent_back(world: World) -> None:
    world.transcoder.results["t-1"] = TranscodingResult(False, "failed: 1432, the role may not read the bucket")
    message_id = world.send(VIDEO)
    world.receive_until_settled()
    again = requeue(world, message_id, VIDEO)
    world.receive_until_settled()
    assert world.queue.deleted == [again]
    assert world.reports() == [Status.PROCESSING_FAILED, Status.SUCCEEDED]
    assert [one.id for one in world.journals.journals[message_id].transcodings] == ["t-2"]


DIED_LONG_AGO = Journal(
    (Ended(3, NOW - timedelta(hours=1), Ending.PERMANENT, "poison", Code.POISON_MESSAGE),),
    begun=(Begun(2, NOW - timedelta(hours=1)),),
    acknowledged=Acknowledged(Status.PROCESSING_FAILED, NOW - timedelta(hours=1)),
)


def test_what_died_before_a_message_was_sent_back_makes_no_poison_of_it(world: World) -> None:
    world.journals.journals["m-0"] = DIED_LONG_AGO
    again = requeue(world, "m-0")
    world.queue.held[0].receive_count = MAX_RECEIVES - 1
    world.receive()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.queue.deleted == [again]


def test_a_message_that_was_sent_back_and_only_dies_is_poison_again(world: World) -> None:
    world.journals.journals["m-0"] = DIED_LONG_AGO
    requeue(world, "m-0")
    for _ in range(MAX_RECEIVES - 1):
        world.die()
    world.receive()
    assert world.images.rendered == []
    assert world.journals.journals["m-0"].attempts[-1].code is Code.POISON_MESSAGE
    assert world.reports() == [], "that failure was told before"


@pytest.mark.parametrize(
    ("asset", "step"), [(PHOTO, "zip"), (MISSING, "consolidate")], ids=["bundling", "nothing valid"]
)
def test_the_journal_says_in_which_step_each_attempt_ended_the_last_one_too(
    world: World, asset: str, step: str
) -> None:
    message_id = world.send(asset)

    def before(method: str, key: str) -> None:
        if method == "replace":
            raise Transient("S3 is down")

    world.objects.before = before
    world.receive_until_settled()
    assert [one.step for one in world.journals.journals[message_id].attempts] == [step] * MAX_RECEIVES


def test_both_ids_of_a_message_that_was_sent_back_are_in_its_log(world: World) -> None:
    again = requeue(world, "m-0")
    with capture_logs(processors=[merge_contextvars]) as logs:
        world.receive()
    (line,) = [line for line in logs if line["event"] == DELETED]
    assert (line["message_id"], line["original_message_id"]) == (again, "m-0")
    world.send()
    with capture_logs(processors=[merge_contextvars]) as logs:
        world.receive()
    assert not any("original_message_id" in line for line in logs)


def test_what_names_no_job_is_only_left(world: World) -> None:
    message_id = world.queue.send("not JSON")
    world.receive_until_settled()
    assert world.queue.dead == [message_id]
    assert world.reports() == []
    assert world.clock() <= 1001, "it was left at once each time"


def test_a_malformed_message_that_names_a_job_is_reported_once(world: World) -> None:
    message_id = world.send(assets=[])
    world.receive_until_settled()
    assert world.queue.dead == [message_id]
    (report,) = world.backend.reports
    assert report.status is Status.VALIDATION_FAILED
    assert report.results == ()


def test_an_attempt_that_takes_too_long_ends_and_comes_back(world: World) -> None:
    message_id = world.send()

    def slow(data: bytes) -> None:
        for _ in range(JOB_TIMEOUT // 20):
            world.clock.advance(20)
            world.leases.beat()

    world.images.before = slow
    world.receive()
    assert world.endings(message_id) == [(1, Ending.TRANSIENT)]
    assert "JOB_TIMEOUT" in world.journals.journals[message_id].attempts[0].message
    assert world.comes_back_in() > 0


def test_a_journal_that_cannot_be_written_does_not_keep_the_failure_from_being_reported(world: World) -> None:
    world.send(MISSING)
    world.journals.journals["m-1"] = world.journals.load(parse_message(world.queue.receive(1, 0, 0)[0]))
    world.receive()

    def down(method: str) -> None:
        if method == "add":
            raise Transient("S3 is down")

    world.journals.before = down
    world.receive()
    assert world.reports() == [Status.VALIDATION_FAILED]


def test_only_one_of_two_threads_settles_an_attempt(world: World) -> None:
    """The shutdown releases a job whose own thread goes on and succeeds a moment later."""
    world.send()
    message = world.queue.receive(1, 20, VISIBILITY)[0]

    def release(report: Report) -> None:
        (attempt,) = world.in_flight.attempts
        world.handler.release(attempt)

    world.backend.before = release
    world.handler.handle(world.leases.open(message, world.clock()))
    assert world.queue.deleted == []
    assert world.endings("m-1") == [(1, Ending.RELEASED)]
    assert world.comes_back_in() == RELEASE_DELAY


def test_a_job_released_on_its_last_receive_is_reported_since_it_goes_to_the_dlq(world: World) -> None:
    world.send(MISSING)
    world.receive()
    world.receive()
    message = world.queue.receive(1, 20, VISIBILITY)[0]
    world.handler.give_back(world.leases.open(message, world.clock()))
    assert world.reports() == [Status.PROCESSING_FAILED]
    assert world.backend.reports[0].error == Failure(
        Code.PROCESSING_FAILED, "the worker shut down before the job was done"
    )


def test_what_the_shutdown_releases_is_named_in_the_log(world: World) -> None:
    message_id = world.send()
    message = world.queue.receive(1, 20, VISIBILITY)[0]

    def release(report: Report) -> None:
        shutdown = threading.Thread(target=world.handler.release, args=world.in_flight.attempts)
        shutdown.start()
        shutdown.join()

    world.backend.before = release
    with capture_logs(processors=[merge_contextvars]) as logs:
        world.handler.handle(world.leases.open(message, world.clock()))
    (line,) = [line for line in logs if line["event"] == "attempt failed; message left to the queue"]
    assert (line["message_id"], line["receive_count"]) == (message_id, 1)
    assert (line["job_id"], line["listing_id"]) == (21, 28)


def test_a_message_that_came_too_late_is_given_back_with_a_trace(world: World) -> None:
    message_id = world.send()
    message = world.queue.receive(1, 20, VISIBILITY)[0]
    world.handler.give_back(world.leases.open(message, world.clock()))
    assert world.comes_back_in() == RELEASE_DELAY
    assert world.endings(message_id) == [(1, Ending.RELEASED)]
    assert world.reports() == []


def test_a_submitted_transcoding_is_in_the_journal_before_anything_else_happens(world: World) -> None:
    message_id = world.send(VIDEO)
    seen: list[str] = []

    def before(method: str) -> None:
        if method == "result":
            seen.extend(one.id for one in world.journals.journals[message_id].transcodings)

    world.transcoder.before = before
    world.receive()
    assert seen == ["t-1"]
    assert world.queue.deleted == [message_id]


def test_a_redelivery_goes_on_with_the_transcoding_of_the_journal(world: World) -> None:
    world.send(VIDEO)
    world.fail_writes(Transient("SlowDown"))
    world.receive()
    world.objects.before = lambda method, key: None
    world.receive_until_settled()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.transcoder.submitted == [(VIDEO, False)]
    assert b"media_worker_transcodings_total 1.0" in world.metrics.render()


def test_a_transcoding_that_could_not_be_written_down_at_once_is_when_the_attempt_ends(world: World) -> None:
    message_id = world.send(VIDEO)
    world.fail_writes(Transient("SlowDown"))
    failures = iter([Transient("S3 is down")])

    def before(method: str) -> None:
        if method == "add":
            for error in failures:
                raise error

    world.journals.before = before
    world.receive()
    assert [one.id for one in world.journals.journals[message_id].transcodings] == ["t-1"]


def test_a_process_that_died_each_time_leaves_poison_though_a_transcoding_is_written_down(world: World) -> None:
    message_id = world.send(VIDEO)
    world.queue.held[0].receive_count = MAX_RECEIVES - 1
    world.journals.journals[message_id] = Journal(
        transcodings=(Transcoding(VIDEO, "e", "t-0"),), begun=(Begun(2, NOW),)
    )
    world.receive()
    assert world.backend.reports[0].error
    assert world.backend.reports[0].error.code is Code.POISON_MESSAGE


def test_a_last_receive_that_came_during_the_shutdown_does_not_wait_for_ever(world: World) -> None:
    message_id = world.send(VIDEO, PHOTO)
    world.queue.held[0].receive_count = MAX_RECEIVES - 1
    world.journals.journals[message_id] = Journal((Ended(1, NOW, Ending.TRANSIENT, "S3 was down"),))
    world.transcoder.results["t-1"] = None
    world.transcoder.before = lambda method: world.clock.advance(11 if method == "result" else 0)
    world.in_flight.end_waiting(world.clock() + 10)
    world.receive()
    assert world.reports() == [Status.PARTIAL_SUCCESS]
    assert world.queue.deleted == [message_id]


def test_a_deletion_that_failed_is_not_tried_again_once_the_lease_is_over(world: World) -> None:
    message_id = world.send()
    tries: list[str] = []

    def before(method: str) -> None:
        if method == "delete":
            tries.append(method)
            world.clock.advance(VISIBILITY)
            raise Transient("SQS timed out")

    world.queue.before = before
    world.receive()
    assert len(tries) == 1
    world.queue.before = lambda method: None
    world.receive()
    assert world.queue.deleted == [message_id]
    assert world.reports() == [Status.SUCCEEDED]


def extended(world: World) -> list[str]:
    """Which calls change a visibility timeout once a third of it has passed."""
    calls: list[str] = []
    world.queue.before = calls.append
    world.clock.advance(VISIBILITY / 3)
    world.leases.beat()
    return calls


@pytest.mark.parametrize("assets", [[PHOTO], [MISSING]], ids=["done", "failed"])
def test_a_settled_message_is_no_more_extended_and_its_attempt_no_more_in_flight(
    world: World, assets: list[str]
) -> None:
    world.send(*assets)
    world.receive()
    assert extended(world) == []
    assert world.in_flight.attempts == []


def test_a_message_whose_lease_is_lost_is_not_shown_since_another_worker_may_have_it(world: World) -> None:
    world.send(MISSING)
    world.journals.before = lambda method: world.clock.advance(VISIBILITY)
    calls: list[str] = []
    world.queue.before = calls.append
    world.receive()
    assert calls == ["receive"]


def test_a_failure_callback_is_progress(world: World) -> None:
    world.send(MISSING)
    for _ in range(MAX_RECEIVES - 1):
        world.receive()
    world.journals.before = lambda method: world.clock.advance(7)
    since: list[float] = []
    world.backend.before = lambda report: since.append(
        world.clock() - world.in_flight.attempts[0].progress.moved_at
    )
    world.receive()
    assert since == [0]


def test_a_malformed_message_that_came_too_late_is_given_back_with_a_trace_too(world: World) -> None:
    message_id = world.send(assets=[])
    message = world.queue.receive(1, 20, VISIBILITY)[0]
    world.handler.give_back(world.leases.open(message, world.clock()))
    assert world.comes_back_in() == 0
    assert world.endings(message_id) == [(1, Ending.PERMANENT)]


def test_a_first_receive_writes_down_that_it_began_only_where_the_second_is_the_last() -> None:
    for max_receives, begun in ((2, [1]), (3, [])):
        world = World(max_receives)
        message_id = world.send()
        world.die()
        journal = world.journals.journals.get(message_id, Journal())
        assert [one.number for one in journal.begun] == begun


def test_where_the_second_receive_is_the_last_a_death_in_the_first_is_poison() -> None:
    world = World(max_receives=2)
    world.send()
    world.die()
    world.receive()
    (report,) = world.backend.reports
    assert report.error
    assert report.error.code is Code.POISON_MESSAGE


def test_an_attempt_that_cannot_write_down_that_it_began_goes_on_and_is_no_reason_to_cry_poison(
    world: World,
) -> None:
    message_id = world.send()

    def down(method: str) -> None:
        if method == "add":
            raise Transient("S3 is down")

    world.journals.before = down
    for _ in range(MAX_RECEIVES - 1):
        world.die()
    world.receive()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.queue.deleted == [message_id]


def test_a_success_that_was_acknowledged_only_deletes_the_message(world: World) -> None:
    message_id = world.send()
    world.refuse("delete")
    world.receive()
    assert world.counted("SUCCEEDED") == 0, "the receive that deletes it counts it"
    world.queue.before = lambda method: None
    world.clock.advance(VISIBILITY)
    with capture_logs() as logs:
        assert world.receive()
    assert world.queue.deleted == [message_id]
    assert world.reports() == [Status.SUCCEEDED]
    assert world.images.rendered == [JPEG]
    assert world.counted("SUCCEEDED") == 1
    assert [(log["event"], log.get("status")) for log in logs] == [
        ("job done", "SUCCEEDED"),
        ("message deleted", "SUCCEEDED"),
    ], "at its start"
    assert b'media_worker_attempts_total{ending="done"} 2.0' in world.metrics.render()


def test_on_a_first_receive_too_the_callback_is_not_repeated(world: World) -> None:
    """SQS delivered the message twice, and the other one was faster."""
    message_id = world.send()
    world.images.before = lambda data: world.acknowledge(message_id, Status.PARTIAL_SUCCESS)
    world.receive()
    assert world.reports() == []
    assert world.queue.deleted == [message_id]
    assert world.counted("PARTIAL_SUCCESS") == 1


def stopped(world: World) -> None:
    (attempt,) = world.in_flight.attempts
    attempt.stop()


ENDS: dict[str, Callable[[World], object]] = {
    "a failure": lambda world: world.objects.stored.pop(PHOTO) and None,
    "a bug": lambda world: world.fail_writes(ZeroDivisionError()),
    "its time is over": lambda world: setattr(world.in_flight.attempts[0], "deadline", 0),
    "a shutdown": stopped,
    "its lease is lost": lambda world: world.clock.advance(VISIBILITY),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_whatever_ends_the_last_receive_a_success_that_was_acknowledged_stays_one(
    world: World, end: Callable[[World], object]
) -> None:
    """Another delivery's callback was under way when this one began."""
    message_id = world.send()
    world.fail_until_the_last_receive()

    def before(method: str, key: str) -> None:
        world.objects.before = lambda method, key: None
        world.acknowledge(message_id, Status.SUCCEEDED)
        end(world)

    world.objects.before = before
    world.receive()
    assert world.reports() == []
    assert world.queue.deleted == [message_id]
    assert world.counted("SUCCEEDED") == 1
    assert world.counted("PROCESSING_FAILED") == 0


def test_a_job_that_was_done_is_not_poison(world: World) -> None:
    message_id = world.send()
    for _ in range(MAX_RECEIVES - 1):
        world.die()
    world.journals.add(
        parse_message(world.queue.receive(1, 0, 0)[0]), Journal(acknowledged=Acknowledged(Status.SUCCEEDED, NOW))
    )
    world.queue.held[0].receive_count = MAX_RECEIVES - 1
    world.receive()
    assert world.reports() == []
    assert world.queue.deleted == [message_id]


def test_a_malformed_message_whose_success_was_acknowledged_is_deleted(world: World) -> None:
    """As an older worker, which took it for well-formed, left it."""
    message_id = world.send(assets=[])
    world.acknowledge(message_id, Status.SUCCEEDED)
    world.queue.held[0].receive_count = MAX_RECEIVES - 1
    world.receive()
    assert world.reports() == []
    assert world.queue.deleted == [message_id]


def test_a_failure_that_was_acknowledged_is_not_told_again(world: World) -> None:
    message_id = world.send(MISSING)
    world.acknowledge(message_id, Status.VALIDATION_FAILED)
    world.receive_until_settled()
    assert world.reports() == []
    assert world.queue.dead == [message_id]
    told = b'media_worker_dead_lettered_total{code="VALIDATION_ERROR",told="yes"} 1.0'
    assert told in world.metrics.render()


def test_a_success_after_an_acknowledged_failure_is_told(world: World) -> None:
    message_id = world.send()
    world.acknowledge(message_id, Status.PROCESSING_FAILED)
    world.receive()
    assert world.reports() == [Status.SUCCEEDED]
    assert world.journals.journals[message_id].acknowledged == DONE
    assert world.queue.deleted == [message_id]


def test_a_failure_that_the_backend_acknowledges_is_written_down(world: World) -> None:
    message_id = world.send(MISSING)
    world.receive_until_settled()
    acknowledged = world.journals.journals[message_id].acknowledged
    assert acknowledged == Acknowledged(Status.VALIDATION_FAILED, NOW)


def out() -> Unavailable:
    return Unavailable("S3 is out", Dependency.BUCKET)


def test_the_failure_callback_waits_until_the_journal_can_be_read(world: World) -> None:
    world.send(MISSING)
    world.receive()
    world.receive()
    outage = iter([out()] * 3)

    def before(method: str) -> None:
        if method == "load" and world.objects.called("head")[2:]:
            for error in outage:
                raise error

    world.journals.before = before
    with ticking(world):
        world.receive()
    assert world.reports() == [Status.VALIDATION_FAILED]
    assert next(outage, None) is None


def test_a_look_into_the_journal_that_hangs_is_an_outage_and_not_a_stuck_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "LONGEST_LOOK", 0.05)
    world.send(MISSING)
    world.receive()
    world.receive()
    hang = threading.Event()
    hanging = iter([hang])

    def before(method: str) -> None:
        if method == "load" and world.objects.called("head")[2:]:
            for one in hanging:
                one.wait(30)

    world.journals.before = before
    with ticking(world), capture_logs() as logs:
        world.receive()
    hang.set()
    assert world.reports() == [Status.VALIDATION_FAILED]
    assert [log["of"] for log in logs if log["event"] == "outage begun"] == [Dependency.BUCKET]


def test_an_end_whose_writing_hangs_does_not_keep_the_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LONGEST_WRITE", 0.05)
    world.send(MISSING)
    hang = threading.Event()

    def before(method: str) -> None:
        if method == "add":
            hang.wait(30)

    world.journals.before = before
    world.receive()
    assert world.comes_back_in() == 0
    hang.set()


def test_without_a_look_into_the_journal_no_failure_is_told(world: World) -> None:
    """This job alone can't read it: whether it was done nobody knows."""
    message_id = world.send()
    world.queue.held[0].receive_count = MAX_RECEIVES - 1

    def before(method: str) -> None:
        raise Permanent("access denied")

    world.journals.before = before
    world.receive()
    assert world.reports() == []
    assert not world.receive()
    assert world.queue.dead == [message_id]
    told = b'media_worker_dead_lettered_total{code="PROCESSING_FAILED",told="no"} 1.0'
    assert told in world.metrics.render()


def test_what_the_attempt_read_at_its_beginning_has_to_do_where_the_journal_is_gone_later(world: World) -> None:
    world.send(MISSING)
    world.receive()
    world.receive()

    def before(method: str) -> None:
        if method == "load" and world.objects.called("head")[2:]:
            raise Permanent("access denied")

    world.journals.before = before
    world.receive()
    assert world.reports() == [Status.VALIDATION_FAILED]


def test_the_acknowledgement_is_written_while_the_lease_is_still_extended(world: World) -> None:
    world.send()
    kept: list[bool] = []

    def before(method: str) -> None:
        if method == "add":
            world.clock.advance(VISIBILITY / 2)
            world.leases.beat()
            kept.append(world.comes_back_in() == VISIBILITY)

    world.journals.before = before
    world.receive()
    assert kept == [True]


def test_where_the_acknowledgement_cannot_be_written_the_message_is_deleted_all_the_same(world: World) -> None:
    message_id = world.send()

    def before(method: str) -> None:
        if method == "add":
            raise out()

    world.journals.before = before
    world.receive()
    assert world.queue.deleted == [message_id]


def test_an_acknowledgement_whose_writing_hangs_keeps_the_message_for_a_moment_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    message_id = world.send()
    release = threading.Event()

    def hang(method: str) -> None:
        if method == "add":
            release.wait(30)

    world.journals.before = hang
    with capture_logs(processors=[merge_contextvars]) as logs:
        world.receive()
    release.set()
    assert world.queue.deleted == [message_id]
    (line,) = [log for log in logs if log["event"] == "the acknowledgement wasn't written to the journal"]
    assert line["job_id"] == 21


def test_the_tries_at_a_deletion_are_spaced_over_the_lease(world: World) -> None:
    world.send()
    idle: list[float] = []
    times: list[float] = []

    def before(method: str) -> None:
        if method == "delete":
            times.append(world.clock())
            idle.append(world.clock() - world.in_flight.attempts[0].progress.moved_at)
            raise Transient("SQS is down")

    world.queue.before = before
    world.receive()
    assert set(idle) == {0}, "each try is progress"
    tries = [at - times[0] for at in times]
    assert tries == [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 23.75, 31.75, 39.75, 47.75, 55.75]
    assert world.comes_back_in() > 0, "each of them came within the lease"


def test_on_the_last_receive_a_deletion_is_tried_for_a_minute_with_the_lease_and_the_job_counted(
    world: World,
) -> None:
    world.send()
    world.queue.held[0].receive_count = MAX_RECEIVES - 1
    times: list[float] = []

    def before(method: str) -> None:
        if method == "delete":
            times.append(world.clock())
            world.clock.advance(4)  # as a call that gets no answer
            world.leases.beat()
            assert world.comes_back_in() > VISIBILITY / 2
            raise Transient("SQS is down")

    world.queue.before = before
    with capture_logs() as logs:
        world.receive()
    assert 45 < times[-1] - times[0] < 60
    assert world.counted("SUCCEEDED") == 1
    assert logs[-1]["event"] == "message not deleted; it goes to the DLQ, though its job is done"


def test_a_process_that_ends_does_not_go_on_trying_to_delete(world: World) -> None:
    world.send()
    times = world.refuse("delete")
    world.backend.before = lambda report: world.in_flight.attempts[0].cut_off()
    world.receive()
    assert len(times) == 1


@pytest.mark.parametrize("asset", [PHOTO, MISSING], ids=["released", "permanent"])
def test_a_message_that_is_shown_with_a_delay_is_shown_before_its_journal_is_written(
    world: World, asset: str
) -> None:
    """A released one; what is shown at once has its journal before."""
    world.send(asset)
    calls: list[str] = []
    world.queue.before = calls.append
    world.journals.before = calls.append
    (message,) = world.queue.receive(1, 20, VISIBILITY)
    lease = world.leases.open(message, world.clock())
    if asset == PHOTO:
        world.handler.give_back(lease)
        assert calls == ["receive", "change_visibility", "add"]
    else:
        world.handler.handle(lease)
        assert calls == ["receive", "add", "change_visibility"]


def test_a_job_that_the_shutdown_settles_on_its_last_receive_says_no_more_itself() -> None:
    """Its thread was at work, and nothing hung: it must not tell of a success after the failure, nor before it."""
    world = World(max_receives=1)
    inside, go_on = threading.Event(), threading.Event()

    def wait(method: str, key: str) -> None:
        if method == "read" and not go_on.is_set():
            inside.set()
            assert go_on.wait(30)

    world.objects.before = wait
    world.send()
    own = threading.Thread(target=world.receive)
    own.start()
    assert inside.wait(30)
    (attempt,) = world.in_flight.stop()
    world.handler.release(attempt)
    go_on.set()
    own.join(30)
    assert world.reports() == [Status.PROCESSING_FAILED]


def test_a_finished_job_that_waits_on_its_last_receive_is_told_of_when_the_backend_is_back_in_time() -> None:
    world = World(max_receives=1)
    refused, back = threading.Event(), threading.Event()

    def backend(report: Report) -> None:
        if not back.is_set():
            refused.set()
            raise Unavailable("503", Dependency.BACKEND)

    world.backend.before = backend
    world.send()
    own = threading.Thread(target=world.receive)
    own.start()
    assert refused.wait(30)
    world.in_flight.stop()
    back.set()
    world.clock.advance(10)
    own.join(30)
    assert world.reports() == [Status.SUCCEEDED]


GOOD, BAD, AGAIN = "job done", "job failed for good", "attempt failed; message left to the queue"


def settled_lines(world: World) -> list[dict[str, Any]]:
    """What is logged until nothing is left in the queue, as far as alarms and queries go by it, and all errors."""
    with capture_logs(processors=[merge_contextvars]) as logs:
        world.receive_until_settled()
    return [dict(line) for line in logs if line["event"] in (GOOD, BAD, AGAIN) or line["log_level"] == "error"]


def test_a_job_that_ended_well_has_one_line_with_all_durations(world: World) -> None:
    message_id = world.send(PHOTO, MISSING)
    world.queue.sent_at = NOW - timedelta(seconds=90)
    (line,) = settled_lines(world)
    steps = line.pop("step_seconds")
    assert list(steps) == ["validate", "thumbnails", "confirm", "zip", "consolidate", "callback"]
    assert line == {
        "event": GOOD, "log_level": "info", "status": Status.PARTIAL_SUCCESS, "receives": 1,
        "assets_ok": 1, "assets_failed": 1, "seconds": 0.0, "seconds_since_sent": 90.0,
        "job_id": 21, "listing_id": 28, "message_id": message_id, "receive_count": 1, "trace_id": None,
    }  # fmt: skip


def test_the_assets_that_a_finalization_left_out_are_counted(world: World) -> None:
    world.send(PHOTO)
    world.receive()
    world.send(PHOTO, MISSING, kind="finalize")
    (line,) = settled_lines(world)
    assert (line["event"], line["assets_ok"], line["assets_failed"]) == (GOOD, 1, 1)


def test_a_job_that_ended_badly_has_one_error_and_its_other_attempts_a_warning_each(world: World) -> None:
    message_id = world.send(MISSING)
    world.queue.sent_at = NOW - timedelta(seconds=90)
    *warnings, line = settled_lines(world)
    assert [(one["event"], one["log_level"]) for one in warnings] == [(AGAIN, "warning")] * (MAX_RECEIVES - 1)
    assert {one["step"] for one in warnings} == {"consolidate"}
    assert "there is no object" in line.pop("why")
    assert line == {
        "event": BAD, "log_level": "error", "status": Status.VALIDATION_FAILED, "code": Code.VALIDATION_ERROR,
        "ending": Ending.PERMANENT, "step": "consolidate", "receives": 3, "seconds_since_sent": 90.0, "told": True,
        "job_id": 21, "listing_id": 28, "message_id": message_id, "receive_count": 3, "trace_id": None,
    }  # fmt: skip


def test_a_failure_callback_that_was_not_acknowledged_is_one_line_and_the_job_untold(world: World) -> None:
    world.send(MISSING)
    world.backend.before = lambda report: (_ for _ in ()).throw(Transient("the callback got no answer"))
    *_, untold, line = settled_lines(world)
    assert (untold["event"], untold["why"]) == (
        "the failure callback wasn't acknowledged",
        "the callback got no answer",
    )
    assert "exc_info" not in untold
    assert (line["event"], line["told"]) == (BAD, False)


def test_a_bug_in_the_failure_callback_keeps_its_traceback(world: World) -> None:
    world.send(MISSING)
    world.backend.before = lambda report: (_ for _ in ()).throw(ZeroDivisionError("oh"))
    *_, untold, line = settled_lines(world)
    assert isinstance(untold["exc_info"], ZeroDivisionError)
    assert (line["event"], line["told"]) == (BAD, False)


def test_a_failure_that_was_told_before_is_told(world: World) -> None:
    world.journals.journals["m-0"] = DIED_LONG_AGO
    requeue(world, "m-0", MISSING)
    line = settled_lines(world)[-1]
    assert (line["event"], line["told"], line["original_message_id"]) == (BAD, True, "m-0")


def test_a_message_that_names_no_job_ends_badly_too_on_its_last_receive(world: World) -> None:
    message_id = world.send(listingIdentityId=29)
    with capture_logs(processors=[merge_contextvars]) as logs:
        world.receive_until_settled()
    *warnings, line = logs
    assert {(one["event"], one["log_level"]) for one in warnings} == {
        ("malformed message left to the DLQ", "warning")
    }
    assert "job 21 " in line["why"]
    assert (line["event"], line["log_level"], line["status"]) == (BAD, "error", "malformed")
    assert (line["message_id"], line["code"], line["receives"], line["told"]) == (
        message_id, Code.VALIDATION_ERROR, 3, False,
    )  # fmt: skip


def test_a_malformed_message_that_names_a_job_ends_badly_like_any_other(world: World) -> None:
    world.send(assets="none")
    *warnings, line = settled_lines(world)
    assert {one["event"] for one in warnings} == {AGAIN}
    assert (line["event"], line["job_id"], line["step"], line["told"]) == (BAD, 21, "", True)


def test_a_lease_that_the_heartbeat_loses_is_lost_in_the_name_of_its_job(world: World) -> None:
    message_id = world.send()

    def freeze(data: bytes) -> None:
        world.clock.advance(VISIBILITY)
        heartbeat = threading.Thread(target=world.leases.beat)
        heartbeat.start()
        heartbeat.join()

    world.images.before = freeze
    with capture_logs(processors=[merge_contextvars]) as logs:
        world.receive()
    (lost,) = [line for line in logs if line["event"] == "lease lost"]
    assert (lost["message_id"], lost["job_id"], lost["listing_id"]) == (message_id, 21, 28)
