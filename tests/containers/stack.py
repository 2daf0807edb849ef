"""The compose stack, under a name of its own and without ports of the host."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "docker-compose.yml", Path(__file__).with_name("compose.yaml")]
SEND_PHOTO = Path(__file__).with_name("send_photo.py").read_text()
IMAGE = "media-worker-tested"
POLL = 0.3
"""Seconds; nobody tells us when a container has written a line."""


def docker(*arguments: str, **variables: str) -> str:
    """The standard output. Raises `AssertionError` with all that was said where the status isn't 0."""
    done = subprocess.run(["docker", *arguments], env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Stack:
    """Its services by their names in docker-compose.yml."""

    def compose(self, *arguments: str, **variables: str) -> str:
        files = [part for file in FILES for part in ("--file", str(file))]
        return docker(
            "compose", "--ansi", "never", "--project-name", "media-worker-test", *files, *arguments, **variables
        )

    def up(self, **variables: str) -> None:
        """Start what isn't running, and wait until all of it is healthy."""
        self.compose("up", "--detach", "--wait", **variables)

    def down(self) -> None:
        """Remove containers, networks and volumes."""
        self.compose("--profile", "sample", "down", "--volumes", "--timeout", "0", "--remove-orphans")

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service).strip()

    def inspect(self, service: str) -> Any:
        (found,) = json.loads(docker("inspect", self.container(service)))
        return found

    def sample(self, listing_id: int) -> str:
        """Upload the samples to a listing and enqueue a job for them; returns the message id."""
        return self._send(listing_id)

    def photo(self, listing_id: int) -> str:
        """The same with one photo, which is soon done."""
        return self._send(listing_id, "python", "-c", SEND_PHOTO)

    def _send(self, listing_id: int, *command: str) -> str:
        run = ("run", "--rm", "--no-deps", "-T", "--env", f"LISTING_ID={listing_id}", "sample")
        found = re.search(r"is message (\S+)", self.compose(*run, *command))
        assert found
        return found[1]

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The worker's log lines of this event."""
        lines = [json.loads(line) for line in docker("logs", self.container("worker")).splitlines()]
        return [line for line in lines if line["event"] == event]

    def events(self, message_id: str, event: str) -> list[dict[str, Any]]:
        """Those of them that are about this message."""
        return [line for line in self.lines(event) if line.get("message_id") == message_id]

    def wait_for_event(self, message_id: str, event: str, count: int = 1) -> None:
        self.wait_until(lambda: len(self.events(message_id, event)) >= count, f"{event} of {message_id}")

    def callbacks(self, message_id: str) -> list[dict[str, Any]]:
        """The callbacks of this message that the receiver has seen since it was started."""
        said = self.compose("exec", "-T", "receiver", "curl", "-fsS", "http://localhost:9000/callbacks")
        return [callback for callback in json.loads(said) if callback["payload"]["externalId"] == message_id]

    def wait_until(self, ready: Callable[[], bool], what: str, timeout: float = 300) -> None:
        deadline = time.monotonic() + timeout
        while not ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {what} in {timeout:g} s\n{self.compose('logs', '--tail', '40')}")
            time.sleep(POLL)
