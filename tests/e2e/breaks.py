"""A worker whose callback raises what nobody foresaw: `python -m tests.e2e.breaks`."""

from __future__ import annotations

import sys
from typing import Any

from adapters.endpoint import Endpoint
from worker.cli import main


def explode(*args: Any, **options: Any) -> None:
    raise ZeroDivisionError("nobody foresaw this")


if __name__ == "__main__":
    Endpoint.post = explode  # type: ignore[assignment,method-assign]
    sys.exit(main(["run"]))
