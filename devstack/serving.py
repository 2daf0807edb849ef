"""An HTTP server in threads of this process: what the emulators and the receiver have in common."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class LocalServer:
    """A context manager: listens from its making on and answers while the block lasts."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], host: str, port: int) -> None:
        """`port` 0 is a free one."""
        self._server = _Server((host, port), handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections alive and writes no log: what came in is to be asked of the server's owner."""

    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        """All of the request's body. Raises ConnectionError where the client went away within it."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError(f"only {len(body)} of {length} bytes came")
        return body

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send it all; a length among the headers is a HEAD's, which has no body."""
        self.send_response_only(status)
        if "date" not in {name.lower() for name in headers}:  # one that is passed on has its own
            self.send_header("Date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is the client's affair; anything else is a bug here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
