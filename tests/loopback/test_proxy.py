from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from devstack.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(1024):
                connection.sendall(data)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


@pytest.fixture
def proxy(echo: str) -> Iterator[Proxy]:
    with Proxy(echo) as running:
        yield running


def connected(proxy: Proxy) -> socket.socket:
    port = urlsplit(proxy.url).port
    assert port
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def said(connection: socket.socket, data: bytes = b"hello") -> bytes:
    connection.sendall(data)
    return connection.recv(1024)


def test_it_passes_everything_on(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        assert said(connection) == b"hello"


def test_a_cut_ends_what_is_open_and_what_is_new_until_it_is_healed(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        assert said(connection) == b"hello"
        proxy.cut()
        assert connection.recv(1) == b""
    with connected(proxy) as connection:
        assert said(connection) == b""
    proxy.heal()
    with connected(proxy) as connection:
        assert said(connection) == b"hello"


def test_a_reset_is_one(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        assert said(connection) == b"hello"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_stall_keeps_the_connection_and_what_was_sent_arrives_after_it(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        assert said(connection) == b"hello"
        proxy.stall()
        connection.sendall(b"are you there?")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1024)
        connection.settimeout(10)
        proxy.heal()
        assert connection.recv(1024) == b"are you there?"


def test_a_delay_holds_up_each_direction(proxy: Proxy) -> None:
    proxy.delay(0.2)
    with connected(proxy) as connection:
        started = time.monotonic()
        assert said(connection) == b"hello"
        assert time.monotonic() - started >= 0.4


def test_a_slow_line_takes_its_time_for_each_byte(proxy: Proxy) -> None:
    proxy.slow_down(2500)
    with connected(proxy) as connection:
        started = time.monotonic()
        assert said(connection, b"x" * 500) == b"x" * 500
        assert time.monotonic() - started >= 0.4
