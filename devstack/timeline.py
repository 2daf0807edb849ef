"""The demo page's part about the worker: how long each step took, and its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from typing import Any

from devstack.progress import counts, meaning

Entries = Sequence[Mapping[str, Any]]


def timeline(log: Entries) -> str:
    """A table of steps for each job, in the order of the log, and the log in plain lines."""
    done = [entry for entry in log if entry.get("event") == "step done"]
    longest = max((entry["seconds"] for entry in done), default=0)
    tables = "".join(
        _steps(f"job {job}", list(steps), longest) for job, steps in groupby(done, lambda entry: entry["job_id"])
    )
    return f"""<section id="worker">
<header><h2>What the worker did</h2></header>
{tables}<details><summary>Its log, in plain lines</summary><pre>{escape(_plain(log))}</pre></details>
<p><a href="worker.log">worker.log</a>: the log as it was written</p>
</section>"""


def _steps(caption: str, steps: Entries, longest: float) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(step["step"])}</th><td class="seconds">{step["seconds"]:.2f} s</td>'
        f'<td class="bar"><div style="--share: {step["seconds"] / (longest or 1):.4f}"></div></td>'
        f'<td class="figures">{escape(counts(step))}</td></tr>\n'
        for step in steps
    )
    total = sum(step["seconds"] for step in steps)
    return f"<table>\n<caption>{escape(caption)}: {total:.2f} s in all</caption>\n{rows}</table>\n"


def _plain(log: Entries) -> str:
    """Each entry with the seconds since the first."""
    times = [datetime.fromisoformat(entry["timestamp"]) for entry in log]
    return "\n".join(
        f"{(time - times[0]).total_seconds():6.2f} s  {meaning(entry) or entry['event']}"
        for time, entry in zip(times, log, strict=True)
    )
