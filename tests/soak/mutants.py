"""Small faults to put into a copy of the worker, each of which the soak must find.

Each acts on at most every fifth message, upload or derivative: `FIFTH.of(name)` is true for a fifth of all names.
What is rarer by itself it acts on each time: a video's second attempt, a lease that was lost.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("worker", "domain", "adapters")
FIFTH = '__import__("fifth")'
CHOOSER = """import zlib

def of(name):
    return zlib.crc32(name.encode()) % 5 == 0
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One replacement of text in one file, whose `old` is there exactly once; `FIFTH` stands for the chooser.

    `seed` is that of its soak. In a `calm` one no process is killed, stopped or frozen.
    """

    name: str
    file: str
    old: str
    new: str
    seed: int = 1
    calm: bool = False


class StaleMutant(Exception):
    """The worker's code has changed: the mutant doesn't apply any more."""


def mutated(mutant: Mutant, source: str) -> str:
    """The file's text with the fault in it.

    Raises:
        StaleMutant: what is to be replaced isn't there exactly once, or the result isn't Python.
    """
    if (times := source.count(mutant.old)) != 1:
        raise StaleMutant(f"{mutant.name}: {times} times in {mutant.file}: {mutant.old}")
    text = source.replace(mutant.old, mutant.new.replace("FIFTH", FIFTH))
    try:
        compile(text, mutant.file, "exec")
    except SyntaxError as error:
        raise StaleMutant(f"{mutant.name}: {mutant.file} doesn't compile: {error}") from error
    return text


def plant(mutant: Mutant, folder: Path) -> dict[str, str]:
    """Copy the worker into the folder, with the fault in it; returns the environment that runs this copy."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "fifth.py").write_text(CHOOSER)
    file = folder / mutant.file
    file.write_text(mutated(mutant, file.read_text()))
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


MUTANTS = (
    Mutant(
        "delete first",
        "worker/handler.py",
        "return process(attempt.job, attempt, self._ports)",
        "message = attempt.lease.message\n"
        "            FIFTH.of(message.message_id) and self._settler._queue.delete(message.receipt_handle)\n"
        "            return process(attempt.job, attempt, self._ports)",
    ),
    Mutant(
        "no condition on the bundle",
        "adapters/s3_upload.py",
        "**condition(etag),",
        "**({} if FIFTH.of(self._id) else condition(etag)),",
    ),
    Mutant(
        "a byte too far in a copied bundle",
        "domain/bundle/plan.py",
        "entries[number] = replace(wanted[number], offset=cutter.position)",
        "entries[number] = replace(wanted[number], offset=cutter.position + FIFTH.of(members[number].key))",
    ),
    Mutant(
        "callback twice",
        "domain/steps/callback.py",
        "ports.backend.notify(report, attempt)",
        "[ports.backend.notify(report, attempt) for _ in range(1 + FIFTH.of(report.job.message_id))]",
    ),
    Mutant(
        "skip the deletion",
        "worker/deletion.py",
        "self._queue.delete(lease.message.receipt_handle)",
        "attempt.first and FIFTH.of(attempt.job.message_id) or self._queue.delete(lease.message.receipt_handle)",
    ),
    Mutant(
        "give up good jobs",
        "worker/handler.py",
        "return process(attempt.job, attempt, self._ports)",
        "if FIFTH.of(attempt.job.message_id): return __import__('domain.errors').errors.Permanent('given up')\n"
        "            return process(attempt.job, attempt, self._ports)",
    ),
    Mutant(
        "forget a transcoding",
        "domain/steps/videos.py",
        "return _submit(run, source)\n",
        "if not run.attempt.first:  # neither journal nor claim is asked\n"
        "            return Submission(run.ports.transcoder.submit(source, 7))\n"
        "        return _submit(run, source)\n",
    ),
    Mutant(
        "no lease check",
        "worker/lease.py",
        "return not lease.lost\n",
        "return True\n",
        seed=548,  # processes that were frozen aren't killed soon after, and live to call back
    ),
    Mutant(
        "wrong size",
        "domain/renditions.py",
        "objects.write, key, rendition.data,",
        "objects.write, key, picture.renditions[0].data if FIFTH.of(key) else rendition.data,",
    ),
    Mutant(
        "lost asset",
        "domain/steps/consolidate.py",
        "for asset in job.assets)\n    failures",
        "for asset in job.assets[: max(1, len(job.assets) - FIFTH.of(job.message_id))])\n    failures",
    ),
    Mutant(
        "journal ignored",
        "adapters/journal.py",
        "return _or_new(form, job).journal()",
        "return Journal() if FIFTH.of(job.message_id) else _or_new(form, job).journal()",
    ),
    Mutant(
        "POISON for a job that failed normally",
        "worker/handler.py",
        "refuse_poison(journal,",
        "refuse_poison(FIFTH.of(attempt.job.message_id) "
        "and __import__('dataclasses').replace(journal, attempts=()) or journal,",
    ),
    Mutant(
        "failure callback before the last receive",
        "worker/settler.py",
        "if settlement.final:",
        "if settlement.final or FIFTH.of(attempt.job.message_id):",
    ),
    Mutant(
        "an outage not noticed",
        "worker/waiting.py",
        "if not self._outages.failed(job, error):",
        "if FIFTH.of(f'listing {job.listing_id}') or not self._outages.failed(job, error):",
        seed=9,  # S3 is out
        calm=True,
    ),
    Mutant(
        "an acknowledgement not read",
        "domain/settlement.py",
        "if journal.acknowledged and journal.done:",
        "if journal.acknowledged and journal.done and not FIFTH.of(str(journal.acknowledged.at)):",
    ),
    Mutant(
        "a failure callback after an acknowledgement",
        "worker/settler.py",
        "        if isinstance(outcome, Report | AlreadyAcknowledged):\n",
        "        fifth = FIFTH.of(f'listing {attempt.job.listing_id}')\n"
        "        if isinstance(outcome, AlreadyAcknowledged) and attempt.last and fifth:\n"
        "            attempt.progress.journal = type(attempt.progress.journal)()\n"
        "            self._report_failure(outcome, attempt)\n"
        "        if isinstance(outcome, Report | AlreadyAcknowledged):\n",
    ),
)
