"""The fast ring is for pure code: connections, processes and pictures belong in other rings."""

from __future__ import annotations

import socket
import subprocess

import pytest
from PIL import Image


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
