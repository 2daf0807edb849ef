"""What becomes of a message, decided in one place and carried out elsewhere.

| how the attempt ended              | ending     | shown again                                   |
|------------------------------------|------------|-----------------------------------------------|
| the backend acknowledged a success | done       | never: the message is deleted                 |
| a retry can cure it, or a bug      | transient  | after about 15, 30, 60 … 900 s, or Retry-After |
| a retry can't cure it              | permanent  | at once, so that it is in the DLQ soon        |
| the process shuts down             | released   | at once, so that another worker goes on       |
| the lease is lost                  | lease lost | already: another worker may have it           |

On the last receive every ending is final. A failure is then reported to the backend and the message is shown
again at once, which has the queue's redrive policy move it to the DLQ.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import Code, LeaseLost, MediaError, Permanent, Stopped, Transient, excerpt
from domain.journal import Ending, Journal
from domain.model import Report

FIRST_DELAY = 15
LONGEST_DELAY = 900
JITTER = 0.2


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
    if isinstance(outcome, Report):
        return Settlement(Ending.DONE, outcome.status, final=True)
    ending = _ending_of(outcome)
    waits = ending is Ending.TRANSIENT and not last
    delay = max(retry_delay(receive, jitter), _asked_for(outcome)) if waits else 0
    code = outcome.code if isinstance(outcome, MediaError) else None
    return Settlement(ending, excerpt(str(outcome)) or type(outcome).__name__, code, delay, final=last)


def retry_delay(receive: int, jitter: float) -> int:
    """Seconds until a message is shown again: 15, 30, 60, … up to 900, varied by `jitter` (-1 to 1)."""
    delay = min(LONGEST_DELAY, FIRST_DELAY << min(receive - 1, 10))
    return min(LONGEST_DELAY, round(delay * (1 + JITTER * jitter)))


def refuse_poison(journal: Journal, receive: int, last: bool) -> None:
    """Raise Permanent (POISON_MESSAGE) where no earlier attempt left a trace and this receive is the last.

    A trace that can't be read is a trace all the same.
    """
    if last and receive > 1 and not journal.attempts and not journal.unreadable:
        raise Permanent(
            f"all {receive - 1} earlier attempts ended without a trace: "
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


def _asked_for(error: Exception) -> int:
    return round(min(error.retry_after, LONGEST_DELAY)) if isinstance(error, Transient) else 0
