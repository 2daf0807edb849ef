"""A worker whose decoder never returns from its first picture: `python -m tests.faults.hangs`."""

from __future__ import annotations

import sys
import threading

from adapters.pictures.pillow import PillowImages
from domain.content import FileFormat
from domain.model import Picture
from worker.cli import main


def never(self: PillowImages, data: bytes, file_format: FileFormat) -> Picture:
    threading.Event().wait()
    raise AssertionError("nobody sets it")


if __name__ == "__main__":
    PillowImages.render = never  # type: ignore[method-assign]
    sys.exit(main(["run"]))
