"""A worker whose thread never returns from its first picture: `python -m tests.faults.hangs`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from adapters.decoders.pool import Decoders
from domain.content import FileFormat
from domain.model import Picture
from worker.cli import main


def never(
    self: Decoders, data: bytes, file_format: FileFormat, job: str, key: str, checkpoint: Callable[[], None]
) -> Picture:
    threading.Event().wait()
    raise AssertionError("nobody sets it")


if __name__ == "__main__":
    Decoders.render = never  # type: ignore[method-assign]
    sys.exit(main(["run"]))
