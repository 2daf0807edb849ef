"""The fast ring is for pure code: connections, processes and pictures belong in other rings."""

from __future__ import annotations

import socket
import subprocess

import pytest
import structlog
from PIL import Image

from worker import poller, protection, service, slots, watcher


@pytest.fixture(autouse=True)
def pure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("no test of the fast ring does this: see the rings in the Makefile")

    for owner, name in (
        (socket.socket, "bind"),
        (socket.socket, "connect"),
        (subprocess.Popen, "__init__"),
        (Image, "new"),
        (Image, "open"),
    ):
        monkeypatch.setattr(owner, name, refuse)


@pytest.fixture(autouse=True, scope="session")
def plain_log() -> None:
    """structlog's own default draws a box around each traceback, which takes half a second."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the worker waits in real seconds, a twentieth of it."""
    for module, name in (
        (poller, "FIRST_PAUSE"),
        (protection, "LOOK_EVERY"),
        (service, "LAST_MOMENT"),
        (slots, "LOOK_EVERY"),
        (watcher, "LOOK_EVERY"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name) / 20)
