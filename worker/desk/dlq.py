"""`media-worker dlq ls` and `dlq show`: what is in the DLQ, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from domain.dead_letters import Counts
from domain.errors import Code
from domain.journal import Journal
from domain.post_mortem import Cause, Choice, DeadLetter, counted
from domain.timeline import stamp, timeline
from worker.desk.bucket import in_bucket
from worker.desk.errors import DeskError
from worker.desk.letters import fields, notes, post_mortems, table
from worker.desk.say import AsJson, say
from worker.desk.text import age, columns, printable
from worker.desk.wiring import Records, records
from worker.settings import Place, load_settings

MOST_CAUSES = 20

EndingName = Literal["transient", "permanent", "released", "lease lost", "done", "none"]
Codes = Annotated[list[Code] | None, typer.Option("--code", help="Only these codes; may be repeated.")]
AnEnding = Annotated[EndingName | None, typer.Option("--ending", help="Only what ended like this.")]
Listing = Annotated[int | None, typer.Option(help="Only this listing.")]


def ls(codes: Codes = None, ending: AnEnding = None, listing: Listing = None, as_json: AsJson = False) -> int:
    """Say what is in the DLQ and why: counted by reason, then one row a message.

    Example: media-worker dlq ls --code VALIDATION_ERROR
    """
    place = records(load_settings(Place))
    _, before = place.dead_letters.counts()
    with place.dead_letters.look() as look:
        messages = look.messages
    choice = Choice(frozenset(codes or ()), ending, listing=listing)
    every = post_mortems(messages, place)
    letters = [letter for letter in every if choice.takes(letter)]
    causes = counted(letters)
    found = {
        "looked_at": len(messages),
        "notes": notes(every),
        "causes": [
            {"count": count, "ending": it.ending_name, "step": it.step, "code": it.code, "reason": it.reason}
            for it, count in causes
        ],
        "messages": [fields(letter) for letter in letters],
    }

    def text() -> str:
        heading = _heading(len(letters), len(messages), before)
        return "\n".join([*heading, *notes(every), *_tables(letters, causes)])

    say(as_json, found, text)
    return 1 if any(letter.trouble for letter in every) else 0


def _heading(chosen: int, looked_at: int, before: Counts) -> list[str]:
    of = "" if chosen == looked_at else f"{chosen} of "
    lines = [f"{of}{looked_at} {'message' if looked_at == 1 else 'messages'} in the DLQ"]
    if before.in_flight:
        lines.append(f"about {before.in_flight} more are hidden at the moment: somebody else has them in hand")
    if before.visible > looked_at:
        lines.append(f"SQS counted about {before.visible}: look again in a minute")
    return lines


def _tables(letters: Sequence[DeadLetter], causes: Sequence[tuple[Cause, int]]) -> list[str]:
    if not letters:
        return []
    rows = [(count, it.ending_name, it.step or "-", it.code or "-", it.reason) for it, count in causes]
    lines = ["", columns([("COUNT", "ENDING", "STEP", "CODE", "REASON"), *rows[:MOST_CAUSES]])]
    if len(rows) > MOST_CAUSES:
        lines.append(f"and {len(rows) - MOST_CAUSES} more reasons")
    return [*lines, "", table(letters)]


def show(
    message: Annotated[str, typer.Argument(help="The message's id, or as much of its beginning as is enough.")],
    as_json: AsJson = False,
) -> int:
    """Say all that is known of one message of the DLQ: its body, its journal, what of it is in the bucket.

    Example: media-worker dlq show 5f0c2a
    """
    place = records(load_settings(Place))
    letter = _find(message, place)
    journal = letter.journal or Journal()
    events = timeline({letter.dead.original_id: journal}, [letter])
    stock = in_bucket(letter.job, journal, place.objects) if letter.job else None
    found = {
        **fields(letter),
        "body": letter.dead.message.body,
        "attributes": dict(letter.dead.message.attributes),
        "timeline": [{"at": stamp(event.at) or None, "what": event.what} for event in events],
        "bucket": stock.fields() if stock else None,
    }

    def text() -> str:
        cause, job = letter.cause, letter.job
        named = f"job {job.job_id} of listing {job.listing_id}" if job else "it names no job"
        ids = "" if letter.dead.id == letter.dead.original_id else f", first sent as {letter.dead.original_id}"
        lines = [
            f"message {letter.dead.id}{ids}: {named}",
            f"why: {cause.ending_name}, {cause.code or 'no code'}, in {cause.step or 'no step'}: {cause.reason}",
            f"sent {age(letter.sent_at)} ago; receives: {letter.receives or 'unknown'}",
            *(f"attribute {name}: {value}" for name, value in letter.dead.message.attributes.items()),
            f"body: {letter.dead.message.body}",
        ]
        sections = [
            columns([(stamp(event.at) or "-", event.what) for event in events]),
            stock.text() if stock else "",
        ]
        return "\n\n".join(["\n".join(map(printable, lines)), *filter(None, sections)])

    say(as_json, found, text)
    return 0


def _find(beginning: str, place: Records) -> DeadLetter:
    with place.dead_letters.look() as look:
        messages = look.messages
    named = [dead for dead in messages if dead.named(beginning)]
    if not named:
        raise DeskError(f"none of the DLQ's {len(messages)} messages begins with {beginning}: see dlq ls")
    if len(named) > 1:
        raise DeskError(f"{len(named)} messages begin with {beginning}: give more of {named[0].id}")
    (letter,) = post_mortems(named, place)
    return letter
