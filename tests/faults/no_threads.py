"""A worker that can start no thread for a message: `python -m tests.faults.no_threads`."""

from __future__ import annotations

import sys
import threading

from worker.cli import main
from worker.poller import Poller

_start = threading.Thread.start


def refuse(self: threading.Thread) -> None:
    if isinstance(getattr(getattr(self, "_target", None), "__self__", None), Poller) and self.name != "poller":
        raise RuntimeError("can't start new thread")
    _start(self)


if __name__ == "__main__":
    threading.Thread.start = refuse  # type: ignore[method-assign]
    sys.exit(main(["run"]))
