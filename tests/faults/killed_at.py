"""A worker that dies where a test says, and nowhere else: `python -m tests.faults.killed_at before:validate`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from worker.attempt import Attempt
from worker.cli import main

POINTS = (
    "before:validate",
    "after:validate",
    "after:thumbnails",
    "after:zip",
    "after:consolidate",
    "after:callback",
)


def die_at(point: str) -> None:
    """Have the process killed, as by the kernel, before or after a step."""
    step = Attempt.step

    @contextmanager
    def deadly(self: Attempt, name: str) -> Iterator[dict[str, int]]:
        if point == f"before:{name}":
            os.kill(os.getpid(), signal.SIGKILL)
        with step(self, name) as counts:
            yield counts
        if point == f"after:{name}":
            os.kill(os.getpid(), signal.SIGKILL)

    Attempt.step = deadly  # type: ignore[method-assign]


if __name__ == "__main__":
    die_at(sys.argv[1])
    sys.exit(main(["run"]))
