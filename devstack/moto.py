"""AWS on one machine, by moto: in memory, up in two seconds."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.processes import Child, free_port


@contextmanager
def moto_server() -> Iterator[str]:
    """Run `moto_server` on a free loopback port and yield its endpoint URL."""
    endpoint = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="moto-") as scratch,
        Child(command, log=Path(scratch) / "moto.log") as child,
    ):
        child.wait_ready(f"{endpoint}/moto-api/data.json", timeout=30)
        yield endpoint
