"""What became of a job, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from domain.journal import Acknowledged, Begun, Ended, Ending, Journal
from domain.post_mortem import DeadLetter

_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a message; `at` is None where the time isn't known.

    `before` is then that of what came next, if anything did.
    """

    at: datetime | None
    message_id: str
    what: str
    before: datetime | None = None


class State(StrEnum):
    """How far a job is."""

    DONE = "done"
    FAILED = "failed"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


def timeline(journals: Mapping[str, Journal], letters: Sequence[DeadLetter]) -> list[Event]:
    """What the journals, by message id, and the DLQ say; what has no place in time comes last."""
    events: list[Event] = []
    for message_id, journal in journals.items():
        sent = [letter.sent_at for letter in letters if letter.dead.original_id == message_id and letter.sent_at]
        events += _sent_back(message_id, journal, sent)
        events += _events(message_id, journal)
    for letter in letters:
        back, shown = ("", "") if letter.dead.id == letter.dead.original_id else (" back", f" as {letter.dead.id}")
        events.append(Event(letter.sent_at, letter.dead.original_id, f"sent{back} to the queue"))
        events.append(Event(None, letter.dead.original_id, f"is in the DLQ{shown}"))
    return sorted(events, key=lambda event: event.at or event.before or _LAST)


def _events(message_id: str, journal: Journal) -> Iterator[Event]:
    for begun in journal.begun:
        yield Event(begun.at, message_id, f"attempt {begun.number} began")
    for ended in journal.attempts:
        yield Event(ended.at, message_id, _ended(ended))
    if journal.acknowledged:
        told = journal.acknowledged
        yield Event(told.at, message_id, f"the backend acknowledged {told.status}")
        for asset in told.failed:
            yield Event(told.at, message_id, f"asset failed, {asset.code}: {asset.key}: {asset.reason}")
        if told.more_failed:
            yield Event(told.at, message_id, f"and {told.more_failed} more assets failed: the log names each")
    for submitted in journal.transcodings:
        again = ", the second one" if submitted.resubmitted else ""
        yield Event(None, message_id, f"transcoding {submitted.id}{again}: {submitted.raw_key}")
    for made in journal.derivatives:
        yield Event(None, message_id, f"{len(made.keys)} derivatives made: {made.raw_key}")
    if journal.unreadable:
        yield Event(None, message_id, "the journal is damaged, or a newer worker's: more may have happened")


def _sent_back(message_id: str, journal: Journal, sent: Sequence[datetime]) -> Iterator[Event]:
    """Before each attempt whose receive is counted anew, unless one of the known sendings says so."""
    known: list[Begun | Ended] = [*journal.begun, *journal.attempts]
    life: list[Begun | Ended] = []
    for one in sorted(dict.fromkeys(known), key=lambda one: (one.at, one.number)):
        if _is_of_another_life(one, life):
            if not any(life[-1].at < at <= one.at for at in sent):
                yield Event(None, message_id, "sent back: its receives are counted anew", one.at)
            life = []
        life.append(one)


def _is_of_another_life(one: Begun | Ended, life: Sequence[Begun | Ended]) -> bool:
    """Whether the number was there already, or higher ones; only the end of a lost lease comes later."""
    if isinstance(one, Begun):
        return any(other.number >= one.number for other in life)
    if any(isinstance(other, Ended) and other.number == one.number for other in life):
        return True
    return one.ending is not Ending.LEASE_LOST and any(other.number > one.number for other in life)


def _ended(ended: Ended) -> str:
    where = f" in {ended.step}" if ended.step else ""
    code = f" {ended.code}" if ended.code else ""
    return f"attempt {ended.number} ended{where}, {ended.ending}{code}: {ended.message}"


def verdict(
    journals: Mapping[str, Journal], letters: Sequence[DeadLetter], max_receive_count: int
) -> tuple[State, str]:
    """How far the job is, and since when; the second is the rest of a sentence."""
    told = [journal.acknowledged for journal in journals.values() if journal.acknowledged]
    done = [one for one in told if one.status.successful]
    if done:
        first = min(done, key=lambda one: one.at)
        return State.DONE, f"{first.status}, acknowledged at {stamp(first.at)}"
    backend = _told(told)
    if letters:
        cause = letters[-1].cause
        return State.FAILED, f"in the DLQ: {cause.code or 'no code'}: {cause.reason}; {backend}"
    since = max((one for journal in journals.values() for one in _untold(journal)), key=_at, default=None)
    if told and (since is None or since.at < max(told, key=_at).at):
        return State.FAILED, f"{backend}; it is in the DLQ no more: sent back, dropped, or hidden by another look"
    if since is None:
        return State.UNKNOWN, "it waits, is at its first attempt, or never was sent; journals expire after 30 days"
    before = f"sent back; {backend}; " if told else ""
    if isinstance(since, Ended):
        if since.number >= max_receive_count:
            last = f"attempt {since.number}, the last one, ended at {stamp(since.at)}"
            return State.FAILED, f"{last}, {since.ending}: {since.message}; {backend}"
        what = f"attempt {since.number} ended at {stamp(since.at)}, {since.ending}: {since.message}"
        return State.NOT_DONE, before + what
    return (
        State.NOT_DONE,
        f"{before}attempt {since.number} is under way since {stamp(since.at)}, or its process died",
    )


def _at(one: Begun | Ended | Acknowledged) -> datetime:
    return one.at


def _untold(journal: Journal) -> list[Begun | Ended]:
    """What happened since the backend was told of a failure: the end of the attempt that told it is none of it."""
    told = journal.acknowledged
    if not told:
        return [*journal.begun, *journal.attempts]
    ended = sorted((one for one in journal.attempts if one.at >= told.at), key=_at)
    return [*(one for one in journal.begun if one.at > told.at), *ended[1:]]


def _told(told: Sequence[Acknowledged]) -> str:
    if not told:
        return "the backend isn't known to have been told"
    last = max(told, key=lambda one: one.at)
    return f"the backend was told {last.status} at {stamp(last.at)}"


def stamp(at: datetime | None) -> str:
    """The time in UTC, to the second."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
