"""`media-worker dlq requeue` and `dlq drop`: what takes messages out of the DLQ."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from domain.dead_letters import DeadMessage, Look, Settled, Tell
from domain.post_mortem import Choice, DeadLetter, without_journals
from worker.desk.dlq import AnEnding, Codes
from worker.desk.errors import DeskError
from worker.desk.letters import fields, notes, post_mortems, progress, table
from worker.desk.say import AsJson, say
from worker.desk.text import columns
from worker.desk.wiring import records
from worker.settings import Place, load_settings

All = Annotated[bool, typer.Option("--all", help="Every message.")]
Jobs = Annotated[list[int] | None, typer.Option("--job", help="Only these jobs; may be repeated.")]
Messages = Annotated[list[str] | None, typer.Option("--message", help="Only these ids; may be repeated.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say which messages are meant.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]


def requeue(  # noqa: PLR0913 (one for each option)
    everything: All = False,
    codes: Codes = None,
    ending: AnEnding = None,
    jobs: Jobs = None,
    messages: Messages = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Send messages of the DLQ back to their queue, and only those that fit all that is given.

    Each keeps its journal, its externalId and its webhook-ids by the attribute OriginalMessageId.

    Example: media-worker dlq requeue --ending transient --dry-run
    """
    choice = _choice(everything, codes, ending, jobs, messages)
    with _chosen(choice) as chosen:
        if dry_run:
            left = {letter.dead.id: letter.dead.why_left for letter in chosen.letters if letter.dead.why_left}
            return _tell("would be sent back", chosen, left, as_json)
        return _settle("sent back", chosen, chosen.look.requeue, as_json)


def drop(
    codes: Codes = None,
    ending: AnEnding = None,
    jobs: Jobs = None,
    messages: Messages = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Delete messages from the DLQ, those that fit all that is given; prints each one's body first.

    Example: media-worker dlq drop --job 21
    """
    choice = _choice(False, codes, ending, jobs, messages)
    meant = None
    if not yes:
        meant = _confirmed(choice)
    with _chosen(choice, meant) as chosen:
        _require_journals(chosen)
        _write_down(chosen.letters, as_json)
        return _settle("dropped", chosen, chosen.look.delete, as_json)


def _choice(everything: bool, codes: Codes, ending: AnEnding, jobs: Jobs, messages: Messages) -> Choice:
    narrowed = bool(codes or ending or jobs or messages)
    if everything == narrowed:
        raise typer.BadParameter("say which, by --code, --ending, --job or --message; requeue takes --all, too")
    return Choice(frozenset(codes or ()), ending, frozenset(jobs or ()), messages=frozenset(messages or ()))


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The messages that are meant, in hand; `every` are all that were looked at."""

    look: Look
    choice: Choice
    every: Sequence[DeadLetter]
    letters: Sequence[DeadLetter]


@contextmanager
def _chosen(choice: Choice, meant: Set[str] | None = None) -> Iterator[_Chosen]:
    """The messages that are meant, in hand until the block ends; `meant` are the ids of those that are at most."""
    place = records(load_settings(Place))
    with place.dead_letters.look() as look:
        every = post_mortems(look.messages, place)
        letters = [
            letter for letter in every if choice.takes(letter) and (meant is None or letter.dead.id in meant)
        ]
        _require_named(choice, every, letters)
        taken = {letter.dead.id for letter in letters}
        look.show([letter.dead for letter in every if letter.dead.id not in taken])
        yield _Chosen(look, choice, every, letters)


def _require_named(choice: Choice, every: Sequence[DeadLetter], letters: Sequence[DeadLetter]) -> None:
    """Raise DeskError where a message isn't there, or none is of the jobs."""
    if missing := choice.messages.difference(*(letter.dead.ids for letter in every)):
        raise DeskError(f"none of the DLQ's {len(every)} messages is {', '.join(sorted(missing))}: see dlq ls")
    if choice.jobs and not letters:
        named = ", ".join(map(str, sorted(choice.jobs)))
        raise DeskError(f"none of the DLQ's {len(every)} messages is of job {named}: see dlq ls")


def _require_journals(chosen: _Chosen) -> None:
    """Raise DeskError where the causes are unknown and nothing is named: it may be the wrong bucket."""
    named = chosen.choice.jobs or chosen.choice.messages
    if chosen.letters and not named and (count := without_journals(chosen.every)):
        raise DeskError(
            f"no journal found for any of {count} messages: is MEDIA_BUCKET right? "
            "If it is, name them by --job or --message"
        )


def _confirmed(choice: Choice) -> set[str]:
    """The ids of the messages that the operator agrees to; nothing is hidden while he thinks."""
    if not sys.stdin.isatty():
        raise DeskError("nobody is there to confirm it: add --yes")
    with _chosen(choice) as chosen:
        _require_journals(chosen)
        letters = chosen.letters
    if letters:
        typer.echo(table(letters), err=True)
        if not typer.confirm(f"Delete these {len(letters)} messages for good?", err=True):
            raise DeskError("nothing was dropped")
    return {letter.dead.id for letter in letters}


def _settle(
    what: str,
    chosen: _Chosen,
    settle: Callable[[Iterable[DeadMessage], Tell], None],
    as_json: bool,
) -> int:
    """Settle the messages, and say what became of each, though it is broken off."""
    letters = chosen.letters
    problems = {letter.dead.id: "not reached: run the command again" for letter in letters}
    try:
        with progress(what, len(letters)) as advance:

            def tell(settled: Settled) -> None:
                problems[settled.message.id] = settled.problem
                advance(1)

            settle([letter.dead for letter in letters], tell)
    finally:
        left = {message_id: problem for message_id, problem in problems.items() if problem}
        status = _tell(what, chosen, left, as_json)
    return status


def _write_down(letters: Sequence[DeadLetter], as_json: bool) -> None:
    """Print the bodies before anything is deleted; what became of each follows, in JSON in the same object."""
    bodies = {letter.dead.id: letter.dead.message.body for letter in letters}
    typer.echo(json.dumps({"bodies": bodies}, indent=2)[:-2] + "," if as_json else columns(bodies.items()))
    sys.stdout.flush()


def _tell(what: str, chosen: _Chosen, left: dict[str, str], as_json: bool) -> int:
    letters = chosen.letters
    gone = [letter for letter in letters if letter.dead.id not in left]
    found = {
        what.replace(" ", "_"): [fields(letter) for letter in gone],
        "left": [{"message_id": message_id, "why": why} for message_id, why in left.items()],
        "notes": notes(chosen.every),
    }

    def text() -> str:
        lines = [f"{len(gone)} of {len(letters)} chosen messages {what}", *notes(chosen.every)]
        if gone:
            lines += ["", table(gone)]
        if left:
            lines += ["", columns([("LEFT IN THE DLQ", "WHY"), *left.items()])]
        return "\n".join(lines)

    if as_json and what == "dropped":
        typer.echo(json.dumps(found, indent=2).removeprefix("{\n"))
    else:
        say(as_json, found, text)
    return 1 if left or any(letter.trouble for letter in chosen.every) else 0
