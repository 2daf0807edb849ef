"""Why messages are in the DLQ, and which of them are meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from domain.dead_letters import DeadMessage
from domain.errors import Code
from domain.journal import Ended, Ending, Journal
from domain.model import Job

NO_TRACE = "no attempt left a trace: the process died, or the bucket couldn't be written"
UNREADABLE = "the journal is damaged, or a newer worker's"
NOT_READ = "the journal can't be read: look at MEDIA_BUCKET and its rights"
NO_ENDING = "none"
"""What stands for the ending where no attempt is known to have ended."""

_QUOTED = r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\""
_KEY = r"\S*/\S*[^\s:;,.)]"
_LONG_ID = r"\b(?=[\w-]*\d)[\w-]{8,}"
_NAMES = re.compile(f"{_QUOTED}|{_KEY}|{_LONG_ID}")
_NUMBER = re.compile(r"\b(?![45]\d\d\b)\d+(\.\d+)*")
"""Any but what may be the status of an HTTP answer: that says why."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a message is in the DLQ, by the last attempt; `ending` is None where none is known to have ended."""

    ending: Ending | None
    step: str
    code: Code | None
    reason: str

    @property
    def ending_name(self) -> str:
        return self.ending or NO_ENDING

    @property
    def kind(self) -> Cause:
        """The cause without what is only this message's: names, numbers, keys."""
        return replace(self, reason=_NUMBER.sub("N", _NAMES.sub("…", self.reason)))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of the DLQ and what is known of it.

    `job` is None where the message names none, and `problem` says what is wrong with it, if anything is. `journal`
    is None where there can't be one, or it couldn't be read: `trouble` then says why.
    """

    dead: DeadMessage
    job: Job | None
    problem: str = ""
    journal: Journal | None = None
    trouble: str = ""

    @property
    def receives(self) -> int | None:
        """The receives by workers, where an attempt is known: SQS's own count has the looks into the DLQ, too."""
        last = _last_attempt(self.journal or Journal())
        return last.number if last else None

    @property
    def sent_at(self) -> datetime | None:
        return self.dead.message.sent_at

    @property
    def cause(self) -> Cause:
        if self.trouble:
            return Cause(None, "", None, f"{NOT_READ}: {self.trouble}")
        journal = self.journal or Journal()
        if journal.acknowledged and journal.done:
            told = journal.acknowledged.status
            return Cause(
                Ending.DONE, "", None, f"{told} was acknowledged: only its deletion is missing; requeue it"
            )
        if last := _last_attempt(journal):
            return _of_attempt(last, journal)
        if self.problem:
            return Cause(Ending.PERMANENT, "", Code.VALIDATION_ERROR, self.problem)
        return Cause(None, "", None, UNREADABLE if journal.unreadable else NO_TRACE)


def _last_attempt(journal: Journal) -> Ended | None:
    """The latest one: a message that was sent back counts its receives anew."""
    return max(reversed(journal.attempts), key=lambda ended: ended.at, default=None)


def _of_attempt(last: Ended, journal: Journal) -> Cause:
    silent = [one.number for one in journal.begun if one.at > last.at]
    reason = last.message
    if silent:
        reason = f"attempt {silent[-1]} began and never ended: the process died; the one before: {reason}"
    return Cause(last.ending, last.step, last.code or Code.PROCESSING_FAILED, reason)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages are meant: those that fit everything that is given, or all of them.

    Where a message's journal couldn't be read, neither its code nor its ending is known, and none fits.
    """

    codes: frozenset[Code] = frozenset()
    ending: str | None = None
    jobs: frozenset[int] = frozenset()
    listing: int | None = None
    messages: frozenset[str] = frozenset()

    def takes(self, letter: DeadLetter) -> bool:
        cause, job = letter.cause, letter.job
        if letter.trouble and (self.codes or self.ending):
            return False
        return (
            (not self.codes or cause.code in self.codes)
            and self.ending in (None, cause.ending_name)
            and (not self.jobs or (job is not None and job.job_id in self.jobs))
            and (self.listing is None or (job is not None and job.listing_id == self.listing))
            and (not self.messages or bool(self.messages & letter.dead.ids))
        )


def without_journals(letters: Iterable[DeadLetter]) -> int:
    """How many messages name jobs, if they are several and none has a journal: perhaps it is the wrong bucket."""
    journals = [letter.journal for letter in letters if letter.job]
    return len(journals) if len(journals) > 1 and all(each == Journal() for each in journals) else 0


def counted(letters: Iterable[DeadLetter]) -> list[tuple[Cause, int]]:
    """The kinds of causes with how many messages each has, the most frequent first."""
    return Counter(letter.cause.kind for letter in letters).most_common()
