"""The worker's side of one child process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from adapters.decoders.limits import Limits
from adapters.decoders.wire import MOST_RENDITIONS, Header, Torn, receive, send, to_picture
from domain.content import FileFormat
from domain.errors import Code, Permanent, Transient
from domain.model import Picture

_BOOT = """\
import json, sys
sys.path[:], *rest = json.loads(sys.argv[1])
from adapters.decoders.child import main
main(*rest)
"""
"""As the worker finds its modules: in a checkout, installed, or in a zip file."""
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}
"""All of it: no credentials, and an address space that is the same on 2 CPUs and on 64. A picture's memory is kept
for the next one: given back, it cost an eighth of a JPEG's CPU in page faults."""
_MIB = 1024 * 1024

Reason = Literal["memory", "timeout", "crashed", "killed", "not started"]


@dataclass(frozen=True, slots=True)
class Serving:
    """What the children render with: "module:class", and what an instance of it is made with (JSON values)."""

    renderer: str
    arguments: Sequence[Any] = ()


class Ended(Exception):
    """The child has ended, or has to; the message says why."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Child:
    """A child process that renders one picture at a time.

    It ends when the thread that made it does: the kernel has no notion of a process's parent but that.
    """

    def __init__(self, serving: Serving, limits: Limits) -> None:
        """Start it. Raises OSError where the system gives no process."""
        self._limits = limits
        self.ready_at = 0.0
        self._why: Reason | None = None
        self.spent = False
        path = [str(Path(entry).absolute()) for entry in sys.path]
        given = [path, serving.renderer, serving.arguments, limits.memory, limits.seconds, os.getpid()]
        self._process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-I", "-c", _BOOT, json.dumps(given)],
            env=_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libtiff may write 62 MB there
            process_group=0,  # a session of its own would have a share of the CPUs of its own
        )
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self.pid = self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def kill(self, why: Reason) -> None:
        """Have `render` raise Ended for this reason, in the thread that waits there."""
        self._why = why
        self.spent = True
        self._process.kill()

    def end(self) -> None:
        """Kill it, if it still runs, and let go of its pipes."""
        self._process.kill()
        with suppress(OSError):
            self._requests.close()
        self._answers.close()
        self._process.wait()

    def render(self, data: bytes, file_format: FileFormat) -> Picture:
        """Have a picture rendered.

        Raises:
            Permanent, Transient: as the renderer did. Ended: the child died meanwhile, or lacks memory.
        """
        try:
            self._await_start()
            send(self._requests, {"format": file_format.name}, [data])
            answer = receive(self._answers, MOST_RENDITIONS)
            if answer is None:
                raise self._ended()
            header, bodies = answer
            self.spent = self.spent or bool(header.get("spent"))
            if "error" not in header:
                return to_picture(header, bodies)
            error = self._error(header)
        except OSError as broken:
            raise self._ended() from broken
        except (Torn, LookupError, ValueError) as nonsense:
            self._process.kill()
            self.spent = True
            raise Ended("crashed", f"its decoder answered nonsense: {nonsense}") from nonsense
        raise error

    def _await_start(self) -> None:
        if self.ready_at:
            return
        hello = receive(self._answers, MOST_RENDITIONS)
        if hello is None or "ready" not in hello[0]:
            ended = self._ended()
            if hello is None and ended.reason == "killed":
                raise ended
            why = hello[0].get("broken") if hello else str(ended)
            raise Ended("not started", f"a decoder's process can't be started: {why}")  # no picture's fault
        self.ready_at = time.monotonic()

    def _error(self, header: Header) -> Exception:
        """What went wrong in the child, to be raised here."""
        kind, message = header["error"], str(header.get("message"))
        if kind == "memory":
            mib = self._limits.memory // _MIB
            return Ended("memory", f"it needed more than {mib:,} MiB of memory (IMAGE_MEMORY)")
        if kind == "bug":
            return RuntimeError(message)
        code = Code(header["code"]) if header["code"] else None
        return Transient(message, code) if kind == "transient" else Permanent(message, code)

    def _ended(self) -> Ended:
        self.spent = True
        status = self._process.wait()
        match self._why:
            case "timeout":
                return Ended("timeout", f"it took more than {self._limits.seconds:g} s (IMAGE_TIMEOUT)")
            case "not started":
                return Ended("not started", "the worker ends")
        if status == -signal.SIGKILL:
            return Ended("killed", "its decoder was killed from outside (SIGKILL)")
        return Ended("crashed", f"its decoder crashed ({_status(status)})")


def _status(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
