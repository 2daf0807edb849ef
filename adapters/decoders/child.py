"""The child's side: it renders one picture after another, until it is told to end or its worker is gone."""

from __future__ import annotations

import fcntl
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from adapters.decoders.limits import bound, near_the_limit
from adapters.decoders.wire import Header, from_picture, receive, send
from domain.content import FileFormat
from domain.errors import MediaError, Transient
from domain.model import Picture

_PIPE_BYTES = 1024 * 1024
"""The most that Linux gives to anybody: fewer switches between two processes."""
_LAST_SECONDS = 10
"""After the time limit. Then nobody is left who could end this process."""

Render = Callable[[bytes, FileFormat], Picture]


def main(serves: str, arguments: list[Any], memory: int, seconds: float, parent: int) -> None:
    """Serve the renderer that `serves` names ("module:class"), made with the arguments."""
    bound(memory, parent)
    requests, answers = _pipes()
    try:
        module, _, name = serves.partition(":")
        render: Render = getattr(importlib.import_module(module), name)(*arguments).render
    except Exception as error:
        send(answers, {"broken": f"{type(error).__name__}: {error}"})
        return
    send(answers, {"ready": True})
    with suppress(BrokenPipeError):
        while (request := receive(requests)) is not None:
            signal.alarm(int(seconds) + _LAST_SECONDS)
            header, (data,) = request
            answer, bodies = _answer(render, data, FileFormat[header["format"]], memory)
            send(answers, {**answer, "number": header["number"]}, bodies)
            signal.alarm(0)
            del request, data, bodies  # they aren't kept until the next one comes


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Where requests come from, and where answers go. A decoder that writes to standard output writes nowhere."""
    answers = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    if sys.platform == "linux":
        for pipe in (0, answers):
            with suppress(OSError):  # one user's pipes have a limit in common
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return sys.stdin.buffer, os.fdopen(answers, "wb")


def _answer(render: Render, data: bytes, file_format: FileFormat, memory: int) -> tuple[Header, list[bytes]]:
    """The picture, or what went wrong. `spent`: the next picture has another process, which has no peak yet."""
    bodies: list[bytes] = []
    try:
        header, bodies = from_picture(render(data, file_format))
    except MemoryError:
        header = {"error": "memory"}
    except MediaError as error:
        kind = "transient" if isinstance(error, Transient) else "permanent"
        header = {"error": kind, "message": str(error), "code": error.code}
    except Exception:
        header = {"error": "bug", "message": traceback.format_exc()}
    spent = near_the_limit(memory)
    if spent and "error" in header:
        header = {"error": "memory"}
    return {**header, "spent": spent or header.get("error") == "memory"}, bodies
