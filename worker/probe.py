"""`media-worker health`: asks the worker on this machine how it is.

It runs every few seconds, so it imports next to nothing: no settings, whose import takes half a second.
"""

from __future__ import annotations

import http.client
import os
from contextlib import closing
from pathlib import Path

DEFAULT_PORT = 8080
TIMEOUT = 4.0
"""Seconds; the image's HEALTHCHECK gives up after 5."""


def probe(path: str) -> tuple[bool, str]:
    """Whether the answer at `/livez` or `/readyz` is good, and the answer, in one line."""
    port = _port()
    if port == "0":
        return True, "HTTP_PORT is 0: nothing to ask"
    try:
        with closing(http.client.HTTPConnection(f"127.0.0.1:{port}", timeout=TIMEOUT)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer at port {port}: {error}"
    return answer.status == http.client.OK, "; ".join(text.splitlines())


def _port() -> str:
    """HTTP_PORT, from where `run` takes it."""
    if Path(".env").exists():
        from dotenv import load_dotenv

        load_dotenv(Path(".env"))
    return os.environ.get("HTTP_PORT") or str(DEFAULT_PORT)
