"""Whether one dependency is out, and who may try it. All that changes this is here.

| what happens                               | while it works                   | while it is out     |
|--------------------------------------------|----------------------------------|---------------------|
| a job fails, evidently as everybody would  | the outage begins, the job waits | the job waits, too  |
| a job fails, perhaps as everybody would    | the same at the third listing    | the job waits, too  |
| the same fails again after a success       | the job waits, the others don't  | the job waits, too  |
| and once more after another success        | the job has failed alone         | the job waits, too  |
| somebody succeeds in what failed           | its listings don't count anymore | the outage is over  |
| no job waits, none fails for FORGET_AFTER  | nothing                          | it is forgotten     |

Jobs that wait try in turn, at growing intervals. When it is over they go on, one at first and twice as many every
RAMP_SECONDS; messages are received at the same rate. The first success is enough, and there is no herd.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from domain.errors import Dependency, Unavailable

FIRST_INTERVAL = 1.0
LONGEST_INTERVAL = 10.0
LONGEST_RETRY_AFTER = 60.0
"""Seconds. More isn't granted, so that the end of an outage isn't slept through."""
LISTINGS = 3
RAMP_SECONDS = 5.0
RAMP_OVER = 60.0
SECOND_OPINION = 60.0
"""Seconds after which a message more is received as a trial, while fewer than LISTINGS have jobs that wait."""
FORGET_AFTER = 300.0


class Affected:
    """A job, as far as outages matter.

    `seen` has what had succeeded, and how often, when it failed itself; `doubted`, in what it failed where others
    succeed, as far as is known. It doesn't try again before `not_before`.
    """

    def __init__(self, listing_id: int) -> None:
        self.listing_id = listing_id
        self.seen: dict[tuple[Dependency, str], int] = {}
        self.doubted: set[tuple[Dependency, str]] = set()
        self.not_before = 0.0


class Outage:
    """One dependency. Times are in seconds of the caller's clock, `now`."""

    def __init__(self) -> None:
        self.why = ""
        self.began_at = 0.0
        self.out = False
        self._failed_at = 0.0
        self._evident = False
        self.jobs: set[Affected] = set()
        self._over_at: float | None = None
        self._waiting: list[Affected] = []
        self._released = 0
        self._next_trial = 0.0
        self._interval = FIRST_INTERVAL
        self._failing: set[str] = set()
        self._succeeded: Counter[str] = Counter()
        self._listings: defaultdict[str, set[int]] = defaultdict(set)

    def failed(self, job: Affected, error: Unavailable, now: float) -> bool:
        """Note a failure; returns whether the job has to wait, not having failed alone as far as is known."""
        what, successes = (error.of, error.operation), self._succeeded[error.operation]
        if not error.again:
            job.doubted.discard(what)
        others_succeed = error.again and not self.out and successes > job.seen.get(what, successes)
        if others_succeed and what in job.doubted:
            return False
        job.seen[what] = successes
        if others_succeed:  # or it came back and broke again: the next try will tell
            job.doubted.add(what)
            job.not_before = now + LONGEST_INTERVAL
            self._waiting.append(job)
            return True
        if not self.out:
            self._listings[error.operation].add(job.listing_id)
            if not error.evident and len(self._listings[error.operation]) < LISTINGS:
                job.doubted.add(what)
                return False
            self._begin(now)
        if self._evident and not error.evident:  # it answers, if only to say that this job is bad
            self._next_trial = now + FIRST_INTERVAL
        self._describe(error, now)
        self.jobs.add(job)
        self._waiting.append(job)
        self._next_trial = max(self._next_trial, now + min(error.retry_after, LONGEST_RETRY_AFTER))
        return True

    def noticed(self, error: Unavailable, now: float) -> bool:
        """Note an evident failure that no job waits for; returns whether the outage begins with it."""
        begins = not self.out
        if begins:
            self._begin(now)
        self._describe(error, now)
        return begins

    def succeeded(self, operation: str, now: float) -> bool:
        """Note a success; returns whether it ended the outage."""
        for counted in {operation, ""}:
            self._succeeded[counted] += 1
        self._listings.pop(operation, None)
        ends = self.out and bool(self._failing & {operation, ""})
        if ends:
            self._end(now)
        return ends

    def forget(self, now: float) -> bool:
        """End an outage that no job suffers from any more; returns whether there was one."""
        forgotten = self.out and not self._waiting and now >= self._failed_at + FORGET_AFTER
        if forgotten:
            self._end(now)
        return forgotten

    def may_try(self, job: Affected, now: float) -> bool:
        """Whether it is the job's turn, or it may go on because the outage is over; it waits no more then."""
        place = self._waiting.index(job)
        if self.out:
            if place > 0 or now < self._next_trial:
                return False
            self._interval = min(LONGEST_INTERVAL, self._interval * 2)
            self._next_trial = now + self._interval
        elif now < job.not_before or place >= self._ramp(now) - self._released:
            return False
        else:
            self._released += 1
        self._waiting.remove(job)
        return True

    def leave(self, job: Affected) -> None:
        """The job waits no more, whatever the reason."""
        if job in self._waiting:
            self._waiting.remove(job)

    def places(self, in_hand: bool, now: float) -> int | None:
        """How many jobs may work side by side so that messages are received; None where there is no limit."""
        if self.out:
            few = len({job.listing_id for job in self._waiting}) < LISTINGS
            return 1 if not in_hand or (few and now >= self.began_at + SECOND_OPINION) else 0
        if self._over_at is None or now >= self._over_at + RAMP_OVER:
            return None
        return self._ramp(now)

    def _begin(self, now: float) -> None:
        self.out = True
        self.began_at = now
        self.jobs.clear()
        self._failing.clear()
        self._listings.clear()
        self._interval = FIRST_INTERVAL
        self._next_trial = now + FIRST_INTERVAL

    def _end(self, now: float) -> None:
        self.out = False
        self._over_at = now
        self._released = 1

    def _describe(self, error: Unavailable, now: float) -> None:
        self.why = str(error)
        self._failed_at = now
        self._evident = error.evident
        self._failing.add(error.operation)

    def _ramp(self, now: float) -> int:
        passed = now - self._over_at if self._over_at is not None else RAMP_OVER
        return int(2 ** (min(passed, RAMP_OVER) / RAMP_SECONDS))
