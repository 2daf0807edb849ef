"""`media-worker check`: can the worker do its work here?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from domain.checks.finding import Finding
from worker.checking import checked
from worker.desk.say import AsJson, say
from worker.desk.text import printable
from worker.settings import Settings, load_settings
from worker.surroundings import all_checks

SECONDS = 15.0
"""The most that one check takes; they go side by side."""

Callback = Annotated[
    bool,
    typer.Option(
        "--callback", help="Send the backend two callbacks for a job that doesn't exist, one badly signed."
    ),
]


def check(callback: Callback = False, as_json: AsJson = False) -> int:
    """Look at queue, DLQ, bucket, MediaConvert, backend, clock and machine: can the worker work here?

    The rights that it tries are those of whoever runs it: run it in a task of the worker's. It puts an object
    under 0/work/checks/, which expires. Exit status: 0 if all is well, 1 if not.

    Example: media-worker check --callback
    """
    findings = checked(all_checks(load_settings(Settings), callback), SECONDS)
    good = all(finding.good for finding in findings)
    say(as_json, {"good": good, "findings": [asdict(finding) for finding in findings]}, lambda: _text(findings))
    return 0 if good else 1


def _text(findings: Sequence[Finding]) -> RenderableType:
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        mark = ("✓ ", "green") if finding.good else ("✗ ", "bold red")
        seen = (printable(finding.seen), "" if finding.good else "bold")
        lines.append(Text.assemble(mark, f"{finding.name:{width}}  ", seen))
        more = {"means": finding.means, "do": finding.advice}
        lines += [Text(f"{word:>{width + 2}}  {said}") for word, said in more.items() if said]
    failed = sum(not finding.good for finding in findings)
    return Group(*lines, f"{len(findings)} checks, " + (f"{failed} ✗" if failed else "all ✓"))
