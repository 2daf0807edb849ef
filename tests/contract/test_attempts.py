"""What every attempt does for the pipeline: the fake, and the worker's own."""

from __future__ import annotations

from typing import Protocol

import pytest

from domain.errors import Stopped
from domain.keys import parse_raw
from domain.kinds import AssetType, Size
from domain.model import Derivatives, Job, Source, Transcoding, TranscodingResult
from domain.ports import Attempt
from tests.fakes import NOW, FakeAttempt, FakeObjects, FakeTranscoder
from tests.wiring import VISIBILITY, fakes

DONE = TranscodingResult(True)
VIDEO = Source(parse_raw("28/raw/video/v.mp4", 28), AssetType.VIDEO, "e1", 1)
MADE = Derivatives(VIDEO.raw.key, VIDEO.etag, VIDEO.type, {Size.ORIGINAL: "28/processed/video/original/v.mp4"})


class Subject(Protocol):
    """An attempt under test, and the test's own ways to end its videos and itself."""

    @property
    def attempt(self) -> Attempt: ...
    def end(self, transcoding_id: str) -> None: ...
    def stop(self) -> None: ...


class Fake:
    def __init__(self, first: bool, last: bool) -> None:
        self._transcoder = FakeTranscoder(FakeObjects())
        self._transcoder.results = {"t-1": None, "t-2": None}
        self.attempt = FakeAttempt(last, self._transcoder, first)

    def end(self, transcoding_id: str) -> None:
        self._transcoder.results[transcoding_id] = DONE

    def stop(self) -> None:
        def stopped() -> None:
            raise Stopped("the test says so")

        self.attempt.before_checkpoint = stopped


class Real:
    def __init__(self, first: bool, last: bool) -> None:
        around = fakes(max_receives=2 if not first or not last else 1)
        around.transcoder.results = {"t-1": None, "t-2": None}
        self._results = around.transcoder.results
        worker = around.worker()
        worker.watcher.start()
        worker.slots.occupy(worker.slots.reserve(1, timeout=0), 1)
        around.queue.send("{}")
        if not first:
            around.queue.receive(1, 0, 0)
        (message,) = around.queue.receive(1, 0, VISIBILITY)
        lease = worker.leases.open(message, around.clock())
        self._under_way = worker.in_flight.begun(Job(21, 28, "m-1"), lease, NOW)
        self.attempt = self._under_way.__enter__()

    def end(self, transcoding_id: str) -> None:
        self._results[transcoding_id] = DONE

    def stop(self) -> None:
        self.attempt.stop()


Make = type[Fake] | type[Real]


@pytest.fixture(params=[Fake, Real])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


@pytest.fixture
def subject(make: Make) -> Subject:
    return make(True, False)


@pytest.mark.parametrize(("first", "last"), [(True, False), (False, True), (True, True)])
def test_it_says_whether_it_is_the_first_and_whether_the_last(make: Make, first: bool, last: bool) -> None:
    attempt = make(first, last).attempt
    assert (attempt.first, attempt.last) == (first, last)


def test_its_checkpoints_pass_until_it_is_stopped(subject: Subject) -> None:
    subject.attempt.checkpoint()
    subject.stop()
    with pytest.raises(Stopped):
        subject.attempt.checkpoint()


def test_a_stopped_attempt_begins_no_step(subject: Subject) -> None:
    with subject.attempt.step("validate") as counts:
        counts["ok"] = 1
    subject.stop()
    with pytest.raises(Stopped), subject.attempt.step("thumbnails"):
        raise AssertionError("the step has begun")


def test_what_is_recorded_is_recalled_for_the_same_upload_and_type(subject: Subject) -> None:
    progress = subject.attempt.progress
    assert progress.recall(VIDEO) is None
    progress.record(MADE)
    assert progress.recall(VIDEO) == MADE
    assert progress.recall(Source(VIDEO.raw, AssetType.VIDEO_VERTICAL, "e1", 1)) is None
    assert progress.recall(Source(VIDEO.raw, AssetType.VIDEO, "e2", 1)) is None


def test_the_latest_transcoding_of_an_upload_is_recalled(subject: Subject) -> None:
    progress = subject.attempt.progress
    progress.record_transcoding(Transcoding(VIDEO.raw.key, "e1", "t-1"), submitted=True)
    progress.record_transcoding(Transcoding(VIDEO.raw.key, "e1", "t-2", resubmitted=True), submitted=True)
    recalled = progress.recall_transcoding(VIDEO)
    assert recalled is not None
    assert recalled.id == "t-2"


def test_the_wait_returns_what_has_ended(subject: Subject) -> None:
    subject.end("t-2")
    with subject.attempt.idle():
        assert subject.attempt.wait_for(["t-1", "t-2"]) == {"t-2": DONE}
