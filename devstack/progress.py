"""Reads a worker's log as it grows and says in plain lines what happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

STEPS = {
    "validate": "looked at every upload",
    "submit": "had the videos begun",
    "thumbnails": "made the renditions",
    "videos": "waited for the videos, and made their posters",
    "confirm": "looked at the uploads again, and tagged them",
    "zip": "wrote the bundle",
    "consolidate": "put the report together",
    "callback": "told the backend",
}


class Progress:
    """Follows one log file of JSON lines; `say` gets each line that is worth telling."""

    def __init__(self, log: Path, say: Callable[[str], None]) -> None:
        self._log = log
        self._say = say
        self._read = 0

    def settled(self) -> bool:
        """Tell what is new; true once the message is deleted, or given up for good."""
        content = self._log.read_bytes()
        end = content.rfind(b"\n") + 1
        lines, self._read = content[self._read : end].splitlines(), end
        told = [self._tell(line) for line in lines]
        return any(told)

    def _tell(self, line: bytes) -> bool:
        """Say what a line means; true for one that settles the message."""
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            self._say(line.decode(errors="replace"))
            return False
        if text := meaning(entry):
            self._say(text)
        event = entry.get("event", "")
        return event in ("message deleted", "job failed for good")


def entries(log: Path) -> list[dict[str, Any]]:
    """A log's events; what else a process prints, such as a traceback or EMF, is left out."""
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and {"event", "timestamp"} <= entry.keys():
            found.append(entry)
    return found


def meaning(entry: Mapping[str, Any]) -> str:
    """What a log entry means, in a line; empty where it is of no interest."""
    event, step = entry.get("event"), entry.get("step", "")
    if event == "started":
        return "the worker is up and polls the queue"
    if event == "attempt begun":
        return f"the worker has the message (receive {entry.get('receive_count')}, {entry.get('assets')} assets)"
    if event == "step done":
        numbers = counts(entry)
        return f"{step:<12}{entry['seconds']:>6.2f} s  {STEPS.get(step, '')}{f' ({numbers})' if numbers else ''}"
    if event == "step ended early":
        return f"{step:<12}{entry['seconds']:>6.2f} s  gave up: {entry['why']}"
    if event == "transcoding submitted":
        return f"video       {entry['key']} is MediaConvert job {entry['transcoding']}"
    if event == "transcoding ended":
        return f"video       MediaConvert job {entry['transcoding']} " + (
            "is complete" if entry["done"] else "failed"
        )
    if event == "asset failed":
        return f"failed      {entry['key']}: {entry['code']}, {entry['why']}"
    if event == "message deleted":
        return f"the message is deleted: {entry['status']}"
    if entry.get("level") in {"warning", "error", "critical"}:
        return " ".join(str(entry[key]) for key in ("level", "event", "why", "exception") if key in entry)
    return ""


def counts(entry: Mapping[str, Any]) -> str:
    """What a step counted, such as `12 ok, 1 failed`."""
    return ", ".join(f"{entry[name]:,} {name}" for name in ("ok", "failed", "members", "bytes") if name in entry)
