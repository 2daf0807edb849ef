"""Text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta


def columns(rows: Iterable[Sequence[object]]) -> str:
    """The rows with their columns one below the other."""
    cells = [[printable(str("" if cell is None else cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]  # none, where there are no rows
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def printable(text: str) -> str:
    """Keys and messages come from outside: none may colour a terminal, or forge a line of it."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def age(since: datetime | None) -> str:
    """How long ago that was, in its two largest units."""
    if since is None:
        return ""
    passed = max(datetime.now(UTC) - since, timedelta(0))
    minutes, seconds = divmod(int(passed.total_seconds()) % 86_400, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{passed.days}d" * (passed.days > 0), f"{hours}h" * (hours > 0), f"{minutes}m" * (minutes > 0)]
    return " ".join([*filter(None, parts), f"{seconds}s"][:2])
