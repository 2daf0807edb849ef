"""docs/operating.md names each event of the log and each metric, and none that there isn't."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from worker.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text()
ROOMS = ("worker", "adapters", "domain")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def rows(header: str) -> list[list[str]]:
    """The cells of each row of the tables with this header."""
    tables = re.findall(rf"^\| {re.escape(header)} \|.*\n\|[-|]+\|\n((?:\|.*\n?)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for table in tables for row in table.splitlines()]


def quoted(cell: str) -> list[str]:
    return re.findall("`(.*?)`", cell)


def emitted() -> Iterator[str]:
    for file in (file for room in ROOMS for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(ast.Attribute(attr=method), [event, *_]) if method in LEVELS:
                    assert isinstance(event, ast.Constant), f"{file}:{node.lineno}: an event is a literal"
                    yield str(event.value)


def test_each_event_of_the_log_is_on_the_page() -> None:
    assert sorted(event for row in rows("event") for event in quoted(row[0])) == sorted(set(emitted()))


def test_each_metric_is_on_the_page_with_its_labels() -> None:
    documented = {name: set(quoted(labels)) for names, labels, _ in rows("name") for name in quoted(names)}
    if not Path("/proc/stat").exists():
        documented = {name: labels for name, labels in documented.items() if not name.startswith("process_")}
    exposed = {}
    for family in Metrics().families():
        name = family.name + ("_total" if family.type == "counter" else "")
        exposed[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert documented == exposed


def test_each_alarm_is_on_a_metric() -> None:
    names = {name for row in rows("name") for name in quoted(row[0])}
    watched = re.findall(r"`(media_worker_\w+)", "".join(row[0] for row in rows("metric")))
    assert watched
    assert set(watched) <= names
