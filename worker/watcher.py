"""One thread that polls every transcoding that jobs of this process wait for."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Mapping

import structlog

from domain.errors import Unavailable
from domain.model import TranscodingResult
from domain.ports import Transcoder
from worker.logs import reason

FIRST_DELAY = 2.0
LONGEST_DELAY = 30.0
GROWTH = 1.5
JITTER = 0.2
LONGEST_PAUSE = 10.0
"""Seconds in which nothing is asked while the transcoder is out: its end must be noticed soon."""
LOOK_EVERY = 1.0
"""Seconds between two looks at whether a job must go on waiting."""


class _Wait:
    """One job's wait for some transcodings: `over` says whether it must end, whatever they do.

    `names` are those of the job, for the log.
    """

    def __init__(self, transcoding_ids: Collection[str], over: Callable[[], bool]) -> None:
        self.transcoding_ids = frozenset(transcoding_ids)
        self.over = over
        self.names = structlog.contextvars.get_contextvars()
        self.ended: dict[str, TranscodingResult] = {}
        self.awake = threading.Event()


class _Poll:
    """When a transcoding is polled next (`due`, seconds of the clock), and the pause after that (`delay`)."""

    def __init__(self, due: float) -> None:
        self.due = due
        self.delay = FIRST_DELAY


class Watcher:
    """Polls the transcoder for all waiting jobs, in one thread. `noticed` hears that it is evidently out."""

    def __init__(
        self,
        transcoder: Transcoder,
        clock: Callable[[], float],
        rng: random.Random,
        noticed: Callable[[Unavailable], None] = lambda _: None,
    ) -> None:
        self._noticed = noticed
        self._transcoder = transcoder
        self._clock = clock
        self._rng = rng
        self._waits: list[_Wait] = []
        self._polls: dict[str, _Poll] = {}
        self._paused_until = 0.0
        self._pause = FIRST_DELAY
        self._changed = threading.Condition()

    def wait(self, transcoding_ids: Collection[str], over: Callable[[], bool]) -> Mapping[str, TranscodingResult]:
        """Block until a transcoding has ended; returns the results by id, none if `over` became true before."""
        wait = _Wait(transcoding_ids, over)
        with self._changed:
            self._waits.append(wait)
            for transcoding_id in wait.transcoding_ids - self._polls.keys():
                self._polls[transcoding_id] = _Poll(self._clock())
            self._changed.notify()
        wait.awake.wait()
        with self._changed:
            self._waits.remove(wait)
            return dict(wait.ended)

    def look(self) -> None:
        """Wake the jobs whose wait must end, without polling anything."""
        for wait in self._waiting():
            if wait.over():
                wait.awake.set()

    def start(self) -> None:
        """Look after the waiting jobs in a thread of its own, for as long as the process lives."""
        threading.Thread(target=self._run, name="watcher", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waits)
            try:
                self.turn()
            except Exception:
                structlog.get_logger().exception("the watcher failed and goes on")
            with self._changed:
                self._changed.wait(LOOK_EVERY)

    def turn(self) -> None:
        """One round: look at the jobs, and poll the transcodings that are due."""
        self.look()
        wanted = {name for wait in self._waiting() for name in wait.transcoding_ids}
        with self._changed:
            self._polls = {name: poll for name, poll in self._polls.items() if name in wanted}
            polls = sorted(self._polls.items(), key=lambda item: item[1].due)
        for transcoding_id, poll in polls:
            if self._clock() >= max(poll.due, self._paused_until):
                self._ask(transcoding_id, poll)

    def _ask(self, transcoding_id: str, poll: _Poll) -> None:
        try:
            result = self._transcoder.result(transcoding_id)
        except Exception as error:
            log = structlog.get_logger().bind(transcoding=transcoding_id)
            if isinstance(error, Unavailable) and error.evident:
                self._noticed(error)
                self._pause_all()
                poll.due = self._paused_until  # and so after the others, in case that it alone fails
                next_in = round(poll.due - self._clock())
                log.warning("transcodings can't be asked after", why=str(error), next_in=next_in)
            else:
                self._put_off(poll)
                for wait in self._waiting_for(transcoding_id):
                    log.warning("a transcoding can't be asked after", **wait.names, **reason(error))
            return
        self._pause = FIRST_DELAY
        if result is None:
            self._put_off(poll)
            return
        log = structlog.get_logger().bind(transcoding=transcoding_id, done=result.done, why=result.message)
        for wait in self._waiting_for(transcoding_id):
            log.info("transcoding ended", **wait.names)
            wait.ended[transcoding_id] = result
            wait.awake.set()

    def _put_off(self, poll: _Poll) -> None:
        poll.due = self._clock() + self._jittered(poll.delay)
        poll.delay = min(LONGEST_DELAY, poll.delay * GROWTH)

    def _pause_all(self) -> None:
        """Poll nothing for a while: if one call is throttled, the next one would be, too."""
        self._paused_until = self._clock() + min(LONGEST_PAUSE, self._jittered(self._pause))
        self._pause = min(LONGEST_PAUSE, self._pause * 2)

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + self._rng.uniform(-JITTER, JITTER))

    def _waiting_for(self, transcoding_id: str) -> list[_Wait]:
        return [wait for wait in self._waiting() if transcoding_id in wait.transcoding_ids]

    def _waiting(self) -> list[_Wait]:
        with self._changed:
            return [wait for wait in self._waits if not wait.awake.is_set()]
