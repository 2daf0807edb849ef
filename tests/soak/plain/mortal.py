"""A worker that is killed where an upload says so: `python -m tests.soak.plain.mortal`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from adapters.decoders.pool import Decoders
from domain.content import FileFormat
from domain.model import Picture
from worker.cli import main


def die_of_poison() -> None:
    render = Decoders.render

    def mortal(
        self: Decoders, data: bytes, file_format: FileFormat, job: str, key: str, checkpoint: Callable[[], None]
    ) -> Picture:
        if b"POISON" in data:
            os.kill(os.getpid(), signal.SIGKILL)
        return render(self, data, file_format, job, key, checkpoint)

    Decoders.render = mortal  # type: ignore[method-assign]


if __name__ == "__main__":
    die_of_poison()
    sys.exit(main(["run"]))
