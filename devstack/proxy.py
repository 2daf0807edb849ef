"""A TCP connection between two processes that fails on order."""

from __future__ import annotations

import socket
import struct
import threading
from enum import Enum, auto
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHUNK = 16 * 1024
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends a reset, not an end."""


class _Mode(Enum):
    PASS = auto()
    STALL = auto()
    CUT = auto()
    RESET = auto()


class Proxy:
    """A context manager: what connects to `url` reaches the target's host and port, unless it is told otherwise.

    `cut` ends every connection and each new one; `reset` does so with a TCP reset; `stall` keeps them open and
    forwards nothing; `delay` and `slow_down` hold up what passes; `heal` ends all that, and stalled data goes on.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._mode = _Mode.PASS
        self._delay = 0.0
        self._bytes_per_second = 0.0
        self._open: set[socket.socket] = set()
        self._closed = False
        self.connected = threading.Event()
        """Set once somebody has connected."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._listener.close()
        self.cut()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        self._turn(_Mode.CUT)

    def reset(self) -> None:
        self._turn(_Mode.RESET)

    def stall(self) -> None:
        self._turn(_Mode.STALL)

    def delay(self, seconds: float) -> None:
        """Hold up each piece of data, in both directions."""
        self._delay = seconds

    def slow_down(self, bytes_per_second: float) -> None:
        self._bytes_per_second = bytes_per_second

    def heal(self) -> None:
        self._delay = self._bytes_per_second = 0.0
        self._turn(_Mode.PASS)

    def _turn(self, mode: _Mode) -> None:
        with self._changed:
            self._mode = mode
            self._changed.notify_all()
            ends = set(self._open) if mode in {_Mode.CUT, _Mode.RESET} else set()
        for end in ends:
            self._end(end)

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                continue
            with self._changed:
                self._open |= {near, far}
            self.connected.set()
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while (data := source.recv(CHUNK)) and self._passes(len(data)):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            self._end(source)
            self._end(sink)

    def _passes(self, size: int) -> bool:
        """Wait as long as the mode asks for; False where the connection must end."""
        with self._changed:
            hold_up = self._delay + (size / self._bytes_per_second if self._bytes_per_second else 0.0)
            self._changed.wait_for(lambda: self._mode in {_Mode.CUT, _Mode.RESET}, hold_up)
            self._changed.wait_for(lambda: self._mode is not _Mode.STALL)
            return self._mode is _Mode.PASS

    def _end(self, end: socket.socket) -> None:
        with self._changed:
            self._open.discard(end)
        try:
            if self._mode is _Mode.RESET:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                end.shutdown(socket.SHUT_RD)  # a thread that still reads would keep it open
            else:
                end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already
        end.close()
