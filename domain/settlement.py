"""What becomes of a message, decided in one place and carried out elsewhere.

| how the attempt ended              | ending     | shown again                                   |
|------------------------------------|------------|-----------------------------------------------|
| a success is, or was, acknowledged | done       | never: the message is deleted                 |
| a retry can cure it, or a bug      | transient  | after about 15, 30, 60 … 900 s, or Retry-After |
| a retry can't cure it              | permanent  | at once, so that it is in the DLQ soon        |
| the process shuts down             | released   | after 5 s, in which the journal is written    |
| the lease is lost                  | lease lost | already: another worker may have it           |

On the last receive every ending is final. A failure is then reported to the backend and the message is shown
again at once, which has the queue's redrive policy move it to the DLQ.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import Code, LeaseLost, MediaError, Permanent, Stopped, Transient, excerpt
from domain.journal import Ending, Journal
from domain.model import Report
from domain.rejections import AlreadyAcknowledged

FIRST_DELAY = 15
LONGEST_DELAY = 900
JITTER = 0.2
RELEASE_DELAY = 5
CLOCKS_DIFFER = timedelta(minutes=1)
"""By how much the queue's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """`delay` is in seconds; `final` says that no worker receives the message again."""

    ending: Ending
    why: str
    code: Code | None = None
    delay: int = 0
    final: bool = False


def settle(outcome: Report | Exception, receive: int, last: bool, jitter: float) -> Settlement:
    """Decide from how the attempt at this receive (from 1) ended; `jitter` is from -1 to 1."""
    if isinstance(outcome, Report | AlreadyAcknowledged):
        return Settlement(Ending.DONE, outcome.status, final=True)
    ending = _ending_of(outcome)
    delay = 0 if last else _delay(ending, outcome, receive, jitter)
    code = outcome.code if isinstance(outcome, MediaError) else None
    return Settlement(ending, excerpt(str(outcome)) or type(outcome).__name__, code, delay, final=last)


def retry_delay(receive: int, jitter: float) -> int:
    """Seconds until a message is shown again: 15, 30, 60, … up to 900, varied by `jitter` (-1 to 1)."""
    delay = min(LONGEST_DELAY, FIRST_DELAY << min(receive - 1, 10))
    return min(LONGEST_DELAY, round(delay * (1 + JITTER * jitter)))


def refuse_done(journal: Journal) -> None:
    """Raise AlreadyAcknowledged where the journal says that the job is done."""
    if journal.acknowledged and journal.done:
        raise AlreadyAcknowledged(journal.acknowledged.status)


def refuse_poison(journal: Journal, receive: int, last: bool, sent_at: datetime | None) -> None:
    """Raise Permanent (POISON_MESSAGE) on the last receive where the process died at every earlier attempt.

    Each of them wrote down that it began, and none that it ended. The first one need not have said so, unless
    there is no other. What is older than `sent_at` was said of the message before an operator sent it again. A
    trace that can't be read is an end.
    """
    since = sent_at - CLOCKS_DIFFER if sent_at else datetime.min.replace(tzinfo=UTC)
    begun = {one.number for one in journal.begun if one.at >= since}
    ends = [one.at for one in (*journal.attempts, journal.acknowledged) if one]
    ended = journal.unreadable or any(at >= since for at in ends)
    expected = set(range(2, receive)) or {1}
    if last and receive > 1 and begun >= expected and not ended:
        raise Permanent(
            f"all {receive - 1} earlier attempts began and never ended: "
            "the process died each time, so the message isn't tried again",
            Code.POISON_MESSAGE,
        )


def _ending_of(error: Exception) -> Ending:
    match error:
        case LeaseLost():
            return Ending.LEASE_LOST
        case Stopped():
            return Ending.RELEASED
        case Permanent():
            return Ending.PERMANENT
        case _:
            return Ending.TRANSIENT


def _delay(ending: Ending, error: Exception, receive: int, jitter: float) -> int:
    match ending:
        case Ending.TRANSIENT:
            return max(retry_delay(receive, jitter), _asked_for(error))
        case Ending.RELEASED:
            return RELEASE_DELAY
        case _:
            return 0


def _asked_for(error: Exception) -> int:
    return round(min(error.retry_after, LONGEST_DELAY)) if isinstance(error, Transient) else 0
