"""A worker whose renderer does what a picture asks for: `python -m tests.faults.hostile`."""

from __future__ import annotations

import sys

from worker import bootstrap
from worker.cli import main

if __name__ == "__main__":
    bootstrap.RENDERER = "tests.hostile:Hostile"
    sys.exit(main(["run"]))
