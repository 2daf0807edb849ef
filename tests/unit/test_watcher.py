from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import copy_context

import pytest
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from domain.errors import Dependency, Transient, Unavailable
from domain.keys import RawKey
from domain.model import Source, Transcoding, TranscodingResult
from tests.fakes import ManualClock
from worker.watcher import FIRST_DELAY, JITTER, LONGEST_DELAY, LONGEST_PAUSE, Watcher

DONE = TranscodingResult(True)
STEP = 0.1
OUT = Unavailable("TooManyRequestsException", Dependency.MEDIACONVERT, "GetJob")


class Answers:
    """A transcoder that answers as the test says, and remembers when it was asked after what."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.results: dict[str, TranscodingResult] = {}
        self.error: Exception | None = None
        self.errors: dict[str, Exception] = {}
        self.asked: list[tuple[float, str]] = []

    def check_name(self, raw: RawKey) -> None:
        raise NotImplementedError

    def frames(self, source: Source) -> list[str]:
        raise NotImplementedError

    def submit(self, source: Source, generation: int) -> Transcoding:
        raise NotImplementedError

    def result(self, transcoding_id: str) -> TranscodingResult | None:
        self.asked.append((self._clock(), transcoding_id))
        if error := self.error or self.errors.get(transcoding_id):
            raise error
        return self.results.get(transcoding_id)


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.transcoder = Answers(self.clock)
        self.watcher = Watcher(self.transcoder, self.clock, random.Random(7))
        self.over = False

    @contextmanager
    def waiting(self, *ids: str) -> Iterator[list[Mapping[str, TranscodingResult]]]:
        """A job that waits in a thread of its own while the block goes on; it must have ended with it."""
        got: list[Mapping[str, TranscodingResult]] = []
        begun = threading.Event()

        def over() -> bool:
            begun.set()
            return self.over

        wait = copy_context().run
        thread = threading.Thread(target=lambda: got.append(wait(self.watcher.wait, ids, over)), daemon=True)
        thread.start()
        while not begun.wait(0.001):
            self.watcher.look()
        yield got
        thread.join(10)
        assert not thread.is_alive()

    def let_pass(self, seconds: float, until: Callable[[], bool] = lambda: False) -> float:
        """Let the watcher take its turns; returns how much time passed."""
        started = self.clock()
        while self.clock() < started + seconds and not until():
            self.watcher.turn()
            self.clock.advance(STEP)
        return self.clock() - started

    def end(self) -> None:
        """Let no job wait any more."""
        self.over = True
        self.watcher.look()

    def gaps(self) -> list[float]:
        asked = [at for at, _ in self.transcoder.asked]
        return [later - earlier for earlier, later in itertools.pairwise(asked)]


@pytest.fixture
def world() -> World:
    return World()


def test_a_finished_one_is_told_at_once(world: World) -> None:
    world.transcoder.results["t-1"] = DONE
    with world.waiting("t-1") as got:
        world.watcher.turn()
    assert got == [{"t-1": DONE}]


def test_the_first_that_ends_wakes_the_job(world: World) -> None:
    world.transcoder.results["t-2"] = DONE
    with world.waiting("t-1", "t-2") as got:
        world.watcher.turn()
    assert got == [{"t-2": DONE}]


def test_the_delay_grows_from_2_to_30_seconds_and_is_jittered(world: World) -> None:
    with world.waiting("t-1"):
        world.let_pass(400)
        world.end()
    gaps = world.gaps()
    assert FIRST_DELAY * (1 - JITTER) <= gaps[0] <= FIRST_DELAY * (1 + JITTER) + STEP
    assert gaps[4] > 2 * gaps[0]
    late = gaps[8:]
    assert len(late) > 5
    assert all(LONGEST_DELAY * (1 - JITTER) <= gap <= LONGEST_DELAY * (1 + JITTER) + 2 * STEP for gap in late)
    assert len({round(gap) for gap in late}) > 1


def test_two_jobs_that_wait_for_the_same_one_cost_one_question(world: World) -> None:
    world.transcoder.results["t-1"] = DONE
    with world.waiting("t-1") as first, world.waiting("t-1") as second:
        world.watcher.turn()
    assert first == second == [{"t-1": DONE}]
    assert len(world.transcoder.asked) == 1


def test_a_job_that_waits_on_does_not_begin_with_short_delays_again(world: World) -> None:
    with world.waiting("t-1"):
        world.let_pass(100)
        asked = len(world.transcoder.asked)
        with world.waiting("t-1"):
            world.let_pass(5)
            assert len(world.transcoder.asked) == asked
            world.end()


def test_one_that_fails_for_a_minute_is_asked_less_and_less_by_all_jobs_together(world: World) -> None:
    world.transcoder.error = OUT
    ids = [f"t-{number}" for number in range(20)]
    with world.waiting(*ids) as got:
        world.let_pass(60)
        assert 7 <= len(world.transcoder.asked) <= 9, "one question finds out for all"
        assert world.gaps()[:3] == sorted(world.gaps()[:3])
        assert max(world.gaps()) <= LONGEST_PAUSE + STEP, "the end of an outage isn't slept through"
        assert got == []
        world.transcoder.error = None
        world.transcoder.results = dict.fromkeys(ids, DONE)
        world.let_pass(LONGEST_PAUSE + 2 * STEP, until=lambda: bool(got))
    assert got[0]


def test_one_alone_is_asked_again_within_seconds_of_the_end_of_a_long_outage(world: World) -> None:
    world.transcoder.error = OUT
    with world.waiting("t-1") as got:
        world.let_pass(600)
        assert max(world.gaps()) <= LONGEST_PAUSE + STEP
        world.transcoder.error = None
        world.transcoder.results["t-1"] = DONE
        world.let_pass(LONGEST_PAUSE + 2 * STEP)
    assert got == [{"t-1": DONE}]


@pytest.mark.parametrize(
    "error",
    [
        Transient("its answer can't be read"),
        Unavailable("500", Dependency.MEDIACONVERT, "GetJob", evident=False),
        KeyError("Job"),
        Unavailable("reset by peer", Dependency.MEDIACONVERT, "GetJob"),
    ],
    ids=["Transient", "perhaps an outage", "a bug", "evident"],
)
def test_one_that_keeps_failing_holds_up_no_other(world: World, error: Exception) -> None:
    world.transcoder.errors["bad"] = error
    with world.waiting("bad", "t-1", "t-2", "t-3"):
        world.let_pass(120)
        world.end()
    asked = Counter(name for _, name in world.transcoder.asked)
    assert min(asked[name] for name in ("t-1", "t-2", "t-3")) >= 6, asked
    assert asked["bad"] >= 6
    if not (isinstance(error, Unavailable) and error.evident):
        assert asked["bad"] <= 11, "with growing delays"


def test_after_a_good_answer_the_next_pause_is_a_short_one_again(world: World) -> None:
    with world.waiting("t-1"):
        world.transcoder.error = OUT
        world.let_pass(60)
        world.transcoder.error = None
        world.let_pass(120)
        world.transcoder.error = OUT
        asked = len(world.transcoder.asked)
        world.let_pass(60, until=lambda: len(world.transcoder.asked) > asked)
        paused = world.let_pass(60, until=lambda: len(world.transcoder.asked) > asked + 1)
        world.end()
    assert paused <= FIRST_DELAY * (1 + JITTER) + 2 * STEP


def test_a_job_that_must_not_wait_any_more_is_woken_without_anything(world: World) -> None:
    with world.waiting("t-1") as got:
        world.end()
    assert got == [{}]


def test_what_nobody_waits_for_any_more_is_not_asked_after(world: World) -> None:
    with world.waiting("t-1"):
        world.end()
    world.let_pass(60)
    assert world.transcoder.asked == []


def test_a_bug_in_the_transcoder_ends_nothing(world: World) -> None:
    world.transcoder.error = KeyError("Job")
    with world.waiting("t-1") as got:
        world.let_pass(10)
        world.transcoder.error = None
        world.transcoder.results["t-1"] = DONE
        world.let_pass(60, until=lambda: bool(got))
    assert got == [{"t-1": DONE}]


def test_the_watcher_has_a_thread_of_its_own_that_survives_errors(world: World) -> None:
    broken = iter([True, False])

    def over() -> bool:
        if next(broken, False):
            raise RuntimeError("a bug")
        return False

    world.transcoder.results["t-1"] = DONE
    world.watcher.start()
    assert world.watcher.wait(["t-1"], over) == {"t-1": DONE}


def test_the_end_of_a_transcoding_names_each_job_that_waits_for_it(world: World) -> None:
    world.transcoder.results["t-1"] = DONE
    with capture_logs() as logs, ExitStack() as waits:
        for job_id in (21, 22):
            with bound_contextvars(job_id=job_id):
                waits.enter_context(world.waiting("t-1"))
        world.watcher.turn()
    assert [(line["event"], line["transcoding"], line["done"], line["job_id"]) for line in logs] == [
        ("transcoding ended", "t-1", True, 21),
        ("transcoding ended", "t-1", True, 22),
    ]


@pytest.mark.parametrize(("error", "bug"), [(Transient("500"), False), (ZeroDivisionError("oh"), True)])
def test_one_that_cannot_be_asked_after_names_its_job_and_only_a_bug_has_a_traceback(
    world: World, error: Exception, bug: bool
) -> None:
    world.transcoder.errors["t-1"] = error
    with capture_logs() as logs, bound_contextvars(job_id=21), world.waiting("t-1"):
        world.watcher.turn()
        world.end()
    (line,) = logs
    assert (line["event"], line["job_id"], line["why"]) == (
        "a transcoding can't be asked after", 21, str(error),
    )  # fmt: skip
    assert ("exc_info" in line) == bug
