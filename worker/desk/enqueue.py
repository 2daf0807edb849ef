"""`media-worker enqueue` and `replay`: a job by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from domain.by_hand import Outcome, Request, number_at, requests, upload_of, uploads
from domain.errors import Transient
from domain.keys import raw_prefix
from domain.model import Job, JobKind, Status
from worker.desk.errors import DeskError
from worker.desk.follow import follow
from worker.desk.say import AsJson, say
from worker.desk.text import printable
from worker.desk.wiring import Hand, hand
from worker.settings import Place, load_settings

LARGEST = 2**63 - 1
UNKNOWN = (
    "the backend doesn't know this number, and gets a callback for it: where it answers 404, the work is done "
    "and the message ends in the DLQ. --job names one that it knows"
)

Listing = Annotated[int, typer.Argument(metavar="LISTING", min=1, max=LARGEST, help="The listing's number.")]
Keys = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY…", help="Uploads, with or without LISTING/raw/; none: all of the listing."),
]
Number = Annotated[
    int | None,
    typer.Option("--job", min=1, max=LARGEST, help="The job's number; none: one that the backend doesn't know."),
]
Finalize = Annotated[
    bool, typer.Option("--finalize", help="Write the bundle alone; without keys, of all that is there.")
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Follow it to its end, however long; Ctrl-C leaves it to the worker.")
]


@dataclass(frozen=True, slots=True)
class Sent:
    """A job that was sent, and how it ended; None: nobody waited."""

    request: Request
    message_id: str
    outcome: Outcome | None = None

    @property
    def succeeded(self) -> bool:
        return self.outcome is None or self.outcome.status is Status.SUCCEEDED


def enqueue(
    listing: Listing,
    key: Keys = None,
    number: Number = None,
    finalize: Finalize = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> int:
    """Send a job by hand: of these uploads, or of all that the listing has.

    More than 1,000 uploads are several jobs. Exit status with --wait: 0 where all
    of it SUCCEEDED, 1 otherwise, also for PARTIAL_SUCCESS.

    Example: media-worker enqueue 28 photo/horizontal/3f6c.jpg --job 21 --wait
    """
    place = hand(load_settings(Place))
    receives = place.require()  # before anything is sent: a job in a DLQ, or of another bucket, does harm
    kind = JobKind.FINALIZE if finalize else JobKind.PROCESS
    first = number or number_at(datetime.now(UTC))
    to_send = requests(listing, _assets(place, listing, key or (), kind), first, kind)
    if number is None:
        typer.echo(f"job {first}: {UNKNOWN}", err=True)
    elif len(to_send) > 1:
        raise DeskError(f"these uploads are {len(to_send)} jobs, and --job names one: name fewer keys at a time")
    sent = list(_sent(place, to_send))
    if wait:
        sent = _followed(place, sent, receives)
    say(as_json, [_fields(one) for one in sent], lambda: "\n".join(printable(_line(one)) for one in sent))
    return 0 if all(one.succeeded for one in sent) else 1


def replay(listing: Listing, number: Number = None, wait: Wait = False, as_json: AsJson = False) -> int:
    """Send a job of every upload of the listing: what was made already isn't made again. As enqueue LISTING does.

    Example: media-worker replay 28 --wait
    """
    return enqueue(listing, None, number, wait=wait, as_json=as_json)


def _assets(place: Hand, listing: int, given: Sequence[str], kind: JobKind) -> list[str]:
    """The keys that were given, or those of all uploads; a finalization names none where all are meant."""
    if given or kind is JobKind.FINALIZE:
        return [upload_of(listing, key) for key in given]
    found = list(uploads(listing, (entry.key for entry in place.objects.list(raw_prefix(listing)))))
    if not found:
        raise DeskError(f"there are no uploads under {raw_prefix(listing)}: look at MEDIA_BUCKET and the number")
    return found


def _sent(place: Hand, to_send: Sequence[Request]) -> Iterator[Sent]:
    for number, request in enumerate(to_send):
        try:
            yield Sent(request, place.sender.send(request))
        except Transient as error:
            raise DeskError(f"{error}; jobs sent before it: {number}, from {to_send[0].job_id} on") from None


def _followed(place: Hand, sent: Sequence[Sent], receives: int) -> list[Sent]:
    jobs = [Job(one.request.job_id, one.request.listing_id, one.message_id) for one in sent]
    outcomes = follow(jobs, place.journals.load, receives)
    return [Sent(one.request, one.message_id, outcome) for one, outcome in zip(sent, outcomes, strict=True)]


def _fields(sent: Sent) -> dict[str, object]:
    fields: dict[str, object] = {
        "job": sent.request.job_id,
        "listing": sent.request.listing_id,
        "message": sent.message_id,
        "assets": list(sent.request.assets),
    }
    if sent.outcome:
        fields |= {"status": sent.outcome.status, "code": sent.outcome.code, "why": sent.outcome.why}
    return fields


def _line(sent: Sent) -> str:
    request = sent.request
    line = f"job {request.job_id} of listing {request.listing_id}, message {sent.message_id}: "
    if sent.outcome is None:
        return line + (f"sent, assets: {len(request.assets) or 'all that is there'}")
    line += sent.outcome.status or "failed, and the backend wasn't told"
    if sent.outcome.status is Status.PARTIAL_SUCCESS:
        return line + f"; media-worker job {request.listing_id} {request.job_id} says more"
    return line + "".join(f", {said}" for said in (sent.outcome.code, sent.outcome.why) if said)
