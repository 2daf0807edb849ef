"""Jobs that an operator sends by hand: what is sent, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain import keys
from domain.errors import Code, MediaError, Permanent
from domain.journal import Journal
from domain.model import JobKind, Status

MOST_ASSETS = 1_000
LARGEST_BODY = 200_000
"""Bytes of a message's body; SQS takes 262,144 or more."""
FIRST_NUMBER = 8 * 10**15
"""Above what a backend counts to, and below 2⁵³, which is all that JavaScript tells apart."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_OF_A_LISTING = re.compile(r"[0-9]+/raw/")


@dataclass(frozen=True, slots=True)
class Request:
    """One job, to be sent."""

    job_id: int
    listing_id: int
    assets: tuple[str, ...]
    kind: JobKind = JobKind.PROCESS


class Sender(Protocol):
    """The queue, as a backend sees it."""

    def send(self, request: Request) -> str:
        """Send a job; returns its message's id. Raises Transient where it isn't known whether it was sent."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: `status` is the callback's, None where the backend wasn't told; `why` of a failure."""

    status: Status | None
    why: str = ""
    code: Code | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more will be said of it: a failure's callback comes before its reason."""
        return bool(self.why) or (self.status is not None and self.status.successful)


def number_at(now: datetime) -> int:
    """A job's number that nobody else has: 8, and the milliseconds."""
    return FIRST_NUMBER + (now - _EPOCH) // timedelta(milliseconds=1)


def upload_of(listing_id: int, key: str) -> str:
    """The key of an upload of this listing, that may be given without `{listing}/raw/`.

    Raises:
        Permanent: it can't be one.
    """
    whole = key if _OF_A_LISTING.match(key) else keys.raw_prefix(listing_id) + key
    return keys.parse_raw(whole, listing_id).key


def uploads(listing_id: int, found: Iterable[str]) -> Iterator[str]:
    """Those of the keys under `raw/` that can be uploads; folders and strays are left out."""
    for key in found:
        try:
            yield keys.parse_raw(key, listing_id).key
        except MediaError:
            continue


def requests(listing_id: int, assets: Sequence[str], first: int, kind: JobKind) -> list[Request]:
    """As many jobs as it takes, with numbers from `first` on; of a finalization there is one.

    Raises:
        Permanent: a finalization has too many assets.
    """
    if not assets:
        return [Request(first, listing_id, (), kind)]
    found = [Request(first + number, listing_id, tuple(part), kind) for number, part in enumerate(_parts(assets))]
    if kind is JobKind.FINALIZE and len(found) > 1:
        raise Permanent("a finalization can't be split, and these are too many keys: give none, and all are meant")
    return found


def _parts(assets: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for asset in assets:
        cost = 2 * len(asset.encode())  # it may be full of what JSON escapes
        if part and (len(part) == MOST_ASSETS or size + cost > LARGEST_BODY):
            yield part
            part, size = [], 0
        part.append(asset)
        size += cost
    yield part


def outcome_of(journal: Journal, max_receive_count: int) -> Outcome | None:
    """How the message's job ended; None: it hasn't yet. Not `settled`, where more may be written of it."""
    last = next((one for one in journal.attempts if one.number >= max_receive_count), None)
    told = journal.acknowledged.status if journal.acknowledged else None
    if told and told.successful:
        return Outcome(told)
    if last:
        return Outcome(told, last.message, last.code)
    return Outcome(told) if told else None
