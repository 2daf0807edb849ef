"""One message: parsed, begun, run, settled."""

from __future__ import annotations

import random
from collections.abc import Callable

import structlog

from domain.errors import Dependency, Interrupted, MediaError, Stopped, Unavailable
from domain.journal import Begun
from domain.model import Job, Report
from domain.outlast import outlasting
from domain.pipeline import process
from domain.ports import Ports
from domain.queue import Message
from domain.rejections import AlreadyAcknowledged, Malformed
from domain.settlement import refuse_done, refuse_poison, settle
from worker.attempt import Attempt
from worker.beside import beside
from worker.in_flight import InFlight
from worker.lease import Lease
from worker.logs import naming, reason
from worker.settler import Settler

LAST_LOOK = 2.0
"""Seconds for reading the journal when the process is about to end."""
LONGEST_LOOK = 30.0
"""Seconds for reading it otherwise: past its deadline the attempt would soon be taken for stuck."""


class Handler:
    """Handles one message per call, in the thread that the poller began for it."""

    def __init__(
        self,
        parse: Callable[[Message], Job],
        in_flight: InFlight,
        settler: Settler,
        ports: Ports,
        rng: random.Random,
    ) -> None:
        self._parse = parse
        self._in_flight = in_flight
        self._settler = settler
        self._ports = ports
        self._rng = rng

    def handle(self, lease: Lease) -> None:
        """Work on the message and settle it. An exception from here is a bug."""
        self._attempt(lease, self._run)

    def give_back(self, lease: Lease) -> None:
        """Return a message that was received during shutdown, untouched but with a trace in its journal."""
        self._attempt(lease, _stopped_by_shutdown)

    def release(self, attempt: Attempt) -> None:
        """Settle an attempt on behalf of its thread, which may hang: the process is about to end."""
        with naming(attempt.lease.message, attempt.job):
            self._settle(attempt, _stopped_by_shutdown(attempt))

    def _attempt(self, lease: Lease, run: Callable[[Attempt], Report | Exception]) -> None:
        with naming(lease.message):
            malformed: Malformed | None = None
            job: Job | None
            try:
                job = self._parse(lease.message)
            except Malformed as error:
                job, malformed = error.job, error
            if job is None:
                self._settler.leave_unnamed(lease, str(malformed))
                return
            lease.job = job
            with self._in_flight.begun(job, lease, self._ports.now()) as attempt, naming(lease.message, job):
                self._settle(attempt, malformed or run(attempt))

    def _run(self, attempt: Attempt) -> Report | Exception:
        log = structlog.get_logger()
        try:
            self._look_back(attempt)
            log.info("attempt begun", kind=attempt.job.kind, last=attempt.last, assets=len(attempt.job.assets))
            return process(attempt.job, attempt, self._ports)
        except (MediaError, Interrupted) as error:
            return error
        except Exception as error:
            log.exception("unexpected error in the job")
            return error

    def _look_back(self, attempt: Attempt) -> None:
        """Read what earlier attempts left, and write down that this one began, where a later one will ask."""
        if not attempt.first:
            journal = outlasting(attempt.outlast, attempt.progress.load)
            refuse_done(journal)
            refuse_poison(journal, attempt.receive, attempt.last, attempt.lease.message.sent_at)
        if not attempt.first or attempt.before_last:
            attempt.progress.begin(Begun(attempt.receive, self._ports.now()))

    def _settle(self, attempt: Attempt, outcome: Report | Exception) -> None:
        last = attempt.last
        if last and not isinstance(outcome, Report | AlreadyAcknowledged):
            outcome = _last_look(attempt) or outcome
            last = attempt.last  # the look may have waited for an outage's end
        settlement = settle(outcome, attempt.receive, last, self._rng.uniform(-1, 1))
        self._settler.carry_out(settlement, outcome, attempt)


def _stopped_by_shutdown(attempt: Attempt) -> Stopped:
    attempt.stop()
    return Stopped("the worker shut down before the job was done")


def _last_look(attempt: Attempt) -> AlreadyAcknowledged | None:
    """Read the journal before a failure callback: an earlier delivery's success stays one.

    A process that is about to end has only a moment for it; then what the attempt read when it began has to do.
    """
    attempt.begin_last_words()
    try:
        if attempt.stopped:
            beside(attempt.progress.load, LAST_LOOK)
        else:
            outlasting(attempt.outlast, lambda: _look(attempt))
        refuse_done(attempt.progress.journal)
    except AlreadyAcknowledged as done:
        return done
    except Exception as error:
        structlog.get_logger().error("the journal can't be read before the failure callback", **reason(error))
    return None


def _look(attempt: Attempt) -> None:
    try:
        beside(attempt.progress.load, LONGEST_LOOK)
    except TimeoutError:
        why = f"the journal wasn't read within {LONGEST_LOOK:.0f} s"
        raise Unavailable(why, Dependency.BUCKET) from None
