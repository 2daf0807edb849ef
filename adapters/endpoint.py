"""One POST over a connection of its own, which ends in time whatever the other side does."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from urllib.parse import urlsplit, urlunsplit

CONNECT_SECONDS = 5
"""For each address of the host, so that the next one has its turn."""


class NoAnswer(Exception):
    """There was no answer: the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is read of an answer. `retry_after` is empty where the header is missing."""

    status: int
    retry_after: str


class Endpoint:
    """Where to POST to. A POST takes `seconds` at most, from the first connection to the last header."""

    def __init__(self, url: str, seconds: float) -> None:
        parts = urlsplit(url)
        self._seconds = seconds
        self._host = parts.hostname or ""
        self._target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send the body. Redirects aren't followed, and the answer's body isn't read.

        Raises:
            NoAnswer: the host can't be reached, TLS fails, or no HTTP answer comes in time.
        """
        deadline = monotonic() + self._seconds
        try:
            answer = self._exchange(deadline, body, headers)
        except (OSError, HTTPException, UnicodeError) as error:
            if monotonic() < deadline:
                raise NoAnswer(f"{type(error).__name__}: {error}") from error
        else:
            # http.client takes an answer whose headers are cut off for a whole one.
            if monotonic() < deadline:
                return answer
        raise NoAnswer(f"none within {self._seconds:g} s")

    def _exchange(self, deadline: float, body: bytes, headers: Mapping[str, str]) -> Answer:
        with (
            _connected(self._host, self._port, deadline) as connected,
            _shut_down_at(deadline, connected),
            closing(self._http(connected)) as http,
        ):
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it read all
                http.request("POST", self._target, body, dict(headers))
            with http.getresponse() as answer:
                return Answer(answer.status, answer.headers.get("Retry-After", "").strip())

    def _http(self, connected: socket.socket) -> HTTPConnection:
        if self._tls is None:
            http = HTTPConnection(self._host, self._port)
            http.sock = connected
            return http
        https = HTTPSConnection(self._host, self._port, context=self._tls)
        https.sock = self._tls.wrap_socket(connected, server_hostname=self._host)
        return https


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first address that answers; what is done with it may take any time."""
    failed = OSError("the host has no address")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        left = deadline - monotonic()
        if left <= 0:
            break
        try:
            connected = socket.create_connection((str(address[0]), port), min(CONNECT_SECONDS, left))
        except OSError as error:
            failed = error
        else:
            connected.settimeout(None)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected
    raise failed


@contextmanager
def _shut_down_at(deadline: float, connected: socket.socket) -> Iterator[None]:
    """Shut the connection down at the deadline (`monotonic`): whatever waits for it then fails.

    By a handle of its own, because TLS takes the socket over.
    """

    def shut_down() -> None:
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    watchdog = threading.Timer(deadline - monotonic(), shut_down)
    watchdog.daemon = True
    with connected.dup() as handle:
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()
            watchdog.join()
