"""What a worker, its children and a server use, as proc(5) has it."""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from devstack.processes import memory

EVERY = 0.1
"""Seconds between two looks."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Look:
    """CPU seconds so far, of the worker itself, its children and the server.

    `resident` are the bytes of worker and children, pages that they share counted for each; `at` is monotonic.
    """

    at: float
    own: float
    children: float
    server: float
    resident: int

    @property
    def cpu(self) -> float:
        return self.own + self.children + self.server


def look(worker: int, server: int) -> Look:
    """Look at them by their process ids."""
    own, children = _cpu(worker)
    resident = memory("VmRSS", worker)
    for child in _children(worker):
        with suppress(OSError, LookupError):  # it has just ended: the worker has its CPU the next time
            children += sum(_cpu(child))
            resident += memory("VmRSS", child)
    return Look(time.monotonic(), own, children, sum(_cpu(server)), resident)


@contextmanager
def watched(worker: int, server: int) -> Iterator[list[Look]]:
    """Look at them again and again while the block lasts, and at its start and end."""
    looks = [look(worker, server)]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(EVERY):
            looks.append(look(worker, server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield looks
    finally:
        done.set()
        watcher.join()
    looks.append(look(worker, server))


def cpu_between(looks: Sequence[Look], start: float, end: float) -> float:
    """CPU seconds of all between two times, each taken for that of the first look from then on."""
    times = [seen.at for seen in looks[:-1]]
    return looks[bisect_left(times, end)].cpu - looks[bisect_left(times, start)].cpu


def _cpu(pid: int) -> tuple[float, float]:
    """Of the process itself, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, of_children, system_of_children = (int(ticks) / TICKS for ticks in fields[11:15])
    return user + system, of_children + system_of_children


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for listing in found for child in listing.read_text().split()]
