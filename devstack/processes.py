"""Child processes that always end: what tests and the demo start, they also stop."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

POLL = 0.05
STOP_GRACE = 10.0


class ChildError(RuntimeError):
    """A child ended too early or never became ready; the message ends with its last output."""


class Child:
    """A context manager around one child process. Its standard output and error go to `log`.

    `environment` is added to this process's own, less what that says of AWS: one's own profile must not
    leak into an emulated world. The child leads a session of its own, so that an
    interrupt at the terminal reaches it only through us, in order.
    """

    def __init__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._command = list(command)
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                env={**inherited, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ChildError(f"{self._command[0]} was not started")
        return self._process

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the child has ended."""
        self.process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """The exit status, once there is one. Raises `ChildError` after `timeout` seconds."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ChildError(f"still running after {timeout:g} s\n{self.tail()}") from None

    def stop(self, grace: float = STOP_GRACE) -> None:
        """End the child: SIGTERM, then SIGKILL to its whole session after `grace` seconds."""
        self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def wait_ready(self, ready: str | Callable[[], bool], timeout: float) -> None:
        """Wait until a URL answers 200, or a predicate holds.

        A foreign server tells nobody when it listens, so it is asked again and again. Raises `ChildError`
        when the child ends, or after `timeout` seconds.
        """
        is_ready = ready if callable(ready) else lambda: answers(ready)
        deadline = time.monotonic() + timeout
        while not is_ready():
            if not self.running:
                raise ChildError(f"ended with status {self.process.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ChildError(f"not ready after {timeout:g} s\n{self.tail()}")
            time.sleep(POLL)

    def output(self) -> str:
        """All that the child has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.output().splitlines()[-lines:])


def memory(name: str, process: int | str = "self") -> int:
    """A process's memory in bytes, as proc(5) has it: `VmRSS` is the present, `VmHWM` the peak.

    Linux alone has it. Raises `LookupError` when the process has ended.
    """
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"process {process} has no {name}")


def answers(url: str, timeout: float = 2.0) -> bool:
    """True when a GET of an http URL answers 200 within `timeout` seconds; no proxy is asked."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A loopback TCP port that nothing listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
