"""`media-worker job`: is this job done, and when?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import reduce
from typing import Annotated

import typer

from domain import keys
from domain.errors import MediaError
from domain.journal import Journal
from domain.model import Asset, Job
from domain.post_mortem import DeadLetter
from domain.timeline import State, stamp, timeline, verdict
from worker.desk.bucket import in_bucket
from worker.desk.errors import DeskError
from worker.desk.letters import opened, post_mortems
from worker.desk.say import AsJson, say
from worker.desk.text import columns, printable
from worker.desk.wiring import Records, records
from worker.settings import Place, load_settings


def job(
    listing: Annotated[int, typer.Argument(help="The listing's id.")],
    number: Annotated[int, typer.Argument(metavar="JOB", help="The job's id.")],
    as_json: AsJson = False,
) -> int:
    """Say whether a job is done, and when, with its timeline. Exit status: 1 if it failed, or isn't known.

    Example: media-worker job 28 21
    """
    place = records(load_settings(Place))
    journals = _journals(listing, number, place)
    letters = _letters(listing, number, place)
    queue, dlq = place.dead_letters.counts()
    state, why = verdict(journals, letters, place.dead_letters.max_receive_count())
    events = timeline(journals, letters)
    stock = in_bucket(_named(listing, number, journals, letters), _all(journals), place.objects)
    found = {
        "state": state,
        "why": why,
        "timeline": [
            {"at": stamp(event.at) or None, "message_id": event.message_id, "what": event.what} for event in events
        ],
        "bucket": stock.fields(),
        "queue": asdict(queue),
        "dlq": asdict(dlq),
    }

    def text() -> str:
        sections = [
            printable(f"job {number} of listing {listing}: {state}: {why}"),
            columns([(stamp(event.at) or "-", event.message_id, event.what) for event in events]),
            stock.text(),
            f"of all jobs, about {queue.visible} messages wait in the queue, {queue.in_flight} are in flight and "
            f"{queue.delayed} delayed: a look at each would cost it a receive",
        ]
        return "\n\n".join(filter(None, sections))

    say(as_json, found, text)
    return 0 if state in (State.DONE, State.NOT_DONE) else 1


def _journals(listing: int, number: int, place: Records) -> dict[str, Journal]:
    """The journals of all messages that ask for the job, by message id."""
    prefix = keys.journals_prefix(listing, number)
    try:
        ids = [entry.key.removeprefix(prefix).removesuffix(".json") for entry in place.objects.list(prefix)]
        return {each: place.journals.load(Job(number, listing, each)) for each in ids}
    except MediaError as error:
        raise DeskError(f"the journals can't be read: look at MEDIA_BUCKET and its rights: {error}") from None


def _letters(listing: int, number: int, place: Records) -> list[DeadLetter]:
    """The job's messages in the DLQ."""
    with place.dead_letters.look() as look:
        messages = look.messages
    named = [
        letter.dead
        for letter in (opened(dead, place) for dead in messages)
        if letter.job and (letter.job.listing_id, letter.job.job_id) == (listing, number)
    ]
    return post_mortems(named, place)


def _named(listing: int, number: int, journals: Mapping[str, Journal], letters: Iterable[DeadLetter]) -> Job:
    """The job with the uploads that its messages in the DLQ name, or else its journals."""
    assets = {asset.key: asset for letter in letters if letter.job for asset in letter.job.assets}
    whole = _all(journals)
    made = [*(it.raw_key for it in whole.transcodings), *(it.raw_key for it in whole.derivatives)]
    return Job(number, listing, "", tuple(({key: Asset(key) for key in made} | assets).values()))


def _all(journals: Mapping[str, Journal]) -> Journal:
    return reduce(Journal.with_added, journals.values(), Journal())
