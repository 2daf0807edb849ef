"""The worker's side of one child process."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from adapters.decoders.boot import Serving, start
from adapters.decoders.limits import Limits
from adapters.decoders.wire import MOST_RENDITIONS, CutOff, Header, Torn, receive, send, to_picture
from domain.content import FileFormat
from domain.errors import Code, Permanent, Transient
from domain.model import Picture
from domain.ports import DecoderEnd

_MIB = 1024 * 1024


class Ended(Exception):
    """The child has ended, or has to; the message says why."""

    def __init__(self, reason: DecoderEnd, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Child:
    """A child process that renders one picture at a time.

    It ends when the thread that made it does: the kernel has no notion of a process's parent but that.
    """

    def __init__(self, serving: Serving, limits: Limits) -> None:
        """Start it. Raises OSError where the system gives no process."""
        self._limits = limits
        self.ready_at: float | None = None
        self._pictures = 0
        self._reusable = True
        self._why: Ended | None = None
        self._process = start(serving, limits)
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self.pid = self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def reusable(self) -> bool:
        """Whether it may render one more picture: nothing that it wrote is unread, and nobody has ended it."""
        return self._reusable and self._why is None

    def kill(self, why: Ended) -> None:
        """Have this raised in the thread that waits for it, if nothing was before."""
        self._why = self._why or why
        self._kill_group()

    def end(self) -> None:
        """Kill it, if it still runs, and let go of its pipes."""
        self._kill_group()
        with suppress(OSError):
            self._requests.close()
        self._answers.close()
        self._process.wait()

    def _kill_group(self) -> None:
        """With what it has started itself: that has its pipes, too."""
        if self._process.returncode is None:  # after that, the number may be another's
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)

    def await_start(self) -> None:
        """Return when it is ready. Raises Ended, which says why it isn't."""
        if self.ready_at is not None:
            return
        self._reusable = False
        try:
            hello, _ = self._receive()
        except (OSError, Torn) as broken:
            ended = self._ended(broken)
            if ended.reason == "killed":
                raise ended from broken
            raise _not_started(str(ended)) from broken
        if "ready" not in hello:
            raise _not_started(str(hello.get("broken")))
        self._reusable = True
        self.ready_at = time.monotonic()

    def render(self, data: bytes, file_format: FileFormat) -> Picture:
        """Have a picture rendered, when it is ready.

        Raises:
            Permanent, Transient: as the renderer did. Ended: the child died meanwhile, or lacks memory.
        """
        self._reusable = False  # whatever is raised here, the next picture doesn't get this one's answer
        self._pictures += 1
        try:
            send(self._requests, {"number": self._pictures, "format": file_format.name}, [data])
            header, bodies = self._receive()
            if header.get("number") != self._pictures:
                raise Torn("the answer is another picture's")
            answer = self._error(header) if "error" in header else to_picture(header, bodies)
        except (OSError, Torn, LookupError, ValueError) as broken:
            raise self._ended(broken) from broken
        self._reusable = not header.get("spent")
        if isinstance(answer, Picture):
            return answer
        raise answer

    def _receive(self) -> tuple[Header, list[bytes]]:
        answer = receive(self._answers, MOST_RENDITIONS)
        if answer is None:
            raise CutOff("nothing")
        return answer

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

    def _ended(self, broken: Exception) -> Ended:
        """Why there is no answer: it was ended, it has ended, or it wrote what is none."""
        if not isinstance(broken, OSError | CutOff):
            self.kill(Ended("crashed", f"its decoder answered nonsense: {broken}"))
        status = self._process.wait()
        if self._why:
            return self._why
        if status == -signal.SIGKILL:
            return Ended("killed", "its decoder was killed from outside (SIGKILL)")
        return Ended("crashed", f"its decoder crashed ({_status(status)})")


def _not_started(why: str) -> Ended:
    return Ended("not started", f"a decoder's process can't be started: {why}")


def _status(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
