"""A worker whose decoder crashes where an upload says so: `python -m tests.soak.plain.mortal`."""

from __future__ import annotations

import os
import signal
import sys

from adapters.pictures.pillow import PillowImages
from domain.content import FileFormat
from domain.model import Picture
from worker.cli import main


def die_of_poison() -> None:
    render = PillowImages.render

    def mortal(self: PillowImages, data: bytes, file_format: FileFormat) -> Picture:
        if b"POISON" in data:
            os.kill(os.getpid(), signal.SIGKILL)
        return render(self, data, file_format)

    PillowImages.render = mortal  # type: ignore[method-assign]


if __name__ == "__main__":
    die_of_poison()
    sys.exit(main(["run"]))
