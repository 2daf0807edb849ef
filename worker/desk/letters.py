"""The DLQ's messages with what the bucket says of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console
from rich.progress import Progress

from domain.dead_letters import DeadMessage
from domain.errors import MediaError, Unavailable
from domain.journal import Journals
from domain.post_mortem import DeadLetter, without_journals
from domain.rejections import Malformed
from domain.timeline import stamp
from worker.desk.text import age, columns
from worker.desk.wiring import READERS, Records

Advance = Callable[[int], None]


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """A bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def post_mortems(messages: Sequence[DeadMessage], records: Records) -> list[DeadLetter]:
    """Each message with its journal."""
    read = _Reader(records.journals)
    letters = []
    with ThreadPoolExecutor(READERS, "journal") as pool, progress("journals", len(messages)) as advance:
        for letter in pool.map(read, [opened(dead, records) for dead in messages]):
            letters.append(letter)
            advance(1)
    return letters


def opened(dead: DeadMessage, records: Records) -> DeadLetter:
    """The message, read without its journal."""
    try:
        return DeadLetter(dead, records.parse(dead.message))
    except Malformed as error:
        return DeadLetter(dead, error.job, str(error))


class _Reader:
    """Reads journals; where the bucket is out, it is asked no more."""

    def __init__(self, journals: Journals) -> None:
        self._journals = journals
        self._out = ""

    def __call__(self, letter: DeadLetter) -> DeadLetter:
        if letter.job is None:
            return letter
        if self._out:
            return replace(letter, trouble=self._out)
        try:
            return replace(letter, journal=self._journals.load(letter.job))
        except MediaError as error:
            if isinstance(error, Unavailable) and error.evident:
                self._out = str(error)
            return replace(letter, trouble=str(error))


def notes(letters: Sequence[DeadLetter]) -> list[str]:
    """What makes the causes of all of them doubtful."""
    said = []
    if unread := sum(bool(letter.trouble) for letter in letters):
        said.append(
            f"{unread} of {len(letters)} journals can't be read: --code and --ending leave these messages out"
        )
    if count := without_journals(letters):
        said.append(f"no journal found for any of {count} messages: is MEDIA_BUCKET right?")
    return said


def fields(letter: DeadLetter) -> dict[str, object]:
    """The message for programs; names as in the log."""
    cause, job = letter.cause, letter.job
    told = letter.journal.acknowledged if letter.journal else None
    return {
        "message_id": letter.dead.id,
        "original_message_id": letter.dead.original_id,
        "job_id": job.job_id if job else None,
        "listing_id": job.listing_id if job else None,
        "sent_at": stamp(letter.sent_at) or None,
        "receives": letter.receives,
        "ending": cause.ending_name,
        "step": cause.step,
        "code": cause.code,
        "reason": cause.reason,
        "acknowledged": told.status if told else None,
    }


def table(letters: Iterable[DeadLetter]) -> str:
    """One row a message."""
    heading = ("MESSAGE", "JOB", "LISTING", "AGE", "RECEIVES", "ENDING", "STEP", "CODE", "TOLD", "REASON")
    return columns([heading, *map(_row, letters)])


def _row(letter: DeadLetter) -> tuple[object, ...]:
    cause, job = letter.cause, letter.job
    return (
        letter.dead.id,
        job.job_id if job else "-",
        job.listing_id if job else "-",
        age(letter.sent_at),
        letter.receives or "-",
        cause.ending_name,
        cause.step or "-",
        cause.code or "-",
        _told(letter),
        cause.reason,
    )


def _told(letter: DeadLetter) -> str:
    if letter.trouble:
        return "?"
    return "yes" if letter.journal and letter.journal.acknowledged else "no"
