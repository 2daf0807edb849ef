"""What became of the jobs, counted from outside: from the bucket, the queues and the backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.soak.plain.outside import Sign
from tests.soak.record import Delivery

SUCCEEDED = "SUCCEEDED"
NAMELESS = 0
"""Stands for the message that names no job."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`good` are the jobs that can be done, `bad` is one that can't, if there is one.

    `whole` are those whose outputs are in the bucket, `dead` those in the DLQ, `deleted` those deleted from the
    queue. From `since` on nothing kept a job from going on; nobody looked any more at `until` (epoch, s).
    """

    good: Collection[int]
    bad: int | None
    deliveries: Sequence[Delivery]
    signs: Sequence[Sign]
    whole: Collection[int]
    dead: Collection[int]
    deleted: Collection[int]
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Each good job is one of the first five; docs/proof.md says what each figure means. `still` in seconds."""

    done: int
    given_up: int
    untold: int
    lost: int
    left: int
    dead_all_the_same: int
    contradicted: int
    twice: int
    again: int
    still: float
    bad: str

    def __str__(self) -> str:
        """What isn't 0."""
        figures = {
            "done": self.done, "given up": self.given_up, "given up untold": self.untold, "lost": self.lost,
            "left": self.left, "in the DLQ all the same": self.dead_all_the_same,
            "contradicted": self.contradicted, "told twice": self.twice, "made twice": self.again,
        }  # fmt: skip
        named = [f"{number} {name}" for name, number in figures.items() if number]
        return ", ".join([*named, f"still {self.still:.0f} s"]) + (
            f"; the bad one: {self.bad}" if self.bad else ""
        )


def count(evidence: Evidence) -> Counts:
    good, deleted = set(evidence.good), set(evidence.deleted)
    taken = Counter((sign.job, sign.what == SUCCEEDED) for sign in evidence.signs if _acknowledged(sign))
    failed = {job for job in good if taken[job, False]}
    done = {job for job in good if taken[job, True] and job in evidence.whole}
    dead = good & set(evidence.dead)
    elsewhere = good - done - dead
    written = Counter(sign.key for sign in evidence.signs if _writes_the_large_one(sign))
    return Counts(
        done=len(done),
        given_up=len((dead - done) & failed),
        untold=len(dead - done - failed),
        lost=len(elsewhere & deleted),
        left=len(elsewhere - deleted),
        dead_all_the_same=len(done & dead),
        contradicted=len(done & failed),
        twice=sum(max(0, taken[job, True] - 1) for job in good),
        again=sum(times - 1 for times in written.values()),
        still=max((_lay_still(evidence, job, job in elsewhere - deleted) for job in good), default=0.0),
        bad=_end_of_the_bad(evidence),
    )


def _acknowledged(sign: Sign) -> bool:
    return not sign.key and 200 <= sign.status < 300


def _writes_the_large_one(sign: Sign) -> bool:
    """The one derivative that all consumers make of an upload."""
    return sign.what == "PutObject" and sign.status == 200 and "/large/" in sign.key


def _lay_still(evidence: Evidence, job: int, unfinished: bool) -> float:
    """The longest time after the fault in which nothing was heard of a job that somebody had received."""
    received = [each.at for each in evidence.deliveries if each.listing == str(job)]
    if not received:
        return 0.0
    heard = [*received, *(sign.at for sign in evidence.signs if sign.job == job)]
    heard = sorted([*heard, evidence.until] if unfinished else heard)
    gaps = (later - max(earlier, evidence.since) for earlier, later in pairwise(heard))
    return max([0.0, *gaps])


def _end_of_the_bad(evidence: Evidence) -> str:
    """Whether the backend was sent a failure callback counts here, not whether it took it."""
    if evidence.bad is None:
        return ""
    told = any(sign.job == evidence.bad and not sign.key and sign.what != SUCCEEDED for sign in evidence.signs)
    if evidence.bad in evidence.dead:
        return "DLQ" if evidence.bad == NAMELESS else "DLQ, told" if told else "DLQ, not told"
    return "deleted" if evidence.bad in evidence.deleted else "on the queue"
