"""What it takes to count a full DLQ by reason, and to send it back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.dlq_server import ACCOUNT
from benchmarks.figure import Figure
from devstack.aws import variables
from devstack.processes import Child, free_port

MESSAGES = 10_000
LONGEST = 60.0
"""Seconds."""


def measure() -> Iterator[Figure]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    server = [sys.executable, "-m", "benchmarks.dlq_server", str(port), str(MESSAGES)]
    with tempfile.TemporaryDirectory() as scratch, Child(server, log=Path(scratch) / "server.log") as child:
        child.wait_ready(f"{url}/bench/ready", timeout=30)
        yield Figure("10,000 dead letters counted by reason", _seconds(url, "messages", "ls"), "s", LONGEST)
        yield Figure("10,000 dead letters sent back", _seconds(url, "sent_back", "requeue", "--all"), "s")


def _seconds(url: str, key: str, *arguments: str) -> float:
    """How long the command takes; it must name every message."""
    environment = {
        **os.environ,
        **variables(url),
        "QUEUE_URL": f"{url}/{ACCOUNT}/queue",
        "MEDIA_BUCKET": "bench",
    }
    command = [sys.executable, "-m", "worker.cli", "dlq", *arguments, "--json"]
    started = time.monotonic()
    said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    seconds = time.monotonic() - started
    if (named := len(json.loads(said)[key])) != MESSAGES:
        raise AssertionError(f"{named} of {MESSAGES} messages")
    return seconds
