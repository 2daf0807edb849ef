"""A worker that dies where a test says, and nowhere else: `python -m tests.faults.killed_at before:validate`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.s3_upload import S3Upload
from domain.journal import Acknowledged
from worker.attempt import Attempt
from worker.cli import main
from worker.progress import Progress

POINTS = (
    "before:validate",
    "after:validate",
    "after:thumbnails",
    "within:zip",
    "after:zip",
    "after:consolidate",
    "within:callback",
    "after:callback",
)


def die_at(point: str) -> None:
    """Have the process killed, as by the kernel: before or after a step, when the bundle's parts are sent, or when
    the callback is acknowledged and that isn't written down yet.
    """
    step = Attempt.step

    @contextmanager
    def deadly(self: Attempt, name: str) -> Iterator[dict[str, int]]:
        if point == f"before:{name}":
            os.kill(os.getpid(), signal.SIGKILL)
        with step(self, name) as counts:
            yield counts
        if point == f"after:{name}":
            os.kill(os.getpid(), signal.SIGKILL)

    def never_completed(self: S3Upload, etag: str | None) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def never_written(self: Progress, acknowledged: Acknowledged) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    Attempt.step = deadly  # type: ignore[method-assign]
    if point == "within:zip":
        S3Upload.complete = never_completed  # type: ignore[method-assign]
    if point == "within:callback":
        Progress.acknowledge = never_written  # type: ignore[method-assign]


if __name__ == "__main__":
    die_at(sys.argv[1])
    sys.exit(main(["run"]))
