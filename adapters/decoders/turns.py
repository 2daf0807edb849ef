"""Whose picture is rendered next. One job never holds all children, and a lone job can use all CPUs.

There is one child more than `processes`, and no job holds more than `processes` of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture that waits for a child. `alone`: nothing else may be rendered meanwhile."""

    job: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A picture that has a child. `slow`: for long."""

    job: str
    slow: bool = False
    alone: bool = False


def next_turn(waiting: Sequence[Asked], held: Sequence[Held], processes: int) -> int | None:
    """The place in the line of the picture that gets the next free child; None: none does, yet.

    The job that holds fewest comes first, and after the others one with a slow picture. The others wait for a
    picture that is to be alone, as soon as none that has a child is slow.
    """
    if any(each.alone for each in held):
        return None
    alone = next((place for place, asked in enumerate(waiting) if asked.alone), None)
    if alone is not None and not any(each.slow for each in held):
        return None if held else alone
    free = [
        place for place, asked in enumerate(waiting) if not asked.alone and _count(asked.job, held) < processes
    ]
    return min(free, key=lambda place: _rank(waiting[place].job, held), default=None)


def _rank(job: str, held: Sequence[Held]) -> tuple[bool, int]:
    return any(each.job == job and each.slow for each in held), _count(job, held)


def _count(job: str, held: Sequence[Held]) -> int:
    return sum(each.job == job for each in held)
